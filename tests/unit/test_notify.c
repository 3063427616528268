/* SPDX-License-Identifier: ISC */
/*
 * Tests of a service manager that does not read: weir does not wait for it, and it gets the state
 * later.
 */
#include "service/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "suite.h"

static int manager;
static int filler;
static struct sockaddr_un address;
static socklen_t address_len;

/** Opens the manager's socket: on an abstract name, which leaves no file behind, or on a path. */
static void open_manager(int by_path)
{
	char name[sizeof(address.sun_path)];

	(void)snprintf(
		name, sizeof(name), "%sweir-test-notify-%d", by_path ? "/tmp/" : "@", getpid());
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, name, strlen(name));
	if (!by_path) {
		address.sun_path[0] = '\0';
	}
	address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	filler = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(manager, 0);
	ck_assert_int_ge(filler, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, address_len), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static void close_manager(void)
{
	close(manager);
	close(filler);
	(void)unlink(address.sun_path);
}

static void fill(void)
{
	while (sendto(filler, "x", 1, 0, (struct sockaddr *)&address, address_len) == 1) {
	}
	ck_assert_int_eq(errno, EAGAIN);
}

/** Returns all messages that the manager got, without those of fill(), as "READY=1|STOPPING=1|". */
static const char *heard(void)
{
	static char all[512];
	char text[256];
	ssize_t n;

	all[0] = '\0';
	while ((n = recv(manager, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		text[strcspn(text, "\n")] = '\0';
		if (strcmp(text, "x") != 0) {
			strcat(strcat(all, text), "|");
		}
	}
	return all;
}

START_TEST(who_reads_is_told_at_once)
{
	open_manager(_i);
	notify_ready();
	notify_reloading();
	notify_ready();
	ck_assert(notify_status("well"));
	notify_watchdog();
	notify_extend(5);
	notify_stopping();
	ck_assert_str_eq(heard(), "READY=1|RELOADING=1|READY=1|STATUS=well|WATCHDOG=1|"
				  "EXTEND_TIMEOUT_USEC=5|STOPPING=1|");
	notify_retry();
	ck_assert_str_eq(heard(), "");
	close_manager();
}
END_TEST

START_TEST(a_state_that_could_not_be_told_is_told_later)
{
	open_manager(0);
	fill();
	notify_ready();
	ck_assert(!notify_status("well"));
	notify_watchdog();
	notify_retry();
	ck_assert_str_eq(heard(), "");
	notify_retry();
	notify_retry();
	ck_assert_str_eq(heard(), "READY=1|");
	close_manager();
}
END_TEST

START_TEST(the_latest_state_wins_and_a_reload_is_told_before_its_end)
{
	open_manager(0);
	fill();
	notify_ready();
	notify_reloading();
	notify_ready();
	notify_reloading();
	notify_ready();
	ck_assert_str_eq(heard(), "");
	notify_retry();
	ck_assert_str_eq(heard(), "RELOADING=1|READY=1|");
	fill();
	notify_reloading();
	notify_stopping();
	ck_assert_str_eq(heard(), "");
	notify_retry();
	ck_assert_str_eq(heard(), "STOPPING=1|");
	close_manager();
}
END_TEST

START_TEST(a_manager_that_is_away_for_a_moment_is_told_when_it_is_back)
{
	open_manager(0);
	close(manager);
	notify_ready();
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(manager, (struct sockaddr *)&address, address_len), 0);
	notify_retry();
	ck_assert_str_eq(heard(), "READY=1|");
	close_manager();
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	ck_assert_int_eq(unsetenv("NOTIFY_SOCKET"), 0);
	notify_ready();
	ck_assert(notify_status("well"));
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", "nonsense", 1), 0);
	ck_assert(!notify_status("well"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_add_loop_test(tc, who_reads_is_told_at_once, 0, 2);
	tcase_add_test(tc, a_state_that_could_not_be_told_is_told_later);
	tcase_add_test(tc, the_latest_state_wins_and_a_reload_is_told_before_its_end);
	tcase_add_test(tc, a_manager_that_is_away_for_a_moment_is_told_when_it_is_back);
	tcase_add_test(tc, without_a_manager_nothing_happens);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
