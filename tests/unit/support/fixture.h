/* SPDX-License-Identifier: ISC */
/*
 * What tests of the stream library stand on: a loop that must be left clean, pairs of fds of every
 * kind, peers that are driven by plain system calls, and a recorder of events.
 *
 *	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
 *
 * gives each test `test_loop`, and fails it if an fd or a live handle is left behind. Nothing here
 * sleeps: a test turns the loop until what it waits for is so (loop_until).
 *
 * With WEIR_TEST_HOSTED in the environment the loop is hosted by a uv_loop_t of the fixture, and
 * uv_run() turns it: tests/unit/meson.build runs what stands on the fixture once more so.
 */
#ifndef WEIR_TESTS_FIXTURE_H
#define WEIR_TESTS_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stream/loop.h"
#include "stream/stream.h"

/* ---- the loop ---- */

/** The loop of the test under way. */
extern struct loop *test_loop;

void fixture_setup(void);

/** Frees the loop (it asserts that nothing lives on it any more) and compares the open fds. */
void fixture_teardown(void);

/** Whether the loop is hosted, this time. */
bool fixture_is_hosted(void);

/** Its host; NULL: it has none. */
struct uv_loop_s *fixture_host(void);

/** Runs the loop until fixture_stop(), from a callback, or until it has no work any more. */
void fixture_run(void);
void fixture_stop(void);

/** Runs one turn of the loop, which sleeps until something happens; if hosted, one or two. */
void fixture_turn(const char *file, int line, const char *what);

/** Turns the loop until `condition` holds; fails the test after LOOP_GUARD_S. */
#define loop_until(condition)                                                                      \
	do {                                                                                       \
		while (!(condition)) {                                                             \
			fixture_turn(__FILE__, __LINE__, #condition);                              \
		}                                                                                  \
	} while (0)

/** Turns the loop until `ms` have passed, to see what happens by itself. */
void loop_for_ms(unsigned ms);

/**
 * Lets everything happen that was set off before: kernel events that are ready now, and the tasks
 * that follow from them. Returns when nothing is left to do at once.
 */
void loop_settle(void);

/** The open fds of the process, as text, for comparison; free() it. */
char *fixture_fds(void);

/* ---- wires: two connected fds ---- */

enum wire_kind {
	WIRE_TCP,        /**< over loopback */
	WIRE_UNIX,       /**< a connection to a listening UNIX socket */
	WIRE_SOCKETPAIR, /**< socketpair(2) */
	WIRE_PIPE_IN,    /**< near is the end to read from */
	WIRE_PIPE_OUT,   /**< near is the end to write to */
	WIRE_TTY,        /**< near is the terminal, far the pty's master; raw */
	WIRE_PTY,        /**< near is the pty's master, far the terminal; raw */
	WIRE_KINDS,
};

/** The end under test, blocking as it was born, and the peer's, non-blocking. */
struct wire {
	int near;
	int far;
};

struct wire wire_open(enum wire_kind kind);
const char *wire_name(enum wire_kind kind);
bool wire_reads(enum wire_kind kind);
bool wire_writes(enum wire_kind kind);
bool wire_is_socket(enum wire_kind kind);

/** As wire_open(), with the smallest buffers that the kernel grants, so that little fills them. */
struct wire wire_open_tiny(enum wire_kind kind);

/* ---- the peer, by plain system calls that never count for fault.h ---- */

/** Sends all of it; the kernel must have room. */
void peer_send(int fd, const char *text);

/** What there is to receive now: how many bytes, 0 at the end of input, or a negative errno. */
ptrdiff_t peer_recv(int fd, void *buffer, size_t size);

/** Sends until the kernel takes no more; how many bytes. They are the pattern of pattern_at(). */
size_t peer_fill(int fd);

/** Closes with a reset: SO_LINGER 0. */
void peer_reset(int fd);

/** Sends one byte of urgent data. */
void peer_send_urgent(int fd, char byte);

/** The byte that stands at `offset` of every long test stream. */
unsigned char pattern_at(size_t offset);
void pattern_fill(void *buffer, size_t offset, size_t len);
void pattern_expect(const void *buffer, size_t offset, size_t len);

/** Keeps in `text` those of a stream's bytes from `offset` on that are of its first `size` - 1. */
void keep_first(char *text, size_t size, size_t offset, const void *bytes, size_t len);

/** A peer that receives on the loop, at most `max` bytes at once, and checks the pattern if told.
 */
struct peer {
	struct watcher watcher;
	int fd;     /**< taken; -1 once closed */
	size_t max; /**< bytes a call of recv(2), from 1 */
	size_t n_received;
	bool is_pattern; /**< compare what arrives with pattern_at() */
	bool ended;      /**< end of input was seen */
	int error;       /**< a negative errno was seen */
	char text[64];   /**< the beginning of what arrived, NUL-terminated */
};

void peer_open(struct peer *peer, int fd);
void peer_close(struct peer *peer);

/** Takes `peer` off the loop; the fd stays open and is the caller's. */
int peer_release(struct peer *peer);

/* ---- the recorder: a handler that writes down what it hears ---- */

struct recorder {
	struct handler handler;
	char events[512];  /**< "READ WRITE CLOSE:ECONNRESET"; READ READ is told as one READ */
	int error;         /**< of the last event */
	unsigned n_events; /**< each counted */
	size_t n_read;     /**< bytes of READ */
	size_t n_spliced;  /**< those of them that came without data */
	size_t n_write;    /**< bytes of WRITE */
	size_t n_unseen;   /**< those of them that came without data */
	bool is_pattern;   /**< compare what is read and written with pattern_at() */
	char text[256];    /**< the beginning of what was read, NUL-terminated */
	char written[256]; /**< the same of what WRITE told */
	/** May be NULL: what to do in the event, after it was written down. */
	void (*act)(struct recorder *recorder, const struct event *event);
	void *data; /**< for act() */
};

/** Zeroes `recorder` and subscribes it to `events`. */
void recorder_on(struct recorder *recorder, struct stream *stream, unsigned events);

/** Forgets what was heard, and stays subscribed. */
void recorder_clear(struct recorder *recorder);

/* ---- the scene: a stream on a wire, with a recorder of all events ---- */

struct scene {
	enum wire_kind kind;
	struct stream *stream;
	int far; /**< -1 once the peer is gone */
	struct recorder rec;
};

/** A stream over a new wire; `flags` are enum stream_flags. It is not started. */
void scene_open(struct scene *scene, enum wire_kind kind, unsigned flags);

/** The same on a wire with tiny buffers. */
void scene_open_tiny(struct scene *scene, enum wire_kind kind, unsigned flags);

/** Frees the stream and closes what is left of the wire. */
void scene_close(struct scene *scene);

/** The peer closes its end. */
void scene_far_close(struct scene *scene);

/** Lets the next system call that moves bytes fail with `err` (positive), and sets it off. */
void scene_break(struct scene *scene, int err);

/** What the recorder heard, in order; the test fails if it is something else. */
#define scene_heard(scene, expected) ck_assert_str_eq((scene)->rec.events, (expected))

/** Adds a test that is run for every enum wire_kind, which is its TEST_KIND. */
#define tcase_add_wire_test(tc, test) tcase_add_loop_test(tc, test, 0, WIRE_KINDS)
#define TEST_KIND                     ((enum wire_kind)_i)

/** Whether an event was heard: a word of `events` begins with `name`. */
bool heard(const struct recorder *recorder, const char *name);

#endif
