/* SPDX-License-Identifier: ISC */
/* The config of weir's own doors, control and http. */
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf_case.h"
#include "suite.h"

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))
#define W       "weir.conf:"

START_TEST(without_a_word_there_is_the_control_socket_alone)
{
	const struct conf *conf = conf_case_load_text(CONF_REST);

	ck_assert_ptr_null(conf->node);
	ck_assert_uint_eq(conf->control.listen.sa_len, 0);
	ck_assert_uint_eq(conf->control.access.mode, 0600);
	ck_assert(!conf->control.access.sets_owner && !conf->control.access.sets_group);
	ck_assert_uint_eq(conf->http.listen.sa_len, 0);
	ck_assert_ptr_null(conf->http.allow);
	ck_assert_uint_eq(conf->http.n_hosts, 0);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(doors_are_read)
{
	const struct conf *conf = conf_case_load_text(
		"node = \"weir-1\";\n"
		"control = { listen = \"unix:/run/c\"; mode = \"0660\"; owner = \"0\"; group = "
		"\"root\"; };\n"
		"http = { listen = \"*:8404\"; allow = \"10.0.0.0/8\"; hosts = [ \"A.Test\", "
		"\"b.test\" ]; };\n" CONF_REST);

	ck_assert_str_eq(conf->node, "weir-1");
	ck_assert_str_eq(conf->control.listen.sa.un.sun_path, "/run/c");
	ck_assert_uint_eq(conf->control.access.mode, 0660);
	ck_assert(conf->control.access.sets_owner && conf->control.access.sets_group);
	ck_assert_int_eq(conf->http.listen.kind, ADDR_ANY);
	ck_assert_uint_eq(conf->http.allow->n, 1);
	ck_assert_uint_eq(conf->http.n_hosts, 2);
	ck_assert_str_eq(conf->http.hosts[0], "a.test");
	ck_assert_str_eq(conf->http.hosts[1], "b.test");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_group_alone_leaves_the_control_socket_where_it_is)
{
	const struct conf *conf = conf_case_load_text(
		"control = { mode = \"0660\"; group = \"root\"; };\n" CONF_REST);

	ck_assert_uint_eq(conf->control.listen.sa_len, 0);
	ck_assert(conf->control.access.sets_group);
	(void)conf_unref(conf);
}
END_TEST

#define PATH_REMEDY                                                                                \
	"the mode of a file says who may use it; write a path, like "                              \
	"\"unix:/run/weir/control\"\n"
#define DOOR_REMEDY                                                                                \
	"weir binds it by itself; write an address, like \"127.0.0.1:8404\" or "                   \
	"\"unix:/run/weir/http\"\n"

/* A line that is followed by a listener on *:80, and the error or warning for it. */
static const struct {
	const char *line;
	const char *error;
} cases[] = {
	{"node = \"a b\";", W "1: node: \"a b\": not a name; write 1 to 64 letters, digits, '_', "
			      "'.' and '-'\n"},
	{"control = { listen = \"127.0.0.1:1\"; };",
		W "1: control.listen: \"127.0.0.1:1\": " PATH_REMEDY},
	{"control = { listen = \"unix:@c\"; };", W "1: control.listen: \"unix:@c\": " PATH_REMEDY},
	{"control = { listen = \"systemd:c\"; };",
		W "1: control.listen: \"systemd:c\": " PATH_REMEDY},
	{"control = { allow = \"any\"; };",
		W "1: control.allow: is not known here; write it at the top level, as "
		  "http.allow\n"},
	{"http = { };", W "1: http.listen: is missing; write listen = \"127.0.0.1:8404\"\n"},
	{"http = { listen = \"h:80\"; };", W "1: http.listen: \"h:80\": " DOOR_REMEDY},
	{"http = { listen = \"systemd:h\"; };", W "1: http.listen: \"systemd:h\": " DOOR_REMEDY},
	{"http = { listen = \"127.0.0.1:80\"; };",
		W "1: http.listen: \"127.0.0.1:80\" cannot be had beside an address of "
		  "listeners[0]; write another port\n"},
	{"http = { listen = \"[::1]:1\"; hosts = [ \"10.0.0.1\", \"*.a.test\" ]; };",
		W "1: http.hosts[0]: \"10.0.0.1\": addresses are answered anyway; take it out, and "
		  "write names\n" W
		  "1: http.hosts[1]: \"*.a.test\": names have letters, digits, '-' and '_' between "
		  "their dots; write it as clients send it, other letters as \"xn--...\"\n"},
	{"control = { listen = \"unix:./c\"; }; http = { listen = \"unix:c\"; };",
		W "1: http.listen: \"unix:c\" is weir's own control socket; write another path\n"},
	/* which clients reach it */
	{"http = { listen = \"*:8404\"; };",
		W "1: http.listen: \"*:8404\" shows the addresses of clients to whoever reaches "
		  "it; write allow = [ ... ], or listen on 127.0.0.1\n"},
	{"http = { listen = \"192.0.2.1:8404\"; };",
		W "1: http.listen: \"192.0.2.1:8404\" shows the addresses of clients to whoever "
		  "reaches it; write allow = [ ... ], or listen on 127.0.0.1\n"},
	{"http = { listen = \"*:8404\"; allow = \"any\"; };", ""},
	{"http = { listen = \"127.9.9.9:8404\"; };", ""},
	{"http = { listen = \"[::1]:8404\"; };", ""},
	{"http = { listen = \"unix:h\"; };", ""},
	{"http = { listen = \"unix:@h\"; };", ""},
};

START_TEST(a_door_that_is_not_right_is_said)
{
	char *text;

	ck_assert_int_gt(asprintf(&text, "%s\n" CONF_REST, cases[_i].line), 0);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", cases[_i].error);
	free(text);
}
END_TEST

START_TEST(no_listener_is_on_the_path_of_the_control_socket)
{
	conf_case_write("weir.conf",
		"control = { listen = \"unix:c\"; };\n"
		"listeners = ({ name = \"web\"; listen = \"unix:./c\"; upstream = \"app\"; "
		"});\n" CONF_UPSTREAMS);
	conf_case_expect("weir.conf",
		W "2: listeners[0].listen: \"unix:./c\" is weir's own control "
		  "socket; write another path\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_doors");
	TCase *tc = tcase_create("conf_doors");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, without_a_word_there_is_the_control_socket_alone);
	tcase_add_test(tc, doors_are_read);
	tcase_add_test(tc, a_group_alone_leaves_the_control_socket_where_it_is);
	tcase_add_loop_test(tc, a_door_that_is_not_right_is_said, 0, N_OF(cases));
	tcase_add_test(tc, no_listener_is_on_the_path_of_the_control_socket);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
