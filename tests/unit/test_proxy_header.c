/* SPDX-License-Identifier: ISC */
/* Tests of which PROXY headers are valid, how they are read, and why others are forbidden. */
#include "proto/proxy_header.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "proto/crc32c.h"
#include "proxy_headers.h"
#include "random.h"
#include "suite.h"

#define N_ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))
#define X_10         "xxxxxxxxxx"
#define X_80         X_10 X_10 X_10 X_10 X_10 X_10 X_10 X_10
#define X_108        X_80 X_10 X_10 "xxxxxxxx"

struct row {
	struct span bytes;
	const char *what; /**< the header as say() writes it, or why it is forbidden */
};

/* ---- valid headers ---- */

static const struct row taken[] = {
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\r\n"), "1 10.0.0.1:80 10.0.0.2:443"},
	{BYTES("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n"),
		"1 255.255.255.255:65535 255.255.255.255:65535"},
	{BYTES("PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n"), "1 0.0.0.0:0 0.0.0.0:0"},
	{BYTES("PROXY TCP6 2001:db8::1 2001:DB8::2 80 443\r\n"),
		"1 [2001:db8::1]:80 [2001:db8::2]:443"},
	{BYTES("PROXY TCP6 :: 1:2:3:4:5:6:7:: 1 2\r\n"), "1 [::]:1 [1:2:3:4:5:6:7:0]:2"},
	{BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		"1 [ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535 "
		"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"},
	{BYTES("PROXY TCP6 0001:0000:0000:0000:0000:0000:0000:0001 ::1 1 2\r\n"),
		"1 [1::1]:1 [::1]:2"},
	{BYTES("PROXY TCP6 ::ffff:a00:1 ::1 1 2\r\n"), "1 10.0.0.1:1 [::1]:2"},
	{BYTES("PROXY UNKNOWN\r\n"), "1 unspec"},
	{BYTES("PROXY UNKNOWN \r\n"), "1 unspec"},
	{BYTES("PROXY UNKNOWN whatever  stands\x7f\0here\r\n"), "1 unspec"},
	{BYTES("PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
	       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
		"1 unspec"}, /* 107 bytes, the most that version 1 may have */
	{BYTES(LOCAL_COMMAND "\0\0\0"), "2 local"},
	{BYTES(LOCAL_COMMAND "\x11\0\x0c" INET), "2 local"},
	/* The ignored part of LOCAL may be too short. */
	{BYTES(LOCAL_COMMAND "\x11\0\2xx"), "2 local"},
	{BYTES(LOCAL_COMMAND "\xff\0\1x"), "2 local"},
	{BYTES(PROXY_COMMAND "\0\0\0"), "2 unspec"},
	{BYTES(PROXY_COMMAND "\0\0\5xxxxx"), "2 unspec"},
	{BYTES(PROXY_COMMAND "\0\0\4\2\0\1a"), "2 unspec authority=a"},
	{BYTES(PROXY_COMMAND "\1\0\0"), "2 unspec"},
	{BYTES(PROXY_COMMAND "\x10\0\x0c" INET), "2 unspec"},
	{BYTES(PROXY_COMMAND "\x11\0\x0c" INET), "2 10.0.0.1:80 10.0.0.2:443"},
	/* A datagram, which weir has no use for. */
	{BYTES(PROXY_COMMAND "\x12\0\x0c" INET), "2 unspec"},
	{BYTES(PROXY_COMMAND "\x12\0\x10" INET "\2\0\1a"), "2 unspec authority=a"},
	{BYTES(PROXY_COMMAND "\x21\0\x24" INET6), "2 [2001:db8::1]:80 [2001:db8::2]:443"},
	{BYTES(PROXY_COMMAND "\x22\0\x24" INET6), "2 unspec"},
	{BYTES(PROXY_COMMAND "\x21\0\x24" MAPPED), "2 10.0.0.1:80 [2001:db8::2]:443"},
	{BYTES(PROXY_COMMAND "\x31\0\xd8" UNIX), "2 unix:/run/a.s unix:@abstrac"},
	{BYTES(PROXY_COMMAND "\x31\0\xd8" X_108 NULS_100 "\0\0\0\0\0\0\0\0"),
		"2 unix:" X_108 " unix:"},
	{BYTES(PROXY_COMMAND "\x32\0\xd8" UNIX), "2 unspec"},
	{BYTES(PROXY_COMMAND "\x11\0\x1e" INET "\1\0\2h2\2\0\1a\5\0\3idx\4\0\0"),
		"2 10.0.0.1:80 10.0.0.2:443 authority=a alpn=h2 id=idx"},
	{BYTES(PROXY_COMMAND "\x11\0\x14" INET "\2\0\1a\2\0\1b"),
		"2 10.0.0.1:80 10.0.0.2:443 authority=a"},
	{BYTES(PROXY_COMMAND "\x11\0\x0f" INET "\2\0\0"), "2 10.0.0.1:80 10.0.0.2:443 authority="},
	{BYTES(PROXY_COMMAND "\x11\0\x1a" INET "\x20\0\5\1\0\0\0\0\xe0\0\0\xff\0\0"),
		"2 10.0.0.1:80 10.0.0.2:443"}, /* with TLVs that weir does not use */
	{BYTES(PROXY_COMMAND "\x11\0\x8f" INET "\5\0\x80" X_108 X_10 X_10),
		"2 10.0.0.1:80 10.0.0.2:443 id=" X_108 X_10 X_10},
	/* sent by HAProxy 2.6: send-proxy-v2, proxy-v2-options crc32c,unique-id */
	{BYTES(PROXY_COMMAND "\021\000\045\177\000\000\001\177\000\000\001\315\366\231\325\003\000"
			     "\004\156\254\326\130\005\000\017"
			     "\061\062\067.0.0.1:52726"),
		"2 127.0.0.1:52726 127.0.0.1:39381 id=127.0.0.1:52726 checksum"},
};

/* ---- forbidden headers ---- */

static const char no_begin[] = "the first bytes are not those of a PROXY header";
static const char no_protocol[] = "\"PROXY \" is not followed by TCP4, TCP6 or UNKNOWN";
static const char spaces[] = "words need exactly one space between them, and none at the end";
static const char no_inet[] = "an address is not an IPv4 address";
static const char no_inet6[] = "an address is not an IPv6 address";
static const char no_byte[] = "a byte belongs to no address and no port";
static const char missing[] = "an address or a port is missing";
static const char zero[] = "a port has a leading zero";
static const char no_port[] = "a port is not a number of 0 to 65535";
static const char behind[] = "something follows the ports";
static const char alone[] = "a CR or LF is alone";
static const char no_end[] = "no CRLF ends the line within 107 bytes";
static const char too_short[] = "the header is too short for its addresses";
static const char tlv_long[] = "a TLV is longer than the header";

static const struct row forbidden[] = {
	{BYTES("GET / HTTP/1.1\r\n"), no_begin},
	{BYTES("\x16\3\1"), no_begin},
	{BYTES(" PROXY UNKNOWN\r\n"), no_begin},
	{BYTES("proxy TCP4 10.0.0.1 10.0.0.2 80 443\r\n"), no_begin},
	{BYTES("PROXY\tTCP4 10.0.0.1 10.0.0.2 80 443\r\n"), no_begin},
	{BYTES("PROXY\r\n"), no_begin},
	{BYTES("PROXY \r\n"), no_protocol},
	{BYTES("PROXY  TCP4 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY TCP 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY tcp4 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY TCP5 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY TCP46 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY UDP4 10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY UNKNOWNS\r\n"), no_protocol},
	{BYTES("PROXY UNKNOW\r\n"), no_protocol},
	{BYTES("PROXY unknown\r\n"), no_protocol},
	{BYTES("PROXY TCP4\t10.0.0.1 10.0.0.2 80 443\r\n"), no_protocol},
	{BYTES("PROXY TCP4\r\n"), missing},
	{BYTES("PROXY TCP4 \r\n"), spaces},
	{BYTES("PROXY TCP4 10.0.0.1\r\n"), missing},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2\r\n"), missing},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80\r\n"), missing},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 \r\n"), spaces},
	{BYTES("PROXY TCP4  10.0.0.1 10.0.0.2 80 443\r\n"), spaces},
	{BYTES("PROXY TCP4 10.0.0.1  10.0.0.2 80 443\r\n"), spaces},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2  80 443\r\n"), spaces},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80  443\r\n"), spaces},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443 \r\n"), behind},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443 1\r\n"), behind},
	{BYTES("PROXY TCP4 10.0.0.1\t10.0.0.2 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\0\r\n"), no_byte},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\n"), alone},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 443\rG"), alone},
	{BYTES("PROXY UNKNOWN\n"), alone},
	{BYTES("PROXY UNKNOWN\nGET / HTTP/1.1\r\n"), alone},
	{BYTES("PROXY TCP4 010.0.0.1 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.02 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.0.256 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.1 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.0.0.1 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.0.1. 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10..0.1 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 167772161 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 ::1 10.0.0.2 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 10.0.0.1 ::1 80 443\r\n"), no_inet},
	{BYTES("PROXY TCP4 0x0a.0.0.1 10.0.0.2 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 -1.0.0.1 10.0.0.2 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 080 443\r\n"), zero},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 0443\r\n"), zero},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 65536 443\r\n"), no_port},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 80 65536\r\n"), no_port},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 4294967376 443\r\n"), no_port},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 5f 443\r\n"), no_port},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 -80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 10.0.0.1 10.0.0.2 +80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 10.0.0.1:80 10.0.0.2:443\r\n"), no_inet},
	{BYTES("PROXY TCP6 10.0.0.1 10.0.0.2 80 443\r\n"),
		"an IPv6 address ends in dotted IPv4, which version 1 forbids"},
	{BYTES("PROXY TCP6 ::ffff:10.0.0.1 ::1 80 443\r\n"),
		"an IPv6 address ends in dotted IPv4, which version 1 forbids"},
	{BYTES("PROXY TCP6 1::2::3 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 1:::2 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 1:2:3:4:5:6:7 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 1::2:3:4:5:6:7:8 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 00001::1 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 :1:2:3:4:5:6:7 ::1 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 ::1 1: 80 443\r\n"), no_inet6},
	{BYTES("PROXY TCP6 ::g ::1 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP6 [::1] ::1 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP6 fe80::1%1 ::1 80 443\r\n"), no_byte},
	{BYTES("PROXY TCP4 1111111111111111111111111111111111111111111111 1.1.1.1 1 1\r\n"),
		"an address or a port is too long"},
	{BYTES("PROXY UNKNOWN " X_80 X_10 "xxx"), no_end},
	{BYTES("PROXY UNKNOWN " X_80 X_10 "xx\r\n"), no_end}, /* 108 bytes */
	/* version 2 */
	{BYTES("\r\n\r\n\1"), no_begin},
	{BYTES("\r\n\r\n\0\r\nQUIT\r"), no_begin},
	{BYTES(SIGNATURE "\x11\x11\0\x0c" INET), "the version is not 2"},
	{BYTES(SIGNATURE "\x31\x11\0\x0c" INET), "the version is not 2"},
	{BYTES(SIGNATURE "\1"), "the version is not 2"},
	{BYTES(SIGNATURE "\x22\x11\0\x0c" INET), "the command is neither LOCAL nor PROXY"},
	{BYTES(SIGNATURE "\x2f"), "the command is neither LOCAL nor PROXY"},
	{BYTES(PROXY_COMMAND "\x41"), "the address family is unknown"},
	{BYTES(PROXY_COMMAND "\xf1\0\x0c" INET), "the address family is unknown"},
	{BYTES(PROXY_COMMAND "\x13"), "the transport protocol is unknown"},
	{BYTES(PROXY_COMMAND "\x1f\0\x0c" INET), "the transport protocol is unknown"},
	{BYTES(PROXY_COMMAND "\3\0\0"), "the transport protocol is unknown"},
	{BYTES(PROXY_COMMAND "\x11\0\0"), too_short},
	{BYTES(PROXY_COMMAND "\x11\0\x0b"), too_short},
	{BYTES(PROXY_COMMAND "\x12\0\x0b"), too_short},
	{BYTES(PROXY_COMMAND "\x21\0\x23"), too_short},
	{BYTES(PROXY_COMMAND "\x31\0\xd7"), too_short},
	{BYTES(PROXY_COMMAND "\x11\x0f\xf1"), "the header is longer than 4 KiB"},
	{BYTES(LOCAL_COMMAND "\0\xff\xff"), "the header is longer than 4 KiB"},
	{BYTES(PROXY_COMMAND "\x11\0\x0d" INET "\4"), tlv_long},
	{BYTES(PROXY_COMMAND "\x11\0\x0e" INET "\4\0"), tlv_long},
	{BYTES(PROXY_COMMAND "\x11\0\x0f" INET "\4\0\1"), tlv_long},
	{BYTES(PROXY_COMMAND "\x11\0\x10" INET "\2\xff\xff"
			     "a"),
		tlv_long},
	{BYTES(PROXY_COMMAND "\x11\0\x13" INET "\2\0\0\4\0\2x"), tlv_long},
	{BYTES(PROXY_COMMAND "\x11\0\x90" INET "\5\0\x81" X_108 X_10 X_10 "x"),
		"the unique id is longer than 128 bytes"},
	{BYTES(PROXY_COMMAND "\x11\0\x12" INET "\3\0\3abc"), "the checksum has not four bytes"},
	{BYTES(PROXY_COMMAND "\x11\0\x14" INET "\3\0\5abcde"), "the checksum has not four bytes"},
	{BYTES(PROXY_COMMAND "\x11\0\x13" INET "\3\0\4\0\0\0\0"), "the checksum is wrong"},
	{BYTES(PROXY_COMMAND "\0\0\7\3\0\4\0\0\0\0"), "the checksum is wrong"},
};

