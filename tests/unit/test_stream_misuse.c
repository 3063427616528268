/* SPDX-License-Identifier: ISC */
/*
 * Tests of every public function of stream.h with NULL, with a closed and with a stolen stream: it
 * returns a negative errno or a neutral value, and never crashes. The tests do the same with values
 * out of range, and with emitter.h.
 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"
#include "suite.h"

static void on_event(struct handler *handler, const struct event *event)
{
	(void)handler;
	(void)event;
}

static struct handler handler;
static struct loop *other_loop;

/* ---- the table ---- */

#define CALL(name, expression)                                                                     \
	static long long call_##name(struct stream *s)                                             \
	{                                                                                          \
		return (long long)(expression);                                                    \
	}

CALL(new, s == NULL ? (stream_new(-1) == NULL ? -errno : 1) : -EBADF)
CALL(open, s == NULL ? (stream_open(test_loop, -1, STREAM_IS_TCP) == NULL ? -errno : 1) : -EBADF)
CALL(free, s == NULL ? stream_free(s) != NULL : 0)
CALL(close, (stream_close(s), 0))
CALL(close_gracefully, (stream_close_gracefully(s), 0))
CALL(abort, (stream_abort(s), 0))
CALL(steal_handle, stream_steal_handle(s))
CALL(loop, stream_loop(s) == NULL)
CALL(set_loop, stream_set_loop(s, test_loop))
CALL(fd, stream_fd(s))
CALL(cause, stream_cause(s))
CALL(cause_ns, stream_cause_ns(s))
CALL(has_ended, stream_has_ended(s))
CALL(has_hung_up, stream_has_hung_up(s))
CALL(timeout, stream_timeout(s))
CALL(set_timeout, stream_set_timeout(s, 1))
CALL(high_water_mark, stream_high_water_mark(s))
CALL(set_high_water_mark, stream_set_high_water_mark(s, 1))
CALL(can_write, stream_can_write(s))
CALL(bytes_waiting, stream_bytes_waiting(s))
CALL(bytes_read, stream_bytes_read(s))
CALL(bytes_written, stream_bytes_written(s))
CALL(read_ns, stream_read_ns(s))
CALL(written_ns, stream_written_ns(s))
CALL(stalled_ns, stream_stalled_ns(s) == NS_NEVER)
CALL(delivered_ns, stream_delivered_ns(s))
CALL(is_tcp, stream_is_tcp(s))
CALL(is_answered, stream_is_answered(s))
CALL(unsent, stream_unsent(s))
CALL(unread, stream_unread(s))
CALL(set_read_max, stream_set_read_max(s, 1))
CALL(start, stream_start(s))
CALL(stop, (stream_stop(s), 0))
CALL(is_started, stream_is_started(s))
CALL(pause, stream_pause(s, STREAM_BACKPRESSURE))
CALL(resume, stream_resume(s, STREAM_BACKPRESSURE))
CALL(pauses, stream_pauses(s))
CALL(write, stream_write(s, "x", 1, NULL))
CALL(write_ahead, stream_write_ahead(s, "x", 1))
CALL(write_last, stream_write_last(s, "x", 1))
CALL(is_writing, stream_is_writing(s))
CALL(is_readable, stream_is_readable(s))
CALL(shutdown, (stream_shutdown(s), 0))
CALL(splice_to, stream_splice_to(s, s))
CALL(is_splicing, stream_is_splicing(s))
CALL(poke, (stream_poke(s), 0))
CALL(peek, stream_peek(s, &(const void *){NULL}, 1))
CALL(skip, stream_skip(s, 1, false))
CALL(take, stream_take(s, (char[1]){0}, 1))
CALL(input_is_over, stream_input_is_over(s))
CALL(poke_input, (stream_poke_input(s), 0))
CALL(expire, (stream_expire(s), 0))
CALL(on, stream_on(s, STREAM_OWN_EVENT, &handler))
CALL(once, (stream_off(s, &handler), stream_once(s, STREAM_OWN_EVENT, &handler)))
CALL(off, (stream_off(s, &handler), 0))
CALL(off_events, (stream_off_events(s, STREAM_OWN_EVENT), 0))
CALL(subscribers, stream_subscribers(s, STREAM_OWN_EVENT))
CALL(has_subscribers, stream_has_subscribers(s, STREAM_OWN_EVENT))
CALL(emit, stream_emit(s, &(struct event){.type = STREAM_OWN_EVENT}))

