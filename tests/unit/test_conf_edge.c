/* SPDX-License-Identifier: ISC */
/* The config of access, routes, rates and PROXY headers: what is read, and what is refused. */
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

/* The text of a config whose only listener has these members and a name and an address. */
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
		"upstream = \"app\"; deny = \"any\"; accept_proxy = [ ];\n"
		"allow = [ \"10.0.0.0/8\", \"::ffff:192.0.2.1\", \"2001:db8::/32\", \"unix\" ];");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert(listener->deny->any && !listener->deny->unix_peers);
	ck_assert_uint_eq(listener->deny->n, 0);
	ck_assert(listener->allow->unix_peers && !listener->allow->any);
	ck_assert_uint_eq(listener->allow->n, 3);
	expect_prefix(listener->allow, 0, "10.0.0.0/8");
	expect_prefix(listener->allow, 1, "192.0.2.1");
	expect_prefix(listener->allow, 2, "2001:db8::/32");
	ck_assert_ptr_nonnull(listener->accept_proxy);
	ck_assert_uint_eq(listener->accept_proxy->n, 0);
	ck_assert(!listener->accept_proxy->any && !listener->accept_proxy->unix_peers);
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

/* Members of a listener, and the error for them. */
static const struct {
	const char *members;
	const char *error;
} refused[] = {
	/* lists */
	{"max_pairs = 1;", W "1: listeners[0].upstream: is missing; write upstream = \"app\", "
			     "server = \"10.0.0.5:5432\", or routes = ( { ... } )\n"},
	{"upstream = \"app\"; allow = \"10.0.0.1/8\";",
		W "2: listeners[0].allow: \"10.0.0.1/8\": it has bits after its length; write "
		  "\"10.0.0.0/8\", or another length\n"},
	{"upstream = \"app\"; deny = [ \"::1\", \"ten\" ];",
		W "2: listeners[0].deny[1]: \"ten\": it is not an IP prefix; write one like "
		  "\"10.0.0.0/8\", \"192.0.2.7\" or \"2001:db8::/32\"\n"},
	{"upstream = \"app\"; deny = [ 10 ];",
		W "2: listeners[0].deny[0]: an integer was found; write deny = \"10.9.0.0/16\", or "
		  "an array of such strings\n"},
	{"upstream = \"app\"; accept_proxy = true;",
		W "2: listeners[0].accept_proxy: a boolean was found; write accept_proxy = "
		  "\"10.0.0.0/8\", or an array of such strings\n"},
	/* names and protocols of a hello */
	{"routes = ( { sni = \"a.test.\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.test.\": clients send names without the dot "
		  "at their end; write it without\n"},
	{"routes = ( { sni = \"192.0.2.1\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"192.0.2.1\": clients send no address in SNI; "
		  "write a name, or leave sni out of the route\n"},
	{"routes = ( { sni = \"*.192.0.2.1\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"*.192.0.2.1\": clients send no address in SNI; "
		  "write a name, or leave sni out of the route\n"},
	{"routes = ( { sni = \"::1\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"::1\": clients send no address in SNI; write a "
		  "name, or leave sni out of the route\n"},
	{"routes = ( { sni = \"[::1]\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"[::1]\": clients send no address in SNI; write "
		  "a name, or leave sni out of the route\n"},
	{"routes = ( { sni = \"*\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"*\": '*' can only be the whole first part; "
		  "write a name, or one like \"*.example.com\"\n"},
	{"routes = ( { sni = \"*a.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"*a.test\": '*' can only be the whole first "
		  "part; write a name, or one like \"*.example.com\"\n"},
	{"routes = ( { sni = \"a.*.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.*.test\": '*' can only be the whole first "
		  "part; write a name, or one like \"*.example.com\"\n"},
	{"routes = ( { sni = \"*.*.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"*.*.test\": '*' can only be the whole first "
		  "part; write a name, or one like \"*.example.com\"\n"},
	{"routes = ( { sni = \"a.*\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.*\": '*' can only be the whole first part; "
		  "write a name, or one like \"*.example.com\"\n"},
	{"routes = ( { sni = \"\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"\": a part of the name is empty; write a name "
		  "like \"a.example.com\"\n"},
	{"routes = ( { sni = \".\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \".\": a part of the name is empty; write a name "
		  "like \"a.example.com\"\n"},
	{"routes = ( { sni = \".a.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \".a.test\": a part of the name is empty; write "
		  "a name like \"a.example.com\"\n"},
	{"routes = ( { sni = \"a..test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a..test\": a part of the name is empty; write "
		  "a name like \"a.example.com\"\n"},
	{"routes = ( { sni = \"*.\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"*.\": a part of the name is empty; write a "
		  "name like \"a.example.com\"\n"},
	{"routes = ( { sni = \"a.test..\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.test..\": a part of the name is empty; write "
		  "a name like \"a.example.com\"\n"},
	{"routes = ( { sni = \"a b.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a b.test\": names have letters, digits, '-' "
		  "and '_' between their dots; write it as clients send it, other letters as "
		  "\"xn--...\"\n"},
	{"routes = ( { sni = \"bücher.test\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"b\\xc3\\xbccher.test\": names have letters, "
		  "digits, '-' and '_' between their dots; write it as clients send it, other "
		  "letters as \"xn--...\"\n"},
	{"routes = ( { sni = \"a.test:443\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.test:443\": names have letters, digits, '-' "
		  "and '_' between their dots; write it as clients send it, other letters as "
		  "\"xn--...\"\n"},
	{"routes = ( { sni = "
	 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test\"; upstream = "
	 "\"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": "
		  "at most 63 characters may be between two dots; write a shorter name\n"},
	{"routes = ( { sni = "
	 "\"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
	 "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a."
	 "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.test\"; "
	 "upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: \"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a....\": "
		  "a name has at most 253 characters; write a shorter one\n"},
	{"routes = ( { alpn = [ \"\" ]; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].alpn[0]: \"\": a protocol has 1 to 255 bytes; write "
		  "one like \"h2\" or \"http/1.1\"\n"},
	{"routes = ( { alpn = "
	 "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"; "
	 "upstream = \"app\"; } );",
		W
		"2: listeners[0].routes[0].alpn: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\": "
		"a protocol has 1 to 255 bytes; write one like \"h2\" or \"http/1.1\"\n"},
	{"routes = ( { sni = [ ]; upstream = \"app\"; } );",
		W "2: listeners[0].routes[0].sni: is empty; write sni = \"a.test\", or an array of "
		  "such strings\n"},
	{"routes = ( { sni = \"a.test\"; } );",
		W "2: listeners[0].routes[0].upstream: is missing; write upstream = \"app\"\n"},
	{"routes = ( { sni = \"a.test\"; upstream = \"ap\"; } );",
		W "2: listeners[0].routes[0].upstream: there is no upstream \"ap\"; the nearest "
		  "name is \"app\"\n"},
	{"routes = ( );", W "2: listeners[0].routes: is empty; write routes = ( { ... }, ... )\n"},
	/* rates and limits */
	{"upstream = \"app\"; rate = { accept = \"10\"; };",
		W "2: listeners[0].rate.accept: \"10\": a rate is a number a second; write one "
		  "like \"1000/s\"\n"},
	{"upstream = \"app\"; rate = { accept = 10; };",
		W "2: listeners[0].rate.accept: an integer was found; write accept = \"1000/s\"\n"},
	{"upstream = \"app\"; rate = { accept = \"1k/s\"; };",
		W "2: listeners[0].rate.accept: \"1k/s\": clients are counted in whole numbers "
		  "without a unit; write one like \"1000/s\"\n"},
	{"upstream = \"app\"; rate = { accept_per_source = \"0/s\"; };",
		W "2: listeners[0].rate.accept_per_source: \"0/s\" is out of range; write \"1/s\" "
		  "to \"10000000/s\", or take it out for no limit\n"},
	{"upstream = \"app\"; rate = { up = \"10M/m\"; };",
		W "2: listeners[0].rate.up: \"10M/m\": a rate is a number a second; write one like "
		  "\"10M/s\"\n"},
	{"upstream = \"app\"; rate = { up = \"10T/s\"; };",
		W "2: listeners[0].rate.up: \"10T/s\": the unit of a size is unknown; write k, M "
		  "or G (powers of 1024) right after the number, like \"64k\"\n"},
	{"upstream = \"app\"; rate = { down = \"100/s\"; };",
		W "2: listeners[0].rate.down: \"100/s\" is out of range; write \"1k/s\" to "
		  "\"1024G/s\", or take it out for no limit\n"},
	{"upstream = \"app\"; source_prefix = { v4 = 33; v6 = 0; };",
		W "2: listeners[0].source_prefix.v4: 33 is out of range; write an integer from 1 "
		  "to 32\n" W "2: listeners[0].source_prefix.v6: 0 is out of range; write an "
		  "integer from 1 to 128\n"},
	{"upstream = \"app\"; max_pairs_per_source = 0;",
		W "2: listeners[0].max_pairs_per_source: 0 is out of range; write an integer from "
		  "1 to 10000000\n"},
	{"upstream = \"app\"; timeouts = { lifetime_grace = \"none\"; first_byte = \"0s\"; };",
		W "2: listeners[0].timeouts.lifetime_grace: \"none\": this is no timer to switch "
		  "off; write \"0s\"\n" W
		  "2: listeners[0].timeouts.first_byte: \"0s\": a timer of no time at all would "
		  "strike at once; write \"none\" to switch it off\n"},
	/* the first bytes that are looked at must fit */
	{"upstream = \"app\"; accept_proxy = \"unix\"; socket = { receive_buffer = \"15k\"; };",
		W "2: listeners[0].socket.receive_buffer: is less than the first bytes of a client "
		  "that this listener looks at may be; write at least \"16k\", or take it out\n"},
	{"routes = ( { alpn = \"h2\"; upstream = \"app\"; } ); socket = { receive_buffer = \"8k\"; "
	 "};",
		W "2: listeners[0].socket.receive_buffer: is less than the first bytes of a client "
		  "that this listener looks at may be; write at least \"16k\", or take it out\n"},
};