/* ---- reading ---- */

/** Parses a copy of the bytes, so that a sanitizer sees a read beyond them. */
static int parse(struct span bytes, struct proxy_header *ret_header, const char **ret_why)
{
	uint8_t *exact = malloc(bytes.n > 0 ? bytes.n : 1);
	const uint8_t *original = bytes.bytes;
	struct span *kept[] = {&ret_header->authority, &ret_header->alpn, &ret_header->unique_id,
		&ret_header->tlvs};
	int r;

	memcpy(exact, bytes.bytes, bytes.n);
	r = proxy_header_parse(exact, bytes.n, ret_header, ret_why);
	for (size_t i = 0; r > 0 && i < sizeof(kept) / sizeof(kept[0]); i++) {
		if (kept[i]->bytes != NULL) {
			kept[i]->bytes = original + (kept[i]->bytes - exact);
		}
	}
	free(exact);
	return r;
}

static size_t add_span(char *text, const char *name, struct span span)
{
	if (span.bytes == NULL) {
		return 0;
	}
	return (size_t)sprintf(text, " %s=%.*s", name, (int)span.n, (const char *)span.bytes);
}

/** Returns what a header says, as the tables write it. */
static const char *say(const struct proxy_header *header)
{
	static char text[2048];
	char source[ADDR_TEXT_MAX];
	char destination[ADDR_TEXT_MAX];
	size_t n = (size_t)sprintf(text, "%u ", header->version);

	if (header->who == PROXY_HEADER_CLIENT) {
		n += (size_t)sprintf(text + n, "%s %s",
			addr_format(&header->source.sa.any, header->source.len, source),
			addr_format(
				&header->destination.sa.any, header->destination.len, destination));
	} else {
		n += (size_t)sprintf(
			text + n, "%s", header->who == PROXY_HEADER_LOCAL ? "local" : "unspec");
	}
	n += add_span(text + n, "authority", header->authority);
	n += add_span(text + n, "alpn", header->alpn);
	n += add_span(text + n, "id", header->unique_id);
	(void)sprintf(text + n, "%s", header->has_checksum ? " checksum" : "");
	return text;
}

