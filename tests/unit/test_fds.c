/* SPDX-License-Identifier: ISC */
/* How many fds are open: by the kernel's number, and by counting on older kernels. */
#include "base/fds.h"

#include <fcntl.h>
#include <unistd.h>

#include "suite.h"

enum { N_FDS = 300 };

START_TEST(they_are_counted_piece_by_piece_once_each)
{
	int fds[N_FDS];
	int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	size_t told;
	size_t before = 0;
	size_t n = 0;
	int n_pieces = 0;

	ck_assert_int_ge(folder, 0);
	while (fds_count_some(folder, &before) > 0) {
	}
	for (size_t i = 0; i < N_FDS; i++) {
		fds[i] = dup(folder);
	}
	ck_assert_int_eq(lseek(folder, 0, SEEK_SET), 0);
	while (fds_count_some(folder, &n) > 0) {
		n_pieces++;
	}
	ck_assert_uint_eq(n, before + N_FDS);
	ck_assert_int_gt(n_pieces, 2);
	if (fds_count_told(folder, &told)) { /* since Linux 6.2 */
		ck_assert_uint_eq(told, n);
	}
	for (size_t i = 0; i < N_FDS; i++) {
		close(fds[i]);
	}
	close(folder);
}
END_TEST

START_TEST(what_is_no_folder_is_told)
{
	int file = open("/proc/self/stat", O_RDONLY);
	size_t n = 0;

	ck_assert_int_lt(fds_count_some(file, &n), 0);
	ck_assert(!fds_count_told(file, &n));
	ck_assert_uint_eq(n, 0);
	close(file);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fds");
	TCase *tc = tcase_create("fds");

	tcase_add_test(tc, they_are_counted_piece_by_piece_once_each);
	tcase_add_test(tc, what_is_no_folder_is_told);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