START_TEST(a_wrong_member_is_said)
{
	char *text = with(refused[_i].members);

	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", refused[_i].error);
	free(text);
}
END_TEST

START_TEST(a_small_buffer_is_enough_where_nobody_looks)
{
	(void)conf_unref(load("routes = ( { from = \"10.0.0.0/8\"; upstream = \"app\"; } );\n"
			      "accept_proxy = [ ]; socket = { receive_buffer = \"4k\"; };"));
}
END_TEST

/** Members that make a listener look at first bytes, and the buffer that it gets. */
static const struct {
	const char *members;
	size_t buffer;
} buffers[] = {
	{"upstream = \"app\"; accept_proxy = \"any\"; socket = { receive_buffer = \"16k\"; };",
		32 * 1024},
	{"routes = ( { sni = \"a.test\"; upstream = \"app\"; } ); "
	 "socket = { receive_buffer = \"20k\"; };",
		32 * 1024},
	{"upstream = \"app\"; accept_proxy = \"any\"; socket = { receive_buffer = \"48k\"; };",
		48 * 1024},
	{"upstream = \"app\"; accept_proxy = \"any\";", 0},
	{"upstream = \"app\"; socket = { receive_buffer = \"16k\"; };", 16 * 1024},
};

START_TEST(a_buffer_has_room_for_what_is_looked_at)
{
	const struct conf *conf = load(buffers[_i].members);

	ck_assert_uint_eq(conf->listeners[0].socket.receive_buffer, buffers[_i].buffer);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_hash_of_names_looks_at_first_bytes)
{
	conf_case_write("weir.conf",
		"listeners = ({ name = \"web\"; listen = \"*:80\"; upstream = \"app\";\n"
		"  socket = { receive_buffer = \"8k\"; }; });\n"
		"upstreams = ({ name = \"app\"; balance = \"hash\"; hash_on = \"sni\"; servers = ( "
		"\"h:1\", \"h:2\" ); });\n");
	conf_case_expect("weir.conf",
		W "2: listeners[0].socket.receive_buffer: is less than the first bytes of a client "
		  "that this listener looks at may be; write at least \"16k\", or take it out\n");
}
END_TEST

