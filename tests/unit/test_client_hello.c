/* SPDX-License-Identifier: ISC */
/* What weir reads from the ClientHello of a TLS client, even of a hostile one, however the hello is
 * split into records. */
#include "proto/client_hello.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hellos.h"
#include "random.h"
#include "suite.h"

#define BYTES(literal)                                                                             \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}
#define N_ROWS(rows) ((int)(sizeof(rows) / sizeof((rows)[0])))

#define RANDOM       "0123456789abcdef0123456789abcdef"
#define BODY         "\3\3" RANDOM "\0\0\2\x13\1\1\0"
#define NAME         "\0\0\0\x0b\0\x09\0\0\6a.test"
#define ALPN         "\0\x10\0\5\0\3\2h2"
#define VERSIONS     "\0\x2b\0\3\2\3\4"
#define X_10         "xxxxxxxxxx"
#define X_85         X_10 X_10 X_10 X_10 X_10 X_10 X_10 X_10 "xxxxx"
#define X_255        X_85 X_85 X_85

enum { LONG = 20000, FRAGMENTED = 6 * LONG };

static uint8_t scratch[CLIENT_HELLO_MAX];
static uint8_t wire[FRAGMENTED];

/* ---- reading, and the result as text ---- */

/** Parses a copy of the bytes, of exact size, so that a sanitizer sees a read beyond it. */
static int parse(const uint8_t *bytes, size_t n, struct client_hello *ret_hello, const char **why)
{
	uint8_t *exact = malloc(n > 0 ? n : 1);
	int r;

	memcpy(exact, bytes, n);
	r = client_hello_parse(exact, n, scratch, ret_hello, why);
	free(exact);
	return r;
}

static const char *say(const struct client_hello *hello)
{
	static char text[4096];
	struct span alpn = hello->alpn;
	struct span protocol;
	size_t n = 0;

	if (hello->name.bytes != NULL) {
		n += (size_t)sprintf(
			text, "name=%.*s ", (int)hello->name.n, (const char *)hello->name.bytes);
	}
	while (client_hello_next_protocol(&alpn, &protocol)) {
		n += (size_t)sprintf(text + n, "%s%.*s%s",
			protocol.bytes == hello->alpn.bytes + 1 ? "alpn=" : "", (int)protocol.n,
			(const char *)protocol.bytes, alpn.n > 0 ? "," : " ");
	}
	(void)sprintf(text + n, "highest=%04x", hello->version);
	return text;
}

/** Writes the message to `wire` in records of `n_record` bytes. Returns the size in `wire`. */
static size_t records(const uint8_t *message, size_t n, size_t n_record)
{
	size_t len = 0;

	while (n > 0) {
		size_t part = n < n_record ? n : n_record;

		memcpy(wire + len, "\x16\3\1", 3);
		wire[len + 3] = (uint8_t)(part >> 8);
		wire[len + 4] = (uint8_t)part;
		memcpy(wire + len + 5, message, part);
		len += 5 + part;
		message += part;
		n -= part;
	}
	return len;
}

/** Writes a hello with this body to `wire`, in records of `n_record` bytes. Returns the size in
 * `wire`. */
static size_t hello_of(struct span body, size_t n_record)
{
	static uint8_t message[LONG];

	message[0] = 1;
	message[1] = 0;
	message[2] = (uint8_t)(body.n >> 8);
	message[3] = (uint8_t)body.n;
	memcpy(message + 4, body.bytes, body.n);
	return records(message, body.n + 4, n_record);
}

/** The bytes of a recorded hello. */
static size_t decode(const char *hex, uint8_t *bytes)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned int byte;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (uint8_t)byte;
	}
	return n;
}

/* ---- real clients ---- */

START_TEST(a_clients_hello_is_read)
{
	struct client_hello hello;
	const char *why = "untouched";
	uint8_t bytes[2048];
	size_t n = decode(recorded[_i].hex, bytes);

	ck_assert_int_eq(parse(bytes, n, &hello, &why), (int)n);
	ck_assert_str_eq(say(&hello), recorded[_i].what);
	for (size_t k = 0; k < n; k++) {
		ck_assert_int_eq(parse(bytes, k, &hello, &why), 0);
	}
	ck_assert_str_eq(why, "untouched");
}
END_TEST

