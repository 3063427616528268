/* SPDX-License-Identifier: ISC */
/*
 * Everything is on the main thread's loop, except the lanes of a run.
 *
 *	accepted ──▶ challenged ── the right proof ──▶ obeyed ── "run" ──▶ serving ── "stop" ──▶
 *		│	└── a wrong proof: an error, a second later	stopped ── "ends" ──▶ gone
 *		└── silent for 5 s: dropped
 *
 * A caller that is silent for longer than its state allows is dropped, together with its run.
 */
#include "load/obey.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "load/budget.h"
#include "load/conn.h"
#include "load/listening.h"
#include "load/options.h"
#include "load/run.h"
#include "load/say.h"
#include "load/secret.h"
#include "load/told.h"
#include "stream/acceptor.h"
#include "stream/listen.h"
#include "stream/loop.h"
#include "stream/stream.h"

enum {
	CALLERS_MAX = 8, /**< callers at one time */
	SOCKET_MODE = 0600,
};

/** How long a caller may take to prove the secret, how long the answer to a wrong proof is delayed,
 * and how long a caller may be silent. */
#define PROOF_NS   ((uint64_t)5 * NS_PER_S)
#define WRONG_NS   ((uint64_t)NS_PER_S)
#define SILENCE_NS ((uint64_t)30 * NS_PER_S)

enum state { CHALLENGED, WRONG, OBEYED, SERVING, STOPPED };

struct obey {
	const struct options *options;
	struct loop *loop;
	struct stream *signals;
	struct handler on_signal;
	struct timer end; /**< --for */
	struct listen_socket socket;
	struct acceptor *acceptor;
	struct list callers; /* struct caller::link */
	unsigned n_callers;
	struct caller *served; /**< the caller whose run goes on; NULL: no run */
	char secret[SECRET_MAX + 1];
};

struct caller {
	struct list link;
	struct handler handler;
	struct timer timer;
	struct stream *stream;
	struct obey *obey;
	enum state state;
	char challenge[SECRET_DRAWN_MAX];
	char name[ADDR_TEXT_MAX];
	/** The part of a line that has come. On the heap: TOLD_FIRST_LINE_MAX bytes, and
	 * TOLD_LINE_MAX once the caller is obeyed. */
	char *line;
	size_t n_line;
	struct options run_options; /**< SERVING, STOPPED */
	struct run run;
};

static void note(const char *what, const struct caller *caller)
{
	say_line(stdout, "weirload serve: %s %s", what, caller->name);
	(void)fflush(stdout);
}

/* ---- its run ---- */

static void end_run(struct caller *caller)
{
	if (caller->state == SERVING) {
		run_stop(&caller->run);
	}
	if (caller->state == SERVING || caller->state == STOPPED) {
		run_fini(&caller->run);
		options_fini(&caller->run_options);
		caller->obey->served = NULL;
		note("ended the run of", caller);
	}
}

static void drop(struct caller *caller)
{
	end_run(caller);
	list_remove(&caller->link);
	caller->obey->n_callers--;
	acceptor_resume(caller->obey->acceptor);
	timer_close(&caller->timer);
	(void)stream_free(caller->stream);
	free(caller->line);
	free(caller);
}

/* ---- answers ---- */

/** Sends an object, which it takes. If there is no memory, the caller gets no answer, and gives
 * up. */
static void answer(struct caller *caller, json_t *object)
{
	char *line = told_line(object);

	if (line != NULL) {
		(void)stream_write(caller->stream, line, strlen(line), NULL);
	}
	free(line);
}

/** Sends the reason, and closes the connection. */
static void refuse(struct caller *caller, const char *why)
{
	answer(caller, json_pack("{s:s}", "error", why));
	stream_stop(caller->stream);
	stream_close_gracefully(caller->stream); /* CLOSE follows */
}

static void answer_ok(struct caller *caller)
{
	answer(caller, json_pack("{s:b}", "ok", 1));
}

static uint64_t worst_delay_us(const struct run *run)
{
	return hdr_max(&run->lanes[0].delay);
}

