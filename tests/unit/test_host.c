/* SPDX-License-Identifier: ISC */
/* Which names in the Host field of a request weir accepts. */
#include "control/host.h"

#include <string.h>

#include "suite.h"

static const struct {
	const char *host;
	bool is_fit;
} hosts[] = {
	{"127.0.0.1", true},
	{"127.0.0.1:8404", true},
	{"[::1]", true},
	{"[::1]:8404", true},
	{"localhost", true},
	{"LocalHost:80", true},
	{"weir-1", true},
	{"weir.example", true},
	{"WEIR.example:443", true},
	{"root.example", true},
	{"root.example.", true},
	{"root.exampl", false},
	{"evil.example", false},
	{"weir.example.evil", false},
	{"weir.example.", true},
	{"weir.example.:443", true},
	{"weir.example..", false},
	{"localhost.", true},
	{"localhost.:80", true},
	{".", false},
	{"[::1].", false},
	{"127.0.0.1.nip.io", false},
	{"1.2.3", false},
	{"127.0.0.1:x", false},
	{"127.0.0.1:123456", false},
	{"localhost:80:80", false},
	{"::1", false},
	{"[::1", false},
	{"[evil.example]", false},
	{"", false},
	{":80", false},
	{"a b", false},
	{"user@localhost", false},
	{"local/host", false},
};

START_TEST(addresses_plain_names_and_those_of_the_config_are_fit)
{
	static char name[] = "weir.example";
	static char rooted[] = "root.example.";
	char *names[] = {name, rooted};
	struct span host = {(const uint8_t *)hosts[_i].host, strlen(hosts[_i].host)};

	ck_assert_msg(host_is_fit(host, names, 2) == hosts[_i].is_fit, "%s", hosts[_i].host);
}
END_TEST

START_TEST(an_endless_one_is_not)
{
	static uint8_t bytes[10000];
	struct span host = {bytes, sizeof(bytes)};

	memset(bytes, 'x', sizeof(bytes));
	ck_assert(!host_is_fit(host, NULL, 0));
	host.n = 200;
	ck_assert(host_is_fit(host, NULL, 0));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("host");
	TCase *tc = tcase_create("host");

	tcase_add_loop_test(tc, addresses_plain_names_and_those_of_the_config_are_fit, 0,
		(int)(sizeof(hosts) / sizeof(hosts[0])));
	tcase_add_test(tc, an_endless_one_is_not);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
