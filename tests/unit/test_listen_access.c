/* SPDX-License-Identifier: ISC */
/* UNIX sockets in a folder that others may write: mode and owner are set on the socket only. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "listen_rig.h"
#include "suite.h"

/* ---- who may write the folder ---- */

enum { VICTIM_MODE = 0604 };

/* What replaces the socket at the path; the socket is renamed to "ours". */
static enum put { PUT_NOTHING, PUT_LINK, PUT_HARD_LINK, PUT_SOCKET } put;
static unsigned n_umasks; /* calls of umask(2) */
static bool no_proc;

/* Replaces the socket between two of our steps, as anybody who may write the folder could. */
static void swap_path(void)
{
	if (put == PUT_NOTHING) {
		return;
	}
	ck_assert_int_eq(rename("x.sock", "ours"), 0);
	if (put == PUT_LINK) {
		ck_assert_int_eq(symlink("victim", "x.sock"), 0);
	} else if (put == PUT_HARD_LINK) {
		ck_assert_int_eq(link("victim", "x.sock"), 0);
	} else {
		ck_assert_int_eq(link("victim.sock", "x.sock"), 0);
	}
	put = PUT_NOTHING;
}

int __real_chmod(const char *path, mode_t mode);
int __wrap_chmod(const char *path, mode_t mode);

int __wrap_chmod(const char *path, mode_t mode)
{
	if (no_proc && strncmp(path, "/proc/", 6) == 0) {
		errno = ENOENT;
		return -1;
	}
	swap_path();
	return __real_chmod(path, mode);
}

int __real_fchownat(int fd, const char *path, uid_t owner, gid_t group, int flags);
int __wrap_fchownat(int fd, const char *path, uid_t owner, gid_t group, int flags);

int __wrap_fchownat(int fd, const char *path, uid_t owner, gid_t group, int flags)
{
	swap_path();
	return __real_fchownat(fd, path, owner, group, flags);
}

mode_t __real_umask(mode_t mask);
mode_t __wrap_umask(mode_t mask);

/* The second call comes right after bind(2). */
mode_t __wrap_umask(mode_t mask)
{
	if (++n_umasks == 2) {
		swap_path();
	}
	return __real_umask(mask);
}

static void make_victims(void)
{
	write_file("victim");
	ck_assert_int_eq(__real_chmod("victim", VICTIM_MODE), 0);
	close(bind_by_hand("victim.sock", SOCK_STREAM));
	ck_assert_int_eq(__real_chmod("victim.sock", VICTIM_MODE), 0);
}

static void expect_unharmed(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, VICTIM_MODE);
	ck_assert_uint_eq(st.st_gid, getegid());
	ck_assert_int_eq(unlink(path), 0);
}

START_TEST(a_path_that_is_swapped_after_the_bind_harms_no_other_file)
{
	static const enum put puts[] = {PUT_LINK, PUT_HARD_LINK, PUT_SOCKET};
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = {.fd = -1};
	const char *why = NULL;

	make_victims();
	put = puts[_i / 2];
	n_umasks = 0;
	/* If ioctl(2) does not open the file of the socket, open(2) does, by its path. */
	if (_i % 2 == 1) {
		fault_only_call("ioctl");
		fault_arm(1);
	}
	ck_assert_int_eq(listen_open(&addr, &rig_access, NULL, &socket, &why), -ENOENT);
	ck_assert_int_eq(fault_disarm(), _i % 2 == 1);
	ck_assert_ptr_nonnull(strstr(why, "taken the path away"));
	ck_assert(exists("x.sock")); /* what replaced our socket */
	ck_assert_int_eq(unlink("x.sock"), 0);
	ck_assert_int_eq(unlink("ours"), 0);
	expect_unharmed("victim");
	expect_unharmed("victim.sock");
}
END_TEST

