/* SPDX-License-Identifier: ISC */
/* Tests of the pool of pipes, also where the kernel grants small pipes or none. */
#include "stream/pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "stream/loop_private.h"
#include "suite.h"

/* ---- a kernel that grants what the test says, and a clock that the test sets ---- */

static int granted; /**< bytes of a pipe; 0: what the real kernel grants */
static uint64_t now_ns;
static unsigned n_asked; /**< calls of F_GETPIPE_SZ */

uint64_t __wrap_clock_ns(void);
uint64_t __real_clock_ns(void);
int __wrap_fcntl(int fd, int request, ...);
int __real_fcntl(int fd, int request, ...);
int __wrap_fcntl64(int fd, int request, ...);

uint64_t __wrap_clock_ns(void)
{
	return now_ns == 0 ? __real_clock_ns() : now_ns;
}

static int fcntl_scripted(int fd, int request, long arg)
{
	n_asked += request == F_GETPIPE_SZ;
	if (granted > 0 && request == F_SETPIPE_SZ && arg > granted) {
		errno = EPERM;
		return -1;
	}
	if (granted > 0 && request == F_GETPIPE_SZ) {
		return granted;
	}
	return fault_strikes("fcntl", FAULT_SOCKET, EBADF) ? -1 : __real_fcntl(fd, request, arg);
}

#define FCNTL_WRAP(name)                                                                           \
	int name(int fd, int request, ...)                                                         \
	{                                                                                          \
		va_list args;                                                                      \
		long arg;                                                                          \
                                                                                                   \
		va_start(args, request);                                                           \
		arg = va_arg(args, long);                                                          \
		va_end(args);                                                                      \
		return fcntl_scripted(fd, request, arg);                                           \
	}

FCNTL_WRAP(__wrap_fcntl)
FCNTL_WRAP(__wrap_fcntl64)

static void setup(void)
{
	granted = 0;
	now_ns = 0;
	fixture_setup();
	n_asked = 0;
}

/* ---- lending ---- */

START_TEST(a_loop_has_no_pipes_until_it_is_allowed_some)
{
	ck_assert_ptr_null(pipe_take(test_loop));
	ck_assert_uint_eq(n_asked, 0);
}
END_TEST

START_TEST(a_pipe_is_as_large_as_the_kernel_says)
{
	struct pipe *pipe;

	pipe_pool_allow(test_loop, 1);
	pipe = pipe_take(test_loop);
	ck_assert_ptr_nonnull(pipe);
	ck_assert_uint_eq(pipe->size, (size_t)__real_fcntl(pipe->in, F_GETPIPE_SZ, 0));
	ck_assert_uint_ge(pipe->size, PIPE_BYTES_MIN);
	ck_assert_uint_le(pipe->size, PIPE_BYTES_MAX);
	ck_assert_uint_eq(pipe->used, 0);
	ck_assert_ptr_null(pipe_give(test_loop, pipe));
}
END_TEST

START_TEST(a_pipe_that_came_back_empty_is_lent_again)
{
	struct pipe *pipe;

	pipe_pool_allow(test_loop, PIPES_MAX);
	pipe = pipe_take(test_loop);
	pipe_give(test_loop, pipe);
	ck_assert_ptr_eq(pipe_take(test_loop), pipe);
	ck_assert_uint_eq(n_asked, 1);
	pipe_give(test_loop, pipe);
}
END_TEST

START_TEST(a_pipe_that_came_back_with_bytes_is_closed)
{
	struct pipe *pipe;
	int in;

	pipe_pool_allow(test_loop, 1);
	pipe = pipe_take(test_loop);
	in = pipe->in;
	pipe_fill(test_loop, pipe, 1);
	ck_assert_ptr_null(pipe_give(test_loop, pipe));
	ck_assert_int_eq(__real_fcntl(in, F_GETFD, 0), -1);
	pipe = pipe_take(test_loop); /* the pool has room for another one */
	ck_assert_ptr_nonnull(pipe);
	ck_assert_uint_eq(pipe->used, 0);
	pipe_give(test_loop, pipe);
}
END_TEST