START_TEST(a_valid_header_says_what_it_says)
{
	const struct row *row = &taken[_i];
	struct proxy_header header;
	const char *why = NULL;

	ck_assert_int_eq(parse(row->bytes, &header, &why), (int)row->bytes.n);
	ck_assert_str_eq(say(&header), row->what);
}
END_TEST

START_TEST(every_prefix_of_a_valid_header_is_incomplete)
{
	const struct row *row = &taken[_i];
	struct proxy_header header;
	const char *why = "untouched";

	for (size_t n = 0; n < row->bytes.n; n++) {
		ck_assert_int_eq(parse((struct span){row->bytes.bytes, n}, &header, &why), 0);
		ck_assert_str_eq(why, "untouched");
	}
}
END_TEST

START_TEST(what_stands_behind_a_header_is_not_its)
{
	static const uint8_t next[] = "\r\nPROXY\0\xff";
	const struct row *row = &taken[_i];
	uint8_t bytes[1024];
	struct proxy_header header;
	const char *why = NULL;

	memcpy(bytes, row->bytes.bytes, row->bytes.n);
	memcpy(bytes + row->bytes.n, next, sizeof(next));
	for (size_t n = 1; n <= sizeof(next); n++) {
		ck_assert_int_eq(parse((struct span){bytes, row->bytes.n + n}, &header, &why),
			(int)row->bytes.n);
		ck_assert_str_eq(say(&header), row->what);
	}
}
END_TEST

