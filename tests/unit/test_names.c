/* SPDX-License-Identifier: ISC */
/* Tests of the names and zones that weir warns of at start. getaddrinfo() is scripted. */
#include "service/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "fault.h"
#include "fixture.h"
#include "log/log.h"
#include "lookup.h"
#include "stream/resolver.h"
#include "suite.h"

static struct conf_server servers[3];
static char app[] = "app";
static char other[] = "other";
static struct conf_upstream upstreams[2] = {
	{.name = app, .servers = servers, .n_servers = 2},
	{.name = other, .servers = servers + 2, .n_servers = 1},
};
static struct conf conf = {.upstreams = upstreams, .n_upstreams = 2};
static struct resolver *resolver;
static int log_fds[2];
static char log_text[4096];

static void set_server(size_t i, const char *text)
{
	const char *why;

	(void)snprintf(servers[i].text, sizeof(servers[i].text), "%s", text);
	ck_assert_int_eq(addr_parse(text, &servers[i].addr, &why), 0);
}

/**
 * Sets up three servers: a name, an address and another name. Each upstream has one of the names.
 */
static void setup(void)
{
	fixture_setup();
	set_server(0, "good.example:80");
	set_server(1, "127.0.0.1:80");
	set_server(2, "bad.example:80");
	ck_assert_int_eq(pipe2(log_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(log_open(log_fds[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	lookup_script();
	resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(resolver);
}

static void read_log(void)
{
	size_t len = 0;
	ssize_t n;

	ck_assert(log_close(NS_NEVER));
	close(log_fds[1]);
	while ((n = read(log_fds[0], log_text + len, sizeof(log_text) - 1 - len)) > 0) {
		len += (size_t)n;
	}
	close(log_fds[0]);
}

static void teardown(void)
{
	resolver_free(resolver);
	fixture_teardown();
}

static void answer_both(void)
{
	loop_until(lookup_n_open() == 2);
	lookup_answer("good.example", 0, "127.0.0.1");
	lookup_answer("bad.example", UV_EAI_NONAME, NULL);
	loop_settle();
}

START_TEST(warns_of_each_name_that_does_not_resolve)
{
	struct names names;

	ck_assert_int_eq(names_open(&names, test_loop, resolver, &conf), 0);
	answer_both();
	ck_assert_uint_eq(lookup_n_begun(), 2); /* an address needs no lookup */
	names_close(&names);
	read_log();
	ck_assert_ptr_nonnull(strstr(log_text, "level=warn event=name_unknown upstream=other "
					       "server=bad.example:80 error=\"Name or service not "
					       "known\" remedy=\""));
	ck_assert_ptr_null(strstr(log_text, "good.example"));
}
END_TEST

START_TEST(leaves_the_answers_at_hand)
{
	struct names names;
	struct resolver_query query = {0};
	struct resolver_name *name;

	ck_assert_int_eq(names_open(&names, test_loop, resolver, &conf), 0);
	answer_both();
	name = resolver_name_get(resolver, "good.example");
	ck_assert_int_eq(resolver_ask(name, test_loop, &query, NULL), 1);
	ck_assert_uint_eq(query.answer->n_addresses, 1);
	query.answer = resolver_answer_unref(query.answer);
	(void)resolver_name_unref(name);
	names_close(&names);
	read_log();
}
END_TEST

START_TEST(may_be_closed_before_the_answers)
{
	struct names names;

	ck_assert_int_eq(names_open(&names, test_loop, resolver, &conf), 0);
	loop_until(lookup_n_open() == 2);
	names_close(&names);
	names_close(&names);
	answer_both();
	read_log();
	ck_assert_str_eq(log_text, "");
}
END_TEST

START_TEST(without_memory_nothing_is_left)
{
	struct names names;
	unsigned n = 1;

	for (;; n++) {
		int r;

		fault_only(FAULT_MEMORY);
		fault_arm(n);
		r = names_open(&names, test_loop, resolver, &conf);
		if (!fault_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_eq(r, -ENOMEM);
		ck_assert_ptr_null(names.probes);
	}
	ck_assert_uint_gt(n, 1);
	answer_both();
	names_close(&names);
	read_log();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names");
	TCase *tc = tcase_create("names");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, warns_of_each_name_that_does_not_resolve);
	tcase_add_test(tc, leaves_the_answers_at_hand);
	tcase_add_test(tc, may_be_closed_before_the_answers);
	tcase_add_test(tc, without_memory_nothing_is_left);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