/** The message in a recorded hello. */
static size_t message_of(const char *hex, uint8_t *message)
{
	uint8_t bytes[2048];
	size_t n = decode(hex, bytes);
	size_t len = 0;

	for (size_t at = 0; at < n;) {
		size_t part = (size_t)(bytes[at + 3] << 8 | bytes[at + 4]);

		memcpy(message + len, bytes + at + 5, part);
		len += part;
		at += 5 + part;
	}
	return len;
}

START_TEST(a_hello_may_be_split_into_records_anywhere)
{
	uint8_t message[2048];
	size_t n = message_of(recorded[_i].hex, message);

	for (size_t n_record = 1; n_record <= n; n_record++) {
		size_t len = records(message, n, n_record);
		struct client_hello hello;
		const char *why = "untouched";

		memcpy(wire + len, "behind it", 9);
		ck_assert_int_eq(parse(wire, len + 9, &hello, &why), (int)len);
		ck_assert_str_eq(say(&hello), recorded[_i].what);
		for (size_t k = 0; k < len; k += n_record < 9 ? 1 : 97) {
			ck_assert_int_eq(parse(wire, k, &hello, &why), 0);
		}
		ck_assert_str_eq(why, "untouched");
	}
}
END_TEST

/* ---- bodies ---- */

struct row {
	struct span body;
	const char *what; /**< what the hello says, or why it is malformed */
	int result;
};

static const char too_early[] = "the ClientHello ends too early";
static const char lists[] = "the lists of ciphers and compressions are malformed";
static const char no_end[] = "the extensions do not end with the ClientHello";
static const char too_long[] = "an extension is longer than the ClientHello";
static const char twice[] = "an extension is there twice";
static const char bad_name[] = "the extension server_name is malformed";
static const char no_name[] = "the name of the server is no name";
static const char bad_alpn[] = "the list of ALPN is malformed";
static const char bad_versions[] = "the extension supported_versions is malformed";

