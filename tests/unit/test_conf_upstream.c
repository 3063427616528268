/* SPDX-License-Identifier: ISC */
/* The config of upstreams: what is written, what the defaults are, and what does not fit. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf_case.h"
#include "suite.h"

#define SECONDS(n) ((uint64_t)(n)*NS_PER_S)
#define N_OF(a)    (sizeof(a) / sizeof((a)[0]))

/* Loads a config whose only upstream has these members. */
static const struct conf *load(const char *members)
{
	const struct conf *conf;
	char *text;

	ck_assert_int_gt(
		asprintf(&text, CONF_LISTENERS "upstreams = ({ name = \"app\"; %s });", members),
		0);
	conf = conf_case_load_text(text);
	free(text);
	return conf;
}

/* ---- what is read ---- */

START_TEST(an_upstream_that_says_nothing_has_defaults)
{
	const struct conf *conf = load("servers = ( \"h:1\" );");
	const struct conf_upstream *upstream = &conf->upstreams[0];

	ck_assert_int_eq(upstream->balance, BALANCE_ROUND_ROBIN);
	ck_assert_int_eq(upstream->hash_on, HASH_ON_CLIENT);
	ck_assert_uint_eq(upstream->tries, 0);
	ck_assert(upstream->eject.on);
	ck_assert_uint_eq(upstream->eject.failures, 3);
	ck_assert_uint_eq(upstream->eject.within_ns, SECONDS(10));
	ck_assert_uint_eq(upstream->eject.for_ns, SECONDS(10));
	ck_assert_uint_eq(upstream->eject.at_most, 50);
	ck_assert_int_eq(upstream->discovery.kind, DISCOVER_NONE);
	ck_assert_ptr_null(upstream->discovery.name);
	ck_assert_ptr_null(upstream->check);
	ck_assert_uint_eq(upstream->slow_start_ns, NS_NEVER);
	ck_assert(!upstream->ends_pairs);
	ck_assert_uint_eq(upstream->queue_max, 1000);
	ck_assert_uint_eq(conf->timeouts.queue_ns, SECONDS(5));
	ck_assert_uint_eq(conf->listeners[0].timeouts.queue_ns, SECONDS(5));
	ck_assert_uint_eq(conf->resolver.n_servers, 0);
	ck_assert_uint_eq(conf->resolver.timeout_ns, SECONDS(2));
	ck_assert_uint_eq(conf->resolver.tries, 2);
	ck_assert_str_eq(upstream->servers[0].name, "h:1");
	ck_assert_uint_eq(upstream->servers[0].weight, 1);
	ck_assert_uint_eq(upstream->servers[0].max_pairs, 0);
	ck_assert(!upstream->servers[0].backup);
	ck_assert_ptr_null(upstream->servers[0].check);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(what_an_upstream_says_is_read)
{
	const struct conf *conf = load(
		"balance = \"hash\"; hash_on = \"client_port\"; tries = 256; slow_start = \"1m\";\n"
		"on_down = \"end\"; queue_max = 0;\n"
		"eject = { failures = 1; within = \"1ms\"; for = \"2s\"; at_most = 100; };\n"
		"servers = ( { name = \"a\"; address = \"10.0.0.1:1\"; weight = 0; },\n"
		"  { address = \"10.0.0.2:1\"; weight = 256; max_pairs = 7; backup = TRUE; },\n"
		"  \"Name.Example:1\" );");
	const struct conf_upstream *upstream = &conf->upstreams[0];

	ck_assert_int_eq(upstream->balance, BALANCE_HASH);
	ck_assert_int_eq(upstream->hash_on, HASH_ON_CLIENT_PORT);
	ck_assert_uint_eq(upstream->tries, 256);
	ck_assert_uint_eq(upstream->slow_start_ns, SECONDS(60));
	ck_assert(upstream->ends_pairs);
	ck_assert_uint_eq(upstream->queue_max, 0);
	ck_assert(upstream->eject.on);
	ck_assert_uint_eq(upstream->eject.failures, 1);
	ck_assert_uint_eq(upstream->eject.within_ns, NS_PER_MS);
	ck_assert_uint_eq(upstream->eject.for_ns, SECONDS(2));
	ck_assert_uint_eq(upstream->eject.at_most, 100);
	ck_assert_uint_eq(upstream->n_servers, 3);
	ck_assert_str_eq(upstream->servers[0].name, "a");
	ck_assert_uint_eq(upstream->servers[0].weight, 0);
	ck_assert_str_eq(upstream->servers[1].name, "10.0.0.2:1");
	ck_assert_uint_eq(upstream->servers[1].weight, 256);
	ck_assert_uint_eq(upstream->servers[1].max_pairs, 7);
	ck_assert(upstream->servers[1].backup);
	ck_assert_str_eq(upstream->servers[2].text, "Name.Example:1");
	ck_assert_str_eq(upstream->servers[2].addr.host, "name.example");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_hash_may_be_of_the_name_in_the_hello)
{
	const struct conf *conf =
		load("balance = \"hash\"; hash_on = \"sni\"; servers = ( \"h:1\", \"h:2\" );");

	ck_assert_int_eq(conf->upstreams[0].hash_on, HASH_ON_SNI);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(each_rule_has_its_word)
{
	static const char *const words[] = {
		"round_robin", "least_pairs", "random", "hash", "first"};

	for (unsigned i = 0; i < N_OF(words); i++) {
		char members[128];
		const struct conf *conf;

		(void)snprintf(members, sizeof(members),
			"balance = \"%s\"; servers = ( \"h:1\", \"h:2\" );", words[i]);
		conf = load(members);
		ck_assert_uint_eq(conf->upstreams[0].balance, i);
		(void)conf_unref(conf);
	}
}
END_TEST

START_TEST(ejection_can_be_off)
{
	const struct conf *conf = load("servers = ( \"h:1\" ); eject = \"off\";");

	ck_assert(!conf->upstreams[0].eject.on);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_queue_timeout_is_inherited)
{
	const struct conf *conf = conf_case_load_text(
		"timeouts = { queue = \"7s\"; };\n"
		"listeners = ({ name = \"a\"; listen = \"*:1\"; upstream = \"app\"; },\n"
		"  { name = \"b\"; listen = \"*:2\"; upstream = \"app\"; timeouts = { queue = "
		"\"none\"; }; });\n" CONF_UPSTREAMS);

	ck_assert_uint_eq(conf->listeners[0].timeouts.queue_ns, SECONDS(7));
	ck_assert_uint_eq(conf->listeners[1].timeouts.queue_ns, NS_NEVER);
	(void)conf_unref(conf);
}
END_TEST

/* ---- checks ---- */

static void expect_bytes(const struct conf_bytes *bytes, const char *expected)
{
	ck_assert_uint_eq(bytes->n, strlen(expected));
	ck_assert_mem_eq(bytes->bytes, expected, bytes->n);
}

START_TEST(an_empty_check_has_all_defaults)
{
	const struct conf *conf = load("servers = ( \"h:1\" ); check = { };");
	const struct conf_check *check = conf->upstreams[0].check;

	ck_assert_ptr_nonnull(check);
	ck_assert_str_eq(check->text, "");
	ck_assert_uint_eq(check->every_ns, SECONDS(2));
	ck_assert_uint_eq(check->every_down_ns, SECONDS(2));
	ck_assert_uint_eq(check->timeout_ns, SECONDS(1));
	ck_assert_uint_eq(check->rise, 2);
	ck_assert_uint_eq(check->fall, 3);
	ck_assert_ptr_null(check->send.bytes);
	ck_assert_ptr_null(check->expect.bytes);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(servers_share_the_check_of_their_upstream)
{
	const struct conf *conf =
		load("balance = \"first\"; servers = ( \"h:1\", \"h:2\" );\n"
		     "check = { every = \"3s\"; send = \"PING\\r\\n\\x7f\\xff\"; };");
	const struct conf_upstream *upstream = &conf->upstreams[0];

	expect_bytes(&upstream->check->send, "PING\r\n\x7f\xff");
	ck_assert_ptr_eq(upstream->servers[0].check, upstream->check);
	ck_assert_ptr_eq(upstream->servers[1].check, upstream->check);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(what_a_server_does_not_say_of_its_check_is_as_in_the_upstream)
{
	/* The check of the upstream is written after the servers. */
	const struct conf *conf =
		load("balance = \"first\"; servers = (\n"
		     "  { address = \"h:1\"; check = { address = \"H:9\"; fall = 9; }; },\n"
		     "  { address = \"h:2\"; check = { every = \"9s\"; send = \"X\"; }; },\n"
		     "  { address = \"h:3\"; check = \"off\"; } );\n"
		     "check = { every = \"3s\"; every_down = \"4s\"; timeout = \"5s\"; rise = 6;\n"
		     "  send = \"PING\"; expect = \"PONG\"; };");
	const struct conf_upstream *upstream = &conf->upstreams[0];
	const struct conf_check *first = upstream->servers[0].check;
	const struct conf_check *second = upstream->servers[1].check;

	ck_assert_str_eq(first->text, "H:9");
	ck_assert_int_eq(first->addr.port, 9);
	ck_assert_uint_eq(first->fall, 9);
	ck_assert_uint_eq(first->every_ns, SECONDS(3));
	ck_assert_uint_eq(first->every_down_ns, SECONDS(4));
	ck_assert_uint_eq(first->timeout_ns, SECONDS(5));
	ck_assert_uint_eq(first->rise, 6);
	expect_bytes(&first->send, "PING");
	expect_bytes(&first->expect, "PONG");
	ck_assert_ptr_eq(first->expect.bytes, upstream->check->expect.bytes);
	ck_assert_str_eq(second->text, "");
	ck_assert_uint_eq(second->every_ns, SECONDS(9));
	ck_assert_uint_eq(second->every_down_ns, SECONDS(4));
	expect_bytes(&second->send, "X");
	expect_bytes(&second->expect, "PONG");
	expect_bytes(&upstream->check->send, "PING");
	ck_assert_ptr_null(upstream->servers[2].check);
	ck_assert_uint_eq(upstream->check->fall, 3);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_server_may_have_a_check_that_its_upstream_has_not)
{
	const struct conf *conf =
		load("check = \"off\"; balance = \"first\"; servers = (\n"
		     "  { address = \"h:1\"; check = { every = \"100ms\"; }; }, \"h:2\" );");
	const struct conf_upstream *upstream = &conf->upstreams[0];

	ck_assert_ptr_null(upstream->check);
	ck_assert_uint_eq(upstream->servers[0].check->every_ns, 100 * NS_PER_MS);
	/* A server that is down is checked as often, unless every_down is written. */
	ck_assert_uint_eq(upstream->servers[0].check->every_down_ns, 100 * NS_PER_MS);
	ck_assert_uint_eq(upstream->servers[0].check->timeout_ns, SECONDS(1));
	ck_assert_ptr_null(upstream->servers[1].check);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(what_is_sent_and_expected_has_at_most_4_KiB)
{
	static char members[3 * CONF_EXPECT_MAX];
	const struct conf *conf;
	char bytes[CONF_EXPECT_MAX + 2] = "";

	memset(bytes, 'x', CONF_EXPECT_MAX);
	(void)snprintf(members, sizeof(members),
		"servers = ( \"h:1\" ); check = { send = \"%s\"; expect = \"%s\"; };", bytes,
		bytes);
	conf = load(members);
	ck_assert_uint_eq(conf->upstreams[0].check->expect.n, CONF_EXPECT_MAX);
	(void)conf_unref(conf);
	bytes[CONF_EXPECT_MAX] = 'x';
	(void)snprintf(members, sizeof(members),
		CONF_LISTENERS "upstreams = ({ name = \"app\"; servers = ( \"h:1\" );\n"
			       "check = { expect = \"%s\"; }; });",
		bytes);
	conf_case_write("weir.conf", members);
	conf_case_expect("weir.conf",
		"weir.conf:3: upstreams[0].check.expect: has 4097 bytes; write at most 4096, which "
		"is 4 KiB\n");
}
END_TEST

/* ---- discovery ---- */

START_TEST(servers_may_be_discovered)
{
	const struct conf *conf = load(
		"discover = \"dns:App.example.com.:9000\"; discovery = { hold = \"none\";\n"
		"  ttl_min = \"2s\"; ttl_max = \"2s\"; max_servers = 10000; max_pairs = 5; };");
	const struct conf_discovery *discovery = &conf->upstreams[0].discovery;

	ck_assert_uint_eq(conf->upstreams[0].n_servers, 0);
	ck_assert_int_eq(discovery->kind, DISCOVER_DNS);
	ck_assert_str_eq(discovery->name, "app.example.com");
	ck_assert_int_eq(discovery->port, 9000);
	ck_assert_uint_eq(discovery->hold_ns, NS_NEVER);
	ck_assert_uint_eq(discovery->ttl_min_ns, SECONDS(2));
	ck_assert_uint_eq(discovery->ttl_max_ns, SECONDS(2));
	ck_assert_uint_eq(discovery->max_servers, 10000);
	ck_assert_uint_eq(discovery->max_pairs, 5);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(servers_may_be_written_beside_those_that_are_discovered)
{
	const struct conf *conf = load("discover = \"srv:_app._tcp.example.com\";\n"
				       "servers = ( { address = \"h:1\"; backup = true; } );");
	const struct conf_discovery *discovery = &conf->upstreams[0].discovery;

	ck_assert_uint_eq(conf->upstreams[0].n_servers, 1);
	ck_assert_int_eq(discovery->kind, DISCOVER_SRV);
	ck_assert_str_eq(discovery->name, "_app._tcp.example.com");
	ck_assert_int_eq(discovery->port, 0);
	ck_assert_uint_eq(discovery->hold_ns, SECONDS(30));
	ck_assert_uint_eq(discovery->ttl_min_ns, SECONDS(1));
	ck_assert_uint_eq(discovery->ttl_max_ns, SECONDS(300));
	ck_assert_uint_eq(discovery->max_servers, 256);
	ck_assert_uint_eq(discovery->max_pairs, 0);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(whom_discovery_asks_may_be_said)
{
	const struct conf *conf = conf_case_load_text(
		"resolver = { servers = [ \"127.0.0.53:53\", \"[::1]:5353\" ]; timeout = \"1ms\";\n"
		"  tries = 10; };\n" CONF_REST);

	ck_assert_uint_eq(conf->resolver.n_servers, 2);
	ck_assert_int_eq(conf->resolver.servers[0].port, 53);
	ck_assert_int_eq(conf->resolver.servers[1].sa.any.sa_family, AF_INET6);
	ck_assert_uint_eq(conf->resolver.timeout_ns, NS_PER_MS);
	ck_assert_uint_eq(conf->resolver.tries, 10);
	(void)conf_unref(conf);
}
END_TEST

/* ---- what is wrong ---- */

#define U "weir.conf:2: upstreams[0]."
#define S "servers = ( \"h:1\" ); "

/* Members of the only upstream, and the error for them. */
static const struct wrong {
	const char *members;
	const char *errors;
} wrongs[] = {
	{S "balance = \"rr\"; hash_on = \"client\";",
		U "balance: \"rr\": unknown; write \"round_robin\", "
		  "\"least_pairs\", \"random\", \"hash\" or \"first\"\n"},
	{S "balance = 1;", U "balance: an integer was found; write balance = \"least_pairs\"\n"},
	{S "ballance = \"hash\";",
		U "ballance: is not known here; the nearest known key is \"balance\"\n"},
	{S "weight = 1;", U "weight: is not known here; write it in upstreams[].servers[]\n"},
	{S "hash_on = \"client\";", U "hash_on: is for balance = \"hash\", and the rule is another "
				      "one; write that, or take it out\n"},
	{S "balance = \"random\"; hash_on = \"client\";",
		U "hash_on: is for balance = \"hash\", and the rule is another one; write that, or "
		  "take it out\n"},
	{"balance = \"round_robin\"; servers = ( \"h:1\" ); send_proxy = \"v1\"; send_proxy_tlvs = "
	 "[ "
	 "\"alpn\" ];",
		U
		"send_proxy_tlvs: is for headers of version 2; write send_proxy = \"v2\", or take "
		"it out\n"},
	{"balance = \"round_robin\"; servers = ( \"h:1\" ); send_proxy_tlvs = [ \"alpn\" ];", U
		"send_proxy_tlvs: is for headers of version 2; write send_proxy = \"v2\", or take "
		"it out\n"},
	{"servers = ( \"h:1\" ); send_proxy = \"v3\"; send_proxy_tlvs = [ \"alpn\", \"sni\" ];",
		U "send_proxy: \"v3\": unknown; write \"off\", \"v1\" "
		  "or \"v2\"\n" U "send_proxy_tlvs[1]: \"sni\": unknown; write "
		  "\"authority\", \"alpn\", \"unique_id\", \"crc32c\" or \"received\"\n"},
	{"servers = ( \"h:1\" ); send_proxy_tlvs = \"alpn\";",
		U "send_proxy_tlvs: a string was found; write send_proxy_tlvs = [ \"authority\" ], "
		  "or [ ]\n"},
	{S "tries = 0;", U "tries: 0 is out of range; write an integer from 1 to 256\n"},
	{S "tries = 257;", U "tries: 257 is out of range; write an integer from 1 to 256\n"},
	{S "queue_max = -1;",
		U "queue_max: -1 is out of range; write an integer from 0 to 10000000\n"},
	{S "slow_start = \"0s\";",
		U "slow_start: \"0s\": a timer of no time at all would strike at once; write "
		  "\"none\" to switch it off\n"},
	{S "on_down = \"drop\";", U "on_down: \"drop\": unknown; write \"end\" or \"keep\"\n"},
	/* servers */
	{"servers = ( { address = \"h:1\"; backup = true; }, { address = \"h:2\"; backup = true; "
	 "} );",
		U "servers: all of them are backups, of nothing; take backup = true out of one\n"},
	{"servers = ( { address = \"h:1\"; weight = 0; }, { address = \"h:2\"; backup = true; } );",
		U "servers: none that is no backup has a weight; write a weight of 1 to 256 for "
		  "one\n"},
	{"servers = ( { address = \"h:1\"; weight = 257; } );",
		U "servers[0].weight: 257 is out of range; write an integer from 0 to 256\n"},
	{"servers = ( { address = \"h:1\"; weight = -1; } );",
		U "servers[0].weight: -1 is out of range; write an integer from 0 to 256\n"},
	{"servers = ( { address = \"h:1\"; max_pairs = 0; } );",
		U "servers[0].max_pairs: 0 is out of range; write an integer from 1 to 10000000\n"},
	{"servers = ( { address = \"h:1\"; backup = \"true\"; } );",
		U "servers[0].backup: a string was found; write backup = true or backup = false, "
		  "without quotes\n"},
	{"servers = ( { address = \"h:1\"; name = \"a b\"; } );",
		U "servers[0].name: \"a b\": not a name; write 1 to 64 letters, digits, '_', '.' "
		  "and '-'\n"},
	{"servers = ( { address = \"h:1\"; name = \"..\"; } );",
		U "servers[0].name: \"..\": cannot be part of a path, like those of the control "
		  "socket; write "
		  "another name\n"},
	{"servers = ( { address = \"h:1\"; name = \"a\"; }, { address = \"h:2\"; name = \"a\"; } "
	 ");",
		U "servers[1].name: \"a\" is the name of upstreams[0].servers[0] already; write "
		  "another one\n"},
	{"servers = ( \"10.0.0.1:1\", \"Name:1\", { address = \"10.0.0.1:1\"; }, \"nAME:1\" );",
		U "servers[2].address: \"10.0.0.1:1\" is the address of upstreams[0].servers[0] "
		  "already; take out one of them, and write weight = 2 for twice the pairs\n" U
		  "servers[3]: \"nAME:1\" is the address of upstreams[0].servers[1] already; take "
		  "out one of them, and write weight = 2 for twice the pairs\n"},
	{"servers = ( \"*:1\", 2 );", U "servers[0]: \"*:1\": \"*\" is no place to connect to; "
					"write the address of a server, like \"127.0.0.1:80\"\n" U
					"servers[1]: an integer was found; write a group, { ... }, "
					"or the address alone, in quotes\n"},
	{"servers = ( \"127.0.0.1:80\" );",
		U "servers[0]: \"127.0.0.1:80\" is the address of listeners[0]; weir would connect "
		  "to itself; write that of a server\n"},
	/* discovery */
	{"", U "servers: is missing; write servers = ( { ... }, ... ), or discover = "
	       "\"dns:NAME:PORT\"\n"},
	{S "discovery = { hold = \"1s\"; };",
		U "discovery: is for servers that DNS finds, and nothing says where; write "
		  "discover = \"dns:NAME:PORT\", or take it out\n"},
	{"discover = \"app.example.com:80\";",
		U "discover: \"app.example.com:80\": begins with neither \"dns:\" nor \"srv:\"; "
		  "write \"dns:app.example.com:9000\", or \"srv:_app._tcp.example.com\"\n"},
	{"discover = \"dns:app.example.com\";",
		U "discover: \"dns:app.example.com\": it has no port; write one like "
		  "\"dns:app.example.com:9000\"\n"},
	{"discover = \"dns:10.0.0.1:80\";",
		U "discover: \"dns:10.0.0.1:80\": there is no name in it that DNS could be asked; "
		  "write \"dns:app.example.com:9000\", or write an address in servers\n"},
	{"discover = \"dns:unix:/x\";",
		U "discover: \"dns:unix:/x\": there is no name in it that DNS could be asked; "
		  "write \"dns:app.example.com:9000\", or write an address in servers\n"},
	{"discover = \"dns:a..b:80\";", U "discover: \"dns:a..b:80\": a host name has an empty "
					  "part; write \"name.example:80\"\n"},
	{"discover = \"srv:_app._tcp.example.com:80\";",
		U "discover: \"srv:_app._tcp.example.com:80\": SRV records have the ports "
		  "themselves; write a name alone, like \"srv:_app._tcp.example.com\"\n"},
	{"discover = \"srv:\";",
		U "discover: \"srv:\": there is no name in it that DNS could be asked; write "
		  "\"dns:app.example.com:9000\", or write an address in servers\n"},
	{"discover = \"srv:" /* 64 characters in a label */
	 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.example\";",
		U "discover: \"srv:0123456789abcdef0123456789abcdef0123...\": a part of a host "
		  "name has at most 63 characters; write a shorter one\n"},
	{"discover = [ \"dns:a:1\" ];",
		U "discover: an array was found; write discover = \"dns:app.example.com:9000\"\n"},
	{"discover = \"srv:a\"; discovery = { hold = \"0s\"; ttl_min = \"2h\"; max_servers = 0; "
	 "max_pairs = 0; };",
		U "discovery.hold: \"0s\": too short; write at least \"1ms\"\n" U
		  "discovery.max_servers: 0 is out of range; write an integer from 1 to 10000\n" U
		  "discovery.max_pairs: 0 is out of range; write an integer from 1 to 10000000\n" U
		  "discovery: ttl_min is more than ttl_max; write at most that, or raise "
		  "ttl_max\n"},
	/* checks */
	{S "check = \"on\";", U "check: a string was found; write check = { ... }, or \"off\"\n"},
	{S "check = { fall = 0; rise = 0; };",
		U "check.fall: 0 is out of range; write an integer from 1 to 1000\n" U
		  "check.rise: 0 is out of range; write an integer from 1 to 1000\n"},
	{S "check = { every = \"0s\"; every_down = \"none\"; timeout = 0; };",
		U "check.every: \"0s\": too short; write at least \"1ms\"\n" U
		  "check.every_down: \"none\": this cannot be switched off; write a duration like "
		  "\"2s\"\n" U "check.timeout: 0 is no duration; write one like \"1s\"\n"},
	{S "check = { send = \"\"; expect = 1; };",
		U "check.send: \"\": no byte is in it; write some, or take it out\n" U
		  "check.expect: an integer was found; write expect = \"+PONG\"\n"},
	{S "check = { evry = \"1s\"; };",
		U "check.evry: is not known here; the nearest known key is \"every\"\n"},
	{S "check = { address = \"h:1\"; };",
		U "check.address: is not known here; write it in upstreams[].servers[].check\n"},
	{"servers = ( { address = \"h:1\"; check = { address = \"*:1\"; tymeout = \"1s\"; }; } );",
		U "servers[0].check.address: \"*:1\": \"*\" is no place to connect to; write the "
		  "address of a server, like \"127.0.0.1:80\"\n" U
		  "servers[0].check.tymeout: is not known here; the nearest known key is "
		  "\"timeout\"\n"},
	{S "check = { send = \"a\\x00b\"; };",
		"weir.conf:2: send: a string cannot hold a NUL; take the \"\\x00\" out\n"},
	{"servers = ( \"h:1\\x00\" ); check = { expect = \"a\" \"b\\X00\"; };",
		"weir.conf:2: servers: a string cannot hold a NUL; take the \"\\x00\" out\n"
		"weir.conf:2: expect: a string cannot hold a NUL; take the \"\\x00\" out\n"},
	/* ejection */
	{S "eject = \"no\";", U "eject: \"no\": unknown; write \"on\" or \"off\"\n"},
	{S "eject = 1;", U "eject: an integer was found; write eject = { ... }, or \"off\"\n"},
	{S "eject = { failures = 0; within = \"none\"; for = \"0s\"; at_most = 101; };",
		U "eject.failures: 0 is out of range; write an integer from 1 to 1000\n" U
		  "eject.within: \"none\": this cannot be switched off; write a duration like "
		  "\"10s\"\n" U "eject.for: \"0s\": too short; write at least \"1ms\"\n" U
		  "eject.at_most: 101 is out of range; write an integer from 1 to 100\n"},
};

START_TEST(what_does_not_fit_is_said)
{
	const struct wrong *wrong = &wrongs[_i];
	char *text;

	ck_assert_int_gt(asprintf(&text,
				 "listeners = ({ name = \"a\"; listen = \"*:80\"; upstream = "
				 "\"app\"; });\nupstreams = ({ name = \"app\"; %s });",
				 wrong->members),
		0);
	conf_case_write("weir.conf", text);
	free(text);
	conf_case_expect("weir.conf", wrong->errors);
}
END_TEST

START_TEST(a_wrong_resolver_is_said)
{
	conf_case_write("weir.conf",
		"resolver = { servers = [ \"h:53\", \"1.1.1.1\", \"[fe80::1%eth0]:53\" ]; timeout "
		"= \"none\"; tries = 0; };\n" CONF_REST);
	conf_case_expect("weir.conf",
		"weir.conf:1: resolver.servers[0]: \"h:53\": a DNS server has an IP address and a "
		"port; write one like \"127.0.0.53:53\" or \"[::1]:53\"\n"
		"weir.conf:1: resolver.servers[1]: \"1.1.1.1\": it has no port; write "
		"\"127.0.0.1:80\", \"[::1]:80\", \"name.example:80\" or \"unix:/run/x.sock\"\n"
		"weir.conf:1: resolver.servers[2]: \"[fe80::1%eth0]:53\": a DNS server cannot be "
		"asked "
		"through a zone; write an address without one\n"
		"weir.conf:1: resolver.timeout: \"none\": this cannot be switched off; write a "
		"duration like \"2s\"\n"
		"weir.conf:1: resolver.tries: 0 is out of range; write an integer from 1 to 10\n");
}
END_TEST

/* ---- likely mistakes ---- */

START_TEST(an_upstream_whose_servers_take_turns_unasked_is_warned_of)
{
	const struct conf *conf;
	char *warnings;

	conf_case_write("more",
		"{ name = \"b\"; servers = ( { address = \"h:1\"; backup = true; },\n"
		"  \"h:2\", { address = \"h:3\"; backup = true; } ); },\n");
	conf_case_write("weir.conf",
		"listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\"; routes = ("
		"{from = \"1.1.1.1\"; upstream = \"b\";}, {from = \"1.1.1.2\"; upstream = "
		"\"written\";}, {from = \"1.1.1.3\"; upstream = \"one\";}, {from = \"1.1.1.4\"; "
		"upstream = \"ordered\";}, {from = \"1.1.1.5\"; upstream = \"found\";});});\n"
		"upstreams = (\n"
		"@include \"more\"\n"
		"{ name = \"app\";\n"
		"  servers = ( \"h:1\", \"h:2\" ); },\n"
		"{ name = \"written\"; balance = \"round_robin\"; servers = ( \"h:1\", \"h:2\" ); "
		"},\n"
		"{ name = \"one\"; servers = ( \"h:1\" ); },\n"
		"{ name = \"ordered\"; servers = ( \"h:1\", { address = \"h:2\"; backup = true; } "
		"); },\n"
		"{ name = \"found\"; discover = \"srv:a\"; } );\n");
	warnings = conf_case_errors("weir.conf", &conf);
	ck_assert_ptr_nonnull(conf);
#define WARNING                                                                                    \
	"].balance: is not written, and servers take turns now; write balance = \"first\" for "    \
	"the former order, or \"round_robin\"\n"
	ck_assert_str_eq(
		warnings, "weir.conf:5: upstreams[1" WARNING "more:1: upstreams[0" WARNING);
	free(warnings);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_wrong_config_is_not_warned_of)
{
	conf_case_write("weir.conf",
		"workers = 0;\n" CONF_LISTENERS
		"upstreams = ({ name = \"app\"; servers = ( \"h:1\", \"h:2\" ); });");
	conf_case_expect("weir.conf",
		"weir.conf:1: workers: 0 is out of range; write an integer from 1 to 1024\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_upstream");
	TCase *tc = tcase_create("conf_upstream");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, an_upstream_that_says_nothing_has_defaults);
	tcase_add_test(tc, what_an_upstream_says_is_read);
	tcase_add_test(tc, a_hash_may_be_of_the_name_in_the_hello);
	tcase_add_test(tc, each_rule_has_its_word);
	tcase_add_test(tc, ejection_can_be_off);
	tcase_add_test(tc, a_queue_timeout_is_inherited);
	tcase_add_test(tc, an_empty_check_has_all_defaults);
	tcase_add_test(tc, servers_share_the_check_of_their_upstream);
	tcase_add_test(tc, what_a_server_does_not_say_of_its_check_is_as_in_the_upstream);
	tcase_add_test(tc, a_server_may_have_a_check_that_its_upstream_has_not);
	tcase_add_test(tc, what_is_sent_and_expected_has_at_most_4_KiB);
	tcase_add_test(tc, servers_may_be_discovered);
	tcase_add_test(tc, servers_may_be_written_beside_those_that_are_discovered);
	tcase_add_test(tc, whom_discovery_asks_may_be_said);
	tcase_add_loop_test(tc, what_does_not_fit_is_said, 0, N_OF(wrongs));
	tcase_add_test(tc, a_wrong_resolver_is_said);
	tcase_add_test(tc, an_upstream_whose_servers_take_turns_unasked_is_warned_of);
	tcase_add_test(tc, a_wrong_config_is_not_warned_of);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
