/* SPDX-License-Identifier: ISC */
/*
 * The states of a drain, in virtual time. The test itself answers the orders instead of workers, so
 * that it can do something before: another request, a reload, a stop.
 */
#include "service/drain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conf/conf.h"
#include "control/request.h"
#include "crew/crew.h"
#include "crew/inherited.h"
#include "crew/sockets.h"
#include "crew/worker.h"
#include "fixture.h"
#include "log/log.h"
#include "port.h"
#include "proxy/generation.h"
#include "proxy/proxy.h"
#include "service/stop.h"
#include "suite.h"
#include "vtime.h"

#define S(n)  ((uint64_t)(n)*NS_PER_S)
#define MS(n) ((uint64_t)(n)*NS_PER_MS)

static struct addr address;
static struct conf_listener listener;
static struct conf conf;
static struct generation generation;
static struct proxy_shared shared;
static struct worker worker; /* this worker does not run */
static struct crew crew;
static struct sockets sockets;
static struct inherited_socket passed;
static struct inherited inherited;
static struct stop stop;
static struct drain drain;
static int reserved;
static uint64_t start_ns;
static struct order *given; /* the order that is not answered yet */
static unsigned n_plans;    /* orders to end pairs */
static struct control_drain asks[4];
static size_t n_asked;
static char answers[4][512];       /* "": none yet, "ok", or what is wrong */
static int log_ends[2] = {-1, -1}; /* the pipe that the log goes to, if any */
static int n_logged;               /* the bytes in the pipe when a request was answered */

/* ---- the crew ---- */

void __wrap_crew_ask_all(struct order *order);
void __wrap_crew_post_all(struct order *order);

void __wrap_crew_ask_all(struct order *order)
{
	ck_assert_ptr_null(given);
	ck_assert(sockets.is_busy);
	given = order;
}

void __wrap_crew_post_all(struct order *order)
{
	ck_assert_ptr_eq(order, &drain.end_pairs.order);
	n_plans++;
}

/** Answers the last order, as if the workers had carried it out. */
static void answer(struct order *expected, int status)
{
	struct order *order = given;

	ck_assert_ptr_eq(order, expected);
	given = NULL;
	if (order == &drain.shut.order) {
		for (size_t i = 0; i < sockets.n; i++) {
			atomic_store(&sockets.all[i]->state, BOUND_CLOSED);
		}
	}
	order->done(order, status);
	loop_settle();
}

/* ---- requests ---- */

static void on_answer(struct control_request *request, bool ok, const char *text)
{
	size_t i = (size_t)(container_of(request, struct control_drain, request) - asks);

	ck_assert_str_eq(answers[i], "");
	(void)snprintf(answers[i], sizeof(answers[i]), "%s", ok ? "ok" : text);
	(void)ioctl(log_ends[0], FIONREAD, &n_logged);
}

static size_t ask(struct control_drain wanted)
{
	size_t i = n_asked++ % 4;

	answers[i][0] = '\0';
	asks[i] = wanted;
	asks[i].request.done = on_answer;
	list_init(&asks[i].request.link);
	drain_ask(&drain, &asks[i]);
	ck_assert_str_eq(answers[i], ""); /* not before drain_ask() returns */
	loop_settle();
	return i;
}

static size_t ask_drain(uint64_t grace_ns)
{
	return ask((struct control_drain){.has_grace = true, .grace_ns = grace_ns});
}

static size_t ask_undrain(void)
{
	return ask((struct control_drain){.undoes = true});
}

static void check_answer(size_t i, const char *text)
{
	if (*text == '\0' || strcmp(text, "ok") == 0) {
		ck_assert_str_eq(answers[i], text);
	} else {
		ck_assert_msg(strstr(answers[i], text) != NULL, "%s", answers[i]);
	}
}

static void check_state(enum drain_state state)
{
	ck_assert_int_eq(drain.state, state);
}

