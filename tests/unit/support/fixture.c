/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "stream/loop_private.h"
#include "stream/timer.h"

enum { LOOP_GUARD_S = 30 };

struct loop *test_loop;

static struct {
	char *fds; /**< before the test */
	uv_loop_t host;
	struct loop *hosted; /**< by `host`: test_loop, unless the test made another one */
	struct timer guard;
	const char *file;
	int line;
	const char *what;
} fixture;

char *fixture_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	char *text = calloc(1, 8192);
	size_t len = 0;

	ck_assert_ptr_nonnull(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char target[128] = "";
		char path[300];

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir)) {
			continue;
		}
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%s", entry->d_name);
		/* If tests share a process, check opens another file for each test. */
		if (readlink(path, target, sizeof(target) - 1) < 0 ||
			strncmp(target, "/tmp/check_", strlen("/tmp/check_")) == 0) {
			continue;
		}
		len += (size_t)snprintf(text + len, 8192 - len, " %s=%s", entry->d_name, target);
		ck_assert_uint_lt(len, 8192);
	}
	closedir(dir);
	return text;
}

static void on_guard(struct timer *timer)
{
	(void)timer;
	ck_abort_msg("%s:%d: nothing happens; it waits for: %s", fixture.file, fixture.line,
		fixture.what);
}

bool fixture_is_hosted(void)
{
	return getenv("WEIR_TEST_HOSTED") != NULL;
}

uv_loop_t *fixture_host(void)
{
	return fixture.hosted != NULL ? &fixture.host : NULL;
}

void fixture_setup(void)
{
	/* weir ignores SIGPIPE too; without that, nothing is spliced. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* libuv keeps a pipe for signals from the first loop of a process on. */
	loop_free(loop_new());
	fixture.fds = fixture_fds();
	fixture.file = NULL;
	if (fixture_is_hosted()) {
		ck_assert_int_eq(loop_init_host(&fixture.host), 0);
		fixture.hosted = loop_open_on(&fixture.host);
		test_loop = fixture.hosted;
	} else {
		test_loop = loop_new();
	}
	ck_assert_ptr_nonnull(test_loop);
	ck_assert_int_eq(timer_open(&fixture.guard, test_loop, on_guard), 0);
}

void fixture_teardown(void)
{
	char *fds;

	timer_close(&fixture.guard);
	test_loop = loop_free(test_loop);
	if (fixture.hosted != NULL) {
		fixture.hosted = NULL;
		/* If a handle is still active, this waits until the test times out. */
		ck_assert_int_eq(uv_run(&fixture.host, UV_RUN_DEFAULT), 0);
		ck_assert_int_eq(uv_loop_close(&fixture.host), 0);
	}
	fds = fixture_fds();
	ck_assert_str_eq(fds, fixture.fds);
	free(fds);
	free(fixture.fds);
	fixture.fds = NULL;
}

void fixture_turn(const char *file, int line, const char *what)
{
	if (fixture.file != file || fixture.line != line) {
		fixture.file = file;
		fixture.line = line;
		fixture.what = what;
		timer_arm(
			&fixture.guard, clock_after(clock_ns(), (uint64_t)LOOP_GUARD_S * NS_PER_S));
	}
	if (test_loop != fixture.hosted) {
		loop_turn(test_loop);
		return;
	}
	for (uint64_t before = loop_turns(test_loop); loop_turns(test_loop) == before;) {
		ck_assert_int_ne(uv_run(&fixture.host, UV_RUN_ONCE), 0);
	}
}

void fixture_run(void)
{
	if (test_loop != fixture.hosted) {
		ck_assert_int_eq(loop_run(test_loop), 0);
	} else {
		(void)uv_run(&fixture.host, UV_RUN_DEFAULT);
	}
}

void fixture_stop(void)
{
	if (test_loop != fixture.hosted) {
		ck_assert_int_eq(loop_stop(test_loop), 0);
	} else {
		uv_stop(&fixture.host);
	}
}

static void on_time(struct timer *timer)
{
	(void)timer;
}

void loop_for_ms(unsigned ms)
{
	uint64_t until = clock_ns() + (uint64_t)ms * NS_PER_MS;
	struct timer timer = {0};

	ck_assert_int_eq(timer_open(&timer, test_loop, on_time), 0);
	timer_arm(&timer, until);
	loop_until(clock_ns() >= until);
	timer_close(&timer);
}

struct settle {
	struct task task;
	unsigned turns;
};

static void on_settle(struct task *task)
{
	container_of(task, struct settle, task)->turns++;
}

void loop_settle(void)
{
	/*
	 * Loopback and UNIX sockets deliver within the system call of the sender, or in the softirq
	 * right after it. The first turn then sees the event, and the second runs what the first
	 * has put off. The other turns are for a machine on which the softirq has to wait.
	 */
	struct settle settle = {.turns = 0};

	task_init(&settle.task, on_settle);
	while (settle.turns < 5) {
		loop_next(test_loop, &settle.task);
		fixture_turn(__FILE__, __LINE__, "a turn");
	}
}

