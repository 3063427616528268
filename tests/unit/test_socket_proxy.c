/* SPDX-License-Identifier: ISC */
/* Tests of the command line of systemd-socket-proxyd, and of the config that weir makes of it. */
#include "service/socket_proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "crew/inherited.h"
#include "fault.h"
#include "service/exit_code.h"
#include "suite.h"

enum { ARGS_MAX = 8 };

static const struct {
	const char *text;
	const char *address; /* as a config has it */
} goods[] = {
	{"127.0.0.1:8080", "127.0.0.1:8080"},
	{"127.0.0.1", "127.0.0.1:80"},
	{"name.example", "name.example:80"},
	{"name.example:443", "name.example:443"},
	{"name.example:https", "name.example:443"},
	{"::1:8080", "[::1]:8080"}, /* systemd-socket-proxyd reads it so */
	{"[::1]:8080", "[::1]:8080"},
	{"[::1]", "[::1]:80"},
	{"fe80::1%7:80", "[fe80::1%7]:80"},
	{"/run/app.sock", "unix:/run/app.sock"},
	{"@app", "unix:@app"},
};

START_TEST(an_address_is_read_as_systemd_socket_proxyd_reads_it)
{
	char text[ADDR_TEXT_MAX];
	const char *why = NULL;
	struct addr addr;

	ck_assert_msg(socket_proxy_address(goods[_i].text, &addr, &why) == 0, "%s: %s",
		goods[_i].text, why);
	ck_assert_str_eq(addr_text(&addr, text), goods[_i].address);
}
END_TEST

static const char *const bads[] = {"", ":80", "name:", "name:0", "name:65536",
	"name:no-such-service", "::1", "*:80", "*", "systemd:80x", "a b:80", "@", "[::1:80",
	"unix:/run/x", "127.1:80"};

START_TEST(what_is_no_address_is_refused_with_a_remedy)
{
	const char *why = NULL;
	struct addr addr = {.port = 7};

	ck_assert_msg(
		socket_proxy_address(bads[_i], &addr, &why) < 0, "\"%s\" was taken", bads[_i]);
	ck_assert_ptr_nonnull(strstr(why, "write "));
	/* The remedy must not name what weir refuses here, too. */
	ck_assert_ptr_null(strstr(why, "unix:"));
	ck_assert_ptr_null(strstr(why, "\"*:80"));
	ck_assert_uint_eq(addr.port, 7);
}
END_TEST

START_TEST(what_is_too_long_is_refused)
{
	char text[2000];
	const char *why = NULL;
	struct addr addr;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_lt(socket_proxy_address(text, &addr, &why), 0);
	text[0] = '/';
	ck_assert_int_lt(socket_proxy_address(text, &addr, &why), 0);
	text[0] = '@';
	ck_assert_int_lt(socket_proxy_address(text, &addr, &why), 0);
}
END_TEST

/** Parses a command line whose words have a blank between them. */
static bool parse(const char *words, struct socket_proxy *ret_proxy, int *ret_code)
{
	static char text[256];
	char *args[ARGS_MAX] = {0};
	char *rest = text;
	int n = 0;

	(void)snprintf(text, sizeof(text), "weir %s", words);
	for (char *word = strtok_r(text, " ", &rest); word != NULL && n < ARGS_MAX - 1;
		word = strtok_r(NULL, " ", &rest)) {
		args[n++] = word;
	}
	return socket_proxy_parse(n, args, ret_proxy, ret_code);
}

START_TEST(the_defaults_are_those_of_systemd_socket_proxyd)
{
	struct socket_proxy proxy;
	int code;

	ck_assert(parse("127.0.0.1:80", &proxy, &code));
	ck_assert_uint_eq(proxy.connections_max, 256);
	ck_assert_uint_eq(proxy.exit_idle_ns, NS_NEVER);
}
END_TEST

START_TEST(options_stand_before_and_behind_the_address)
{
	struct socket_proxy proxy;
	int code;

	ck_assert(parse("--connections-max=7 127.0.0.1:80 --exit-idle-time=2min", &proxy, &code));
	ck_assert_uint_eq(proxy.connections_max, 7);
	ck_assert_uint_eq(proxy.exit_idle_ns, UINT64_C(120) * NS_PER_S);
	ck_assert(parse("-c 4294967295 --exit-idle-time 0 @x", &proxy, &code));
	ck_assert_uint_eq(proxy.connections_max, UINT32_MAX);
	ck_assert_uint_eq(proxy.exit_idle_ns, 0);
}
END_TEST