START_TEST(weir_would_not_connect_to_itself_by_a_route)
{
	conf_case_write("weir.conf",
		"listeners = ({ name = \"web\"; listen = \"127.0.0.1:80\"; upstream = \"app\";\n"
		"  routes = ( { sni = \"a.test\"; upstream = \"self\"; } ); });\n"
		"upstreams = ({ name = \"app\"; servers = ( \"h:1\" ); },\n"
		"  { name = \"self\"; servers = ( \"127.0.0.1:80\" ); });\n");
	conf_case_expect("weir.conf", W
		"4: upstreams[1].servers[0]: \"127.0.0.1:80\" is the address of listeners[0]; weir "
		"would connect to itself; write that of a server\n");
}
END_TEST

/* ---- likely mistakes ---- */

/* Members of a listener, and the warning for them. */
static const struct {
	const char *members;
	const char *warning;
} warned[] = {
	{"upstream = \"app\"; accept_proxy = [ \"any\" ]; allow = [ \"10.0.0.0/8\" ];",
		W "2: listeners[0].accept_proxy: believes anybody who says that it comes from an "
		  "address of allow; write the addresses of those who may say so\n"},
	{"upstream = \"app\"; accept_proxy = [ \"any\" ]; deny = [ \"10.0.0.0/8\" ];", ""},
	{"upstream = \"app\"; allow = [ ];", W
		"2: listeners[0].allow: has nobody in it, so all clients are denied; write who may "
		"in\n"},
	{"upstream = \"app\"; source_prefix = { v4 = 24; };",
		W "2: listeners[0].source_prefix: is for limits of a source, and there are none; "
		  "write max_pairs_per_source or rate.accept_per_source, or take it out\n"},
	{"upstream = \"app\"; source_prefix = { v4 = 24; }; rate = { accept_per_source = \"1/s\"; "
	 "};",
		""},
	{"upstream = \"app\"; timeouts = { lifetime_grace = \"1s\"; lifetime_spread = \"0s\"; };", W
		"2: listeners[0].timeouts.lifetime_grace: goes with timeouts.lifetime, and that is "
		"\"none\"; write a lifetime, or take it out\n"},
	{"upstream = \"app\"; timeouts = { write_stall = \"999ms\"; };",
		W "2: listeners[0].timeouts.write_stall: is too short to tell a slow receiver from "
		  "a stuck one, because kernels tell in steps what they take; write at least "
		  "\"1s\"\n"},
	{"upstream = \"app\"; timeouts = { write_stall = \"1s\"; };", ""},
	{"upstream = \"app\"; routes = ( { sni = \"a.test\"; upstream = \"app\"; }, { upstream = "
	 "\"app\"; } );",
		W "2: listeners[0].upstream: gets no client, since the last route takes everybody; "
		  "take out one of the two\n"},
};