static long long call_cleanup(struct stream *s)
{
	struct stream *null = NULL;

	if (s == NULL) {
		stream_cleanup(NULL);
		stream_cleanup(&null);
	}
	return 0;
}

#define ROW(name, null, closed, stolen)                                                            \
	{                                                                                          \
		"stream_" #name, call_##name, null, closed, stolen                                 \
	}

static const struct row {
	const char *name;
	long long (*call)(struct stream *s);
	long long null;
	long long closed;
	long long stolen;
} rows[] = {
	ROW(new, -EBADF, -EBADF, -EBADF),
	ROW(open, -EBADF, -EBADF, -EBADF),
	ROW(free, 0, 0, 0),
	ROW(cleanup, 0, 0, 0),
	ROW(close, 0, 0, 0),
	ROW(close_gracefully, 0, 0, 0),
	ROW(abort, 0, 0, 0),
	ROW(steal_handle, -EINVAL, -EBADF, -EBADF),
	ROW(loop, 1, 0, 0),
	ROW(set_loop, -EINVAL, -EBADF, -EBADF),
	ROW(fd, -1, -1, -1),
	ROW(cause, -EINVAL, 0, 0),
	ROW(cause_ns, 0, 0, 0),
	ROW(has_ended, 0, 0, 0),
	ROW(has_hung_up, 0, 0, 0),
	ROW(timeout, 0, 15, 15),
	ROW(set_timeout, -EINVAL, -EBADF, -EBADF),
	ROW(high_water_mark, 0, STREAM_HIGH_WATER_DEFAULT, STREAM_HIGH_WATER_DEFAULT),
	ROW(set_high_water_mark, -EINVAL, -EBADF, -EBADF),
	ROW(can_write, 0, 0, 0),
	ROW(bytes_waiting, 0, 0, 0),
	ROW(bytes_read, 0, 0, 0),
	ROW(bytes_written, 0, 0, 0),
	ROW(read_ns, 0, 0, 0),
	ROW(written_ns, 0, 0, 0),
	ROW(stalled_ns, 1, 1, 1),
	ROW(delivered_ns, 0, 0, 0),
	ROW(is_tcp, 0, 1, 1),
	ROW(is_answered, 1, 1, 1),
	ROW(unsent, 0, 0, 0),
	ROW(unread, 0, 0, 0),
	ROW(set_read_max, -EINVAL, -EBADF, -EBADF),
	ROW(start, -EINVAL, -EBADF, -EBADF),
	ROW(stop, 0, 0, 0),
	ROW(is_started, 0, 0, 0),
	ROW(pause, -EINVAL, -EBADF, -EBADF),
	ROW(resume, -EINVAL, -EBADF, -EBADF),
	ROW(pauses, 0, STREAM_STOPPED, STREAM_STOPPED),
	ROW(write, -EINVAL, -EPIPE, -EPIPE),
	ROW(write_ahead, -EINVAL, -EPIPE, -EPIPE),
	ROW(write_last, -EINVAL, -EPIPE, -EPIPE),
	ROW(is_writing, 0, 0, 0),
	ROW(is_readable, 0, 0, 0),
	ROW(shutdown, 0, 0, 0),
	ROW(splice_to, -EINVAL, -EINVAL, -EINVAL),
	ROW(is_splicing, 0, 0, 0),
	ROW(poke, 0, 0, 0),
	ROW(peek, -EINVAL, -EBADF, -EBADF),
	ROW(skip, -EINVAL, -EBADF, -EBADF),
	ROW(take, -EINVAL, -EBADF, -EBADF),
	ROW(input_is_over, 0, 0, 0),
	ROW(poke_input, 0, 0, 0),
	ROW(expire, 0, 0, 0),
	ROW(on, -EINVAL, 0, 0),
	ROW(once, -EINVAL, 0, 0),
	ROW(subscribers, 0, 1, 1),
	ROW(has_subscribers, 0, 1, 1),
	ROW(emit, -EINVAL, 0, 0),
	ROW(off, 0, 0, 0),
	ROW(off_events, 0, 0, 0),
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *row_of(const char *name, size_t len)
{
	for (size_t i = 0; i < N_ROWS; i++) {
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0) {
			return &rows[i];
		}
	}
	return NULL;
}

