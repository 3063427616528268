/* SPDX-License-Identifier: ISC */
/* Tests of which PROXY headers weir builds. */
#include <errno.h>
#include <string.h>

#include "base/addr.h"
#include "proto/proxy_header.h"
#include "proxy_headers.h"
#include "suite.h"

/** Makes a socket address of a text. */
static struct proxy_address address_of(const char *text)
{
	struct proxy_address address = {0};
	const char *why = NULL;
	struct addr addr;

	if (text != NULL) {
		ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
		address.len = addr.sa_len;
		address.sa = addr.sa;
	}
	return address;
}

struct build {
	unsigned int version;
	enum proxy_header_who who;
	const char *source;
	const char *destination;
	struct span out;
};

static const struct build builds[] = {
	{1, PROXY_HEADER_CLIENT, "10.0.0.1:80", "10.0.0.2:443",
		BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\r\n")},
	{1, PROXY_HEADER_LOCAL, "10.0.0.1:80", "10.0.0.2:443",
		BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\r\n")},
	{1, PROXY_HEADER_CLIENT, "[2001:db8::1]:80", "[::1]:443",
		BYTES("PROXY TCP6 2001:db8::1 ::1 80 443\r\n")},
	{1, PROXY_HEADER_CLIENT, "10.0.0.1:80", "[::1]:443",
		BYTES("PROXY TCP6 ::ffff:a00:1 ::1 80 443\r\n")},
	{1, PROXY_HEADER_CLIENT, "[::102:304]:80", "[::1]:443",
		BYTES("PROXY TCP6 ::102:304 ::1 80 443\r\n")},
	{1, PROXY_HEADER_UNSPEC, "10.0.0.1:80", "10.0.0.2:443", BYTES("PROXY UNKNOWN\r\n")},
	{1, PROXY_HEADER_CLIENT, NULL, "10.0.0.2:443", BYTES("PROXY UNKNOWN\r\n")},
	{1, PROXY_HEADER_CLIENT, "unix:/run/a.s", "unix:@abstrac", BYTES("PROXY UNKNOWN\r\n")},
	{2, PROXY_HEADER_CLIENT, "10.0.0.1:80", "10.0.0.2:443",
		BYTES(PROXY_COMMAND "\x11\0\x0c" INET)},
	{2, PROXY_HEADER_CLIENT, "[2001:db8::1]:80", "[2001:db8::2]:443",
		BYTES(PROXY_COMMAND "\x21\0\x24" INET6)},
	{2, PROXY_HEADER_CLIENT, "10.0.0.1:80", "[2001:db8::2]:443",
		BYTES(PROXY_COMMAND "\x21\0\x24" MAPPED)},
	{2, PROXY_HEADER_CLIENT, "unix:/run/a.s", "unix:@abstrac",
		BYTES(PROXY_COMMAND "\x31\0\xd8" UNIX)},
	{2, PROXY_HEADER_CLIENT, "unix:/run/a.s", "10.0.0.2:443", BYTES(PROXY_COMMAND "\0\0\0")},
	{2, PROXY_HEADER_UNSPEC, "10.0.0.1:80", "10.0.0.2:443", BYTES(PROXY_COMMAND "\0\0\0")},
	{2, PROXY_HEADER_LOCAL, "10.0.0.1:80", "10.0.0.2:443", BYTES(LOCAL_COMMAND "\0\0\0")},
};

START_TEST(a_header_is_built)
{
	const struct build *row = &builds[_i];
	struct proxy_header header = {
		.version = row->version,
		.who = row->who,
		.source = address_of(row->source),
		.destination = address_of(row->destination),
	};
	uint8_t out[256];

	ck_assert_int_eq(proxy_header_build(&header, out, sizeof(out)), (int)row->out.n);
	ck_assert_mem_eq(out, row->out.bytes, row->out.n);
	ck_assert_int_eq(proxy_header_build(&header, out, row->out.n), (int)row->out.n);
	ck_assert_int_eq(proxy_header_build(&header, out, row->out.n - 1), -EMSGSIZE);
}
END_TEST

START_TEST(an_address_of_a_socket_of_both_families_is_told_as_ipv4)
{
	struct proxy_header header = {.version = 1, .who = PROXY_HEADER_CLIENT};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = 0x5000};
	char out[PROXY_HEADER_V1_MAX + 1] = "";

	memcpy(&in6.sin6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16);
	header.source.sa.in6 = in6;
	header.source.len = sizeof(in6);
	header.destination = header.source;
	ck_assert_int_gt(proxy_header_build(&header, out, PROXY_HEADER_V1_MAX), 0);
	ck_assert_str_eq(out, "PROXY TCP4 10.0.0.1 10.0.0.1 80 80\r\n");
}
END_TEST

START_TEST(received_tlvs_go_on_but_for_the_checksum_and_what_is_given)
{
	struct proxy_header header = {
		.version = 2,
		.who = PROXY_HEADER_UNSPEC,
		.authority = BYTES("new"),
		.tlvs = BYTES("\2\0\3old\3\0\4abcd\1\0\2h2\x20\0\1x"),
	};
	uint8_t out[64];

	ck_assert_int_eq(proxy_header_build(&header, out, sizeof(out)), 16 + 6 + 5 + 4);
	ck_assert_mem_eq(out + 14, "\0\x0f\2\0\3new\1\0\2h2\x20\0\1x", 2 + 15);
}
END_TEST

START_TEST(a_header_beyond_4_kib_is_not_built)
{
	static uint8_t value[PROXY_HEADER_V2_MAX];
	static uint8_t out[2 * PROXY_HEADER_V2_MAX];
	struct proxy_header header = {
		.version = 2,
		.who = PROXY_HEADER_UNSPEC,
		.authority = {value, sizeof(value) - 16 - 3},
	};

	ck_assert_int_eq(proxy_header_build(&header, out, sizeof(out)), PROXY_HEADER_V2_MAX);
	header.authority.n++;
	ck_assert_int_eq(proxy_header_build(&header, out, sizeof(out)), -EMSGSIZE);
	header.authority.n = 65536; /* the name is never read, for there is no room */
	ck_assert_int_eq(proxy_header_build(&header, out, sizeof(out)), -EMSGSIZE);
}
END_TEST

static Suite *proxy_header_build_suite(void)
{
	Suite *suite = suite_create("proxy_header_build");
	TCase *tc = tcase_create("building");

	tcase_add_loop_test(tc, a_header_is_built, 0, (int)(sizeof(builds) / sizeof(builds[0])));
	tcase_add_test(tc, an_address_of_a_socket_of_both_families_is_told_as_ipv4);
	tcase_add_test(tc, received_tlvs_go_on_but_for_the_checksum_and_what_is_given);
	tcase_add_test(tc, a_header_beyond_4_kib_is_not_built);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(proxy_header_build_suite());
}
