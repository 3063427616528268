/* SPDX-License-Identifier: ISC */
/* Which server is next, how long a retry waits, and that the config may go meanwhile. */
#include "upstream/upstream.h"

#include <string.h>

#include "suite.h"

START_TEST(servers_come_in_the_order_of_the_config)
{
	struct conf_server servers[3] = {0};
	struct conf_upstream upstream = {.servers = servers, .n_servers = 3};

	for (size_t i = 0; i < 3; i++) {
		ck_assert_ptr_eq(upstream_choose(&upstream, i), &servers[i]);
	}
}
END_TEST

START_TEST(after_the_last_there_is_none)
{
	struct conf_server server = {0};
	struct conf_upstream upstream = {.servers = &server, .n_servers = 1};

	ck_assert_ptr_null(upstream_choose(&upstream, 1));
	ck_assert_ptr_null(upstream_choose(&upstream, 1000));
}
END_TEST

#define MS(n) ((uint64_t)(n)*NS_PER_MS)

START_TEST(waits_double_up_to_a_second_and_end_with_retry_for)
{
	static const uint64_t waits_ns[] = {
		MS(100), MS(200), MS(400), MS(800), MS(1000), MS(1000), MS(500)};
	struct conf_upstream upstream = {.retry_for_ns = MS(4000)};
	uint64_t waited_ns = 0;
	unsigned n = 0;

	for (; n < sizeof(waits_ns) / sizeof(waits_ns[0]); n++) {
		uint64_t wait_ns = upstream_wait_ns(&upstream, n, waited_ns);

		ck_assert_uint_eq(wait_ns, waits_ns[n]);
		waited_ns += wait_ns;
	}
	ck_assert_uint_eq(waited_ns, MS(4000));
	ck_assert_uint_eq(upstream_wait_ns(&upstream, n, waited_ns), NS_NEVER);
}
END_TEST

START_TEST(without_retry_for_there_is_no_waiting)
{
	struct conf_upstream upstream = {.retry_for_ns = NS_NEVER};

	ck_assert_uint_eq(upstream_wait_ns(&upstream, 0, 0), NS_NEVER);
}
END_TEST

START_TEST(many_retries_do_not_overflow)
{
	struct conf_upstream upstream = {.retry_for_ns = NS_NEVER - 1};

	ck_assert_uint_eq(upstream_wait_ns(&upstream, UINT16_MAX, 0), MS(1000));
}
END_TEST

START_TEST(an_upstream_is_a_copy)
{
	char name[] = "app";
	struct conf_server servers[2] = {{.text = "127.0.0.1:1"}, {.text = "127.0.0.1:2"}};
	struct conf_upstream conf = {.name = name, .servers = servers, .n_servers = 2};
	struct failures_list list;
	struct upstream *upstream;

	failures_list_init(&list);
	conf.socket.nodelay = true;
	conf.retry_for_ns = 7;
	upstream = upstream_new(&conf, &list);
	ck_assert_ptr_nonnull(upstream);
	memset(name, 'x', sizeof(name) - 1);
	memset(servers, 'x', sizeof(servers));
	ck_assert_str_eq(upstream->conf.name, "app");
	ck_assert_str_eq(upstream->failures.upstream, "app");
	ck_assert_str_eq(upstream_choose(&upstream->conf, 0)->text, "127.0.0.1:1");
	ck_assert_str_eq(upstream_choose(&upstream->conf, 1)->text, "127.0.0.1:2");
	ck_assert_ptr_null(upstream_choose(&upstream->conf, 2));
	ck_assert(upstream->conf.socket.nodelay);
	ck_assert_uint_eq(upstream->conf.retry_for_ns, 7);
	ck_assert_ptr_null(upstream_unref(upstream_ref(upstream)));
	ck_assert_ptr_null(upstream_unref(upstream));
	ck_assert(list_empty(&list.all));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("upstream");
	TCase *tc = tcase_create("upstream");

	tcase_add_test(tc, servers_come_in_the_order_of_the_config);
	tcase_add_test(tc, after_the_last_there_is_none);
	tcase_add_test(tc, waits_double_up_to_a_second_and_end_with_retry_for);
	tcase_add_test(tc, without_retry_for_there_is_no_waiting);
	tcase_add_test(tc, many_retries_do_not_overflow);
	tcase_add_test(tc, an_upstream_is_a_copy);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
