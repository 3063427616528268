/* SPDX-License-Identifier: ISC */
/* UNIX sockets: paths and their locks, abstract names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"
#include "listen_rig.h"
#include "suite.h"

/* ---- UNIX ---- */

START_TEST(a_path_gets_its_mode_whatever_the_umask)
{
	struct addr addr = unix_at("x.sock");
	mode_t before = umask(_i == 0 ? 0 : 0777);
	struct listen_socket socket = must_open(&addr);
	struct stat st;

	umask(before);
	ck_assert_int_eq(stat("x.sock", &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, MODE);
	close(connect_to(&addr.sa.any, addr.sa_len));
	listen_close(&socket);
	ck_assert(!exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
}
END_TEST

START_TEST(an_absolute_path_of_full_length_works)
{
	char path[PATH_BYTES];
	struct addr addr;
	struct listen_socket socket;

	memset(path, 'x', sizeof(path));
	memcpy(path, folder, strlen(folder));
	path[strlen(folder)] = '/';
	path[PATH_BYTES - 1] = '\0';
	addr = unix_at(path);
	socket = must_open(&addr);
	must_fail(&addr, -EADDRINUSE, "PATH.lock");
	ck_assert(exists(path));
	listen_close(&socket);
}
END_TEST

START_TEST(a_second_weir_is_refused_by_the_lock)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);

	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	/* The lock counts even if the socket file is gone. */
	ck_assert_int_eq(unlink("x.sock"), 0);
	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	listen_close(&socket);
	ck_assert(!exists("x.sock.lock"));
}
END_TEST

START_TEST(what_a_crash_left_is_replaced)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	write_file("x.sock.lock");
	socket = must_open(&addr);
	close(connect_to(&addr.sa.any, addr.sa_len));
	listen_close(&socket);
}
END_TEST