/* ---- the recorder ---- */

static const char *event_name(unsigned type)
{
	static const char *const names[] = {
		"READ", "WRITE", "DRAIN", "END", "HANGUP", "TIMEOUT", "ERROR", "CLOSE"};
	unsigned bit = (unsigned)__builtin_ctz(type);

	ck_assert_uint_eq(type, 1U << bit);
	ck_assert_uint_lt(bit, sizeof(names) / sizeof(names[0]));
	return names[bit];
}

static void recorder_note(struct recorder *recorder, const struct event *event)
{
	const char *name = event_name(event->type);
	size_t len = strlen(recorder->events);
	size_t name_len = strlen(name);
	bool repeated = len >= name_len && strcmp(recorder->events + len - name_len, name) == 0;

	if (repeated && (event->type == STREAM_READ || event->type == STREAM_WRITE)) {
		return;
	}
	ck_assert_uint_lt(len + 64, sizeof(recorder->events));
	len += (size_t)sprintf(recorder->events + len, "%s%s", len > 0 ? " " : "", name);
	if (event->error != 0 &&
		(event->type & (STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE)) != 0) {
		(void)sprintf(recorder->events + len, ":%s", strerrorname_np(-event->error));
	}
}

/** Counts bytes in `n`, and stores the first in `text`, unless they were spliced. */
static void note_bytes(
	struct recorder *recorder, const struct event *event, size_t *n, char text[256])
{
	if (event->data != NULL) {
		if (recorder->is_pattern) {
			pattern_expect(event->data, *n, event->len);
		}
		keep_first(text, 256, *n, event->data, event->len);
	}
	*n += event->len;
}

static void on_record(struct handler *handler, const struct event *event)
{
	struct recorder *recorder = container_of(handler, struct recorder, handler);

	recorder->n_events++;
	recorder->error = event->error;
	recorder_note(recorder, event);
	if (event->type == STREAM_READ) {
		recorder->n_spliced += event->data == NULL ? event->len : 0;
		note_bytes(recorder, event, &recorder->n_read, recorder->text);
	}
	if (event->type == STREAM_WRITE) {
		recorder->n_unseen += event->data == NULL ? event->len : 0;
		note_bytes(recorder, event, &recorder->n_write, recorder->written);
	}
	if (recorder->act != NULL) {
		recorder->act(recorder, event);
	}
}

void recorder_on(struct recorder *recorder, struct stream *stream, unsigned events)
{
	memset(recorder, 0, sizeof(*recorder));
	recorder->handler.call = on_record;
	stream_on(stream, events, &recorder->handler);
}

void recorder_clear(struct recorder *recorder)
{
	recorder->events[0] = '\0';
	recorder->n_events = 0;
	recorder->n_read = 0;
	recorder->n_spliced = 0;
	recorder->n_write = 0;
	recorder->n_unseen = 0;
	memset(recorder->text, 0, sizeof(recorder->text));
	memset(recorder->written, 0, sizeof(recorder->written));
}

bool heard(const struct recorder *recorder, const char *name)
{
	const char *at = strstr(recorder->events, name);

	return at != NULL && (at == recorder->events || at[-1] == ' ');
}

/* ---- the scene ---- */

static void scene_set(struct scene *scene, enum wire_kind kind, struct wire wire, unsigned flags)
{
	scene->kind = kind;
	scene->far = wire.far;
	scene->stream = stream_open(test_loop, wire.near, flags);
	ck_assert_ptr_nonnull(scene->stream);
	recorder_on(&scene->rec, scene->stream, STREAM_ALL_EVENTS);
}

void scene_open(struct scene *scene, enum wire_kind kind, unsigned flags)
{
	scene_set(scene, kind, wire_open(kind), flags);
}

void scene_open_tiny(struct scene *scene, enum wire_kind kind, unsigned flags)
{
	scene_set(scene, kind, wire_open_tiny(kind), flags);
}

void scene_close(struct scene *scene)
{
	scene->stream = stream_free(scene->stream);
	scene_far_close(scene);
}

void scene_far_close(struct scene *scene)
{
	if (scene->far >= 0) {
		close(scene->far);
		scene->far = -1;
	}
}

void scene_break(struct scene *scene, int err)
{
	bool reads = wire_reads(scene->kind);
	const char *of_socket = reads ? "recv" : "send";
	const char *of_file = reads ? "read" : "write";

	fault_only_call(wire_is_socket(scene->kind) ? of_socket : of_file);
	fault_set_errno(err);
	if (reads) {
		peer_send(scene->far, "x");
		fault_arm(1);
		loop_until(fault_met() != NULL);
	} else {
		fault_arm(1);
		ck_assert_int_eq(stream_write(scene->stream, "x", 1, NULL), -err);
	}
	ck_assert(fault_disarm());
}
