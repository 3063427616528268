/* SPDX-License-Identifier: ISC */
/* What the PROXY header tells a server about a client: the addresses and the TLVs. */
#include "proxy/announce.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "proto/client_hello.h"
#include "proxy/edge.h"
#include "proxy/session_peer.h"
#include "suite.h"
#include "upstream/plan.h"

enum { ALL_TLVS = (1 << 5) - 1 };

/** Our end of a client's connection, and the client's end. */
static int ours = -1;
static int theirs = -1;
static union session_peer client;
static struct session_edge *edge;

static uint8_t bytes[ANNOUNCE_MAX];
static struct proxy_header told;

static void setup(void)
{
	edge = NULL;
}

static void teardown(void)
{
	edge_free(edge);
	close(ours);
	close(theirs);
}

static struct addr parse(const char *text)
{
	struct addr addr;
	const char *why;

	ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
	return addr;
}

/** An abstract name that no other test uses. */
static const char *name(const char *what, char text[64])
{
	(void)snprintf(text, 64, "unix:@weir-test-%s-%d", what, (int)getpid());
	return text;
}

/** Connects a client to the address `to`; the kernel picks the port. The client's own address is
 * `from`, unless that is NULL. */
static void connect_client(const char *to, const char *from)
{
	struct addr target = parse(to);
	union addr_sockaddr sa = target.sa;
	socklen_t len = sizeof(sa);
	int listener = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	theirs = socket(sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(listener >= 0 && theirs >= 0);
	if (sa.any.sa_family != AF_UNIX) {
		sa.in.sin_port = 0; /* the port has the same offset in IPv6 */
	}
	ck_assert_int_eq(bind(listener, &sa.any, target.sa_len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	ck_assert_int_eq(getsockname(listener, &sa.any, &len), 0);
	if (from != NULL) {
		struct addr source = parse(from);

		ck_assert_int_eq(bind(theirs, &source.sa.any, source.sa_len), 0);
	}
	ck_assert_int_eq(connect(theirs, &sa.any, len), 0);
	len = sizeof(sa);
	ours = accept4(listener, &sa.any, &len, SOCK_CLOEXEC);
	ck_assert_int_ge(ours, 0);
	client = session_client(ours, &sa.any, len);
	close(listener);
}

/** The client sent this header first. */
static void client_sends(const struct proxy_header *header)
{
	uint8_t own[PROXY_HEADER_V2_MAX];
	int n = proxy_header_build(header, own, sizeof(own));

	ck_assert_int_gt(n, 0);
	edge = edge_new(&client);
	ck_assert_ptr_nonnull(edge);
	ck_assert_int_eq(edge_keep_header(edge, own, (size_t)n), 0);
}

static int build(enum conf_send_proxy version, unsigned tlvs)
{
	struct group_plan plan = {.send_proxy = version, .send_proxy_tlvs = tlvs};
	struct announce announce = {
		.plan = &plan, .fd = ours, .client = &client, .edge = edge, .id = "ours-1"};

	return announce_build(&announce, bytes);
}

/** Builds the header and parses it; nothing may follow it. */
static void tell(enum conf_send_proxy version, unsigned tlvs)
{
	const char *why = NULL;
	int n = build(version, tlvs);

	ck_assert_int_gt(n, 0);
	ck_assert_msg(proxy_header_parse(bytes, (size_t)n, &told, &why) == n, "%s", why);
	ck_assert_uint_eq(told.version, version == SEND_PROXY_V1 ? 1 : 2);
}

static void is_address(const struct proxy_address *address, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	ck_assert_str_eq(addr_format(&address->sa.any, address->len, text), expected);
}

static const char *address_of(int fd, char text[ADDR_TEXT_MAX])
{
	union addr_sockaddr sa;
	socklen_t len = sizeof(sa);

	ck_assert_int_eq(getsockname(fd, &sa.any, &len), 0);
	return addr_format(&sa.any, len, text);
}

static struct proxy_address announced(const char *text)
{
	struct addr addr = parse(text);

	return (struct proxy_address){.len = addr.sa_len, .sa = addr.sa};
}

static struct span span_of(const char *text)
{
	return (struct span){(const uint8_t *)text, strlen(text)};
}

/** `expected` NULL: the span must be absent. */
static void is_span(struct span span, const char *expected)
{
	ck_assert_int_eq(span.bytes == NULL, expected == NULL);
	if (expected != NULL) {
		ck_assert_uint_eq(span.n, strlen(expected));
		ck_assert_int_eq(memcmp(span.bytes, expected, span.n), 0);
	}
}

/* ---- the addresses ---- */

/* IPv4, IPv6, and an IPv4 client of an IPv6 socket. */
static const char *const listens[] = {"127.0.0.9:1", "[::1]:1", "[::ffff:127.0.0.9]:1"};

START_TEST(the_ends_of_a_tcp_connection_are_told)
{
	char text[ADDR_TEXT_MAX];

	connect_client(listens[_i / 2], NULL);
	tell(_i % 2 == 0 ? SEND_PROXY_V1 : SEND_PROXY_V2, 0);
	ck_assert_int_eq(told.who, PROXY_HEADER_CLIENT);
	is_address(&told.source, address_of(theirs, text));
	is_address(&told.destination, address_of(ours, text));
	ck_assert_int_eq(told.source.sa.any.sa_family, _i / 2 == 1 ? AF_INET6 : AF_INET);
}
END_TEST

START_TEST(a_unix_client_is_told_by_the_paths_of_both_ends)
{
	char text[64];
	char own[64];

	connect_client(name("listener", text), _i == 0 ? NULL : name("client", own));
	tell(SEND_PROXY_V2, 0);
	ck_assert_int_eq(told.who, PROXY_HEADER_CLIENT);
	is_address(&told.source, _i == 0 ? "unix:" : own);
	is_address(&told.destination, text);
}
END_TEST

START_TEST(version_1_knows_no_unix_clients)
{
	char text[64];

	connect_client(name("listener", text), NULL);
	tell(SEND_PROXY_V1, 0);
	ck_assert_int_eq(told.who, PROXY_HEADER_UNSPEC);
	ck_assert_int_eq(memcmp(bytes, "PROXY UNKNOWN\r\n", 15), 0);
}
END_TEST

/* What the client's own header announced. The peer that sent it connected by IPv4 or by a UNIX
 * socket. */
static const struct {
	const char *source;
	const char *destination;
} announcements[] = {
	{"192.0.2.1:1000", "198.51.100.2:443"},
	{"[2001:db8::1]:1000", "[2001:db8::2]:443"},
	{"unix:/run/client", "unix:/run/server"},
	{"unix:@abstract", "unix:/run/server"},
};

START_TEST(whom_the_clients_header_announced_is_told)
{
	const char *source = announcements[_i / 4].source;
	const char *destination = announcements[_i / 4].destination;
	enum conf_send_proxy version = _i % 2 == 0 ? SEND_PROXY_V1 : SEND_PROXY_V2;
	struct proxy_header header = {.version = 2,
		.who = PROXY_HEADER_CLIENT,
		.source = announced(source),
		.destination = announced(destination)};
	char text[64];

	connect_client(_i / 2 % 2 == 0 ? "127.0.0.1:1" : name("listener", text), NULL);
	client_sends(&header);
	tell(version, 0);
	if (version == SEND_PROXY_V1 && header.source.sa.any.sa_family == AF_UNIX) {
		ck_assert_int_eq(told.who, PROXY_HEADER_UNSPEC);
		return;
	}
	ck_assert_int_eq(told.who, PROXY_HEADER_CLIENT);
	is_address(&told.source, source);
	is_address(&told.destination, destination);
}
END_TEST

START_TEST(a_header_that_names_nobody_leaves_the_real_addresses)
{
	struct proxy_header header = {
		.version = 2, .who = _i == 0 ? PROXY_HEADER_LOCAL : PROXY_HEADER_UNSPEC};
	char text[ADDR_TEXT_MAX];

	connect_client("127.0.0.1:1", NULL);
	client_sends(&header);
	tell(SEND_PROXY_V2, 0);
	ck_assert_int_eq(told.who, PROXY_HEADER_CLIENT);
	is_address(&told.source, address_of(theirs, text));
	is_address(&told.destination, address_of(ours, text));
}
END_TEST

START_TEST(addresses_that_are_not_to_be_had_are_an_error)
{
	connect_client("127.0.0.1:1", NULL);
	close(ours);
	ours = -1;
	ck_assert_int_eq(build(SEND_PROXY_V2, 0), -EBADF);
	client.family = AF_UNIX;
	ck_assert_int_eq(build(SEND_PROXY_V2, 0), -EBADF);
	ck_assert_int_eq(build(SEND_PROXY_V1, 0), 15); /* version 1 needs no address here */
}
END_TEST

/* ---- the TLVs ---- */

static const uint8_t others[] = {0xe0, 0, 2, 'h', 'i', /* weir passes this one on */
	0x05, 0, 3, 'i', 'd', '7',                     /* a unique id */
	0x01, 0, 2, 'h', '2',                          /* ALPN */
	0x02, 0, 6, 'a', '.', 't', 'e', 's', 't'};     /* authority */

static void client_sends_tlvs(void)
{
	struct proxy_header header = {.version = 2,
		.who = PROXY_HEADER_CLIENT,
		.source = announced("192.0.2.1:1000"),
		.destination = announced("198.51.100.2:443"),
		.tlvs = {others, sizeof(others)},
		.has_checksum = true};

	connect_client("127.0.0.1:1", NULL);
	client_sends(&header);
	is_span(edge->header->read.authority, "a.test");
}

START_TEST(each_tlv_is_told_where_it_is_asked_for)
{
	static const struct {
		unsigned asked;
		const char *authority;
		const char *alpn;
		const char *unique_id;
		size_t n; /* the bytes of all TLVs */
	} rows[] = {
		{0, NULL, NULL, NULL, 0},
		{CONF_TLV_AUTHORITY, "a.test", NULL, NULL, 9},
		{CONF_TLV_ALPN, NULL, "h2", NULL, 5},
		{CONF_TLV_UNIQUE_ID, NULL, NULL, "id7", 6},
		{CONF_TLV_CRC32C, NULL, NULL, NULL, 7},
		{CONF_TLV_RECEIVED, "a.test", "h2", "id7", 25},
		{ALL_TLVS, "a.test", "h2", "id7", 32},
	};

	client_sends_tlvs();
	tell(SEND_PROXY_V2, rows[_i].asked);
	is_span(told.authority, rows[_i].authority);
	is_span(told.alpn, rows[_i].alpn);
	is_span(told.unique_id, rows[_i].unique_id);
	ck_assert_uint_eq(told.tlvs.n, rows[_i].n); /* so none is sent twice */
	ck_assert_int_eq(told.has_checksum, (rows[_i].asked & CONF_TLV_CRC32C) != 0);
}
END_TEST

START_TEST(a_hello_that_was_looked_at_says_more_of_the_client_than_its_header)
{
	static const uint8_t protocols[] = {5, 's', 'p', 'd', 'y', '3', 2, 'h', '2'};
	struct client_hello hello = {
		.name = span_of("b.test"), .alpn = {protocols, sizeof(protocols)}};

	client_sends_tlvs();
	ck_assert_int_eq(edge_keep_hello(edge, &hello), 0);
	tell(SEND_PROXY_V2, CONF_TLV_AUTHORITY | CONF_TLV_ALPN | CONF_TLV_RECEIVED);
	is_span(told.authority, "b.test");
	is_span(told.alpn, "spdy3");
	ck_assert_uint_eq(told.tlvs.n, sizeof(others) + strlen("spdy3") - strlen("h2"));
	tell(SEND_PROXY_V2, CONF_TLV_RECEIVED);
	is_span(told.authority, "a.test");
	is_span(told.alpn, "h2");
}
END_TEST

START_TEST(without_a_header_of_the_clients_the_unique_id_is_ours)
{
	connect_client("127.0.0.1:1", NULL);
	tell(SEND_PROXY_V2, ALL_TLVS);
	is_span(told.unique_id, "ours-1");
	is_span(told.authority, NULL);
	is_span(told.alpn, NULL);
	ck_assert(told.has_checksum);
}
END_TEST

START_TEST(our_unique_id_is_the_start_and_the_pair)
{
	char text[ANNOUNCE_ID_MAX];

	ck_assert_str_eq(announce_id(0x18a0b1c2d3e4f506, 42, text), "18a0b1c2d3e4f506-42");
	ck_assert_uint_eq(strlen(announce_id(UINT64_MAX, UINT64_MAX, text)), 16 + 1 + 20);
}
END_TEST

START_TEST(the_unique_id_of_the_client_stays_for_the_log)
{
	struct proxy_header header = {
		.version = 2, .who = PROXY_HEADER_UNSPEC, .unique_id = span_of("id7")};

	connect_client("127.0.0.1:1", NULL);
	client_sends(&header);
	edge_forget_header(edge);
	is_span((struct span){edge->unique_id, edge->n_unique_id}, "id7");
}
END_TEST

START_TEST(a_header_that_would_be_too_long_is_none)
{
	static uint8_t much[3 + 4060] = {0xe0, 4000 >> 8, 4000 & 0xff};
	struct proxy_header header = {.version = 2,
		.who = PROXY_HEADER_CLIENT,
		.source = announced("192.0.2.1:1000"),
		.destination = announced("198.51.100.2:443"),
		.tlvs = {much, 3 + 4000}};

	connect_client("127.0.0.1:1", NULL);
	client_sends(&header);
	tell(SEND_PROXY_V2, CONF_TLV_RECEIVED | CONF_TLV_UNIQUE_ID | CONF_TLV_CRC32C);
	edge = edge_free(edge);
	much[1] = 4060 >> 8;
	much[2] = 4060 & 0xff;
	header.tlvs.n = 3 + 4060;
	client_sends(&header);
	ck_assert_int_eq(build(SEND_PROXY_V2, CONF_TLV_RECEIVED | CONF_TLV_UNIQUE_ID), -EMSGSIZE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("announce");
	TCase *tc = tcase_create("announce");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, the_ends_of_a_tcp_connection_are_told, 0, 6);
	tcase_add_loop_test(tc, a_unix_client_is_told_by_the_paths_of_both_ends, 0, 2);
	tcase_add_test(tc, version_1_knows_no_unix_clients);
	tcase_add_loop_test(tc, whom_the_clients_header_announced_is_told, 0, 16);
	tcase_add_loop_test(tc, a_header_that_names_nobody_leaves_the_real_addresses, 0, 2);
	tcase_add_test(tc, addresses_that_are_not_to_be_had_are_an_error);
	tcase_add_loop_test(tc, each_tlv_is_told_where_it_is_asked_for, 0, 7);
	tcase_add_test(tc, a_hello_that_was_looked_at_says_more_of_the_client_than_its_header);
	tcase_add_test(tc, without_a_header_of_the_clients_the_unique_id_is_ours);
	tcase_add_test(tc, our_unique_id_is_the_start_and_the_pair);
	tcase_add_test(tc, the_unique_id_of_the_client_stays_for_the_log);
	tcase_add_test(tc, a_header_that_would_be_too_long_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