static const struct row bodies[] = {
	/* accepted bodies */
	{BYTES(BODY), "highest=0303", 1},
	{BYTES("\3\1" RANDOM "\0\0\2\x13\1\1\0"), "highest=0301", 1},
	{BYTES("\3\3" RANDOM "\x20" RANDOM "\0\2\x13\1\1\0"), "highest=0303", 1},
	{BYTES(BODY "\0\0"), "highest=0303", 1},
	{BYTES(BODY "\0\x0f" NAME), "name=a.test highest=0303", 1},
	{BYTES(BODY "\0\x1f" NAME ALPN VERSIONS), "name=a.test alpn=h2 highest=0304", 1},
	{BYTES(BODY "\0\x1f" VERSIONS ALPN NAME), "name=a.test alpn=h2 highest=0304", 1},
	{BYTES(BODY "\0\4\xff\1\0\0"), "highest=0303", 1},
	{BYTES(BODY "\0\x0d\0\x2b\0\x09\x08\xaa\xaa\3\3\3\4\3\2"), "highest=0304", 1},
	{BYTES(BODY "\0\7\0\x2b\0\3\2\xda\xda"), "highest=0000", 1},   /* only a GREASE version */
	{BYTES(BODY "\0\x0b\0\0\0\7\0\5\7\0\2??"), "highest=0303", 1}, /* an unknown type of name */
	{BYTES(BODY "\0\x0f\0\0\0\x0b\0\x09\7\0\2??\0\0\1a"), "name=a highest=0303", 1},
	{BYTES(BODY "\0\x0c\0\x10\0\x08\0\6\1a\3b.c"), "alpn=a,b.c highest=0303", 1},
	{BYTES(BODY "\1\x08\0\0\1\4\1\2\0\0\xff" X_255), "name=" X_255 " highest=0303", 1},
	/* malformed bodies */
	{BYTES(""), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM "\x20" X_10), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\xff\xff\x13\1"), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\0\2\x13\1"), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\0\2\x13\1\xff\0"), too_early, -EBADMSG},
	{BYTES("\3\3" RANDOM "\x21" RANDOM "x\0\2\x13\1\1\0"),
		"the session id is longer than 32 bytes", -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\0\0\1\0"), lists, -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\0\3\x13\1x\1\0"), lists, -EBADMSG},
	{BYTES("\3\3" RANDOM "\0\0\2\x13\1\0"), lists, -EBADMSG},
	{BYTES(BODY "\0"), no_end, -EBADMSG},
	{BYTES(BODY "\0\5\xff\1\0\0"), no_end, -EBADMSG},
	{BYTES(BODY "\0\4\xff\1\0\0x"), no_end, -EBADMSG},
	{BYTES(BODY "\xff\xff\xff\1\0\0"), no_end, -EBADMSG},
	{BYTES(BODY "\0\3\xff\1\0"), too_long, -EBADMSG},
	{BYTES(BODY "\0\4\xff\1\0\1"), too_long, -EBADMSG},
	{BYTES(BODY "\0\5\0\0\xff\xffx"), too_long, -EBADMSG},
	{BYTES(BODY "\0\x1e" NAME NAME), twice, -EBADMSG},
	{BYTES(BODY "\0\x12" ALPN ALPN), twice, -EBADMSG},
	{BYTES(BODY "\0\x0e" VERSIONS VERSIONS), twice, -EBADMSG},
	{BYTES(BODY "\0\4\0\0\0\0"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\6\0\0\0\2\0\0"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\x0a\0\0\0\6\0\5\0\0\1a"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\x0b\0\0\0\7\0\4\0\0\1ax"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\x0a\0\0\0\6\0\4\0\0\2a"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\x0a\0\0\0\6\0\4\0\xff\xff"
		    "a"),
		bad_name, -EBADMSG},
	{BYTES(BODY "\0\x07\0\0\0\3\0\1\0"), bad_name, -EBADMSG},
	{BYTES(BODY "\0\x0e\0\0\0\x0a\0\x08\0\0\1a\0\0\1b"), "there are two names of the server",
		-EBADMSG},
	{BYTES(BODY "\0\x09\0\0\0\5\0\3\0\0\0"), no_name, -EBADMSG},
	{BYTES(BODY "\0\x0c\0\0\0\x08\0\6\0\0\3a\0b"), no_name, -EBADMSG},
	{BYTES(BODY "\0\x0c\0\0\0\x08\0\6\0\0\3a b"), no_name, -EBADMSG},
	{BYTES(BODY "\0\x0c\0\0\0\x08\0\6\0\0\3a\x80"
		    "b"),
		no_name, -EBADMSG},
	{BYTES(BODY "\1\x09\0\0\1\5\1\3\0\1\0" X_255 "x"),
		"the name of the server is longer than 255 bytes", -EBADMSG},
	{BYTES(BODY "\0\4\0\x10\0\0"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\6\0\x10\0\2\0\0"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\7\0\x10\0\3\0\1\0"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\x09\0\x10\0\5\0\3\3h2"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\x0a\0\x10\0\6\0\3\2h2x"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\x0a\0\x10\0\6\0\4\2h2\0"), bad_alpn, -EBADMSG},
	{BYTES(BODY "\0\4\0\x2b\0\0"), bad_versions, -EBADMSG},
	{BYTES(BODY "\0\5\0\x2b\0\1\0"), bad_versions, -EBADMSG},
	{BYTES(BODY "\0\6\0\x2b\0\2\1\3"), bad_versions, -EBADMSG},
	{BYTES(BODY "\0\7\0\x2b\0\3\4\3\4"), bad_versions, -EBADMSG},
	{BYTES(BODY "\0\x08\0\x2b\0\4\2\3\4x"), bad_versions, -EBADMSG},
};

START_TEST(a_body_is_read_or_malformed)
{
	static const size_t sizes[] = {16384, 1, 2, 3, 7, 40};
	const struct row *row = &bodies[_i];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = hello_of(row->body, sizes[i]);
		struct client_hello hello;
		const char *why = NULL;
		int r;

		for (size_t k = 0; k < n; k++) {
			ck_assert_int_eq(parse(wire, k, &hello, &why), 0);
		}
		r = parse(wire, n, &hello, &why);
		ck_assert_int_eq(r, row->result > 0 ? (int)n : row->result);
		ck_assert_str_eq(r > 0 ? say(&hello) : why, row->what);
	}
}
END_TEST