START_TEST(a_forbidden_header_is_malformed_and_stays_so)
{
	const struct row *row = &forbidden[_i];
	uint8_t bytes[1024] = {0};
	struct proxy_header header;
	const char *why = NULL;

	memset(&header, 0x5e, sizeof(header));
	ck_assert_int_eq(parse(row->bytes, &header, &why), -EBADMSG);
	ck_assert_str_eq(why, row->what);
	ck_assert_int_eq(header.who, 0x5e5e5e5e);
	memcpy(bytes, row->bytes.bytes, row->bytes.n);
	ck_assert_int_eq(parse((struct span){bytes, row->bytes.n + 200}, &header, &why), -EBADMSG);
}
END_TEST

START_TEST(no_prefix_of_a_forbidden_header_is_complete)
{
	const struct row *row = &forbidden[_i];
	struct proxy_header header;
	const char *why = NULL;
	int before = 0;

	for (size_t n = 0; n <= row->bytes.n; n++) {
		int r = parse((struct span){row->bytes.bytes, n}, &header, &why);

		ck_assert(r == 0 || r == -EBADMSG);
		ck_assert_int_le(r, before);
		before = r;
	}
}
END_TEST

START_TEST(a_mutated_header_is_complete_incomplete_or_malformed)
{
	uint32_t state = (uint32_t)_i + 1;

	for (int i = 0; i < 500; i++) {
		uint8_t bytes[1024] = {0};
		size_t n = taken[_i].bytes.n;
		struct proxy_header header[2];
		const char *why[2] = {NULL, NULL};
		char first[2048] = "";
		int r;

		memcpy(bytes, taken[_i].bytes.bytes, n);
		mutate(&state, bytes, n);
		n = next_random(&state) % 4 == 0 ? next_random(&state) % (n + 1) : n;
		r = parse((struct span){bytes, n}, &header[0], &why[0]);
		ck_assert(r == 0 || r == -EBADMSG || (r > 0 && (size_t)r <= n));
		ck_assert_int_eq(r == -EBADMSG, why[0] != NULL);
		(void)strcpy(first, r > 0 ? say(&header[0]) : "");
		ck_assert_int_eq(parse((struct span){bytes, n}, &header[1], &why[1]), r);
		ck_assert_ptr_eq(why[0], why[1]);
		ck_assert_str_eq(r > 0 ? say(&header[1]) : "", first);
	}
}
END_TEST