static void answer_state(struct caller *caller)
{
	struct run *run = &caller->run;
	bool is_over = caller->state == STOPPED;
	const struct told_state state = {
		.n_servers = run_n_servers(run),
		.n_over = atomic_load(&run->n_servers_over),
		.n_awaited = atomic_load(&run->n_awaited),
		.n_strangers = atomic_load(&run->n_strangers),
		.delay_us = is_over ? worst_delay_us(run) : 0,
	};
	json_t *object = told_state(&state);

	(void)json_object_set_new(object, "over", told_over(run));
	answer(caller, object);
}

static void answer_ends(struct caller *caller, uint64_t first)
{
	const struct run *run = &caller->run;
	uint64_t n = run_n_servers(run);
	json_t *ends = json_array();

	for (uint64_t i = first; i < n && i - first < TOLD_ENDS_MAX; i++) {
		if (run->servers[i].state == CONN_OVER) {
			(void)json_array_append_new(ends, told_end(run, i));
		}
	}
	answer(caller, json_pack("{s:o}", "ends", ends));
}

/* ---- requests ---- */

static void on_proof(struct caller *caller, const json_t *object)
{
	const char *nonce = json_string_value(json_object_get(object, "nonce"));
	const char *proof = json_string_value(json_object_get(object, "proof"));
	char right[SECRET_PROOF_MAX];
	char *line;

	if (json_integer_value(json_object_get(object, "protocol")) != TOLD_PROTOCOL) {
		refuse(caller, "this weirload serve has another version; use the same on both "
			       "hosts");
		return;
	}
	if (nonce == NULL || proof == NULL || !secret_is_drawn(nonce) ||
		secret_prove(caller->obey->secret, caller->challenge, nonce, right) < 0 ||
		!secret_is_same(right, proof)) {
		caller->state = WRONG;
		stream_stop(caller->stream);
		timer_arm(&caller->timer, clock_after(clock_ns(), WRONG_NS));
		return;
	}
	line = realloc(caller->line, TOLD_LINE_MAX);
	if (line == NULL) {
		refuse(caller, "out of memory");
		return;
	}
	caller->line = line;
	caller->state = OBEYED;
	answer_ok(caller);
}

static int begin_run(struct caller *caller, const json_t *object, char *why)
{
	int r;

	r = options_begin(&caller->run_options, caller->obey->options->scenario, 0, NULL, why);
	caller->run_options.serve = caller->obey->options->serve;
	if (r == 0) {
		r = told_read_run(object, &caller->run_options, why);
	}
	if (r == 0) {
		r = budget_take(&caller->run_options, why);
	}
	if (r == 0) {
		r = run_start(&caller->run, &caller->run_options, why);
		if (r < 0) {
			run_fini(&caller->run);
		}
	}
	if (r < 0) {
		options_fini(&caller->run_options);
	}
	return r;
}

static void on_run(struct caller *caller, const json_t *object)
{
	char why[OPTIONS_WHY_MAX];

	if (caller->obey->served != NULL) {
		refuse(caller, "it serves another caller's run; try again when that is over");
	} else if (begin_run(caller, object, why) < 0) {
		refuse(caller, why);
	} else {
		caller->obey->served = caller;
		caller->state = SERVING;
		note("began a run of", caller);
		answer_ok(caller);
	}
}

static void on_stop(struct caller *caller)
{
	run_stop(&caller->run);
	caller->state = STOPPED;
	answer_state(caller);
}

/** Handles one object. It does not free the caller at once, only by later events. */
static void on_object(struct caller *caller, const json_t *object)
{
	const json_t *run = json_object_get(object, "run");
	const json_t *over = json_object_get(object, "over");
	const json_t *ends = json_object_get(object, "ends");

	if (caller->state == CHALLENGED) {
		on_proof(caller, object);
	} else if (caller->state == OBEYED && run != NULL) {
		on_run(caller, run);
	} else if (caller->state == SERVING && over != NULL &&
		   told_read_over(over, &caller->run) == 0) {
		answer_state(caller);
	} else if (caller->state == SERVING && json_is_true(json_object_get(object, "stop"))) {
		on_stop(caller);
	} else if (caller->state == STOPPED && json_is_integer(ends) &&
		   json_integer_value(ends) >= 0) {
		answer_ends(caller, (uint64_t)json_integer_value(ends));
	} else {
		refuse(caller, "that is not what comes now");
	}
}