START_TEST(a_path_that_is_swapped_before_its_mode_changes_harms_no_other_file)
{
	struct addr addr = unix_at("x.sock");
	struct file_access access = {.mode = 0600};
	struct listen_socket socket = must_open(&addr);
	const char *why;
	struct stat st;

	make_victims();
	put = PUT_LINK;
	ck_assert_int_eq(listen_set_access(&socket, &access, &why), 0);
	ck_assert_int_eq(put, PUT_NOTHING);
	ck_assert_int_eq(lstat("ours", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	listen_close(&socket);
	ck_assert_int_eq(unlink("x.sock"), 0);
	ck_assert_int_eq(unlink("ours"), 0);
	expect_unharmed("victim");
	expect_unharmed("victim.sock");
}
END_TEST

START_TEST(without_proc_a_socket_has_its_mode_and_a_change_says_what_is_missing)
{
	struct addr addr = unix_at("x.sock");
	struct file_access access = {.mode = 0600};
	struct listen_socket socket;
	const char *why = NULL;
	struct stat st;

	socket = must_open(&addr); /* the umask sets the mode, without a chmod */
	no_proc = true;
	ck_assert_int_eq(listen_set_access(&socket, &access, &why), -ENOENT);
	no_proc = false;
	ck_assert_ptr_nonnull(strstr(why, "/proc"));
	ck_assert_int_eq(lstat("x.sock", &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, MODE);
	listen_close(&socket);
}
END_TEST

/* ---- owner and group ---- */

static gid_t group_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_gid;
}

START_TEST(a_path_gets_its_owner_and_goes_back_to_whose_it_was)
{
	struct addr addr = unix_at("x.sock");
	struct file_access access = {
		.mode = 0660, .sets_owner = true, .sets_group = true, .owner = 1234, .group = 2345};
	struct listen_socket socket = {.fd = -1};
	struct stat st;
	const char *why;

	if (geteuid() != 0) {
		return;
	}
	make_victims();
	n_umasks = 2;
	put = PUT_LINK; /* only our own socket gets another owner */
	ck_assert_int_eq(listen_open(&addr, &access, NULL, &socket, &why), 0);
	ck_assert_int_eq(unlink("x.sock"), 0);
	ck_assert_int_eq(rename("ours", "x.sock"), 0);
	ck_assert_int_eq(lstat("x.sock", &st), 0);
	ck_assert_uint_eq(st.st_uid, 1234);
	ck_assert_uint_eq(st.st_gid, 2345);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
	ck_assert_int_eq(listen_set_access(&socket, &rig_access, &why), 0);
	ck_assert_uint_eq(group_of("x.sock"), getegid());
	listen_close(&socket);
	ck_assert(!exists("x.sock"));
	expect_unharmed("victim");
	expect_unharmed("victim.sock");
}
END_TEST

START_TEST(a_folder_that_gives_its_group_needs_no_right_to_give)
{
	struct addr addr = unix_at("x.sock");
	struct file_access access = {.mode = 0660, .sets_group = true, .group = getegid()};
	struct listen_socket socket = {.fd = -1};

	n_umasks = 2;
	put = PUT_LINK; /* without a chown, this never happens */
	ck_assert_int_eq(listen_open(&addr, &access, NULL, &socket, NULL), 0);
	ck_assert_int_eq(put, PUT_LINK);
	put = PUT_NOTHING;
	listen_close(&socket);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("listen_access");
	TCase *tc = tcase_create("listen_access");

	tcase_add_checked_fixture(tc, rig_setup, rig_teardown);
	tcase_add_loop_test(tc, a_path_that_is_swapped_after_the_bind_harms_no_other_file, 0, 6);
	tcase_add_test(tc, a_path_that_is_swapped_before_its_mode_changes_harms_no_other_file);
	tcase_add_test(tc, without_proc_a_socket_has_its_mode_and_a_change_says_what_is_missing);
	tcase_add_test(tc, a_path_gets_its_owner_and_goes_back_to_whose_it_was);
	tcase_add_test(tc, a_folder_that_gives_its_group_needs_no_right_to_give);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
