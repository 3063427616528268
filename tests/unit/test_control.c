/* SPDX-License-Identifier: ISC */
/* The control socket with commands of the test; what weir answers there is tested from outside. */
#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/control_path.h"
#include "control/request.h"
#include "fixture.h"
#include "suite.h"

static struct control control;
static char folder[64];
static struct peer peer;
static struct list waiting; /* struct control_request::link */

static void obey_now(void *owner, struct control_request *request)
{
	ck_assert_ptr_eq(owner, &control);
	request->done(request, true, "one\ntwo\n");
}

static void obey_later(void *owner, struct control_request *request)
{
	(void)owner;
	list_append(&waiting, &request->link);
}

static const struct control_command commands[] = {
	{"now", obey_now},
	{"later", obey_later},
	{NULL, NULL},
};

static void setup(void)
{
	const struct control_opts opts = {
		.loop = test_loop, .commands = commands, .owner = &control};
	struct addr addr;
	int fd;

	list_init(&waiting);
	(void)strcpy(folder, "/tmp/weir-control-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(setenv("RUNTIME_DIRECTORY", folder, 1), 0);
	ck_assert_int_eq(control_open(&control, &opts), 0);
	ck_assert_int_eq(control_path(&addr), 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &addr.sa.any, addr.sa_len), 0);
	peer_open(&peer, fd);
	peer.max = sizeof(peer.text);
}

static void teardown(void)
{
	peer_close(&peer);
	control_close(&control);
	control_close(&control);
	loop_settle();
	ck_assert_int_eq(rmdir(folder), 0); /* the socket and its lock have gone */
}

/** Says it, and waits for the whole answer. */
static const char *ask(const char *line)
{
	peer_send(peer.fd, line);
	loop_until(peer.ended);
	return peer.text;
}

static struct control_request *first_waiting(void)
{
	return container_of(waiting.next, struct control_request, link);
}

START_TEST(a_command_is_obeyed_by_its_name)
{
	ck_assert_str_eq(ask("now\n"), "one\ntwo\nok\n");
}
END_TEST

START_TEST(what_is_no_command_is_refused_with_the_names_of_all)
{
	ck_assert_str_eq(ask("never\n"), "not known; ask for now or later\nfailed\n");
}
END_TEST

START_TEST(a_command_may_be_answered_later)
{
	struct control_request *request;

	peer_send(peer.fd, "later\n");
	loop_until(!list_empty(&waiting));
	loop_settle();
	ck_assert(!peer.ended);
	ck_assert_uint_eq(peer.n_received, 0);
	request = first_waiting();
	list_remove(&request->link);
	request->done(request, false, "no\n");
	loop_until(peer.ended);
	ck_assert_str_eq(peer.text, "no\nfailed\n");
}
END_TEST

START_TEST(who_goes_before_the_answer_is_found_out_by_it)
{
	struct control_request *request;

	peer_send(peer.fd, "later\n");
	loop_until(!list_empty(&waiting));
	peer_close(&peer);
	loop_settle();
	request = first_waiting();
	list_remove(&request->link);
	request->done(request, true, "");
	loop_until(control.n_clients == 0);
}
END_TEST

START_TEST(a_close_takes_what_waits_off_the_list)
{
	peer_send(peer.fd, "later\n");
	loop_until(!list_empty(&waiting));
	control_close(&control);
	ck_assert(list_empty(&waiting));
	loop_until(peer.ended || peer.error != 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tc = tcase_create("control");

	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_command_is_obeyed_by_its_name);
	tcase_add_test(tc, what_is_no_command_is_refused_with_the_names_of_all);
	tcase_add_test(tc, a_command_may_be_answered_later);
	tcase_add_test(tc, who_goes_before_the_answer_is_found_out_by_it);
	tcase_add_test(tc, a_close_takes_what_waits_off_the_list);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
