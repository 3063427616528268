/* SPDX-License-Identifier: ISC */
#include "limit_world.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/generation.h"
#include "proxy/offer.h"
#include "proxy/session.h"
#include "stream/listen.h"
#include "stream/resolver.h"
#include "stream/timer.h"

enum {
	PAIRS_MAX = 64,
	TIMERS_MAX = 32,
	FIRST_FD = 100000, /* the kernel gives out no such fds */
};

struct world world;

/* ---- the loops ---- */

struct loop {
	struct list posted;
	struct list deferred;
	struct list next;
};

static struct loop loops[WORKERS];
static struct timer *timers[TIMERS_MAX];

bool loop_is_current(const struct loop *loop)
{
	(void)loop;
	return true;
}

void loop_post(struct loop *loop, struct task *task)
{
	list_append(&loop->posted, &task->link);
}

bool loop_post_cancel(struct loop *loop, struct task *task)
{
	bool waited = !list_empty(&task->link);

	(void)loop;
	list_remove(&task->link);
	return waited;
}

void loop_defer(struct loop *loop, struct task *task)
{
	list_remove(&task->link);
	list_append(&loop->deferred, &task->link);
}

void loop_next(struct loop *loop, struct task *task)
{
	if (list_empty(&task->link)) {
		list_append(&loop->next, &task->link);
	}
}

void loop_cancel(struct loop *loop, struct task *task)
{
	(void)loop;
	list_remove(&task->link);
}

uint64_t loop_turns(const struct loop *loop)
{
	(void)loop;
	return 0;
}

int timer_open(struct timer *timer, struct loop *loop, void (*strike)(struct timer *timer))
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i] == NULL) {
			timers[i] = timer;
			*timer = (struct timer){
				.loop = loop, .deadline_ns = NS_NEVER, .strike = strike};
			return 0;
		}
	}
	return -ENOMEM;
}

void timer_close(struct timer *timer)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		if (timers[i] == timer) {
			timers[i] = NULL;
		}
	}
}

int timer_arm(struct timer *timer, uint64_t deadline_ns)
{
	timer->deadline_ns = deadline_ns;
	return 0;
}

/* ---- the kernel ---- */

struct kernel_socket *world_find(int fd)
{
	assert(fd >= FIRST_FD && (size_t)(fd - FIRST_FD) < world.n_sockets);
	return &world.sockets[fd - FIRST_FD];
}

int loop_watch_listen(struct loop *loop, int fd, struct watcher *watcher)
{
	(void)loop;
	assert(world_find(fd)->watcher == NULL);
	world_find(fd)->watcher = watcher;
	return 0;
}

void loop_unwatch(struct loop *loop, int fd, struct watcher *watcher)
{
	(void)loop;
	assert(world_find(fd)->watcher == watcher);
	world_find(fd)->watcher = NULL;
}

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	struct kernel_socket *socket = world_find(fd);

	(void)flags;
	if (socket->n_queue == 0) {
		errno = EAGAIN;
		return -1;
	}
	socket->n_queue--;
	sa->sa_family = AF_INET;
	*len = sizeof(struct sockaddr_in);
	return FIRST_FD;
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)timeout;
	assert(n == 1);
	return world_find(fds->fd)->n_queue > 0;
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
	if (fd < FIRST_FD) {
		return __real_close(fd);
	}
	world_find(fd)->open = false;
	world_find(fd)->watcher = NULL;
	return 0;
}

int listen_queue_length(int fd)
{
	return (int)world_find(fd)->n_queue;
}

int listen_refuse(int fd)
{
	world_find(fd)->goes = true;
	return 1;
}

int sockopts_set(int fd, const struct sockopts *options)
{
	(void)fd;
	(void)options;
	return 0;
}

int sockopts_change(int fd, const struct sockopts *before, const struct sockopts *options,
	struct sockopts_kept *kept)
{
	(void)before;
	(void)kept;
	return sockopts_set(fd, options);
}