/* ---- lines ---- */

static void arm_patience(struct caller *caller)
{
	/* The time for the proof is not restarted by what comes before it. */
	if (caller->state != CHALLENGED && caller->state != WRONG) {
		timer_arm(&caller->timer, clock_after(clock_ns(), SILENCE_NS));
	}
}

/** Handles a complete line. */
static void on_line(struct caller *caller)
{
	json_t *object = told_parse(caller->line, caller->n_line);

	caller->n_line = 0;
	if (object == NULL) {
		refuse(caller, "that is no JSON object");
		return;
	}
	if (!stream_can_write(caller->stream)) {
		/* It asks and asks, and reads no answer: on_patience() drops it. */
		stream_stop(caller->stream);
		timer_arm(&caller->timer, clock_ns());
		json_decref(object);
		return;
	}
	on_object(caller, object);
	json_decref(object);
	arm_patience(caller);
}

static bool is_listened_to(const struct caller *caller)
{
	return stream_fd(caller->stream) >= 0 && stream_is_started(caller->stream);
}

static void on_bytes(struct caller *caller, const char *data, size_t len)
{
	while (len > 0 && is_listened_to(caller)) {
		size_t max = caller->state == CHALLENGED ? TOLD_FIRST_LINE_MAX : TOLD_LINE_MAX;
		const char *end = memchr(data, '\n', len);
		size_t n = end == NULL ? len : (size_t)(end - data);

		if (n >= max - caller->n_line) {
			refuse(caller, "that line is too long");
			return;
		}
		memcpy(caller->line + caller->n_line, data, n);
		caller->n_line += n;
		n += end != NULL;
		data += n;
		len -= n;
		if (end != NULL) {
			on_line(caller);
		}
	}
}

static void on_event(struct handler *handler, const struct event *event)
{
	struct caller *caller = container_of(handler, struct caller, handler);

	switch (event->type) {
	case STREAM_READ:
		on_bytes(caller, event->data, event->len);
		break;
	case STREAM_CLOSE:
		drop(caller);
		break;
	default:
		break; /* ERROR: CLOSE follows */
	}
}

/** The caller is too slow, or the delay after a wrong proof is over. */
static void on_patience(struct timer *timer)
{
	struct caller *caller = container_of(timer, struct caller, timer);

	if (caller->state == WRONG) {
		note("refused", caller);
		caller->state = CHALLENGED;
		timer_arm(timer, clock_after(clock_ns(), WRONG_NS));
		refuse(caller, "the secret is not the same; use the same file on both hosts");
	} else {
		drop(caller);
	}
}

/* ---- callers ---- */

static bool on_admit(void *owner)
{
	struct obey *obey = owner;

	return obey->n_callers < CALLERS_MAX;
}

static void on_refused(void *owner)
{
	(void)owner; /* a place is counted when a caller has it */
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct obey *obey = owner;
	struct caller *caller = calloc(1, sizeof(*caller));
	struct addr addr = {.kind = ADDR_INET, .sa_len = peer_len};
	int r = -ENOMEM;

	if (caller != NULL) {
		caller->line = malloc(TOLD_FIRST_LINE_MAX);
		caller->stream = caller->line == NULL
					 ? NULL
					 : stream_open(obey->loop, fd, STREAM_NONBLOCKING);
	}
	if (caller == NULL || caller->stream == NULL) {
		close(fd);
		free(caller == NULL ? NULL : caller->line);
		free(caller);
		return;
	}
	addr.kind = peer->any.sa_family == AF_UNIX ? ADDR_UNIX : ADDR_INET;
	memcpy(&addr.sa, peer, sizeof(addr.sa));
	(void)addr_text(&addr, caller->name);
	caller->obey = obey;
	caller->handler.call = on_event;
	list_append(&obey->callers, &caller->link);
	obey->n_callers++;
	r = timer_open(&caller->timer, obey->loop, on_patience);
	if (r == 0) {
		r = secret_draw(caller->challenge);
	}
	if (r == 0) {
		stream_on(caller->stream, STREAM_READ | STREAM_ERROR | STREAM_CLOSE,
			&caller->handler);
		stream_set_timeout(caller->stream, 0);
		r = stream_start(caller->stream);
	}
	if (r < 0) {
		drop(caller);
		return;
	}
	timer_arm(&caller->timer, clock_after(clock_ns(), PROOF_NS));
	answer(caller, json_pack("{s:s, s:i, s:s}", "weirload", WEIR_VERSION, "protocol",
			       TOLD_PROTOCOL, "challenge", caller->challenge));
}

