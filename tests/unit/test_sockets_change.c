/* SPDX-License-Identifier: ISC */
/*
 * Tests of the change from one config to the next: a socket stays if its address does, and weir
 * gets all new sockets or none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/errors.h"
#include "crew/sockets.h"
#include "fault.h"
#include "log/log.h"
#include "port.h"
#include "suite.h"

enum { N_WORKERS = 2 };

static struct conf_listener listeners[2][2]; /* those of the config before, and those of the next */
static struct addr addresses[2][2];
static struct conf conf[2];
static struct inherited inherited;
static struct sockets sockets;
static struct conf_errors errors;
static char folder[] = "/tmp/weir-test-XXXXXX";
static char path[64];
static char name_web[] = "web";
static char name_side[] = "side";
static int reserved[4];
static size_t n_reserved;

static void set(struct addr *addr, const char *text)
{
	const char *why;

	ck_assert_msg(addr_parse(text, addr, &why) == 0, "%s", text);
}

/** Gives the address any free port. Nobody else gets the port before the end of the test. */
static void pick_port(struct addr *addr)
{
	ck_assert_uint_lt(n_reserved, sizeof(reserved) / sizeof(reserved[0]));
	set(addr, "127.0.0.1:1");
	reserved[n_reserved++] = port_reserve(addr);
}

/** "web" on a port, and "side" on a UNIX path, in both configs alike. */
static void setup(void)
{
	char text[80];

	log_set_level(LOG_LEVEL_ERROR);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/socket", folder);
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	pick_port(&addresses[0][0]);
	set(&addresses[0][1], text);
	memcpy(addresses[1], addresses[0], sizeof(addresses[0]));
	for (size_t i = 0; i < 2; i++) {
		for (size_t k = 0; k < 2; k++) {
			listeners[i][k] = (struct conf_listener){
				.name = k == 0 ? name_web : name_side,
				.addresses = &addresses[i][k],
				.n_addresses = 1,
				.access.mode = 0660,
			};
		}
		conf[i] = (struct conf){.listeners = listeners[i], .n_listeners = 2};
	}
	conf_errors_init(&errors);
}

static void teardown(void)
{
	sockets_close(&sockets);
	while (n_reserved > 0) {
		close(reserved[--n_reserved]);
	}
	conf_errors_fini(&errors);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct sockets_opts opts(size_t i)
{
	return (struct sockets_opts){
		.conf = &conf[i],
		.n_workers = N_WORKERS,
		.inherited = &inherited,
		.errors = i == 0 ? NULL : &errors,
		.path = "weir.conf",
	};
}

/** Takes the fd from the socket, as a worker does when it begins to accept. Returns the fd. */
static int take(size_t i)
{
	int fd = sockets.all[i]->listen.fd;

	sockets.all[i]->listen.fd = -1;
	atomic_store(&sockets.all[i]->state, BOUND_ACCEPTED);
	return fd;
}

static void open_first(int fds[3])
{
	struct sockets_opts first = opts(0);

	ck_assert_int_eq(sockets_open(&sockets, &first), 0);
	ck_assert_uint_eq(sockets.n, N_WORKERS + 1);
	for (size_t i = 0; i < 3; i++) {
		fds[i] = take(i);
	}
}

static void close_all(const int fds[3])
{
	for (size_t i = 0; i < 3; i++) {
		close(fds[i]);
	}
}

static int prepare(void)
{
	struct sockets_opts next = opts(1);

	return sockets_prepare(&sockets, &next);
}

START_TEST(the_same_addresses_keep_their_sockets_whatever_their_names)
{
	int fds[3];

	open_first(fds);
	/* The two listeners change places. */
	listeners[1][0].addresses = &addresses[1][1];
	listeners[1][1].addresses = &addresses[1][0];
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, 3);
	/* The sockets change listeners only at the commit. */
	ck_assert_uint_eq(sockets.all[0]->listener, 0);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(sockets.all[0]->listener, 1);
	ck_assert_uint_eq(sockets.all[1]->listener, 1);
	ck_assert_uint_eq(sockets.all[2]->listener, 0);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
	ck_assert_uint_eq(sockets.n, 3);
	close_all(fds);
}
END_TEST

START_TEST(what_is_left_out_goes_when_it_is_drained)
{
	int fds[3];

	open_first(fds);
	conf[1].n_listeners = 1; /* without the UNIX path */
	ck_assert_int_eq(prepare(), 0);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(sockets.all[2]->listener, LISTENER_NONE);
	ck_assert_uint_eq(sockets_sweep(&sockets), 1);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(fds[2]);
	fds[2] = -1;
	atomic_store(&sockets.all[2]->state, BOUND_CLOSED);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
	ck_assert_uint_eq(sockets.n, 2);
	ck_assert_int_eq(access(path, F_OK), -1);
	close_all(fds);
}
END_TEST