/* ---- records ---- */

static const char no_handshake[] = "the first byte is not that of a TLS handshake";

static const struct {
	struct span bytes;
	int result;
	const char *why;
} frames[] = {
	{BYTES(""), 0, NULL},
	{BYTES("G"), -EPROTONOSUPPORT, no_handshake},
	{BYTES("\x80\x2e\1\3\1"), -EPROTONOSUPPORT, no_handshake}, /* SSL 2 */
	{BYTES("\x15\3\1\0\2\2\x28"), -EPROTONOSUPPORT, no_handshake},
	{BYTES("\x16"), 0, NULL},
	{BYTES("\x16g"), -EBADMSG, "a record has no version of TLS"},
	{BYTES("\x16\3\xff\x40\0"), 0, NULL},
	{BYTES("\x16\3\1\x40\1"), -EBADMSG, "a record is longer than TLS allows"},
	{BYTES("\x16\3\1\xff\xff"), -EBADMSG, "a record is longer than TLS allows"},
	{BYTES("\x16\3\1\0\0"), -EBADMSG, "a record is empty"},
	{BYTES("\x16\3\1\0\1\1\x16\3\1\0\0"), -EBADMSG, "a record is empty"},
	{BYTES("\x16\3\1\0\1\1\x17"), -EBADMSG, "another record interrupts the ClientHello"},
	{BYTES("\x16\3\1\0\1\1\x16\2"), -EBADMSG, "a record has no version of TLS"},
	{BYTES("\x16\3\1\0\4\2"), -EBADMSG, "the first message is not a ClientHello"},
	{BYTES("\x16\3\1\0\4\1\0\0"), 0, NULL},
	{BYTES("\x16\3\1\0\4\1\0\x3f\xf7"), -EBADMSG, "the ClientHello is longer than 16 KiB"},
	{BYTES("\x16\3\1\x3f\xfb\1\0\x3f\xf7"), 0, NULL}, /* 5 + 4 + 16375 */
	{BYTES("\x16\3\1\x3f\xfc\1\0\x3f\xf8"), -EBADMSG, "the ClientHello is longer than 16 KiB"},
	{BYTES("\x16\3\1\x40\0\1\1\0\0"), -EBADMSG, "the ClientHello is longer than 16 KiB"},
	{BYTES("\x16\3\1\x40\0\1\xff\xff\xff"), -EBADMSG, "the ClientHello is longer than 16 KiB"},
};

START_TEST(a_record_is_judged_as_soon_as_it_can_be)
{
	struct client_hello hello;
	const char *why = NULL;

	ck_assert_int_eq(
		parse(frames[_i].bytes.bytes, frames[_i].bytes.n, &hello, &why), frames[_i].result);
	ck_assert_pstr_eq(why, frames[_i].why);
	for (size_t k = 0; k < frames[_i].bytes.n && frames[_i].result == -EBADMSG; k++) {
		int r = parse(frames[_i].bytes.bytes, k, &hello, &why);

		ck_assert(r == 0 || r == -EBADMSG);
	}
}
END_TEST

/** A body whose hello has `n` bytes if it is in one record. */
static struct span body_of(size_t n)
{
	static uint8_t body[LONG] = BODY;
	size_t n_extensions = n - 5 - 4 - (sizeof(BODY) - 1) - 2;