START_TEST(a_short_write_stall_of_the_top_level_is_warned_of_once)
{
	conf_case_write("weir.conf",
		"listeners = ({ name = \"web\"; listen = \"*:80\"; upstream = \"app\"; },\n"
		"{ name = \"b\"; listen = \"*:81\"; upstream = \"app\"; });\n" CONF_UPSTREAMS
		"timeouts = { write_stall = \"20ms\"; };\n");
	conf_case_expect("weir.conf",
		W "4: timeouts.write_stall: is too short to tell a slow receiver from a stuck one, "
		  "because kernels tell in steps what they take; write at least \"1s\"\n");
}
END_TEST

START_TEST(what_may_not_be_meant_is_a_warning)
{
	char *text = with(warned[_i].members);

	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", warned[_i].warning);
	free(text);
}
END_TEST

#define HINT                                                                                       \
	"waits for a client's first bytes, and resets one that sends none for timeouts.preface; "  \
	"for protocols in which the server speaks first, write a listener of their own\n"

#define NO_PATH "is for UNIX sockets with a path, and the listener has none; take it out\n"

/* Members of a listener, and the hint for them. */
static const struct {
	const char *members;
	const char *hint;
} hinted[] = {
	{"upstream = \"app\";", ""},
	{"upstream = \"app\"; routes = ( { from = \"10.0.0.0/8\"; upstream = \"app\"; } );", ""},
	{"upstream = \"app\"; accept_proxy = \"10.0.0.0/8\";", ""},
	{"upstream = \"app\"; routes = ( { from = \"10.0.0.0/8\"; upstream = \"app\"; },\n"
	 "{ alpn = \"h2\"; upstream = \"app\"; } );",
		W "2: listeners[0].routes: " HINT},
	{"upstream = \"app\"; mode = \"0660\"; owner = \"root\"; group = \"root\";",
		W "2: listeners[0].mode: " NO_PATH W "2: listeners[0].owner: " NO_PATH W
		  "2: listeners[0].group: " NO_PATH},
};