START_TEST(while_it_is_shut_a_config_binds_nothing_and_the_undoing_all_of_it)
{
	struct sockets_opts again = opts(1);
	int fds[3];

	open_first(fds);
	close_all(fds);
	sockets_forget(&sockets, &conf[0]);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(sockets.all[i]->listener, LISTENER_NONE);
		atomic_store(&sockets.all[i]->state, BOUND_CLOSED);
	}
	pick_port(&addresses[1][0]);
	ck_assert_int_eq(prepare(), 0);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
	ck_assert_uint_eq(sockets.n, 0);
	ck_assert_int_eq(access(path, F_OK), -1);
	again.reopens = true;
	ck_assert_int_eq(sockets_prepare(&sockets, &again), 0);
	sockets_cancel(&sockets);
	ck_assert_int_eq(prepare(), 0); /* the sockets stay shut unless opts say `reopens` */
	sockets_commit(&sockets, &conf[1], &conf[1]);
	ck_assert_uint_eq(sockets.n, 0);
	ck_assert_int_eq(sockets_prepare(&sockets, &again), 0);
	sockets_commit(&sockets, &conf[1], &conf[1]);
	ck_assert_uint_eq(sockets.n, 3);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(prepare(), 0);
	sockets_commit(&sockets, &conf[1], &conf[1]);
	ck_assert_uint_eq(sockets.n, 3);
}
END_TEST

START_TEST(a_new_address_that_cannot_be_had_undoes_the_others)
{
	struct listen_socket other;
	struct addr taken;
	char *text = NULL;
	size_t len;
	FILE *out;
	int fds[3];

	open_first(fds);
	pick_port(&addresses[1][0]); /* this port is free */
	pick_port(&taken);
	ck_assert_int_eq(listen_open(&taken, NULL, NULL, &other, NULL), 0);
	addresses[1][1] = taken;
	ck_assert_int_eq(prepare(), -EADDRINUSE);
	ck_assert_uint_eq(sockets.n, 3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(sockets.all[i]->listener, i / 2);
	}
	out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	conf_errors_print(&errors, "", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_eq(strstr(text, "weir.conf: listeners(side): \"127.0.0.1:"), text);
	ck_assert_ptr_nonnull(strstr(text, "Address already in use; "));
	free(text);
	/* weir has closed the port that it had bound. */
	listen_close(&other);
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, 3 + 2 * N_WORKERS);
	sockets_cancel(&sockets);
	ck_assert_uint_eq(sockets.n, 3);
	close_all(fds);
}
END_TEST

START_TEST(what_a_worker_accepts_from_already_is_drained_when_it_is_given_up)
{
	int fds[3];
	int fd;

	open_first(fds);
	pick_port(&addresses[1][0]);
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, 3 + N_WORKERS);
	fd = take(3);
	sockets_cancel(&sockets);
	ck_assert_uint_eq(sockets.n, 4);
	ck_assert_uint_eq(sockets.all[3]->listener, LISTENER_NONE);
	ck_assert_uint_eq(sockets.all[0]->listener, 0);
	ck_assert_uint_eq(sockets_sweep(&sockets), 1);
	close(fd);
	atomic_store(&sockets.all[3]->state, BOUND_CLOSED);
	ck_assert_uint_eq(sockets_sweep(&sockets), 0);
	close_all(fds);
}
END_TEST

static mode_t mode_of(const char *file)
{
	struct stat what;

	ck_assert_int_eq(stat(file, &what), 0);
	return what.st_mode & 0777;
}

START_TEST(a_path_that_stays_gets_its_new_mode_and_the_old_one_back)
{
	int fds[3];

	open_first(fds);
	listeners[1][1].access.mode = 0600;
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(mode_of(path), 0600);
	sockets_cancel(&sockets);
	ck_assert_uint_eq(mode_of(path), 0660);
	ck_assert_int_eq(prepare(), 0);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(mode_of(path), 0600);
	close_all(fds);
}
END_TEST

START_TEST(a_path_whose_mode_stays_is_left_alone)
{
	int fds[3];

	open_first(fds);
	ck_assert_int_eq(chmod(path, 0644), 0); /* somebody who is allowed to changes the mode */
	ck_assert_int_eq(prepare(), 0);
	sockets_cancel(&sockets);
	ck_assert_uint_eq(mode_of(path), 0644);
	close_all(fds);
}
END_TEST