START_TEST(a_header_of_4_kib_is_taken)
{
	static uint8_t bytes[PROXY_HEADER_V2_MAX] = PROXY_COMMAND "\0\x0f\xf0\4\x0f\xed";
	struct proxy_header header;
	const char *why = NULL;

	ck_assert_int_eq(parse((struct span){bytes, sizeof(bytes) - 1}, &header, &why), 0);
	ck_assert_int_eq(
		parse((struct span){bytes, sizeof(bytes)}, &header, &why), (int)sizeof(bytes));
	ck_assert_uint_eq(header.tlvs.n, sizeof(bytes) - 16);
}
END_TEST

/* ---- checksums ---- */

START_TEST(a_checksum_is_of_every_byte)
{
	struct proxy_header header = {.version = 2, .who = PROXY_HEADER_CLIENT};
	uint8_t bytes[256];
	const char *why = NULL;
	int n;

	ck_assert_int_gt(
		parse((struct span)BYTES(PROXY_COMMAND "\x11\0\x0c" INET), &header, &why), 0);
	header.authority = (struct span)BYTES("a.test");
	header.has_checksum = true;
	n = proxy_header_build(&header, bytes, sizeof(bytes));
	ck_assert_int_eq(parse((struct span){bytes, (size_t)n}, &header, &why), n);
	ck_assert(header.has_checksum);
	for (int i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1U << bit);
			/* weir does not read the rest of LOCAL, and a changed length may leave
			 * the checksum out. */
			ck_assert(parse((struct span){bytes, (size_t)n}, &header, &why) <= 0 ||
				  !header.has_checksum);
			bytes[i] ^= (uint8_t)(1U << bit);
		}
	}
}
END_TEST

