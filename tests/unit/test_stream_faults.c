/* SPDX-License-Identifier: ISC */
/*
 * Tests of the full life of a stream. It is lived again and again, and each time a later call
 * fails: memory, sockets, bytes, the loop. Whatever fails, the stream ends with one CLOSE, no fd
 * and no memory is lost, and an unrelated stream on the same loop keeps working.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { LEN = 150 * 1000 };

static char data[LEN];

/** The unrelated stream. */
static struct scene bystander;

/** The stream that lives the life, and its peer. */
static struct life {
	struct wire wire;
	struct stream *stream;
	struct recorder rec;
	struct recorder drain;
	struct peer peer;
	bool wrote;
	bool resumed;
} life;

static void setup(void)
{
	fixture_setup();
	pattern_fill(data, 0, LEN);
	scene_open(&bystander, WIRE_TCP, STREAM_HALF_OPEN);
	stream_set_timeout(bystander.stream, 0);
	ck_assert_int_eq(stream_start(bystander.stream), 0);
}

static void teardown(void)
{
	scene_close(&bystander);
	fixture_teardown();
}

/** The bystander must move bytes in both directions. */
static void bystander_works(void)
{
	char byte = 0;

	recorder_clear(&bystander.rec);
	peer_send(bystander.far, "ping");
	loop_until(bystander.rec.n_read == 4);
	ck_assert_int_eq(stream_write(bystander.stream, "!", 1, NULL), 0);
	loop_until(heard(&bystander.rec, "DRAIN"));
	ck_assert_int_eq(peer_recv(bystander.far, &byte, 1), 1);
	ck_assert_int_eq(byte, '!');
}

/** The script of the life: read, write more than fits, pause, resume, send FIN, close. */
static void on_life(struct recorder *rec, const struct event *event)
{
	struct life *l = container_of(rec, struct life, rec);

	if (event->type == STREAM_READ && !l->wrote) {
		l->wrote = true;
		if (stream_write(event->stream, data, LEN, &l->drain.handler) == 0) {
			stream_stop(event->stream);
			peer_open(&l->peer, l->wire.far);
			l->peer.is_pattern = true;
		}
	} else if (event->type == STREAM_END) {
		stream_close_gracefully(event->stream);
	} else if (event->type == STREAM_HANGUP) {
		(void)stream_start(event->stream); /* now come the unread bytes, then CLOSE */
	}
}

static void on_life_drain(struct recorder *rec, const struct event *event)
{
	struct life *l = container_of(rec, struct life, drain);

	l->resumed = true;
	(void)stream_unread(event->stream);
	(void)stream_unsent(event->stream);
	(void)stream_is_readable(event->stream);
	(void)stream_start(event->stream);
	stream_shutdown(event->stream);
}

/** Begins the life. Returns false if the stream could not be made. */
static bool life_begin(enum wire_kind kind)
{
	int r;

	life.stream = stream_open(test_loop, life.wire.near, STREAM_HALF_OPEN);
	if (life.stream == NULL) {
		close(life.wire.near);
		return false;
	}
	/* This timeout ends a life that waits because of a fault, for example for a FIN that was
	 * not sent. */
	stream_set_timeout(life.stream, 0.3);
	recorder_on(&life.drain, life.stream, STREAM_DRAIN);
	stream_off(life.stream, &life.drain.handler);
	life.drain.act = on_life_drain;
	recorder_on(&life.rec, life.stream, STREAM_ALL_EVENTS);
	life.rec.act = on_life;
	r = stream_start(life.stream);
	if (r < 0) {
		life.stream = stream_free(life.stream);
		return false;
	}
	if (!wire_reads(kind)) {
		life.wrote = true;
		if (stream_write(life.stream, data, LEN, &life.drain.handler) == 0) {
			peer_open(&life.peer, life.wire.far);
			life.peer.is_pattern = true;
		}
	}
	return true;
}

/** The peer's part: when it has got all bytes, it sends a FIN, or closes if it is no socket. */
static void far_finish(enum wire_kind kind)
{
	int fd = life.peer.fd;

	if (fd < 0 || life.peer.n_received < LEN) {
		return;
	}
	if (wire_is_socket(kind)) {
		(void)shutdown(fd, SHUT_WR);
	} else {
		peer_close(&life.peer);
		life.wire.far = -1;
	}
}

static bool closed(void)
{
	return heard(&life.rec, "CLOSE");
}

static void life_live(enum wire_kind kind)
{
	bool finished = false;

	life = (struct life){.wire = wire_open_tiny(kind), .peer.fd = -1};
	if (wire_reads(kind)) {
		peer_send(life.wire.far, "go");
	}
	if (life_begin(kind)) {
		/* A life on the read end of a pipe is shorter: the peer closes at once. */
		if (kind == WIRE_PIPE_IN) {
			close(life.wire.far);
			life.wire.far = -1;
		}
		while (!closed()) {
			fixture_turn(__FILE__, __LINE__, "CLOSE");
			if (!finished && life.peer.n_received == LEN) {
				finished = true;
				fault_suspend();
				far_finish(kind);
				fault_resume();
			}
		}
	}
}

static void life_end(void)
{
	const char *at = strstr(life.rec.events, "CLOSE");

	/* There is at most one CLOSE, and nothing after it. */
	ck_assert(at == NULL || strchr(at, ' ') == NULL);
	life.stream = stream_free(life.stream);
	if (life.peer.fd >= 0) {
		peer_close(&life.peer);
	} else if (life.wire.far >= 0) {
		close(life.wire.far);
	}
	loop_settle();
}

/* Runs on every kind of wire. Each life has a later call that fails, until none is left to fail. */
START_TEST(every_call_fails_in_turn)
{
	char *before = fixture_fds();
	unsigned n = 1;

	for (;; n++) {
		char *after;
		bool met;

		fault_arm(n);
		life_live(TEST_KIND);
		met = fault_disarm();
		if (!met) {
			ck_assert_msg(strstr(life.rec.events, "ERROR") == NULL ||
					      TEST_KIND == WIRE_PIPE_IN,
				"%s", life.rec.events);
			ck_assert(life.resumed || TEST_KIND == WIRE_PIPE_IN);
		}
		life_end();
		ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
		after = fixture_fds();
		ck_assert_msg(strcmp(after, before) == 0, "%s: %s", fault_met(), after);
		free(after);
		bystander_works();
		if (!met) {
			break;
		}
	}
	ck_assert_uint_gt(n, 8);
	free(before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_faults");
	TCase *tc = tcase_create("stream_faults");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_wire_test(tc, every_call_fails_in_turn);
	return suite_run(suite);
}
