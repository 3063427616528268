/* SPDX-License-Identifier: ISC */
/* Errors that only the config as a whole shows, and no option alone. */
#include "conf_case.h"
#include "suite.h"

#define W "weir.conf:"

/* The addresses of two listeners, and the error for the second; "": both can be used. */
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

/* The addresses of a listener and of its server, and whether weir would connect to itself. */
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
		"listeners = ({name = \"a\"; listen = \"%s\"; upstream = \"app\";\n"
		"routes = ({from = \"192.0.2.1\"; upstream = \"other\";});});\n"
		"upstreams = ({name = \"other\"; servers = ({address = \"h:1\";});},\n"
		"{name = \"app\"; balance = \"first\"; servers = (\"h:1\",\n{address = "
		"\"%s\";});});\n",
		servers[_i].listen, servers[_i].server);
	if (servers[_i].own) {
		(void)snprintf(expected, sizeof(expected),
			W "5: upstreams[1].servers[1].address: \"%s\" is the address of "
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

/* The grace and the spread of a drain, its budget, and the error; "": they fit into it. */
static const struct {
	const char *text;
	const char *error;
} drains[] = {
	{"timeouts = {drain = \"8s\";}; drain = {grace = \"3s\"; spread = \"5s\";};", ""},
	{"timeouts = {drain = \"none\";}; drain = {grace = \"9h\"; spread = \"9h\";};", ""},
	{"timeouts = {drain = \"8s\";}; drain = {grace = \"9s\";};",
		"drain.grace: \"9s\" is more than timeouts.drain, \"8s\", which it is a part of; "
		"write at most that, or raise timeouts.drain"},
	{"drain = {grace = \"31s\"; spread = \"1s\";};",
		"drain.grace: \"31s\" is more than timeouts.drain, \"30s\", which it is a part of; "
		"write at most that, or raise timeouts.drain"},
	{"timeouts = {drain = \"8s\";}; drain = {grace = \"3.1s\"; spread = \"5s\";};",
		"drain.spread: \"5s\" and drain.grace, \"3.1s\", are more than timeouts.drain, "
		"\"8s\", which they are parts of; write less, or raise timeouts.drain"},
	{"drain = {spread = \"31s\";};",
		"drain.spread: \"31s\" and drain.grace, \"0s\", are more than timeouts.drain, "
		"\"30s\", which they are parts of; write less, or raise timeouts.drain"},
	{"drain = {grace = \"none\";};",
		"drain.grace: \"none\": this is no timer to switch off; write \"0s\""},
	{"drain = {spread = \"none\";};",
		"drain.spread: \"none\": this is no timer to switch off; write \"0s\""},
	{"drain = {idle_first = \"0s\";};",
		"drain.idle_first: \"0s\": a timer of no time at all would strike at once; write "
		"\"none\" to switch it off"},
};

START_TEST(a_drain_that_does_not_fit_its_budget_is_refused)
{
	char expected[512] = "";
	char text[512];

	(void)snprintf(text, sizeof(text), "%s\n" CONF_REST, drains[_i].text);
	if (*drains[_i].error != '\0') {
		(void)snprintf(expected, sizeof(expected), W "1: %s\n", drains[_i].error);
	}
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

/* A budget and a grace, and what remains of the default spread of 5 s. */
static const struct {
	const char *text;
	uint64_t spread_ns;
} spreads[] = {
	{"timeouts = {drain = \"0s\";};", 0},
	{"timeouts = {drain = \"2s\";};", (uint64_t)NS_PER_S},
	{"timeouts = {drain = \"8s\";}; drain = {grace = \"2s\";};", (uint64_t)3 * NS_PER_S},
	{"timeouts = {drain = \"8s\";}; drain = {grace = \"8s\";};", 0},
	{"timeouts = {drain = \"12s\";}; drain = {grace = \"2s\";};", (uint64_t)5 * NS_PER_S},
	{"timeouts = {drain = \"2s\";}; drain = {spread = \"2s\";};", (uint64_t)2 * NS_PER_S},
	{"timeouts = {drain = \"none\";};", (uint64_t)5 * NS_PER_S},
};

START_TEST(a_spread_that_nobody_wrote_is_at_most_half_of_the_rest)
{
	const struct conf *conf;
	char text[512];

	(void)snprintf(text, sizeof(text), "%s\n" CONF_REST, spreads[_i].text);
	conf = conf_case_load_text(text);
	ck_assert_uint_eq(conf->drain.spread_ns, spreads[_i].spread_ns);
	(void)conf_unref(conf);
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
	tcase_add_loop_test(tc, a_drain_that_does_not_fit_its_budget_is_refused, 0,
		(int)(sizeof(drains) / sizeof(drains[0])));
	tcase_add_loop_test(tc, a_spread_that_nobody_wrote_is_at_most_half_of_the_rest, 0,
		(int)(sizeof(spreads) / sizeof(spreads[0])));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