START_TEST(every_public_function_is_in_the_table)
{
	const char *root = getenv("WEIR_SOURCE_ROOT");
	char path[PATH_MAX];
	char line[256];
	unsigned n = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/src/stream/stream.h", root == NULL ? "." : root);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		const char *name =
			strchr(" /*#\t\n}", line[0]) == NULL ? strstr(line, "stream_") : NULL;
		size_t len = name == NULL ? 0 : strspn(name, "abcdefghijklmnopqrstuvwxyz_");

		if (len > 0 && name[len] == '(') {
			ck_assert_msg(row_of(name, len) != NULL, "no row: %s", name);
			n++;
		}
	}
	fclose(file);
	ck_assert_uint_eq(n, N_ROWS);
}
END_TEST

/* ---- calls without a usable stream ---- */

static void check_rows(struct stream *s, size_t column)
{
	handler = (struct handler){.call = on_event};
	for (size_t i = 0; i < N_ROWS; i++) {
		const long long *expected = &rows[i].null + column;
		long long r = rows[i].call(s);

		ck_assert_msg(r == *expected, "%s: %lld, not %lld", rows[i].name, r, *expected);
	}
}

START_TEST(null_is_einval_or_neutral)
{
	check_rows(NULL, 0);
}
END_TEST

START_TEST(a_closed_stream_is_ebadf_or_neutral)
{
	struct scene scene;

	for (int is_told = 0; is_told < 2; is_told++) {
		scene_open(&scene, WIRE_TCP, 0);
		stream_close(scene.stream);
		if (is_told) {
			loop_until(heard(&scene.rec, "CLOSE"));
		}
		check_rows(scene.stream, 1);
		loop_settle();
		ck_assert_uint_eq(scene.rec.n_events, 1); /* CLOSE */
		scene_close(&scene);
	}
}
END_TEST

START_TEST(a_stolen_stream_is_ebadf_or_neutral)
{
	struct scene scene;
	int fd;

	scene_open(&scene, WIRE_TCP, 0);
	fd = stream_steal_handle(scene.stream);
	ck_assert_int_ge(fd, 0);
	stream_off(scene.stream, &scene.rec.handler);
	check_rows(scene.stream, 2);
	loop_settle();
	ck_assert_uint_eq(scene.rec.n_events, 0);
	scene_close(&scene);
	close(fd);
}
END_TEST

START_TEST(splicing_to_or_from_what_is_closed_is_ebadf)
{
	struct scene scene;
	struct scene closed;

	scene_open(&scene, WIRE_TCP, 0);
	scene_open(&closed, WIRE_TCP, 0);
	stream_close(closed.stream);
	ck_assert_int_eq(stream_splice_to(scene.stream, closed.stream), -EBADF);
	ck_assert_int_eq(stream_splice_to(closed.stream, scene.stream), -EBADF);
	ck_assert_int_eq(stream_splice_to(closed.stream, NULL), 0);
	scene_close(&closed);
	scene_close(&scene);
}
END_TEST

/* ---- values out of range ---- */