/** Drains without a grace, until the workers have shut their sockets. */
static void shut(void)
{
	size_t i = ask_drain(0);

	answer(&drain.shut.order, 0);
	check_answer(i, "ok");
	check_state(DRAIN_SHUT);
}

/* ---- life ---- */

static void setup(void)
{
	static char web[] = "web";
	const struct sockets_opts opts = {.conf = &conf, .n_workers = 1, .inherited = &inherited};
	const char *why;

	fixture_setup();
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &address, &why), 0);
	reserved = port_reserve(&address);
	listener = (struct conf_listener){.name = web, .addresses = &address, .n_addresses = 1};
	conf = (struct conf){.listeners = &listener,
		.n_listeners = 1,
		.timeouts.drain_ns = S(60),
		.drain = {.grace_ns = S(10), .idle_first_ns = S(1), .spread_ns = S(5)}};
	generation = (struct generation){.conf = &conf};
	shared = (struct proxy_shared){.generation = &generation};
	(void)limit_set(&shared.places.pairs, 8);
	inherited = (struct inherited){0};
	stop = (struct stop){.phase = STOP_RUNNING};
	given = NULL;
	n_plans = 0;
	n_asked = 0;
	ck_assert_int_eq(sockets_open(&sockets, &opts), 0);
	crew = (struct crew){.opts = {.loop = test_loop, .n_workers = 1}, .workers = &worker};
	ck_assert_int_eq(drain_open(&drain,
				 &(struct drain_opts){
					 .loop = test_loop,
					 .path = "weir.conf",
					 .shared = &shared,
					 .crew = &crew,
					 .sockets = &sockets,
					 .inherited = &inherited,
					 .stop = &stop,
				 }),
		0);
	vtime_freeze();
	start_ns = clock_ns();
}

static void teardown(void)
{
	ck_assert_ptr_null(given);
	ck_assert(!sockets.is_busy);
	drain_close(&drain);
	drain_close(&drain);
	sockets_close(&sockets);
	close(reserved);
	fixture_teardown();
}

/** Listens on the address, as another process would. */
static int take_address(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	/* The reserved socket is bound but does not listen, so this socket may listen. */
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, &address.sa.any, address.sa_len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/* ---- the grace ---- */

START_TEST(the_grace_is_over_when_its_time_has_come_and_not_before)
{
	size_t i = ask_drain(S(3));

	check_answer(i, "ok");
	check_state(DRAIN_GRACE);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(3));
	vtime_pass(S(3) - 1);
	check_state(DRAIN_GRACE);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), 1);
	vtime_pass(1);
	check_state(DRAIN_SHUTTING);
	ck_assert(drain.shut.keeps);
	answer(&drain.shut.order, 0);
	check_state(DRAIN_SHUT);
	ck_assert(sockets.shut);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), NS_NEVER);
	ck_assert_uint_eq(n_plans, 0);
}
END_TEST

START_TEST(without_a_word_the_grace_is_the_configs_and_goes_on)
{
	check_answer(ask((struct control_drain){0}), "ok");
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(10));
	vtime_pass(S(4));
	check_answer(ask((struct control_drain){0}), "ok");
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(6));
	check_answer(ask_drain(S(20)), "ok");
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(20));
	vtime_pass(S(19));
	check_state(DRAIN_GRACE);
	check_answer(ask_undrain(), "ok");
	check_state(DRAIN_NONE);
	vtime_pass(S(100));
	check_state(DRAIN_NONE);
}
END_TEST

START_TEST(without_a_grace_it_is_answered_when_the_workers_are_shut)
{
	size_t i = ask_drain(0);

	check_answer(i, "");
	answer(&drain.shut.order, 0);
	check_answer(i, "ok");
}
END_TEST

START_TEST(a_grace_of_none_ends_one_that_goes_on)
{
	check_answer(ask_drain(S(3)), "ok");
	shut();
	vtime_pass(S(3));
	check_answer(ask_drain(S(3)), "ok"); /* the sockets are shut: no grace begins */
	check_state(DRAIN_SHUT);
}
END_TEST

