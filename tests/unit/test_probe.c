/* SPDX-License-Identifier: ISC */
/* Tests of a single health check: what it sends, which answers pass, and how it ends. */
#include "upstream/probe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "connector_rig.h"
#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "proto/proxy_header.h"
#include "suite.h"

enum { FDS = 8 };

/** A probe of one server, and its outcome. */
static struct {
	struct probe probe;
	struct probe_question question;
	struct addr addr;
	atomic_int fds;
	int listener;
	int peer; /* the server's end of the connection; -1: none yet */
	unsigned n_done;
	bool expires; /* the test lets the time of the probe expire */
	enum probe_result result;
	int err;
	char answer[PROBE_ANSWER_MAX + 1];
} rig;

static void on_done(struct probe *probe, const struct probe_outcome *outcome)
{
	fault_suspend(); /* the allocations of the check library must not fail */
	ck_assert_ptr_eq(probe, &rig.probe);
	ck_assert(loop_is_running(test_loop) || rig.expires);
	rig.n_done++;
	rig.result = outcome->result;
	rig.err = outcome->err;
	if (outcome->answer != NULL) {
		memcpy(rig.answer, outcome->answer, outcome->n_answer);
	}
	rig.answer[outcome->n_answer] = '\0';
	fault_resume();
	if (!rig.expires) {
		fixture_stop();
	}
}

static void setup_as(enum server_kind kind)
{
	rig.addr = address_of(kind);
	rig.listener = serve(&rig.addr, 64);
}

static void setup(void)
{
	rig_setup();
	memset(&rig, 0, sizeof(rig));
	rig.peer = -1;
	atomic_store(&rig.fds, FDS);
	rig.probe.done = on_done;
	rig.question =
		(struct probe_question){.loop = test_loop, .addr = &rig.addr, .fds = &rig.fds};
	setup_as(V4);
}

static void teardown(void)
{
	probe_cancel(&rig.probe);
	ck_assert_int_eq(atomic_load(&rig.fds), FDS);
	close(rig.listener);
	if (rig.peer >= 0) {
		close(rig.peer);
	}
	rig_teardown();
}

static void expects(const char *send, const char *expect)
{
	rig.question.send = send;
	rig.question.n_send = send == NULL ? 0 : strlen(send);
	rig.question.expect = expect;
	rig.question.n_expect = expect == NULL ? 0 : strlen(expect);
}

static void begin(void)
{
	ck_assert_int_eq(probe_begin(&rig.probe, &rig.question), 0);
	ck_assert_uint_eq(rig.n_done, 0);
}

static void must_end(enum probe_result result)
{
	loop_until(rig.n_done > 0);
	ck_assert_uint_eq(rig.n_done, 1);
	ck_assert_str_eq(probe_result_name(rig.result), probe_result_name(result));
	ck_assert_int_eq(atomic_load(&rig.fds), FDS);
}

/** Begins a probe, and accepts its connection. */
static void begin_connected(void)
{
	begin();
	loop_until(rig.probe.stream != NULL);
	rig.peer = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(rig.peer, 0);
}

/** The server must get this next: the text, or a reset. */
static void peer_must_get(const char *text)
{
	char buffer[256];
	size_t len = strlen(text);

	ck_assert_int_eq(peer_recv(rig.peer, buffer, sizeof(buffer)), (ptrdiff_t)len);
	ck_assert_int_eq(memcmp(buffer, text, len), 0);
}

static void peer_must_be_reset(void)
{
	char byte;
	ptrdiff_t n = peer_recv(rig.peer, &byte, 1);

	ck_assert_int_eq(n, rig.addr.kind == ADDR_UNIX ? 0 : -ECONNRESET);
}

static void expire(void)
{
	rig.expires = true;
	probe_expire(&rig.probe);
	rig.expires = false;
}

static void answer(const char *bytes, size_t n)
{
	ck_assert_int_eq(write(rig.peer, bytes, n), (ssize_t)n);
	loop_settle();
}

/* ---- connecting ---- */

START_TEST(a_connection_is_enough_and_is_reset)
{
	close(rig.listener);
	setup_as((enum server_kind)_i);
	begin();
	must_end(PROBE_CONNECTED);
	rig.peer = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(rig.peer, 0);
	peer_must_be_reset();
	if (_i == PATH) {
		unlink(path);
	}
}
END_TEST

START_TEST(nobody_listens)
{
	close(rig.listener);
	rig.listener = -1;
	begin();
	must_end(PROBE_CONNECT_FAILED);
	ck_assert_int_eq(rig.err, -ECONNREFUSED);
}
END_TEST