START_TEST(a_value_out_of_range_is_einval_and_changes_nothing)
{
	const double seconds[] = {-1, -1e-9, -INFINITY, INFINITY, NAN, 4294968, 1e300};
	struct scene scene;
	struct stream *s;

	scene_open(&scene, WIRE_TCP, 0);
	s = scene.stream;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		ck_assert_int_eq(stream_set_timeout(s, seconds[i]), -EINVAL);
	}
	ck_assert(stream_timeout(s) == STREAM_TIMEOUT_DEFAULT_S);
	ck_assert_int_eq(stream_set_high_water_mark(s, 0), -EINVAL);
	ck_assert_int_eq(stream_set_high_water_mark(s, (size_t)UINT32_MAX + 1), -EINVAL);
	ck_assert_uint_eq(stream_high_water_mark(s), STREAM_HIGH_WATER_DEFAULT);
	ck_assert_int_eq(stream_set_high_water_mark(s, UINT32_MAX), 0);
	ck_assert_int_eq(stream_set_read_max(s, 0), -EINVAL);
	ck_assert_int_eq(stream_set_read_max(s, SIZE_MAX), 0);
	ck_assert_int_eq(stream_pause(s, 1 << 8), -EINVAL);
	ck_assert_int_eq(stream_resume(s, 1 << 8), -EINVAL);
	ck_assert_uint_eq(stream_pauses(s), STREAM_STOPPED);
	ck_assert_int_eq(stream_write(s, NULL, 1, NULL), -EINVAL);
	ck_assert_int_eq(stream_write(s, "x", 1, &(struct handler){.call = NULL}), -EINVAL);
	ck_assert_int_eq(stream_splice_to(s, s), -EINVAL);
	ck_assert_uint_eq(stream_bytes_written(s), 0);
	ck_assert(stream_can_write(s));
	scene_close(&scene);
}
END_TEST

START_TEST(a_timeout_is_never_shorter_than_was_said)
{
	struct scene scene;

	scene_open(&scene, WIRE_TCP, 0);
	ck_assert_int_eq(stream_set_timeout(scene.stream, 0.0001), 0);
	ck_assert(stream_timeout(scene.stream) == 0.001);
	ck_assert_int_eq(stream_set_timeout(scene.stream, 1.2345), 0);
	ck_assert(stream_timeout(scene.stream) == 1.235);
	ck_assert_int_eq(stream_set_timeout(scene.stream, 45), 0);
	ck_assert(stream_timeout(scene.stream) == 45);
	scene_close(&scene);
}
END_TEST

START_TEST(a_stream_on_another_loop_is_no_target_for_a_splice)
{
	struct wire wire = wire_open(WIRE_TCP);
	struct scene scene;
	struct stream *s;

	other_loop = loop_new();
	ck_assert_ptr_nonnull(other_loop);
	scene_open(&scene, WIRE_TCP, 0);
	s = stream_open(other_loop, wire.near, 0);
	ck_assert_int_eq(stream_splice_to(scene.stream, s), -EINVAL);
	ck_assert(!stream_is_splicing(scene.stream));
	s = stream_free(s);
	loop_free(other_loop);
	close(wire.far);
	scene_close(&scene);
}
END_TEST

