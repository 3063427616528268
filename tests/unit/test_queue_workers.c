/* SPDX-License-Identifier: ISC */
/* Tests of the queue of a group over several workers, each a thread with a loop. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

#include "fixture.h"
#include "queue_rig.h"
#include "suite.h"

struct worker {
	pthread_t thread;
	struct loop *loop;
	size_t index;
	sem_t ready;
	struct task task; /* runs act() in the worker's thread */
	void (*act)(struct worker *worker);
	struct client *client; /* act() uses it */
};

static struct worker workers[QUEUE_WORKERS];

static void *work(void *arg)
{
	struct worker *worker = arg;

	worker->loop = loop_new();
	ck_assert_ptr_nonnull(worker->loop);
	loop_hold(worker->loop);
	(void)sem_post(&worker->ready);
	ck_assert_int_eq(loop_run(worker->loop), 0);
	(void)loop_free(worker->loop);
	return NULL;
}

static void on_task(struct task *task)
{
	struct worker *worker = container_of(task, struct worker, task);

	worker->act(worker);
	(void)sem_post(&worker->ready);
}

/** Has the worker call `act`, in its own thread. */
static void order_to(struct worker *worker, void (*act)(struct worker *worker))
{
	worker->act = act;
	loop_post(worker->loop, &worker->task);
}

static void await(struct worker *worker)
{
	ck_assert_int_eq(sem_wait(&worker->ready), 0);
}

static void workers_open(void)
{
	for (size_t i = 0; i < QUEUE_WORKERS; i++) {
		struct worker *worker = &workers[i];

		*worker = (struct worker){.index = i};
		ck_assert_int_eq(sem_init(&worker->ready, 0, 0), 0);
		task_init(&worker->task, on_task);
		ck_assert_int_eq(pthread_create(&worker->thread, NULL, work, worker), 0);
		await(worker);
	}
}

static void act_end(struct worker *worker)
{
	loop_release(worker->loop);
}

static void workers_close(void)
{
	for (size_t i = 0; i < QUEUE_WORKERS; i++) {
		order_to(&workers[i], act_end);
		ck_assert_int_eq(pthread_join(workers[i].thread, NULL), 0);
		(void)sem_destroy(&workers[i].ready);
	}
}

static struct client *told[QUEUE_CLIENTS_MAX]; /* clients in the order in which they were called */
static atomic_uint n_told;
static sem_t told_one;

static void on_told_by_a_worker(
	struct group_waiter *waiter, enum group_answer said, struct member *member)
{
	struct client *client = container_of(waiter, struct client, waiter);

	client->said = said;
	client->member = member;
	told[atomic_fetch_add(&n_told, 1)] = client;
	(void)sem_post(&told_one);
}

static void act_come(struct worker *worker)
{
	struct client *client = worker->client;

	group_waiter_init(&client->waiter, worker->loop, on_told_by_a_worker);
	client->waiter.ask.tried = &client->tried;
	client->waiter.ask.worker = worker->index;
	(void)client_ask(client);
}

START_TEST(the_order_is_that_of_coming_whatever_the_worker)
{
	static const size_t whose[QUEUE_CLIENTS_MAX] = {0, 3, 1, 1, 2, 0, 3, 2};

	begin(1, 1, 10);
	ck_assert_int_eq(sem_init(&told_one, 0, 0), 0);
	atomic_store(&n_told, 0);
	workers_open();
	for (size_t i = 0; i < QUEUE_CLIENTS_MAX; i++) {
		struct worker *worker = &workers[whose[i]];

		worker->client = &clients[i];
		order_to(worker, act_come);
		await(worker);
		ck_assert_int_eq(clients[i].said, i == 0 ? GROUP_SERVER : GROUP_FULL);
	}
	for (size_t i = 1; i < QUEUE_CLIENTS_MAX; i++) {
		give(&clients[i - 1]); /* this thread has no client itself */
		ck_assert_int_eq(sem_wait(&told_one), 0);
		ck_assert_ptr_eq(told[i - 1], &clients[i]);
		ck_assert_uint_eq(plan->members[0]->server->n_open, 1);
	}
	workers_close();
	(void)sem_destroy(&told_one);
}
END_TEST

/* A crowd: each worker has visitors that come, get a place, give it back, and come again. Some
 * do not wait for a place. */
enum { CROWD = 8, ROUNDS = 600, PLACES = 5 };

struct visitor {
	struct client client;
	struct worker *worker;
	struct task next;
	unsigned n_rounds;
	bool is_waiting;
};