START_TEST(a_second_checksum_is_malformed)
{
	struct proxy_header header = {
		.version = 2, .who = PROXY_HEADER_UNSPEC, .has_checksum = true};
	uint8_t bytes[64];
	uint8_t twice[64] = PROXY_COMMAND "\0\0\x0e\3\0\4\0\0\0\0\3\0\4\0\0\0\0";
	const char *why = NULL;
	uint32_t crc = crc32c(CRC32C_BEGIN, twice, 30);

	ck_assert_int_eq(proxy_header_build(&header, bytes, sizeof(bytes)), 23);
	for (int i = 0; i < 4; i++) {
		twice[19 + i] = (uint8_t)(crc >> (24 - 8 * i));
	}
	ck_assert_int_eq(parse((struct span){twice, 30}, &header, &why), -EBADMSG);
	ck_assert_str_eq(why, "there are two checksums");
}
END_TEST

START_TEST(what_is_read_and_built_again_says_the_same)
{
	const struct row *row = &taken[_i];
	struct proxy_header header;
	struct proxy_header again;
	uint8_t out[PROXY_HEADER_V2_MAX];
	const char *why = NULL;
	int n;

	ck_assert_int_gt(parse(row->bytes, &header, &why), 0);
	n = proxy_header_build(&header, out, sizeof(out));
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(parse((struct span){out, (size_t)n}, &again, &why), n);
	ck_assert_str_eq(say(&again), row->what);
}
END_TEST

static Suite *proxy_header_suite(void)
{
	Suite *suite = suite_create("proxy_header");
	TCase *tc = tcase_create("reading");

	tcase_add_loop_test(tc, a_valid_header_says_what_it_says, 0, N_ROWS(taken));
	tcase_add_loop_test(tc, every_prefix_of_a_valid_header_is_incomplete, 0, N_ROWS(taken));
	tcase_add_loop_test(tc, what_stands_behind_a_header_is_not_its, 0, N_ROWS(taken));
	tcase_add_loop_test(tc, a_forbidden_header_is_malformed_and_stays_so, 0, N_ROWS(forbidden));
	tcase_add_loop_test(tc, no_prefix_of_a_forbidden_header_is_complete, 0, N_ROWS(forbidden));
	tcase_add_loop_test(
		tc, a_mutated_header_is_complete_incomplete_or_malformed, 0, N_ROWS(taken));
	tcase_add_test(tc, a_header_of_4_kib_is_taken);
	tcase_add_loop_test(tc, what_is_read_and_built_again_says_the_same, 0, N_ROWS(taken));
	suite_add_tcase(suite, tc);
	tc = tcase_create("checksums");
	tcase_add_test(tc, a_checksum_is_of_every_byte);
	tcase_add_test(tc, a_second_checksum_is_malformed);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(proxy_header_suite());
}