START_TEST(what_is_no_handler_or_no_event_is_refused)
{
	struct handler mute = {.call = NULL};
	struct scene scene;
	struct event event = {.type = 0};
	struct stream *s;

	handler = (struct handler){.call = on_event};
	scene_open(&scene, WIRE_TCP, 0);
	s = scene.stream;
	ck_assert_int_eq(stream_on(s, STREAM_READ, NULL), -EINVAL);
	ck_assert_int_eq(stream_on(s, STREAM_READ, &mute), -EINVAL);
	ck_assert_int_eq(stream_on(s, 0, &handler), -EINVAL);
	ck_assert_int_eq(stream_once(s, 1 << 17, &handler), -EINVAL);
	ck_assert(!handler_is_on(&handler));
	ck_assert_int_eq(stream_on(s, 1 << 15, &handler), 0);
	ck_assert(handler_is_on(&handler));
	ck_assert_int_eq(stream_on(s, STREAM_READ, &handler), -EALREADY);
	ck_assert_int_eq(stream_once(s, STREAM_READ, &handler), -EALREADY);
	ck_assert(!handler.once);
	/* No byte goes out. */
	ck_assert_int_eq(stream_write(s, "x", 1, &handler), -EALREADY);
	ck_assert_uint_eq(stream_bytes_written(s) + stream_bytes_waiting(s), 0);
	stream_off(s, NULL);
	stream_off(s, &mute);
	ck_assert_int_eq(stream_emit(s, NULL), -EINVAL);
	ck_assert_int_eq(stream_emit(s, &event), -EINVAL);
	event.type = STREAM_READ | STREAM_WRITE;
	ck_assert_int_eq(stream_emit(s, &event), -EINVAL);
	event.type = 1 << 17;
	ck_assert_int_eq(stream_emit(s, &event), -EINVAL);
	ck_assert_uint_eq(scene.rec.n_events, 0);
	scene_close(&scene);
}
END_TEST

START_TEST(flags_that_do_not_exist_or_exclude_each_other_leave_the_fd)
{
	struct wire wire = wire_open(WIRE_TCP);

	errno = 0;
	ck_assert_ptr_null(stream_open(test_loop, wire.near, 1 << 5));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(stream_open(test_loop, wire.near, STREAM_IS_TCP | STREAM_IS_UNIX));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(stream_open(test_loop, wire.near, STREAM_IS_MPTCP));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(stream_open(test_loop, -1, STREAM_IS_TCP | STREAM_NONBLOCKING));
	ck_assert_int_eq(errno, EBADF);
	close(wire.near);
	close(wire.far);
}
END_TEST

/* ---- its subscribers ---- */

START_TEST(emitters)
{
	struct emitter emitter;
	struct handler mute = {.call = NULL};

	emitter_init(&emitter);
	handler = (struct handler){.call = on_event};
	ck_assert_int_eq(emitter_on(NULL, 1, &handler), -EINVAL);
	ck_assert_int_eq(emitter_on(&emitter, 0, &handler), -EINVAL);
	ck_assert_int_eq(emitter_on(&emitter, 1, NULL), -EINVAL);
	ck_assert_int_eq(emitter_once(&emitter, 1, &mute), -EINVAL);
	ck_assert_int_eq(emitter_once(&emitter, 1, &handler), 0);
	ck_assert_int_eq(emitter_on(&emitter, 1, &handler), -EALREADY);
	emitter_off(NULL, &handler);
	emitter_off(&emitter, NULL);
	ck_assert(handler_is_on(&handler));
	ck_assert(!handler_is_on(NULL));
	emitter_off(&emitter, &handler);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_misuse");
	TCase *tc = tcase_create("misuse");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_test(tc, every_public_function_is_in_the_table);
	tcase_add_test(tc, null_is_einval_or_neutral);
	tcase_add_test(tc, a_closed_stream_is_ebadf_or_neutral);
	tcase_add_test(tc, a_stolen_stream_is_ebadf_or_neutral);
	tcase_add_test(tc, splicing_to_or_from_what_is_closed_is_ebadf);
	tcase_add_test(tc, a_value_out_of_range_is_einval_and_changes_nothing);
	tcase_add_test(tc, a_timeout_is_never_shorter_than_was_said);
	tcase_add_test(tc, a_stream_on_another_loop_is_no_target_for_a_splice);
	tcase_add_test(tc, what_is_no_handler_or_no_event_is_refused);
	tcase_add_test(tc, flags_that_do_not_exist_or_exclude_each_other_leave_the_fd);
	tcase_add_test(tc, emitters);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