START_TEST(a_name_is_up_when_one_of_its_addresses_is)
{
	struct addr name = name_at("a.example", rig.addr.port);

	rig.question.addr = &name;
	rig.question.name = options(&name, 0).name;
	begin();
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.2 127.0.0.1");
	must_end(PROBE_CONNECTED);
}
END_TEST

START_TEST(a_name_that_is_none_has_failed)
{
	struct addr name = name_at("a.example", rig.addr.port);

	rig.question.addr = &name;
	rig.question.name = options(&name, 0).name;
	begin();
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_NONAME, NULL);
	must_end(PROBE_CONNECT_FAILED);
	ck_assert_int_eq(rig.err, UV_EAI_NONAME);
}
END_TEST

/* ---- the answer ---- */

START_TEST(what_is_sent_arrives_and_the_answer_passes)
{
	close(rig.listener);
	setup_as((enum server_kind)_i);
	expects("PING\r\n", "+PONG");
	begin_connected();
	peer_must_get("PING\r\n");
	answer("+PONG\r\n", 7);
	must_end(PROBE_ANSWERED);
	peer_must_be_reset();
	if (_i == PATH) {
		unlink(path);
	}
}
END_TEST

START_TEST(a_banner_is_an_answer_to_nothing)
{
	expects(NULL, "220 ");
	begin_connected();
	answer("220 mail.example\r\n", 18);
	must_end(PROBE_ANSWERED);
}
END_TEST

START_TEST(sending_alone_passes_when_it_is_out)
{
	expects("QUIT\r\n", NULL);
	begin();
	must_end(PROBE_CONNECTED);
}
END_TEST

/** The server must get this next: the PROXY header of a check, then the text. */
static void peer_must_get_header(enum conf_send_proxy version, const char *text)
{
	static const uint8_t local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0";
	uint8_t buffer[256];
	struct proxy_header header;
	const char *why = "";
	ptrdiff_t n = peer_recv(rig.peer, buffer, sizeof(buffer));
	int len = proxy_header_parse(buffer, n > 0 ? (size_t)n : 0, &header, &why);

	ck_assert_msg(len > 0, "%s", why);
	ck_assert_int_eq(n, len + (ptrdiff_t)strlen(text));
	ck_assert_int_eq(memcmp(buffer + len, text, strlen(text)), 0);
	if (version == SEND_PROXY_V2) {
		ck_assert_int_eq(len, 16);
		ck_assert_int_eq(memcmp(buffer, local, 16), 0);
	} else if (rig.addr.kind == ADDR_UNIX) {
		ck_assert_int_eq(memcmp(buffer, "PROXY UNKNOWN\r\n", 15), 0);
	} else {
		union addr_sockaddr own;
		socklen_t own_len = sizeof(own);

		ck_assert_int_eq(getpeername(rig.peer, &own.any, &own_len), 0);
		ck_assert_int_eq(header.who, PROXY_HEADER_CLIENT);
		ck_assert_int_eq(memcmp(&header.source.sa, &own, own_len), 0);
		ck_assert_int_eq(memcmp(&header.destination.sa, &rig.addr.sa, own_len), 0);
	}
}

/* Runs with IPv4 and UNIX, and with both versions. */
START_TEST(a_target_of_proxy_headers_gets_one_of_nobodys_first)
{
	enum conf_send_proxy version = _i % 2 == 0 ? SEND_PROXY_V1 : SEND_PROXY_V2;

	close(rig.listener);
	setup_as(_i / 2 == 0 ? V4 : ABSTRACT);
	rig.question.send_proxy = version;
	expects("PING\r\n", "+PONG");
	begin_connected();
	loop_settle();
	peer_must_get_header(version, "PING\r\n");
	answer("+PONG\r\n", 7);
	must_end(PROBE_ANSWERED);
}
END_TEST

START_TEST(a_target_of_proxy_headers_gets_one_also_where_a_connection_is_enough)
{
	rig.question.send_proxy = SEND_PROXY_V2;
	if (_i == 1) {
		expects(NULL, "220 ");
	}
	if (_i == 1) {
		begin_connected();
		loop_settle();
		peer_must_get_header(SEND_PROXY_V2, "");
		answer("220 ready", 9);
		must_end(PROBE_ANSWERED);
	} else {
		begin();
		must_end(PROBE_CONNECTED);
		rig.peer = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		peer_must_get_header(SEND_PROXY_V2, "");
	}
	peer_must_be_reset();
}
END_TEST

/* The answer "xx+POxPONG+PONG" comes in two parts. Each run parts it at another place. */
START_TEST(a_match_may_stand_over_the_border_of_segments)
{
	static const char all[] = "xx+POxPONG+PONG";
	size_t n = strlen(all);

	expects("?", "+PONG");
	begin_connected();
	answer(all, (size_t)_i);
	ck_assert_uint_eq(rig.n_done, 0);
	answer(all + _i, n - (size_t)_i);
	must_end(PROBE_ANSWERED);
}
END_TEST