static void expect_hint(const char *text, const char *hint)
{
	struct conf_errors errors;
	struct conf_errors hints;
	const struct conf *conf;
	char *told = NULL;
	size_t len;
	FILE *out = open_memstream(&told, &len);

	ck_assert_ptr_nonnull(out);
	conf_case_write("weir.conf", text);
	conf_errors_init(&errors);
	conf_errors_init(&hints);
	errors.hints = &hints;
	ck_assert_int_eq(conf_load("weir.conf", &errors, NULL, &conf), 0);
	ck_assert_uint_eq(errors.n_errors, 0);
	conf_errors_print(&hints, "", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(told, hint);
	conf_errors_fini(&errors);
	conf_errors_fini(&hints);
	(void)conf_unref(conf);
	free(told);
}

START_TEST(who_asks_is_told_what_should_be_known)
{
	char *text = with(hinted[_i].members);

	expect_hint(text, hinted[_i].hint);
	free(text);
}
END_TEST

/* Addresses of a listener with a mode, and the hint for them. */
static const struct {
	const char *listen;
	const char *hint;
} bound[] = {
	{"\"unix:@web\"", W "1: listeners[0].mode: " NO_PATH},
	{"\"unix:/run/web\"", ""},
	{"[\"*:80\", \"unix:/run/web\"]", ""},
	{"\"systemd:web\"",
		W "1: listeners[0].mode: is for sockets that weir binds, and systemd binds these; "
		  "write SocketMode= in its socket unit\n"},
};

START_TEST(who_asks_is_told_of_a_mode_without_a_file)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		"listeners = ({ name = \"a\"; listen = %s; upstream = \"app\"; mode = \"0600\"; "
		"});\n" CONF_UPSTREAMS,
		bound[_i].listen);
	expect_hint(text, bound[_i].hint);
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
	tcase_add_test(tc, a_small_buffer_is_enough_where_nobody_looks);
	tcase_add_loop_test(tc, a_buffer_has_room_for_what_is_looked_at, 0, N_OF(buffers));
	tcase_add_test(tc, a_hash_of_names_looks_at_first_bytes);
	tcase_add_test(tc, weir_would_not_connect_to_itself_by_a_route);
	tcase_add_test(tc, a_short_write_stall_of_the_top_level_is_warned_of_once);
	tcase_add_loop_test(tc, what_may_not_be_meant_is_a_warning, 0, N_OF(warned));
	tcase_add_loop_test(tc, who_asks_is_told_what_should_be_known, 0, N_OF(hinted));
	tcase_add_loop_test(tc, who_asks_is_told_of_a_mode_without_a_file, 0, N_OF(bound));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