/* ---- the beginning and the end ---- */

static void on_signal(struct handler *handler, const struct event *event)
{
	struct obey *obey = container_of(handler, struct obey, on_signal);

	(void)event;
	(void)loop_stop(obey->loop);
}

static void on_end(struct timer *timer)
{
	(void)loop_stop(container_of(timer, struct obey, end)->loop);
}

static int watch_signals(struct obey *obey)
{
	int fd = run_open_signals();

	if (fd < 0) {
		return fd;
	}
	obey->signals = stream_open(obey->loop, fd, STREAM_NONBLOCKING);
	if (obey->signals == NULL) {
		(void)close(fd);
		return -errno;
	}
	obey->on_signal.call = on_signal;
	stream_on(obey->signals, STREAM_READ | STREAM_ERROR | STREAM_CLOSE, &obey->on_signal);
	stream_set_timeout(obey->signals, 0);
	return stream_start(obey->signals);
}

static int open_door(struct obey *obey, char *why)
{
	struct acceptor_opts opts = {
		.loop = obey->loop,
		.owner = obey,
		.is_unix = obey->options->control.kind == ADDR_UNIX,
		.admit = on_admit,
		.refused = on_refused,
		.accepted = on_accepted,
	};
	char text[ADDR_TEXT_MAX];
	int r = listening_open(
		"--control", &obey->options->control, SOCKET_MODE, &obey->socket, why);

	if (r == 0) {
		opts.fd = obey->socket.fd;
		obey->acceptor = acceptor_open(&opts);
		r = obey->acceptor == NULL ? -errno : 0;
		obey->socket.fd = r == 0 ? -1 : obey->socket.fd;
		if (r < 0) {
			(void)snprintf(why, OPTIONS_WHY_MAX, "--control %s: %s",
				addr_text(&obey->options->control, text), strerror(-r));
		}
	}
	return r;
}

static int open_all(struct obey *obey, char *why)
{
	int r;

	why[0] = '\0';
	r = secret_read(obey->options->secret_file, obey->secret, why);
	if (r < 0) {
		return r;
	}
	obey->loop = loop_new();
	r = obey->loop == NULL ? -errno : timer_open(&obey->end, obey->loop, on_end);
	if (r == 0) {
		r = watch_signals(obey);
	}
	if (r == 0) {
		r = open_door(obey, why);
	}
	if (r < 0 && why[0] == '\0') {
		(void)snprintf(why, OPTIONS_WHY_MAX, "cannot start: %s", strerror(-r));
	}
	return r;
}

static void close_all(struct obey *obey)
{
	while (!list_empty(&obey->callers)) {
		drop(container_of(obey->callers.next, struct caller, link));
	}
	obey->acceptor = acceptor_close(obey->acceptor);
	listen_close(&obey->socket);
	timer_close(&obey->end);
	(void)stream_free(obey->signals);
	if (obey->loop != NULL) {
		obey->loop = loop_free(obey->loop);
	}
	secret_forget(obey->secret);
}

int obey_run(const struct options *options)
{
	struct obey obey = {.options = options, .socket.fd = -1};
	char text[ADDR_TEXT_MAX];
	char why[OPTIONS_WHY_MAX];
	int r;

	list_init(&obey.callers);
	r = open_all(&obey, why);
	if (r == 0) {
		say_line(stdout, "weirload serve: takes runs at %s",
			addr_text(&options->control, text));
		(void)fflush(stdout);
		if (options->for_ns != NS_NEVER) {
			timer_arm(&obey.end, clock_after(clock_ns(), options->for_ns));
		}
		loop_hold(obey.loop);
		(void)loop_run(obey.loop);
		loop_release(obey.loop);
	} else {
		say_error("%s", why);
	}
	close_all(&obey);
	return r < 0 ? LOAD_EXIT_USAGE : LOAD_EXIT_OK;
}