START_TEST(a_mode_that_cannot_be_put_back_is_told)
{
	char log_text[4096];
	char away[80];
	int ends[2];
	int fds[3];
	ssize_t n;

	open_first(fds);
	listeners[1][1].access.mode = 0600;
	ck_assert_int_eq(prepare(), 0);
	(void)snprintf(away, sizeof(away), "%s-away", path);
	ck_assert_int_eq(rename(path, away), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	ck_assert_int_eq(log_open(ends[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	sockets_cancel(&sockets);
	ck_assert(log_close(NS_NEVER));
	close(ends[1]);
	n = read(ends[0], log_text, sizeof(log_text) - 1);
	log_text[n < 0 ? 0 : n] = '\0';
	close(ends[0]);
	ck_assert_msg(
		strstr(log_text, "event=listen_failed address=unix:") != NULL, "%s", log_text);
	ck_assert_ptr_nonnull(strstr(log_text, "taken the path away"));
	ck_assert_int_eq(rename(away, path), 0);
	close_all(fds);
}
END_TEST

START_TEST(any_call_that_fails_at_a_reload_is_told_and_changes_nothing)
{
	unsigned n = 1;
	int fds[3];

	open_first(fds);
	pick_port(&addresses[1][0]);
	listeners[1][1].access.mode = 0600;
	for (;; n++) {
		bool met;
		int r;

		ck_assert_uint_lt(n, 500);
		conf_errors_fini(&errors);
		conf_errors_init(&errors);
		fault_only(FAULT_MEMORY | FAULT_SOCKET);
		fault_arm(n);
		r = prepare();
		met = fault_disarm();
		if (r == 0) {
			sockets_cancel(&sockets);
		} else {
			ck_assert_msg(
				errors.n_errors == 1, "call %u (%s) is not told", n, fault_met());
		}
		ck_assert_uint_eq(sockets.n, 3);
		for (size_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(sockets.all[i]->listener, i / 2);
			ck_assert_uint_eq(sockets.all[i]->next, i / 2);
		}
		ck_assert_uint_eq(mode_of(path), 0660);
		if (!met) {
			ck_assert_int_eq(r, 0);
			break;
		}
	}
	ck_assert_uint_gt(n, 10);
	close_all(fds);
}
END_TEST

static unsigned n_compared;

bool __real_addr_equal(const struct addr *a, const struct addr *b);
bool __wrap_addr_equal(const struct addr *a, const struct addr *b);

bool __wrap_addr_equal(const struct addr *a, const struct addr *b)
{
	n_compared++;
	return __real_addr_equal(a, b);
}

START_TEST(many_addresses_that_stay_are_found_at_once)
{
	enum { N_ADDRESSES = 200 };
	static struct addr many[N_ADDRESSES];
	char text[80];

	for (size_t i = 0; i < N_ADDRESSES; i++) {
		(void)snprintf(text, sizeof(text), "unix:@%s-%zu", folder, i);
		set(&many[i], text);
	}
	for (size_t i = 0; i < 2; i++) {
		listeners[i][0].addresses = many;
		listeners[i][0].n_addresses = N_ADDRESSES;
		conf[i].n_listeners = 1;
	}
	ck_assert_int_eq(sockets_open(&sockets, &(struct sockets_opts){.conf = &conf[0],
							.n_workers = N_WORKERS,
							.inherited = &inherited}),
		0);
	n_compared = 0;
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, N_ADDRESSES);
	ck_assert_uint_le(n_compared, 2 * N_ADDRESSES);
	sockets_commit(&sockets, &conf[0], &conf[1]);
}
END_TEST

START_TEST(a_path_that_somebody_took_away_is_bound_anew)
{
	int fds[3];

	open_first(fds);
	listeners[1][1].access.mode = 0600;
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, 4);
	ck_assert_uint_eq(mode_of(path), 0600);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(sockets.all[2]->listener, LISTENER_NONE);
	ck_assert_uint_eq(sockets.all[3]->listener, 1);
	close_all(fds);
}
END_TEST

START_TEST(a_wildcard_can_be_bound_beside_its_address_and_the_other_way_round)
{
	char text[32];
	int fds[3];

	open_first(fds);
	(void)snprintf(text, sizeof(text), "*:%u", addresses[0][0].port);
	set(&addresses[1][0], text);
	ck_assert_int_eq(prepare(), 0);
	ck_assert_uint_eq(sockets.n, 3 + N_WORKERS);
	sockets_commit(&sockets, &conf[0], &conf[1]);
	ck_assert_uint_eq(sockets.all[0]->listener, LISTENER_NONE);
	ck_assert_uint_eq(sockets.all[3]->listener, 0);
	close_all(fds);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sockets_change");
	TCase *tc = tcase_create("sockets_change");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_same_addresses_keep_their_sockets_whatever_their_names);
	tcase_add_test(tc, what_is_left_out_goes_when_it_is_drained);
	tcase_add_test(tc, while_it_is_shut_a_config_binds_nothing_and_the_undoing_all_of_it);
	tcase_add_test(tc, a_new_address_that_cannot_be_had_undoes_the_others);
	tcase_add_test(tc, what_a_worker_accepts_from_already_is_drained_when_it_is_given_up);
	tcase_add_test(tc, a_path_that_stays_gets_its_new_mode_and_the_old_one_back);
	tcase_add_test(tc, a_path_whose_mode_stays_is_left_alone);
	tcase_add_test(tc, a_mode_that_cannot_be_put_back_is_told);
	tcase_add_test(tc, any_call_that_fails_at_a_reload_is_told_and_changes_nothing);
	tcase_add_test(tc, many_addresses_that_stay_are_found_at_once);
	tcase_add_test(tc, a_path_that_somebody_took_away_is_bound_anew);
	tcase_add_test(tc, a_wildcard_can_be_bound_beside_its_address_and_the_other_way_round);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