int listen_set_backlog(int fd, const struct sockopts *options, struct sockopts_kept *kept)
{
	return sockopts_change(fd, NULL, options, kept);
}

/** Refuses the histograms of lateness, which are not read here: 1.6 MiB for each worker. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
	return size == sizeof(struct hdr) ? NULL : __real_calloc(n, size);
}

/** No server has a name. */
struct resolver_name *resolver_name_get(struct resolver *resolver, const char *host)
{
	(void)resolver;
	(void)host;
	return NULL;
}

struct resolver_name *resolver_name_unref(struct resolver_name *name)
{
	return name;
}

/* ---- the sessions ---- */

static struct terms *pairs[PAIRS_MAX];

void session_open(const struct session_opts *opts)
{
	opts->terms->part->n_sessions++;
	assert(world.n_pairs < PAIRS_MAX);
	pairs[world.n_pairs++] = opts->terms;
	terms_enter(opts->terms);
}

void world_end_pair(void)
{
	struct terms *terms = pairs[0];
	struct part *part = terms->part;

	world.n_pairs--;
	memmove(pairs, pairs + 1, world.n_pairs * sizeof(*pairs));
	places_leave(&part->shared->places, terms->offer->limit);
	terms_leave(terms);
	part_session_ended(part);
}

union session_peer session_client(int fd, const struct sockaddr *sa, socklen_t len)
{
	(void)fd;
	(void)len;
	return (union session_peer){.family = sa->sa_family};
}

void session_apply_timeouts(struct session *session)
{
	(void)session;
}

void session_reject(const struct session_opts *opts, struct end end)
{
	(void)opts;
	(void)end;
	assert(false); /* there are no lists */
}

bool session_look_at_access(struct session *session)
{
	(void)session;
	return true;
}

void session_look_at_server(struct session *session)
{
	(void)session;
}

void session_drain(struct session *session, const struct deadline_drain *drain)
{
	(void)session;
	(void)drain;
}

/* ---- the world ---- */

/* The configs: both limits, the address to listen on, and the listener for it. */
static const struct {
	uint32_t max_pairs;
	uint32_t own;
	size_t place; /* PLACES: none */
	bool other;   /* another listener, with a limit of its own */
} configs[] = {
	{.max_pairs = 1, .place = 0},
	{.own = 1, .place = 0},
	{.max_pairs = 2, .place = 1},
	{.own = 2, .place = 1},
	{.max_pairs = 1, .own = 1, .place = 0, .other = true},
	{.own = 1, .place = PLACES},
};

static struct conf confs[16];
static struct conf_listener listeners[16];
static size_t n_confs;
static const struct conf *make_conf(size_t i)
{
	static char name[] = "web";
	static char other[] = "other";
	static char app[] = "app";
	static struct conf_upstream upstream = {.name = app};
	struct conf *conf = &confs[n_confs];
	struct conf_listener *listener = &listeners[n_confs++];

	*listener = (struct conf_listener){
		.name = configs[i].other || configs[i].place == PLACES ? other : name,
		.max_pairs = configs[i].own,
		.upstream = &upstream,
	};
	*conf = (struct conf){
		.listeners = listener,
		.n_listeners = 1,
		.upstreams = &upstream,
		.n_upstreams = 1,
		.refs = {1},
	};
	return conf;
}

/** Makes a socket for each worker, for the next config. */
static void listen_at(size_t place, struct generation *generation)
{
	for (size_t i = 0; i < WORKERS && place < PLACES; i++) {
		struct kernel_socket *socket = &world.sockets[world.n_sockets];
		int r;

		assert(world.n_sockets < SOCKETS);
		*socket = (struct kernel_socket){.place = place, .worker = i, .open = true};
		socket->socket.listen.fd = FIRST_FD + (int)world.n_sockets++;
		r = proxy_listen(&world.workers[i], generation, &socket->socket);
		assert(r == 0);
	}
}

