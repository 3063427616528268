/* SPDX-License-Identifier: ISC */
/*
 * Fixture for tests of the stream library: a loop on which nothing must be left, pairs of fds of
 * every kind, peers that use plain system calls, and a recorder of events.
 *
 *	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
 *
 * gives each test `test_loop`, and fails it if an fd or a live handle is left behind. Nothing here
 * sleeps: a test turns the loop until a condition holds (loop_until).
 *
 * With WEIR_TEST_HOSTED in the environment a uv_loop_t of the fixture hosts the loop, and uv_run()
 * turns it. tests/unit/meson.build runs all tests that use the fixture a second time in this way.
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

/** The loop of the current test. */
extern struct loop *test_loop;

void fixture_setup(void);

/** Frees the loop (which asserts that nothing is left on it) and checks that the open fds are the
 * same as before. */
void fixture_teardown(void);

/** Whether the loop is hosted in this run. */
bool fixture_is_hosted(void);

/** The uv_loop_t that hosts the loop; NULL: there is none. */
struct uv_loop_s *fixture_host(void);

/** Runs the loop until a callback calls fixture_stop(), or until the loop has no more work. */
void fixture_run(void);
void fixture_stop(void);

/** Runs one turn of the loop (if hosted, one or two), which blocks until something happens. */
void fixture_turn(const char *file, int line, const char *what);

/** Turns the loop until `condition` holds; fails the test after LOOP_GUARD_S. */
#define loop_until(condition)                                                                      \
	do {                                                                                       \
		while (!(condition)) {                                                             \
			fixture_turn(__FILE__, __LINE__, #condition);                              \
		}                                                                                  \
	} while (0)

/** Turns the loop until `ms` have passed, to see whether something happens by itself. */
void loop_for_ms(unsigned ms);

/**
 * Handles all kernel events that are ready now, and the tasks that follow from them. Returns when
 * nothing is left to do at once.
 */
void loop_settle(void);

/** The open fds of the process, as text, for comparison; free() it. */
char *fixture_fds(void);

/* ---- wires: two connected fds ---- */

enum wire_kind {
	WIRE_TCP,        /**< over loopback */
	WIRE_UNIX,       /**< a connection to a listening UNIX socket */
	WIRE_SOCKETPAIR, /**< socketpair(2) */
	WIRE_PIPE_IN,    /**< near is the read end */
	WIRE_PIPE_OUT,   /**< near is the write end */
	WIRE_TTY,        /**< near is the terminal, far the pty's master; raw */
	WIRE_PTY,        /**< near is the pty's master, far the terminal; raw */
	WIRE_KINDS,
};

/** near is the end under test, and blocking; far is the peer's end, and non-blocking. */
struct wire {
	int near;
	int far;
};

struct wire wire_open(enum wire_kind kind);
const char *wire_name(enum wire_kind kind);
bool wire_reads(enum wire_kind kind);
bool wire_writes(enum wire_kind kind);
bool wire_is_socket(enum wire_kind kind);

/** Like wire_open(), with small buffers, so that few bytes fill them: the smallest that the kernel
 * grants, but 16 KiB for what a TCP socket receives. Terminals keep their own. */
struct wire wire_open_tiny(enum wire_kind kind);

/* ---- the peer, by plain system calls that never count for fault.h ---- */

/** Sends the whole text; the kernel must have room. */
void peer_send(int fd, const char *text);

/** Receives what is there now. Returns the number of bytes, 0 at the end of input, or a negative
 * errno. */
ptrdiff_t peer_recv(int fd, void *buffer, size_t size);

/** Sends the pattern of pattern_at() until the kernel takes no more. Returns the number of
 * bytes. */
size_t peer_fill(int fd);

/** Closes with a reset: SO_LINGER 0. */
void peer_reset(int fd);

/** Sends one byte of urgent data. */
void peer_send_urgent(int fd, char byte);

/** The byte at `offset` of every long test stream. */
unsigned char pattern_at(size_t offset);
void pattern_fill(void *buffer, size_t offset, size_t len);
void pattern_expect(const void *buffer, size_t offset, size_t len);

/** `bytes` are those of a stream from `offset` on. Copies the part of them that belongs to the
 * first `size` - 1 bytes of the stream to its place in `text`. */
void keep_first(char *text, size_t size, size_t offset, const void *bytes, size_t len);

/** A peer that receives on the loop, at most `max` bytes at once, and with is_pattern checks
 * them. */
struct peer {
	struct watcher watcher;
	int fd;     /**< taken; -1 once closed */
	size_t max; /**< bytes for each recv(2), at least 1 */
	size_t n_received;
	bool is_pattern; /**< compare what arrives with pattern_at() */
	bool ended;      /**< the end of input was read */
	int error;       /**< the negative errno of a failed recv(2); 0: none */
	char text[64];   /**< the beginning of what arrived, NUL-terminated */
};

void peer_open(struct peer *peer, int fd);
void peer_close(struct peer *peer);

/** Takes `peer` off the loop. The caller then owns the fd, which is returned. */
int peer_release(struct peer *peer);

/* ---- the recorder: a handler that records the events it gets ---- */

struct recorder {
	struct handler handler;
	char events[512];  /**< "READ WRITE CLOSE:ECONNRESET"; repeated READs are one READ */
	int error;         /**< of the last event */
	unsigned n_events; /**< counts every event */
	size_t n_read;     /**< bytes of READ */
	size_t n_spliced;  /**< the part of these that came without data */
	size_t n_write;    /**< bytes of WRITE */
	size_t n_unseen;   /**< the part of these that came without data */
	bool is_pattern;   /**< compare what is read and written with pattern_at() */
	char text[256];    /**< the beginning of what was read, NUL-terminated */
	char written[256]; /**< likewise, of what was written */
	/** Called in each event, after it was recorded. May be NULL. */
	void (*act)(struct recorder *recorder, const struct event *event);
	void *data; /**< for act() */
};

/** Zeroes `recorder` and subscribes it to `events`. */
void recorder_on(struct recorder *recorder, struct stream *stream, unsigned events);

/** Forgets what was recorded, and stays subscribed. */
void recorder_clear(struct recorder *recorder);

/* ---- the scene: a stream on a wire, with a recorder of all events ---- */

struct scene {
	enum wire_kind kind;
	struct stream *stream;
	int far; /**< the peer's fd; -1 once it is closed */
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

/** Makes the next system call that moves bytes fail with `err` (positive), and causes such a
 * call. */
void scene_break(struct scene *scene, int err);

/** Fails the test unless the recorded events are `expected`, in this sequence. */
#define scene_heard(scene, expected) ck_assert_str_eq((scene)->rec.events, (expected))

/** Adds a test that is run for every enum wire_kind; in the test TEST_KIND is the kind. */
#define tcase_add_wire_test(tc, test) tcase_add_loop_test(tc, test, 0, WIRE_KINDS)
#define TEST_KIND                     ((enum wire_kind)_i)

/** Whether an event was recorded whose word begins with `name`. */
bool heard(const struct recorder *recorder, const char *name);

#endif