static const struct {
	const char *words;
	int code;
} ends[] = {
	{"--help", EXIT_CODE_OK},
	{"-h", EXIT_CODE_OK},
	{"--version", EXIT_CODE_OK},
	{"", EXIT_CODE_USAGE},
	{"127.0.0.1:80 127.0.0.1:81", EXIT_CODE_USAGE},
	{"-c 0 127.0.0.1:80", EXIT_CODE_USAGE},
	{"-c -1 127.0.0.1:80", EXIT_CODE_USAGE},
	{"-c 4294967296 127.0.0.1:80", EXIT_CODE_USAGE},
	{"-c 99999999999999999999 127.0.0.1:80", EXIT_CODE_USAGE},
	{"-c x 127.0.0.1:80", EXIT_CODE_USAGE},
	{"--exit-idle-time=x 127.0.0.1:80", EXIT_CODE_USAGE},
	{"--nonsense 127.0.0.1:80", EXIT_CODE_USAGE},
	{"name:no-such-service", EXIT_CODE_USAGE},
};

START_TEST(the_other_command_lines_end_with_their_code)
{
	struct socket_proxy proxy;
	int out = dup(STDOUT_FILENO); /* stdout is only for the results of the tests */
	int code = -1;

	ck_assert_int_eq(dup2(STDERR_FILENO, STDOUT_FILENO), STDOUT_FILENO);
	ck_assert(!parse(ends[_i].words, &proxy, &code));
	ck_assert_int_eq(fflush(stdout), 0);
	ck_assert_int_eq(dup2(out, STDOUT_FILENO), STDOUT_FILENO);
	close(out);
	ck_assert_int_eq(code, ends[_i].code);
}
END_TEST

/* ---- the config ---- */

static struct inherited_socket passed[] = {
	{.fd = -1, .name = (char[]){"a"}},
	{.fd = -1, .name = (char[]){"b"}},
	{.fd = -1, .name = (char[]){"a"}},
};
static const struct inherited inherited = {.listening = passed, .n_listening = 3};

START_TEST(the_config_has_each_name_once_and_cuts_nobody_who_waits)
{
	struct socket_proxy proxy;
	const struct conf *conf;
	const struct conf_listener *listener;
	int code;

	ck_assert(parse("-c 7 name.example:81", &proxy, &code));
	ck_assert_int_eq(socket_proxy_conf(&proxy, &inherited, &conf), 0);
	ck_assert_uint_eq(conf->n_listeners, 1);
	listener = &conf->listeners[0];
	ck_assert_uint_eq(listener->n_addresses, 2);
	ck_assert_str_eq(listener->addresses[0].host, "a");
	ck_assert_str_eq(listener->addresses[1].host, "b");
	ck_assert_uint_eq(listener->max_pairs, 7);
	ck_assert_str_eq(listener->upstream->servers[0].text, "name.example:81");
	ck_assert_uint_eq(listener->timeouts.idle_ns, NS_NEVER);
	ck_assert_uint_eq(listener->timeouts.write_stall_ns, NS_NEVER);
	ck_assert_uint_eq(listener->timeouts.lifetime_ns, NS_NEVER);
	ck_assert_uint_eq(listener->timeouts.connect_ns, UINT64_C(5) * NS_PER_S);
	ck_assert_uint_eq(listener->timeouts.half_close_ns, UINT64_C(30) * NS_PER_S);
	ck_assert_uint_eq(conf->timeouts.drain_ns, UINT64_C(30) * NS_PER_S);
	ck_assert_uint_eq(conf->max_pairs, 0);
	ck_assert(conf->splice);
	ck_assert_ptr_eq(conf_ref(conf), conf);
	(void)conf_unref(conf);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	struct socket_proxy proxy;
	const struct conf *conf = NULL;
	unsigned n = 1;
	int code;

	ck_assert(parse("127.0.0.1:80", &proxy, &code));
	for (;; n++) {
		int r;

		fault_only(FAULT_MEMORY);
		fault_arm(n);
		r = socket_proxy_conf(&proxy, &inherited, &conf);
		if (!fault_disarm()) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_int_lt(r, 0);
		ck_assert_ptr_null(conf);
	}
	ck_assert_uint_gt(n, 6);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(without_sockets_there_is_none)
{
	static const struct inherited none;
	struct socket_proxy proxy;
	const struct conf *conf;
	int code;

	ck_assert(parse("127.0.0.1:80", &proxy, &code));
	ck_assert_int_lt(socket_proxy_conf(&proxy, &none, &conf), 0);
}
END_TEST

#define N_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("socket_proxy");
	TCase *tc = tcase_create("socket_proxy");

	tcase_add_loop_test(
		tc, an_address_is_read_as_systemd_socket_proxyd_reads_it, 0, N_OF(goods));
	tcase_add_loop_test(tc, what_is_no_address_is_refused_with_a_remedy, 0, N_OF(bads));
	tcase_add_test(tc, what_is_too_long_is_refused);
	tcase_add_test(tc, the_defaults_are_those_of_systemd_socket_proxyd);
	tcase_add_test(tc, options_stand_before_and_behind_the_address);
	tcase_add_loop_test(tc, the_other_command_lines_end_with_their_code, 0, N_OF(ends));
	tcase_add_test(tc, the_config_has_each_name_once_and_cuts_nobody_who_waits);
	tcase_add_test(tc, without_memory_there_is_none);
	tcase_add_test(tc, without_sockets_there_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