void world_begin(size_t config)
{
	int r;

	world.n_sockets = n_confs = 0;
	world.n_pairs = 0;
	world.n_turning = 0;
	world.draining = false;
	memset(&world.shared, 0, sizeof(world.shared));
	r = proxy_shared_init(&world.shared, WORKERS);
	assert(r == 0);
	for (size_t i = 0; i < WORKERS; i++) {
		list_init(&loops[i].posted);
		list_init(&loops[i].deferred);
		list_init(&loops[i].next);
		world.turns[i] = world.drains[i] = false;
		world.shared.parts[i] = &world.workers[i].part;
	}
	world.shared.generation = generation_new(make_conf(config), &world.shared);
	for (size_t i = 0; i < WORKERS; i++) {
		proxy_init(&world.workers[i], &loops[i], &world.shared, i);
	}
	world.place = configs[config].place;
	generation_enforce(
		world.shared.generation, &world.shared.places, configs[config].max_pairs);
	listen_at(world.place, world.shared.generation);
}

/* Does what reload.c does, up to the order to the workers to switch. */
void world_reload(size_t config)
{
	struct generation *before = world.shared.generation;
	struct generation *next = generation_new(make_conf(config), &world.shared);
	size_t place = configs[config].place;

	if (place != world.place) {
		listen_at(place, next);
		for (size_t i = 0; i < world.n_sockets; i++) {
			if (world.sockets[i].place != place) {
				world.sockets[i].socket.listener = LISTENER_NONE;
			}
		}
	}
	world.place = place;
	generation_enforce(next, &world.shared.places, configs[config].max_pairs);
	world.shared.generation = next;
	for (size_t i = 0; i < WORKERS; i++) {
		world.turns[i] = true;
	}
	world.n_turning = WORKERS;
	generation_unref(before);
}

static void run_all(struct list *tasks)
{
	struct list now;

	list_init(&now);
	list_move_all(&now, tasks);
	while (!list_empty(&now)) {
		struct task *task = container_of(now.next, struct task, link);

		list_remove(&task->link);
		task->run(task);
	}
}

/** One turn of a worker's loop: posted tasks, ready sockets, deferred tasks. */
void world_turn(size_t i)
{
	static const struct deadline_drain plan = {.end_ns = NS_NEVER};

	if (world.turns[i]) {
		world.turns[i] = false;
		world.n_turning--;
		proxy_switch(&world.workers[i], world.shared.generation);
	}
	if (world.drains[i]) {
		world.drains[i] = false;
		proxy_shut(&world.workers[i]);
		proxy_drain(&world.workers[i], &plan);
	}
	run_all(&loops[i].posted);
	for (size_t k = 0; k < world.n_sockets; k++) {
		if (world.sockets[k].worker == i && world.sockets[k].watcher != NULL &&
			world.sockets[k].n_queue > 0) {
			world.sockets[k].watcher->ready(world.sockets[k].watcher, 0);
		}
	}
	run_all(&loops[i].deferred);
	run_all(&loops[i].next);
	run_all(&loops[i].deferred);
}

void world_strike(void)
{
	for (size_t i = 0; i < TIMERS_MAX; i++) {
		struct timer *timer = timers[i];

		if (timer != NULL && timer->deadline_ns != NS_NEVER) {
			timer->deadline_ns = NS_NEVER;
			timer->strike(timer);
		}
	}
}

bool world_is_busy(size_t i)
{
	bool busy = world.turns[i] || world.drains[i] || !list_empty(&loops[i].posted) ||
		    !list_empty(&loops[i].deferred) || !list_empty(&loops[i].next);

	for (size_t k = 0; k < world.n_sockets; k++) {
		busy |= world.sockets[k].worker == i && world.sockets[k].watcher != NULL &&
			world.sockets[k].n_queue > 0;
	}
	return busy;
}

void world_end(void)
{
	for (size_t i = 0; i < WORKERS; i++) {
		proxy_fini(&world.workers[i]);
		run_all(&loops[i].deferred);
	}
	world.shared.generation = generation_unref(world.shared.generation);
	proxy_shared_fini(&world.shared);
	assert(world.shared.limits.names.table.n == 0);
}