START_TEST(a_living_socket_is_never_replaced)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_STREAM);
	struct stat before;
	struct stat after;

	ck_assert_int_eq(stat("x.sock", &before), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert_int_eq(stat("x.sock", &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	ck_assert(!exists("x.sock.lock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_full_queue_means_alive)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_STREAM);
	int client;

	ck_assert_int_eq(listen(fd, 0), 0);
	client = connect_to(&addr.sa.any, addr.sa_len); /* a queue of 0 still takes one client */
	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert(exists("x.sock"));
	close(client);
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_datagram_socket_means_alive)
{
	struct addr addr = unix_at("x.sock");
	int fd = bind_by_hand("x.sock", SOCK_DGRAM);

	must_fail(&addr, -EADDRINUSE, "another process");
	ck_assert(exists("x.sock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_socket_that_cannot_be_asked_is_left_alone)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = {.fd = -1};
	const char *why = NULL;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	fault_only_call("connect");
	fault_set_errno(EACCES);
	fault_arm(1);
	ck_assert_int_eq(listen_open(&addr, &rig_access, NULL, &socket, &why), -EACCES);
	ck_assert(fault_disarm());
	ck_assert_ptr_nonnull(strstr(why, "cannot be found out"));
	ck_assert(exists("x.sock"));
	unlink("x.sock");
}
END_TEST

START_TEST(a_socket_that_goes_while_it_is_asked_is_no_trouble)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = {.fd = -1};
	int r;

	close(bind_by_hand("x.sock", SOCK_STREAM));
	fault_only_call("connect");
	fault_set_errno(ENOENT);
	fault_arm(1);
	r = listen_open(&addr, &rig_access, NULL, &socket, NULL);
	ck_assert(fault_disarm());
	/* In truth the file is still there, so bind(2) fails. It is not removed, as it refused
	 * no connect. */
	ck_assert_int_eq(r, -EADDRINUSE);
	ck_assert(exists("x.sock"));
	unlink("x.sock");
}
END_TEST

START_TEST(what_is_not_a_socket_is_never_removed)
{
	struct addr addr = unix_at("x.sock");

	switch (_i) {
	case 0:
		write_file("x.sock");
		break;
	case 1:
		ck_assert_int_eq(mkdir("x.sock", 0700), 0);
		break;
	case 2:
		ck_assert_int_eq(symlink("nowhere", "x.sock"), 0);
		break;
	case 3:
		ck_assert_int_eq(mkfifo("x.sock", 0600), 0);
		break;
	default:
		close(bind_by_hand("dead.sock", SOCK_STREAM));
		ck_assert_int_eq(symlink("dead.sock", "x.sock"), 0);
		break;
	}
	must_fail(&addr, -EEXIST, "not a socket");
	ck_assert(exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
	ck_assert_int_eq(remove("x.sock"), 0);
	unlink("dead.sock");
}
END_TEST

START_TEST(a_path_that_is_not_ours_any_more_is_left)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);
	int fd;

	ck_assert_int_eq(unlink("x.sock"), 0);
	/* The acceptor also closes first. Now another file could get the same inode number. */
	close(socket.fd);
	socket.fd = -1;
	fd = bind_by_hand("x.sock", SOCK_STREAM);
	listen_close(&socket);
	ck_assert(exists("x.sock"));
	ck_assert(!exists("x.sock.lock"));
	close(fd);
	unlink("x.sock");
}
END_TEST

START_TEST(a_lock_file_that_is_not_ours_any_more_is_left)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket = must_open(&addr);

	ck_assert_int_eq(unlink("x.sock.lock"), 0);
	write_file("x.sock.lock");
	listen_close(&socket);
	ck_assert(!exists("x.sock"));
	ck_assert(exists("x.sock.lock"));
	unlink("x.sock.lock");
}
END_TEST

/* How often the holder removes PATH.lock after we opened it and before we lock it. */
static int n_removals;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
	if (n_removals > 0) {
		n_removals--;
		ck_assert_int_eq(unlink("x.sock.lock"), 0);
	}
	return __real_flock(fd, operation);
}

START_TEST(a_lock_file_that_its_holder_removes_is_not_trusted)
{
	struct addr addr = unix_at("x.sock");
	struct listen_socket socket;

	n_removals = 2;
	socket = must_open(&addr);
	ck_assert_int_eq(n_removals, 0);
	ck_assert(exists("x.sock.lock"));
	must_fail(&addr, -EADDRINUSE, "another weir holds PATH.lock");
	listen_close(&socket);
}
END_TEST

START_TEST(a_lock_file_that_always_goes_is_given_up)
{
	struct addr addr = unix_at("x.sock");

	n_removals = 1000;
	must_fail(&addr, -EADDRINUSE, "all the time");
	n_removals = 0;
}
END_TEST

START_TEST(a_lock_file_of_another_kind_is_refused)
{
	struct addr addr = unix_at("x.sock");

	if (_i == 0) {
		ck_assert_int_eq(symlink("target", "x.sock.lock"), 0);
		must_fail(&addr, -ELOOP, "symbolic link");
		ck_assert(!exists("target"));
	} else if (_i == 1) {
		ck_assert_int_eq(mkdir("x.sock.lock", 0700), 0);
		must_fail(&addr, -EISDIR, "not a plain file");
	} else {
		ck_assert_int_eq(mkfifo("x.sock.lock", 0600), 0);
		must_fail(&addr, -ENXIO, "not a plain file");
	}
	ck_assert_int_eq(remove("x.sock.lock"), 0);
}
END_TEST

START_TEST(a_missing_folder_is_named)
{
	struct addr addr = unix_at("missing/x.sock");

	must_fail(&addr, -ENOENT, "folder does not exist");
}
END_TEST

START_TEST(an_abstract_name_needs_no_file)
{
	struct addr addr = {.kind = ADDR_UNIX, .sa.un.sun_family = AF_UNIX};
	int len = snprintf(addr.sa.un.sun_path + 1, PATH_BYTES - 1, "%s", folder);
	struct listen_socket socket;

	addr.sa_len = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 1 + (socklen_t)len;
	socket = must_open(&addr);
	ck_assert_ptr_null(socket.claim);
	close(connect_to(&addr.sa.any, addr.sa_len));
	must_fail(&addr, -EADDRINUSE, "another process");
	listen_close(&socket);
}
END_TEST

static Suite *listen_unix_suite(void)
{
	Suite *suite = suite_create("listen_unix");
	TCase *local = tcase_create("unix");

	tcase_add_checked_fixture(local, rig_setup, rig_teardown);
	tcase_add_loop_test(local, a_path_gets_its_mode_whatever_the_umask, 0, 2);
	tcase_add_test(local, an_absolute_path_of_full_length_works);
	tcase_add_test(local, a_second_weir_is_refused_by_the_lock);
	tcase_add_test(local, what_a_crash_left_is_replaced);
	tcase_add_test(local, a_living_socket_is_never_replaced);
	tcase_add_test(local, a_full_queue_means_alive);
	tcase_add_test(local, a_datagram_socket_means_alive);
	tcase_add_test(local, a_socket_that_cannot_be_asked_is_left_alone);
	tcase_add_test(local, a_socket_that_goes_while_it_is_asked_is_no_trouble);
	tcase_add_loop_test(local, what_is_not_a_socket_is_never_removed, 0, 5);
	tcase_add_test(local, a_path_that_is_not_ours_any_more_is_left);
	tcase_add_test(local, a_lock_file_that_is_not_ours_any_more_is_left);
	tcase_add_test(local, a_lock_file_that_its_holder_removes_is_not_trusted);
	tcase_add_test(local, a_lock_file_that_always_goes_is_given_up);
	tcase_add_loop_test(local, a_lock_file_of_another_kind_is_refused, 0, 3);
	tcase_add_test(local, a_missing_folder_is_named);
	tcase_add_test(local, an_abstract_name_needs_no_file);
	suite_add_tcase(suite, local);
	return suite;
}

int main(void)
{
	return suite_run(listen_unix_suite());
}