START_TEST(a_match_may_come_byte_by_byte)
{
	expects("?", "aab");
	begin_connected();
	for (const char *byte = "aacaaab"; *byte != '\0'; byte++) {
		ck_assert_uint_eq(rig.n_done, 0);
		answer(byte, 1);
	}
	must_end(PROBE_ANSWERED);
	ck_assert_str_eq(rig.answer, ""); /* there is no wrong answer to show */
}
END_TEST

START_TEST(bytes_of_zero_are_bytes)
{
	expects("?", NULL);
	rig.question.expect = "\0\1\0";
	rig.question.n_expect = 3;
	begin_connected();
	answer("\0\0\1\0", 4);
	must_end(PROBE_ANSWERED);
}
END_TEST

/* The match ends with the last byte of the first 4 KiB, or one byte later. */
START_TEST(only_the_first_4_kib_count)
{
	char all[PROBE_ANSWER_MAX + 64];
	size_t end = PROBE_ANSWER_MAX + (size_t)_i;

	memset(all, 'x', sizeof(all));
	memcpy(all + end - 2, "ok", 2);
	expects("?", "ok");
	begin_connected();
	answer(all, sizeof(all));
	must_end(_i == 0 ? PROBE_ANSWERED : PROBE_WRONG_ANSWER);
	peer_must_get("?");
	peer_must_be_reset();
}
END_TEST

START_TEST(an_endless_answer_is_not_read_on)
{
	char some[100];

	memset(some, 'x', sizeof(some));
	expects("?", "ok");
	begin_connected();
	for (int i = 0; i < 41; i++) {
		ck_assert_uint_eq(rig.n_done, 0);
		answer(some, sizeof(some));
	}
	must_end(PROBE_WRONG_ANSWER);
	ck_assert_uint_eq(strlen(rig.answer), PROBE_ANSWER_MAX);
}
END_TEST

START_TEST(a_fin_before_it_has_failed)
{
	expects("?", "ok");
	begin_connected();
	answer("-ERR", 4);
	ck_assert_int_eq(shutdown(rig.peer, SHUT_WR), 0);
	must_end(PROBE_ENDED);
	ck_assert_str_eq(rig.answer, "-ERR");
	(void)peer_recv(rig.peer, rig.answer, 1);
	peer_must_be_reset();
}
END_TEST

START_TEST(a_reset_before_it_has_failed)
{
	expects("?", "ok");
	begin_connected();
	peer_reset(rig.peer);
	rig.peer = -1;
	must_end(PROBE_RESET);
	ck_assert_int_eq(rig.err, -ECONNRESET);
}
END_TEST

START_TEST(an_answer_counts_although_a_reset_follows)
{
	expects("?", "ok");
	begin_connected();
	ck_assert_int_eq(write(rig.peer, "ok", 2), 2);
	peer_reset(rig.peer);
	rig.peer = -1;
	must_end(PROBE_ANSWERED);
}
END_TEST

/* ---- time ---- */

START_TEST(it_expires_by_what_it_waits_for)
{
	int client;

	expects("?", "ok");
	begin_connected();
	answer("o", 1);
	expire();
	must_end(PROBE_NO_ANSWER);
	ck_assert_str_eq(rig.answer, "o");

	close(rig.listener);
	rig.n_done = 0;
	rig.addr = address_of(V4);
	rig.listener = serve(&rig.addr, 0);
	client = occupy(&rig.addr);
	begin();
	loop_settle();
	expire();
	must_end(PROBE_CONNECT_TIMEOUT);
	close(client);
}
END_TEST

/* ---- failures that are not the server's fault ---- */

START_TEST(a_shortage_of_ours_judges_nobody)
{
	static const struct {
		const char *call;
		int err;
	} faults[] = {{"socket", EMFILE}, {"socket", ENFILE}, {"socket", ENOBUFS},
		{"socket", ENOMEM}, {"connect", EADDRNOTAVAIL}, {"epoll_ctl", ENOSPC},
		{"epoll_ctl", ENOMEM}};

	begin();
	fault_only_call(faults[_i].call);
	fault_set_errno(faults[_i].err);
	fault_arm(1);
	fixture_run();
	ck_assert(fault_disarm());
	must_end(PROBE_UNJUDGED);
	ck_assert_int_eq(rig.err, -faults[_i].err);
}
END_TEST

