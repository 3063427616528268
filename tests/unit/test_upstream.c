/* SPDX-License-Identifier: ISC */
#include "proxy/upstream.h"

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

int main(void)
{
	Suite *suite = suite_create("upstream");
	TCase *tc = tcase_create("upstream");

	tcase_add_test(tc, servers_come_in_the_order_of_the_config);
	tcase_add_test(tc, after_the_last_there_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