/* ---- a request or a reload during a drain ---- */

START_TEST(who_asks_meanwhile_is_served_in_turn)
{
	size_t first = ask_drain(0);
	size_t second = ask_undrain();
	size_t third = ask_drain(0);

	answer(&drain.shut.order, 0);
	check_answer(first, "ok");
	check_answer(second, "");
	answer(&drain.accept.order, 0);
	check_answer(second, "ok");
	check_answer(third, "");
	answer(&drain.shut.order, 0);
	check_answer(third, "ok");
}
END_TEST

START_TEST(who_has_gone_is_not_answered_and_it_is_done_all_the_same)
{
	size_t first = ask_drain(0);
	size_t second = ask_undrain();

	control_request_forget(&asks[first].request);
	control_request_forget(&asks[second].request);
	answer(&drain.shut.order, 0);
	check_state(DRAIN_SHUT);
	check_answer(first, "");
	check_answer(second, "");
}
END_TEST

START_TEST(it_alternates_with_a_reload)
{
	size_t i;

	sockets.is_busy = true;
	i = ask_drain(0);
	vtime_pass(MS(20));
	ck_assert_ptr_null(given);
	sockets.is_busy = false;
	vtime_pass(MS(20));
	answer(&drain.shut.order, 0);
	check_answer(i, "ok");

	sockets.is_busy = true;
	i = ask_undrain();
	vtime_pass(S(10)); /* it waits, however long that takes */
	ck_assert_ptr_null(given);
	sockets.is_busy = false;
	vtime_pass(MS(20));
	answer(&drain.accept.order, 0);
	check_answer(i, "ok");
	ck_assert(!sockets.shut);
}
END_TEST

/* ---- the end of a drain ---- */

START_TEST(undone_it_binds_anew)
{
	size_t i;

	shut();
	i = ask_undrain();
	check_state(DRAIN_OPENING);
	check_answer(i, "");
	ck_assert(drain.accept.reopens);
	answer(&drain.accept.order, 0);
	check_answer(i, "ok");
	check_state(DRAIN_NONE);
	ck_assert_uint_eq(sockets.n, 1);
	ck_assert_uint_eq(sockets.all[0]->listener, 0);
	check_answer(ask_undrain(), "ok");
}
END_TEST

START_TEST(the_sockets_of_before_have_a_moment_to_close)
{
	shut();
	atomic_store(&sockets.all[0]->state, BOUND_DRAINING);
	(void)ask_undrain();
	vtime_pass(MS(199));
	ck_assert_ptr_null(given);
	atomic_store(&sockets.all[0]->state, BOUND_CLOSED);
	vtime_pass(MS(20));
	ck_assert_uint_eq(sockets.n, 1);
	answer(&drain.accept.order, 0);
	shut();
	atomic_store(&sockets.all[0]->state, BOUND_DRAINING); /* its clients wait for places */
	(void)ask_undrain();
	vtime_pass(MS(200));
	ck_assert_uint_eq(sockets.n, 2);
	answer(&drain.accept.order, 0);
	check_state(DRAIN_NONE);
}
END_TEST

START_TEST(what_cannot_be_bound_is_told_and_it_stays_shut)
{
	size_t i;
	int other;

	shut();
	(void)sockets_sweep(&sockets);
	other = take_address();
	i = ask_undrain();
	check_answer(i, "weir.conf: listeners(web): \"127.0.0.1:");
	check_answer(i, "Address already in use; another process listens there");
	check_state(DRAIN_SHUT);
	ck_assert(sockets.shut);
	ck_assert_uint_eq(sockets.n, 0);
	close(other);
	i = ask_undrain();
	answer(&drain.accept.order, 0);
	check_answer(i, "ok");
}
END_TEST

