/* SPDX-License-Identifier: ISC */
/* The config of what stands between clients and upstreams: what is read, and what is refused. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf_case.h"
#include "suite.h"

#define SECONDS(n) ((uint64_t)(n)*NS_PER_S)
#define N_OF(a)    (sizeof(a) / sizeof((a)[0]))
#define W          "weir.conf:"

/* A config whose only listener has these members beside its name and address. */
static char *with(const char *members)
{
	char *text;

	ck_assert_int_gt(asprintf(&text,
				 "listeners = ({ name = \"web\"; listen = \"*:80\";\n%s "
				 "});\n" CONF_UPSTREAMS,
				 members),
		0);
	return text;
}

static const struct conf *load(const char *members)
{
	char *text = with(members);
	const struct conf *conf = conf_case_load_text(text);

	free(text);
	return conf;
}

/* ---- what is read ---- */

START_TEST(a_listener_that_says_nothing_has_no_limit_and_no_list)
{
	const struct conf *conf = load("upstream = \"app\";");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_ptr_null(listener->accept_proxy);
	ck_assert_ptr_null(listener->allow);
	ck_assert_ptr_null(listener->deny);
	ck_assert_uint_eq(listener->n_routes, 0);
	ck_assert_uint_eq(listener->max_pairs_per_source, 0);
	ck_assert_uint_eq(listener->source_prefix.v4, 32);
	ck_assert_uint_eq(listener->source_prefix.v6, 64);
	ck_assert_uint_eq(listener->rate.accept, 0);
	ck_assert_uint_eq(listener->rate.accept_per_source, 0);
	ck_assert_uint_eq(listener->rate.up, 0);
	ck_assert_uint_eq(listener->rate.down, 0);
	ck_assert_int_eq(conf->upstreams[0].send_proxy, SEND_PROXY_OFF);
	ck_assert_uint_eq(conf->upstreams[0].send_proxy_tlvs, 0);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(limits_and_rates_are_read)
{
	const struct conf *conf = load(
		"upstream = \"app\"; max_pairs_per_source = 7; source_prefix = { v4 = 24; v6 = "
		"56; };\n"
		"rate = { accept = \"1000/s\"; accept_per_source = \"1/s\"; up = \"10M/s\"; down = "
		"\"4096/s\"; };");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_uint_eq(listener->max_pairs_per_source, 7);
	ck_assert_uint_eq(listener->source_prefix.v4, 24);
	ck_assert_uint_eq(listener->source_prefix.v6, 56);
	ck_assert_uint_eq(listener->rate.accept, 1000);
	ck_assert_uint_eq(listener->rate.accept_per_source, 1);
	ck_assert_uint_eq(listener->rate.up, 10 * 1024 * 1024);
	ck_assert_uint_eq(listener->rate.down, 4096);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(timers_of_first_bytes_and_of_sides_are_inherited)
{
	const struct conf *conf = conf_case_load_text(
		"timeouts = { preface = \"1s\"; first_byte = \"2s\"; idle_client = \"3s\"; "
		"idle_upstream = \"4s\"; lifetime = \"1h\"; lifetime_grace = \"5s\"; "
		"lifetime_spread = \"6s\"; };\n"
		"listeners = ({ name = \"web\"; listen = \"*:80\"; upstream = \"app\"; "
		"timeouts = { preface = \"none\"; lifetime_grace = \"0s\"; }; "
		"});\n" CONF_UPSTREAMS);
	const struct conf_timeouts *own = &conf->listeners[0].timeouts;

	ck_assert_uint_eq(conf->timeouts.preface_ns, SECONDS(1));
	ck_assert_uint_eq(conf->timeouts.lifetime_grace_ns, SECONDS(5));
	ck_assert_uint_eq(own->preface_ns, NS_NEVER);
	ck_assert_uint_eq(own->first_byte_ns, SECONDS(2));
	ck_assert_uint_eq(own->idle_client_ns, SECONDS(3));
	ck_assert_uint_eq(own->idle_upstream_ns, SECONDS(4));
	ck_assert_uint_eq(own->lifetime_grace_ns, 0);
	ck_assert_uint_eq(own->lifetime_spread_ns, SECONDS(6));
	(void)conf_unref(conf);
}
END_TEST

static void expect_prefix(const struct conf_prefixes *list, size_t i, const char *expected)
{
	char text[PREFIX_TEXT_MAX];

	ck_assert_uint_lt(i, list->n);
	ck_assert_str_eq(prefix_text(&list->prefixes[i], text), expected);
}

START_TEST(lists_have_prefixes_addresses_unix_and_any)
{
	const struct conf *conf = load(
		"upstream = \"app\"; accept_proxy = \"any\";\n"
		"allow = [ \"10.0.0.0/8\", \"::ffff:192.0.2.1\", \"2001:db8::/32\", \"unix\" ]; "
		"deny = [ ];");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert(listener->accept_proxy->any && !listener->accept_proxy->unix_peers);
	ck_assert_uint_eq(listener->accept_proxy->n, 0);
	ck_assert(listener->allow->unix_peers && !listener->allow->any);
	ck_assert_uint_eq(listener->allow->n, 3);
	expect_prefix(listener->allow, 0, "10.0.0.0/8");
	expect_prefix(listener->allow, 1, "192.0.2.1");
	expect_prefix(listener->allow, 2, "2001:db8::/32");
	ck_assert_ptr_nonnull(listener->deny);
	ck_assert_uint_eq(listener->deny->n, 0);
	ck_assert(!listener->deny->any && !listener->deny->unix_peers);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(lists_that_are_alike_are_one)
{
	const struct conf *conf = load("upstream = \"app\"; deny = [ \"10.1.0.0/16\", \"::1\" ];\n"
				       "routes = ( { from = [ \"10.1.0.0/16\", \"::1/128\" ]; "
				       "upstream = \"app\"; } );");

	ck_assert_ptr_nonnull(conf->listeners[0].deny);
	ck_assert_ptr_eq(conf->listeners[0].deny, conf->listeners[0].routes[0].from);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_listener_with_routes_needs_no_upstream)
{
	const struct conf *conf =
		load("routes = ( { sni = [ \"A.Test\", \"*.b_1.test\" ]; alpn = \"h2\"; upstream "
		     "= \"app\"; },\n"
		     "  { from = \"unix\"; upstream = \"app\"; } );");
	const struct conf_listener *listener = &conf->listeners[0];
	const struct conf_route *route = &listener->routes[0];

	ck_assert_ptr_null(listener->upstream);
	ck_assert_uint_eq(listener->n_routes, 2);
	ck_assert_uint_eq(route->n_sni, 2);
	ck_assert_str_eq(route->sni[0], "a.test");
	ck_assert_str_eq(route->sni[1], "*.b_1.test");
	ck_assert_uint_eq(route->n_alpn, 1);
	ck_assert_str_eq(route->alpn[0], "h2");
	ck_assert_ptr_null(route->from);
	ck_assert_ptr_eq(route->upstream, &conf->upstreams[0]);
	route = &listener->routes[1];
	ck_assert_uint_eq(route->n_sni, 0);
	ck_assert_uint_eq(route->n_alpn, 0);
	ck_assert(route->from->unix_peers);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(an_upstream_may_be_sent_a_header)
{
	const struct conf *conf = conf_case_load_text(CONF_LISTENERS
		"upstreams = ({ name = \"app\"; servers = ( \"h:1\" ); send_proxy = \"v2\";\n"
		"  send_proxy_tlvs = [ \"alpn\", \"received\", \"crc32c\" ]; });\n");

	ck_assert_int_eq(conf->upstreams[0].send_proxy, SEND_PROXY_V2);
	ck_assert_uint_eq(conf->upstreams[0].send_proxy_tlvs,
		CONF_TLV_ALPN | CONF_TLV_RECEIVED | CONF_TLV_CRC32C);
	(void)conf_unref(conf);
}
END_TEST

/* ---- what is refused ---- */

/* Members of a listener, and what is said of them. */
static const struct {
	const char *members;
	const char *error;
} refused[] = {
	{"max_pairs = 1;",
		W "1: listeners[0].upstream: is missing; write upstream = \"app\", or routes = ( "
		  "{ ... } )\n"},
	{"upstream = \"app\"; allow = \"10.0.0.1/8\";",
		W "2: listeners[0].allow: \"10.0.0.1/8\": it has bits behind its length; "
		  "write \"10.0.0.0/8\", or another length\n"},
};

START_TEST(a_wrong_member_is_said)
{
	char *text = with(refused[_i].members);

	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", refused[_i].error);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_edge");
	TCase *tc = tcase_create("conf_edge");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, a_listener_that_says_nothing_has_no_limit_and_no_list);
	tcase_add_test(tc, limits_and_rates_are_read);
	tcase_add_test(tc, timers_of_first_bytes_and_of_sides_are_inherited);
	tcase_add_test(tc, lists_have_prefixes_addresses_unix_and_any);
	tcase_add_test(tc, lists_that_are_alike_are_one);
	tcase_add_test(tc, a_listener_with_routes_needs_no_upstream);
	tcase_add_test(tc, an_upstream_may_be_sent_a_header);
	tcase_add_loop_test(tc, a_wrong_member_is_said, 0, N_OF(refused));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