	body[sizeof(BODY) - 1] = (uint8_t)(n_extensions >> 8);
	body[sizeof(BODY)] = (uint8_t)n_extensions;
	body[sizeof(BODY) + 3] = (uint8_t)((n_extensions - 4) >> 8);
	body[sizeof(BODY) + 4] = (uint8_t)(n_extensions - 4);
	body[sizeof(BODY) + 1] = 0xff;
	return (struct span){body, n - 9};
}

START_TEST(a_hello_of_16_kib_is_read_and_no_longer_one)
{
	struct client_hello hello;
	const char *why = NULL;
	size_t n = hello_of(body_of(CLIENT_HELLO_MAX), 16384);

	ck_assert_uint_eq(n, CLIENT_HELLO_MAX);
	ck_assert_int_eq(parse(wire, n, &hello, &why), CLIENT_HELLO_MAX);
	ck_assert_int_eq(parse(wire, n + 1000, &hello, &why), CLIENT_HELLO_MAX);
	ck_assert_int_eq(parse(wire, n - 1, &hello, &why), 0);
	/* In records of 8000 bytes the hello has three headers; the third does not fit. */
	n = hello_of(body_of(CLIENT_HELLO_MAX - 5), 8000);
	ck_assert_int_eq(parse(wire, n, &hello, &why), -EBADMSG);
	n = hello_of(body_of(CLIENT_HELLO_MAX - 10), 8000);
	ck_assert_int_eq(parse(wire, n, &hello, &why), CLIENT_HELLO_MAX);
	/* Records of one byte make the hello six times as long. */
	n = hello_of(body_of(5000), 1);
	ck_assert_int_eq(parse(wire, n, &hello, &why), -EBADMSG);
	ck_assert_str_eq(why, "the ClientHello is longer than 16 KiB");
}
END_TEST

START_TEST(what_stands_behind_the_hello_in_its_record_is_not_its)
{
	struct client_hello hello;
	const char *why = NULL;
	size_t n = hello_of((struct span)BYTES(BODY), 16384);

	wire[4] = (uint8_t)(wire[4] + 7);
	ck_assert_int_eq(parse(wire, n, &hello, &why), (int)n);
	ck_assert_int_eq(parse(wire, n + 7, &hello, &why), (int)n);
}
END_TEST

START_TEST(whatever_the_bytes_are_they_are_read_within_bounds)
{
	uint32_t state = 1;
	uint8_t original[2048];
	size_t n = decode(recorded[_i].hex, original);

	for (size_t i = 0; i < 2000; i++) {
		uint8_t bytes[2048];
		struct client_hello hello;
		const char *why = NULL;
		int r;

		memcpy(bytes, original, n);
		mutate(&state, bytes, n);
		r = parse(bytes, n, &hello, &why);
		if (r > 0) {
			ck_assert_int_le(r, (int)n);
			ck_assert_uint_le(hello.name.n, CLIENT_HELLO_NAME_MAX);
			(void)say(&hello);
		}
	}
}
END_TEST

static Suite *client_hello_suite(void)
{
	Suite *suite = suite_create("client_hello");
	TCase *tc = tcase_create("clients");

	tcase_add_loop_test(tc, a_clients_hello_is_read, 0, N_ROWS(recorded));
	tcase_add_loop_test(tc, a_hello_may_be_split_into_records_anywhere, 0, N_ROWS(recorded));
	suite_add_tcase(suite, tc);
	tc = tcase_create("bodies");
	tcase_add_loop_test(tc, a_body_is_read_or_malformed, 0, N_ROWS(bodies));
	tcase_add_loop_test(
		tc, whatever_the_bytes_are_they_are_read_within_bounds, 0, N_ROWS(recorded));
	suite_add_tcase(suite, tc);
	tc = tcase_create("records");
	tcase_add_loop_test(tc, a_record_is_judged_as_soon_as_it_can_be, 0, N_ROWS(frames));
	tcase_add_test(tc, a_hello_of_16_kib_is_read_and_no_longer_one);
	tcase_add_test(tc, what_stands_behind_the_hello_in_its_record_is_not_its);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(client_hello_suite());
}
