/* SPDX-License-Identifier: ISC */
/*
 * Tests of failing splice(2) calls, on the way in or out: no byte is lost, and the stream copies
 * from then on.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "suite.h"
#include "way.h"

/* ---- reads that are cut short ---- */

static size_t read_cut; /* a read returns no more bytes than this; 0: no limit */

ssize_t __real_read(int fd, void *buffer, size_t len);
ssize_t __wrap_read(int fd, void *buffer, size_t len);

ssize_t __wrap_read(int fd, void *buffer, size_t len)
{
	if (fault_strikes("read", FAULT_BYTES, EIO)) {
		return -1;
	}
	return __real_read(fd, buffer, read_cut > 0 && read_cut < len ? read_cut : len);
}

/* ---- refusals ---- */

START_TEST(without_a_pipe_bytes_are_copied)
{
	way_open(_i, false);
	pipe_pool_allow(test_loop, 0);
	way_receive();
	way_send(1000 * 1000);
	loop_until(way.out.n_received == 1000 * 1000);
	ck_assert_uint_eq(way.source.n_spliced, 0);
	ck_assert(stream_is_splicing(way.from));
	way_close();
}
END_TEST

static const int refusals[] = {EINVAL, EPERM, ENOSYS, ENOMEM};

START_TEST(where_the_kernel_does_not_splice_from_it_is_copied_for_good)
{
	way_open(_i, false);
	way_receive();
	fault_only_call("splice");
	fault_set_errno(refusals[_i]);
	fault_arm(1);
	way_send(500 * 1000);
	loop_until(way.out.n_received == 500 * 1000);
	ck_assert(fault_disarm());
	ck_assert_uint_eq(way.source.n_spliced, 0);
	stream_splice_to(way.from, way.to);
	ck_assert(!stream_is_splicing(way.from));
	way_close();
}
END_TEST

START_TEST(where_the_kernel_does_not_splice_to_what_is_in_the_pipe_is_copied)
{
	size_t total = 500 * 1000;
	size_t spliced;

	way_open(_i, _i % 2 == 0);
	fault_only_call("splice");
	fault_set_errno(refusals[_i]);
	fault_arm(2);
	way_send(total);
	loop_until(way.source.n_read > 0);
	ck_assert(fault_disarm());
	spliced = way.source.n_spliced;
	ck_assert_uint_gt(spliced, 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), stream_bytes_waiting(way.to));
	way_receive();
	loop_until(way.out.n_received == total);
	ck_assert_uint_eq(way.source.n_spliced, spliced);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	ck_assert(!stream_is_splicing(way.from));
	stream_splice_to(way.from, way.to);
	ck_assert(!stream_is_splicing(way.from));
	way_close();
}
END_TEST

START_TEST(chunks_behind_a_pipe_that_is_copied_stay_behind_it)
{
	unsigned char bytes[50 * 1000];

	way_open(_i, true);
	way_fill_pipe();
	pattern_fill(bytes, way.source.n_read, sizeof(bytes));
	ck_assert_int_eq(stream_write(way.to, bytes, sizeof(bytes), NULL), 0);
	way.source.n_read += sizeof(bytes);
	sender_stop(&way.sender);
	fault_only_call("splice");
	fault_arm(1);
	way_receive();
	loop_until(way_is_out());
	ck_assert(fault_disarm());
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	way_close();
}
END_TEST

START_TEST(what_was_in_a_pipe_and_cannot_be_kept_fails_the_receiver)
{
	static const struct {
		const char *call;
		int err;
		unsigned nth;
		size_t read_cut;
	} cases[] = {{"malloc", ENOMEM, 1, 0}, {"read", EIO, 1, 0}, {"read", EIO, 2, 1000}};
	size_t i = (size_t)_i / WAY_COMBINATIONS;

	way_open(_i % WAY_COMBINATIONS, true);
	way_fill_pipe();
	sender_stop(&way.sender);
	way.refuses_out = true;
	fault_only_call(cases[i].call);
	read_cut = cases[i].read_cut;
	fault_arm(cases[i].nth);
	stream_poke(way.to);
	read_cut = 0;
	ck_assert(fault_disarm());
	loop_until(heard(&way.sink, "HANGUP"));
	ck_assert_int_eq(way.sink.error, -cases[i].err);
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 0);
	ck_assert_uint_eq(loop_waiting_bytes(test_loop), 0);
	ck_assert_uint_eq(way_pool()->n_free, way_pool()->n_made);
	way_close();
}
END_TEST

START_TEST(an_error_of_the_sender_that_splice_was_told_is_the_streams)
{
	way_open(_i, false);
	fault_only_call("splice");
	fault_set_errno(ECONNRESET);
	fault_arm(1);
	way_send(1000);
	loop_until(heard(&way.source, "CLOSE"));
	ck_assert(fault_disarm());
	ck_assert_int_eq(way.source.error, -ECONNRESET);
	/* The HANGUP comes first, then the bytes that are still unread. */
	ck_assert_int_eq(strncmp(way.source.events, "HANGUP:ECONNRESET READ", 22), 0);
	ck_assert_uint_eq(way.source.n_read, 1000);
	way_close();
}
END_TEST

START_TEST(an_error_of_the_receiver_that_splice_was_told_is_the_streams)
{
	static const int errors[] = {EPIPE, ECONNRESET};

	way_open(_i, false);
	fault_only_call("splice");
	fault_set_errno(errors[_i % 2]);
	fault_arm(2);
	way_send(1000);
	loop_until(heard(&way.sink, "CLOSE") || heard(&way.sink, "HANGUP"));
	ck_assert(fault_disarm());
	ck_assert_int_eq(way.sink.error, -errors[_i % 2]);
	ck_assert_uint_eq(stream_bytes_waiting(way.to), 0);
	way_close();
}
END_TEST

START_TEST(a_full_pipe_or_an_empty_socket_is_settled_by_a_copy)
{
	way_open(_i, false);
	way_receive();
	fault_only_call("splice");
	fault_set_errno(EAGAIN);
	fault_arm(1);
	way_send(100 * 1000);
	loop_until(way.out.n_received == 100 * 1000);
	ck_assert(fault_disarm());
	ck_assert_uint_lt(way.source.n_spliced, 100 * 1000);
	ck_assert(stream_is_splicing(way.from));
	way_close();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("splice_faults");
	TCase *tc = tcase_create("splice_faults");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, without_a_pipe_bytes_are_copied, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, where_the_kernel_does_not_splice_from_it_is_copied_for_good, 0,
		WAY_COMBINATIONS);
	tcase_add_loop_test(tc, where_the_kernel_does_not_splice_to_what_is_in_the_pipe_is_copied,
		0, WAY_COMBINATIONS);
	tcase_add_loop_test(
		tc, chunks_behind_a_pipe_that_is_copied_stay_behind_it, 0, WAY_COMBINATIONS);
	tcase_add_loop_test(tc, what_was_in_a_pipe_and_cannot_be_kept_fails_the_receiver, 0,
		3 * WAY_COMBINATIONS);
	tcase_add_loop_test(tc, an_error_of_the_sender_that_splice_was_told_is_the_streams, 0,
		WAY_COMBINATIONS);
	tcase_add_loop_test(tc, an_error_of_the_receiver_that_splice_was_told_is_the_streams, 0,
		WAY_COMBINATIONS);
	tcase_add_loop_test(
		tc, a_full_pipe_or_an_empty_socket_is_settled_by_a_copy, 0, WAY_COMBINATIONS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