START_TEST(without_an_fd_for_it_it_does_not_begin)
{
	atomic_store(&rig.fds, 0);
	ck_assert_int_eq(probe_begin(&rig.probe, &rig.question), -EMFILE);
	atomic_store(&rig.fds, FDS);
	begin();
	must_end(PROBE_CONNECTED);
}
END_TEST

START_TEST(a_lookup_that_never_had_its_turn_judges_nobody)
{
	struct addr name = name_at("a.example", rig.addr.port);

	rig.question.addr = &name;
	rig.question.name = options(&name, 0).name;
	lookup_refuse(true);
	begin();
	loop_settle();
	if (rig.n_done == 0) {
		expire();
	}
	must_end(PROBE_UNJUDGED);
	lookup_refuse(false);
}
END_TEST

/** Each call fails in turn: weir does not crash, leaves nothing behind, and the probe ends once. */
START_TEST(every_fault_ends_it_and_leaves_nothing)
{
	bool met = true;

	expects(_i == 1 ? "?" : NULL, NULL);
	rig.question.send_proxy = _i == 2 ? SEND_PROXY_V1 : SEND_PROXY_OFF;
	begin(); /* some values are read once in a process, and those reads may fail without harm */
	must_end(PROBE_CONNECTED);
	for (unsigned n = 1; met; n++) {
		char *before = fixture_fds();
		char *after;
		int r;

		rig.n_done = 0;
		fault_arm(n);
		r = probe_begin(&rig.probe, &rig.question);
		if (r == 0) {
			fixture_run();
		}
		met = fault_disarm();
		ck_assert_uint_eq(rig.n_done, r == 0);
		ck_assert_msg(r < 0 || rig.result == PROBE_UNJUDGED ||
				      rig.result == PROBE_CONNECTED ||
				      strcmp(fault_met(), "send") == 0 ||
				      strcmp(fault_met(), "getsockopt") == 0 ||
				      strcmp(fault_met(), "setsockopt") == 0,
			"%s: %s", fault_met(), probe_result_name(rig.result));
		ck_assert_int_eq(atomic_load(&rig.fds), FDS);
		loop_settle();
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
		free(before);
	}
}
END_TEST

START_TEST(cancelled_at_each_stage_it_says_nothing)
{
	probe_cancel(&rig.probe);
	expects("?", "ok");
	begin();
	if (_i >= 1) {
		loop_until(rig.probe.stream != NULL);
	}
	if (_i == 2) {
		rig.peer = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		answer("o", 1);
		ck_assert_int_eq(write(rig.peer, "k", 1), 1);
	}
	probe_cancel(&rig.probe);
	loop_settle();
	ck_assert_uint_eq(rig.n_done, 0);
	ck_assert_int_eq(atomic_load(&rig.fds), FDS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("probe");
	TCase *tc = tcase_create("probe");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_connection_is_enough_and_is_reset, V4, ABSTRACT + 1);
	tcase_add_test(tc, nobody_listens);
	tcase_add_test(tc, a_name_is_up_when_one_of_its_addresses_is);
	tcase_add_test(tc, a_name_that_is_none_has_failed);
	tcase_add_loop_test(tc, what_is_sent_arrives_and_the_answer_passes, V4, ABSTRACT + 1);
	tcase_add_test(tc, a_banner_is_an_answer_to_nothing);
	tcase_add_loop_test(tc, a_target_of_proxy_headers_gets_one_of_nobodys_first, 0, 4);
	tcase_add_loop_test(
		tc, a_target_of_proxy_headers_gets_one_also_where_a_connection_is_enough, 0, 2);
	tcase_add_test(tc, sending_alone_passes_when_it_is_out);
	tcase_add_loop_test(tc, a_match_may_stand_over_the_border_of_segments, 1, 15);
	tcase_add_test(tc, a_match_may_come_byte_by_byte);
	tcase_add_test(tc, bytes_of_zero_are_bytes);
	tcase_add_loop_test(tc, only_the_first_4_kib_count, 0, 2);
	tcase_add_test(tc, an_endless_answer_is_not_read_on);
	tcase_add_test(tc, a_fin_before_it_has_failed);
	tcase_add_test(tc, a_reset_before_it_has_failed);
	tcase_add_test(tc, an_answer_counts_although_a_reset_follows);
	tcase_add_test(tc, it_expires_by_what_it_waits_for);
	tcase_add_loop_test(tc, a_shortage_of_ours_judges_nobody, 0, 7);
	tcase_add_test(tc, without_an_fd_for_it_it_does_not_begin);
	tcase_add_test(tc, a_lookup_that_never_had_its_turn_judges_nobody);
	tcase_add_loop_test(tc, every_fault_ends_it_and_leaves_nothing, 0, 3);
	tcase_add_loop_test(tc, cancelled_at_each_stage_it_says_nothing, 0, 3);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