START_TEST(who_is_told_why_finds_it_in_the_log)
{
	int before = dup(STDERR_FILENO);
	int other;

	shut();
	(void)sockets_sweep(&sockets);
	other = take_address();
	ck_assert_int_eq(pipe(log_ends), 0);
	ck_assert_int_eq(dup2(log_ends[1], STDERR_FILENO), STDERR_FILENO);
	(void)ask_undrain();
	ck_assert_int_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_gt(n_logged, 0);
	close(log_ends[0]);
	close(log_ends[1]);
	log_ends[0] = -1;
	close(before);
	close(other);
}
END_TEST

START_TEST(where_a_worker_cannot_accept_all_are_shut_again)
{
	size_t i;

	check_answer(ask((struct control_drain){.end_pairs = true}), "ok");
	shut();
	ck_assert_uint_eq(n_plans, 1);
	i = ask_undrain();
	atomic_store(&sockets.all[0]->state, BOUND_ACCEPTED); /* another worker does accept */
	answer(&drain.accept.order, -ENOMEM);
	check_answer(i, "");
	answer(&drain.shut.order, 0);
	check_answer(i, "a worker cannot accept from a listener: Cannot allocate memory; ");
	check_state(DRAIN_SHUT);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
	ck_assert_uint_eq(n_plans, 2); /* the accept order undid the first */
}
END_TEST

/* ---- pairs ---- */

START_TEST(pairs_have_what_a_stop_would_leave_them)
{
	ck_assert(limit_take(&shared.places.pairs));
	check_answer(ask((struct control_drain){.end_pairs = true}), "ok");
	vtime_pass(S(10));
	ck_assert_uint_eq(n_plans, 0);
	answer(&drain.shut.order, 0);
	ck_assert_uint_eq(n_plans, 1);
	ck_assert_uint_eq(drain.end_pairs.plan.start_ns, start_ns + S(10));
	ck_assert_uint_eq(drain.end_pairs.plan.end_ns, start_ns + S(60));
	ck_assert_uint_eq(drain.end_pairs.plan.idle_first_ns, S(1));
	ck_assert_uint_eq(drain.end_pairs.plan.spread_ns, S(5));
	ck_assert_uint_eq(drain.end_pairs.plan.spares_ns, 0);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(50));
	check_answer(ask((struct control_drain){.end_pairs = true}), "ok");
	ck_assert_uint_eq(n_plans, 1);
}
END_TEST

START_TEST(time_is_left_while_pairs_are_open_that_will_be_ended)
{
	shut();
	check_answer(ask((struct control_drain){.end_pairs = true}), "ok");
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), NS_NEVER);
	ck_assert(limit_take(&shared.places.pairs));
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), S(50));
	vtime_pass(S(50) - 1);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), 1);
	vtime_pass(1);
	ck_assert_uint_eq(drain_left_ns(&drain, clock_ns()), NS_NEVER); /* this pair is spared */
}
END_TEST

START_TEST(pairs_may_be_ended_later_and_whoever_comes_to_systemds_socket_is_spared)
{
	passed = (struct inherited_socket){.fd = -1};
	inherited = (struct inherited){.listening = &passed, .n_listening = 1};
	shut();
	vtime_pass(S(7));
	conf.timeouts.drain_ns = NS_NEVER;
	check_answer(ask((struct control_drain){.end_pairs = true}), "ok");
	ck_assert_uint_eq(drain.end_pairs.plan.start_ns, start_ns + S(7));
	ck_assert_uint_eq(drain.end_pairs.plan.end_ns, NS_NEVER);
	ck_assert_uint_eq(drain.end_pairs.plan.spares_ns, start_ns + S(7));
	inherited = (struct inherited){0};
}
END_TEST

/* ---- a stop ---- */

/** Begins a stop, as on a signal. Returns the grace that is left for it. */
static uint64_t begin_stop(void)
{
	uint64_t grace_ns = drain_grace_ns(&drain);

	stop.phase = STOP_DRAIN;
	drain_yield(&drain);
	return grace_ns;
}