static struct visitor crowd[QUEUE_WORKERS][CROWD];
static atomic_uint n_inside[QUEUE_SERVERS_MAX];
static atomic_uint n_gone; /* visitors that have had all their rounds */
static sem_t all_gone;

static size_t server_index(const struct member *member)
{
	return (size_t)(member->text[strlen(member->text) - 1] - '1');
}

static void visitor_again(struct visitor *visitor)
{
	loop_next(visitor->worker->loop, &visitor->next);
}

static void visitor_is_told(struct visitor *visitor, enum group_answer said, struct member *member)
{
	visitor->is_waiting = false;
	if (said == GROUP_SERVER) {
		visitor->client.member = member;
		ck_assert_uint_lt(atomic_fetch_add(&n_inside[server_index(member)], 1), PLACES);
	}
	visitor_again(visitor);
}

static void on_visitor_told(
	struct group_waiter *waiter, enum group_answer said, struct member *member)
{
	struct client *client = container_of(waiter, struct client, waiter);

	visitor_is_told(container_of(client, struct visitor, client), said, member);
}

static void visitor_leave(struct visitor *visitor)
{
	struct client *client = &visitor->client;

	if (client->member != NULL) {
		(void)atomic_fetch_sub(&n_inside[server_index(client->member)], 1);
		give(client);
	} else if (visitor->is_waiting) {
		group_wait_no_more(group, &client->waiter);
		visitor->is_waiting = false;
	}
}

static void visitor_come(struct visitor *visitor)
{
	struct client *client = &visitor->client;
	struct member *member = NULL;
	enum group_answer said = group_next(group, &client->waiter.ask, &member);

	if (said == GROUP_FULL) {
		visitor->is_waiting = true; /* it may be called from now on */
		said = group_wait(group, &client->waiter, &member);
	}
	if (said != GROUP_FULL) {
		visitor_is_told(visitor, said, member);
	} else if (visitor->n_rounds % 7 == 0) {
		visitor_again(visitor); /* this visitor does not wait */
	}
}

static void on_next(struct task *task)
{
	struct visitor *visitor = container_of(task, struct visitor, next);

	visitor_leave(visitor);
	if (visitor->n_rounds++ < ROUNDS) {
		visitor_come(visitor);
	} else if (atomic_fetch_add(&n_gone, 1) + 1 == QUEUE_WORKERS * CROWD) {
		(void)sem_post(&all_gone);
	}
}

static void act_let_crowd_in(struct worker *worker)
{
	for (size_t i = 0; i < CROWD; i++) {
		struct visitor *visitor = &crowd[worker->index][i];

		*visitor = (struct visitor){.worker = worker};
		group_waiter_init(&visitor->client.waiter, worker->loop, on_visitor_told);
		visitor->client.waiter.ask.tried = &visitor->client.tried;
		visitor->client.waiter.ask.worker = worker->index;
		task_init(&visitor->next, on_next);
		visitor_again(visitor);
	}
}

START_TEST(no_place_is_given_twice_and_nobody_is_forgotten)
{
	bool changes = _i > 0; /* the set of servers changes all the time */

	begin(changes ? 2 : 1, PLACES, QUEUE_WORKERS * CROWD);
	ck_assert_int_eq(sem_init(&all_gone, 0, 0), 0);
	atomic_store(&n_gone, 0);
	workers_open();
	for (size_t i = 0; i < QUEUE_WORKERS; i++) {
		order_to(&workers[i], act_let_crowd_in);
	}
	for (size_t i = 0; i < QUEUE_WORKERS; i++) {
		await(&workers[i]);
	}
	while (changes && atomic_load(&n_gone) < QUEUE_WORKERS * CROWD) {
		plan->members[1]->server->states.is_down ^= true;
		group_refresh(group);
	}
	/* A visitor that is forgotten waits for ever. Then check's timeout ends the test. */
	ck_assert_int_eq(sem_wait(&all_gone), 0);
	workers_close();
	(void)sem_destroy(&all_gone);
	for (size_t i = 0; i < plan->n_members; i++) {
		ck_assert_uint_eq(atomic_load(&n_inside[i]), 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("queue_workers");
	TCase *tc = tcase_create("queue_workers");

	tcase_add_checked_fixture(tc, queue_rig_setup, queue_rig_teardown);
	tcase_add_test(tc, the_order_is_that_of_coming_whatever_the_worker);
	tcase_add_loop_test(tc, no_place_is_given_twice_and_nobody_is_forgotten, 0, 2);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
