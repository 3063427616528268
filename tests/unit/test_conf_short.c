/* SPDX-License-Identifier: ISC */
/* The config: what makes it short. */
#include "base/clock.h"
#include "conf_case.h"
#include "suite.h"

#define W          "weir.conf:"
#define SECONDS(n) ((uint64_t)(n)*NS_PER_S)

/* ---- socket at the top level ---- */

START_TEST(socket_of_the_top_level_holds_where_nothing_else_is_written)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"*:80\"; upstream = \"app\";\n"
		"  socket = { nodelay = \"on\"; backlog = 7; }; },\n"
		"  {name = \"b\"; listen = \"unix:@b\"; upstream = \"app\"; });\n"
		"upstreams = ({name = \"app\"; servers = (\"h:1\");\n"
		"  socket = { user_timeout = \"none\"; }; });\n"
		"socket = { nodelay = \"off\"; keepalive = { idle = \"60s\"; count = 3; };\n"
		"  user_timeout = \"9s\"; backlog = 99; freebind = \"on\"; };\n");
	const struct sockopts *own = &conf->listeners[0].socket;
	const struct sockopts *none = &conf->listeners[1].socket;
	const struct sockopts *upstream = &conf->upstreams[0].socket;

	ck_assert(own->nodelay && own->freebind);
	ck_assert_uint_eq(own->backlog, 7);
	ck_assert_uint_eq(own->keepalive_idle_ns, SECONDS(60));
	ck_assert_uint_eq(own->user_timeout_ns, SECONDS(9));
	ck_assert(!none->nodelay);
	ck_assert_uint_eq(none->backlog, 99);
	ck_assert(!upstream->nodelay);
	ck_assert_uint_eq(upstream->keepalive_idle_ns, SECONDS(60));
	ck_assert_uint_eq(upstream->keepalive_count, 3);
	ck_assert_uint_eq(upstream->user_timeout_ns, NS_NEVER);
	(void)conf_unref(conf);
}
END_TEST

/* ---- what is wrong ---- */

static const struct {
	const char *text;
	const char *errors;
} wrong[] = {
	{"socket = { keepalive = { idle = \"1500ms\"; }; };\n" CONF_REST,
		W "1: socket.keepalive.idle: \"1500ms\" is not for the kernel; write whole "
		  "seconds, from \"1s\" to \"32767s\"\n"},
	{"socket = { source = \"192.0.2.1\"; };\n" CONF_REST,
		W "1: socket.source: is not known here; write it in upstreams[].socket\n"},
	{"listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\";\n"
	 "nodelay = \"on\"; });\n" CONF_UPSTREAMS,
		W "2: listeners[0].nodelay: is not known here; write it in listeners[].socket\n"},
};

enum { N_WRONG = sizeof(wrong) / sizeof(wrong[0]) };

START_TEST(what_is_wrong_is_said)
{
	conf_case_write("weir.conf", wrong[_i].text);
	conf_case_expect("weir.conf", wrong[_i].errors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_short");
	TCase *tc = tcase_create("conf_short");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, socket_of_the_top_level_holds_where_nothing_else_is_written);
	tcase_add_loop_test(tc, what_is_wrong_is_said, 0, N_WRONG);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
