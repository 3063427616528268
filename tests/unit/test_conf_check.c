/* SPDX-License-Identifier: ISC */
/* The config: addresses that stand in each other's way. */
#include "conf_case.h"
#include "suite.h"

#define W "weir.conf:"

/* Two addresses of listeners; what is said of the second, "" when both can be had. */
static const struct {
	const char *first;
	const char *second;
	const char *error;
} pairs[] = {
	{"*:80", "*:80", "\"*:80\" is an address of listeners[0] already"},
	{"*:80", "127.0.0.1:80", "\"127.0.0.1:80\" is within \"*:80\" of listeners[0].listen"},
	{"127.0.0.1:80", "*:80", "\"*:80\" takes in \"127.0.0.1:80\" of listeners[0].listen"},
	{"*:80", "0.0.0.0:80", "\"0.0.0.0:80\" is within \"*:80\" of listeners[0].listen"},
	{"*:80", "[::]:80", "\"[::]:80\" is within \"*:80\" of listeners[0].listen"},
	{"[::1]:80", "*:80", "\"*:80\" takes in \"[::1]:80\" of listeners[0].listen"},
	{"0.0.0.0:80", "127.0.0.1:80",
		"\"127.0.0.1:80\" is within \"0.0.0.0:80\" of listeners[0].listen"},
	{"[::1]:80", "[::]:80", "\"[::]:80\" takes in \"[::1]:80\" of listeners[0].listen"},
	{"[::]:80", "[fe80::1%1]:80",
		"\"[fe80::1%1]:80\" is within \"[::]:80\" of listeners[0].listen"},
	{"*:80", "127.0.0.1:81", ""},
	{"0.0.0.0:80", "[::]:80", ""},
	{"0.0.0.0:80", "[::1]:80", ""},
	{"[::]:80", "127.0.0.1:80", ""},
	{"127.0.0.1:80", "127.0.0.2:80", ""},
	{"127.0.0.1:80", "[::1]:80", ""},
	{"*:80", "unix:@x", ""},
	{"*:80", "systemd:web", ""},
	{"systemd:web", "systemd:admin", ""},
	{"systemd:web", "systemd:web", "\"systemd:web\" is an address of listeners[0] already"},
};

START_TEST(addresses_of_which_only_one_can_be_had_are_refused)
{
	const char *error = pairs[_i].error;
	char expected[256] = "";
	char text[512];

	(void)snprintf(text, sizeof(text),
		"listeners = ({name = \"a\"; listen = \"%s\"; upstream = \"app\";},\n"
		"{name = \"b\"; listen = \"%s\"; upstream = \"app\";});\n" CONF_UPSTREAMS,
		pairs[_i].first, pairs[_i].second);
	if (*error != '\0') {
		(void)snprintf(expected, sizeof(expected),
			W "2: listeners[1].listen: %s; take out one of them\n", error);
	}
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

START_TEST(addresses_of_one_array_must_not_collide_either)
{
	conf_case_write("weir.conf",
		"listeners = ({name = \"a\"; listen = [\n\"0.0.0.0:80\",\n\"[::]:80\",\n"
		"\"127.0.0.1:80\"]; upstream = \"app\";});\n" CONF_UPSTREAMS);
	conf_case_expect("weir.conf",
		W "4: listeners[0].listen[2]: \"127.0.0.1:80\" is within \"0.0.0.0:80\" of "
		  "listeners[0].listen; take out one of them\n");
}
END_TEST

/* The address of a listener and that of its server; whether weir would connect to itself. */
static const struct {
	const char *listen;
	const char *server;
	bool own;
} servers[] = {
	{"127.0.0.1:80", "127.0.0.1:80", true},
	{"192.0.2.1:80", "192.0.2.1:80", true},
	{"[::1]:80", "[::1]:80", true},
	{"unix:@x", "unix:@x", true},
	{"*:80", "127.0.0.1:80", true},
	{"*:80", "[::1]:80", true},
	{"0.0.0.0:80", "127.0.0.2:80", true},
	{"*:80", "192.0.2.1:80", false},
	{"[::]:80", "127.0.0.1:80", false},
	{"[::]:80", "[2001:db8::1]:80", false},
	{"127.0.0.1:80", "127.0.0.1:81", false},
	{"127.0.0.1:80", "localhost:80", false},
	{"unix:@x", "unix:x", false},
};

START_TEST(a_server_that_is_the_listener_itself_is_refused)
{
	char expected[256] = "";
	char text[512];

	(void)snprintf(text, sizeof(text),
		"listeners = ({name = \"a\"; listen = \"%s\"; upstream = \"app\";});\n"
		"upstreams = ({name = \"other\"; servers = ({address = \"h:1\";});},\n"
		"{name = \"app\"; servers = ({address = \"h:1\";},\n{address = \"%s\";});});\n",
		servers[_i].listen, servers[_i].server);
	if (servers[_i].own) {
		(void)snprintf(expected, sizeof(expected),
			W "4: upstreams[1].servers[1].address: \"%s\" is the address of "
			  "listeners[0]; weir would connect to itself; write that of a server\n",
			servers[_i].server);
	}
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

START_TEST(one_listener_may_be_the_server_of_another)
{
	conf_case_write("weir.conf",
		"listeners = ({name = \"a\"; listen = \"unix:@a\"; upstream = \"b\";},\n"
		"{name = \"b\"; listen = \"unix:@b\"; upstream = \"app\";});\n"
		"upstreams = ({name = \"b\"; servers = ({address = \"unix:@b\";});},\n"
		"{name = \"app\"; servers = ({address = \"h:1\";});});\n");
	conf_case_expect("weir.conf", "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_check");
	TCase *tc = tcase_create("conf_check");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_loop_test(tc, addresses_of_which_only_one_can_be_had_are_refused, 0,
		(int)(sizeof(pairs) / sizeof(pairs[0])));
	tcase_add_test(tc, addresses_of_one_array_must_not_collide_either);
	tcase_add_loop_test(tc, a_server_that_is_the_listener_itself_is_refused, 0,
		(int)(sizeof(servers) / sizeof(servers[0])));
	tcase_add_test(tc, one_listener_may_be_the_server_of_another);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