START_TEST(no_more_are_lent_than_allowed)
{
	struct pipe *pipes[PIPES_MAX];

	pipe_pool_allow(test_loop, PIPES_MAX + 1);
	for (size_t i = 0; i < PIPES_MAX; i++) {
		pipes[i] = pipe_take(test_loop);
		ck_assert_ptr_nonnull(pipes[i]);
	}
	ck_assert_ptr_null(pipe_take(test_loop));
	for (size_t i = 0; i < PIPES_MAX; i++) {
		pipe_give(test_loop, pipes[i]);
	}
}
END_TEST

START_TEST(nothing_may_be_given_back)
{
	ck_assert_ptr_null(pipe_give(test_loop, NULL));
}
END_TEST

/* ---- refusals ---- */

START_TEST(where_a_large_pipe_is_refused_a_smaller_one_is_taken)
{
	static const int sizes[] = {512 * 1024, 128 * 1024, 64 * 1024};
	struct pipe *pipe;

	granted = sizes[_i];
	pipe_pool_allow(test_loop, 1);
	pipe = pipe_take(test_loop);
	ck_assert_ptr_nonnull(pipe);
	ck_assert_uint_eq(pipe->size, (size_t)granted);
	ck_assert_int_eq(__real_fcntl(pipe->in, F_GETPIPE_SZ, 0), granted);
	pipe_give(test_loop, pipe);
}
END_TEST

START_TEST(a_pipe_too_small_to_be_worth_it_is_none_and_asked_for_again_in_a_second)
{
	struct pipe *pipe;

	granted = 8192;
	now_ns = 5 * (uint64_t)NS_PER_S;
	pipe_pool_allow(test_loop, 1);
	ck_assert_ptr_null(pipe_take(test_loop));
	ck_assert_uint_eq(n_asked, 1);
	granted = 0;
	now_ns += NS_PER_S - 1;
	ck_assert_ptr_null(pipe_take(test_loop));
	ck_assert_uint_eq(n_asked, 1);
	now_ns++;
	pipe = pipe_take(test_loop);
	ck_assert_ptr_nonnull(pipe);
	pipe_give(test_loop, pipe);
}
END_TEST

START_TEST(pipes_that_are_there_are_lent_although_another_was_refused)
{
	struct pipe *pipe;

	now_ns = 5 * (uint64_t)NS_PER_S;
	pipe_pool_allow(test_loop, 2);
	pipe = pipe_take(test_loop);
	granted = 8192;
	ck_assert_ptr_null(pipe_take(test_loop));
	pipe_give(test_loop, pipe);
	ck_assert_ptr_eq(pipe_take(test_loop), pipe);
	pipe_give(test_loop, pipe);
}
END_TEST

START_TEST(without_memory_descriptors_or_a_size_there_is_none)
{
	unsigned n = 1;

	pipe_pool_allow(test_loop, 1);
	now_ns = 5 * (uint64_t)NS_PER_S;
	for (;; n++) {
		struct pipe *pipe;

		fault_arm(n);
		pipe = pipe_take(test_loop);
		if (!fault_disarm()) {
			pipe_give(test_loop, pipe);
			break;
		}
		/* If a size cannot be set, the next smaller one is tried. */
		ck_assert(pipe == NULL || n == 3);
		if (pipe != NULL) {
			pipe_fill(test_loop, pipe, 1);
			pipe_give(test_loop, pipe);
		}
		now_ns += 2 * NS_PER_S;
	}
	ck_assert_uint_ge(n, 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pipe");
	TCase *tc = tcase_create("pipe");

	tcase_add_checked_fixture(tc, setup, fixture_teardown);
	tcase_add_test(tc, a_loop_has_no_pipes_until_it_is_allowed_some);
	tcase_add_test(tc, a_pipe_is_as_large_as_the_kernel_says);
	tcase_add_test(tc, a_pipe_that_came_back_empty_is_lent_again);
	tcase_add_test(tc, a_pipe_that_came_back_with_bytes_is_closed);
	tcase_add_test(tc, no_more_are_lent_than_allowed);
	tcase_add_test(tc, nothing_may_be_given_back);
	tcase_add_loop_test(tc, where_a_large_pipe_is_refused_a_smaller_one_is_taken, 0, 3);
	tcase_add_test(tc, a_pipe_too_small_to_be_worth_it_is_none_and_asked_for_again_in_a_second);
	tcase_add_test(tc, pipes_that_are_there_are_lent_although_another_was_refused);
	tcase_add_test(tc, without_memory_descriptors_or_a_size_there_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