START_TEST(a_stop_waits_what_is_left_of_either_grace)
{
	static const struct {
		uint64_t by_hand_s;
		uint64_t waited_s;
		uint64_t left_s;
	} rows[] = {{3, 1, 2}, {20, 4, 6}, {20, 12, 0}, {10, 0, 10}};

	ck_assert_uint_eq(drain_grace_ns(&drain), S(10));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_answer(ask_drain(S(rows[i].by_hand_s)), "ok");
		vtime_pass(S(rows[i].waited_s));
		ck_assert_uint_eq(drain_grace_ns(&drain), S(rows[i].left_s));
		check_answer(ask_undrain(), "ok");
	}
	shut();
	ck_assert_uint_eq(drain_grace_ns(&drain), 0);
}
END_TEST

START_TEST(a_stop_refuses_who_asks_then_and_later)
{
	size_t first = ask_drain(0);
	size_t second = ask_undrain();

	ck_assert_uint_eq(begin_stop(), 0);
	check_answer(first, "weir is stopping");
	check_answer(second, "weir is stopping");
	check_answer(ask_undrain(), "weir is stopping");
	answer(&drain.shut.order, 0);
	check_answer(ask_drain(0), "weir is stopping");
	ck_assert_uint_eq(drain_grace_ns(&drain), 0); /* a second signal leaves no grace */
}
END_TEST

START_TEST(a_stop_while_weir_is_put_back_has_no_grace_and_lets_nobody_in)
{
	size_t i;

	shut();
	i = ask_undrain();
	ck_assert_uint_eq(begin_stop(), 0);
	check_answer(i, "weir is stopping");
	atomic_store(&sockets.all[0]->state, BOUND_ACCEPTED);
	answer(&drain.accept.order, 0);
	answer(&drain.shut.order, 0);
	check_state(DRAIN_SHUT);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
}
END_TEST

START_TEST(a_stop_ends_the_wait_for_a_reload)
{
	size_t i;

	sockets.is_busy = true;
	i = ask_drain(0);
	ck_assert_uint_eq(begin_stop(), 0);
	check_answer(i, "weir is stopping");
	sockets.is_busy = false;
	vtime_pass(S(1));
	ck_assert_ptr_null(given);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("drain");
	TCase *tc = tcase_create("drain");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_grace_is_over_when_its_time_has_come_and_not_before);
	tcase_add_test(tc, without_a_word_the_grace_is_the_configs_and_goes_on);
	tcase_add_test(tc, without_a_grace_it_is_answered_when_the_workers_are_shut);
	tcase_add_test(tc, a_grace_of_none_ends_one_that_goes_on);
	tcase_add_test(tc, who_asks_meanwhile_is_served_in_turn);
	tcase_add_test(tc, who_has_gone_is_not_answered_and_it_is_done_all_the_same);
	tcase_add_test(tc, it_alternates_with_a_reload);
	tcase_add_test(tc, undone_it_binds_anew);
	tcase_add_test(tc, the_sockets_of_before_have_a_moment_to_close);
	tcase_add_test(tc, what_cannot_be_bound_is_told_and_it_stays_shut);
	tcase_add_test(tc, who_is_told_why_finds_it_in_the_log);
	tcase_add_test(tc, where_a_worker_cannot_accept_all_are_shut_again);
	tcase_add_test(tc, pairs_have_what_a_stop_would_leave_them);
	tcase_add_test(tc, time_is_left_while_pairs_are_open_that_will_be_ended);
	tcase_add_test(tc, pairs_may_be_ended_later_and_whoever_comes_to_systemds_socket_is_spared);
	tcase_add_test(tc, a_stop_waits_what_is_left_of_either_grace);
	tcase_add_test(tc, a_stop_refuses_who_asks_then_and_later);
	tcase_add_test(tc, a_stop_while_weir_is_put_back_has_no_grace_and_lets_nobody_in);
	tcase_add_test(tc, a_stop_ends_the_wait_for_a_reload);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
