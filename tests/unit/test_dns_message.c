/* SPDX-License-Identifier: ISC */
/* What weir reads from the answers of DNS servers, and from hostile answers. */
#include "upstream/dns_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_wire.h"
#include "random.h"
#include "suite.h"

static uint8_t bytes[DNS_WIRE_BYTES_MAX];
static struct dns_message message;

static int read_text(enum dns_type type, const char *text)
{
	size_t n = dns_wire("www.test", type, text, bytes);
	/* Memory of exactly this size, so that a sanitizer sees a read beyond it. */
	uint8_t *exact = malloc(n);
	int r;

	memcpy(exact, bytes, n);
	r = dns_message_read(exact, n, type, &message);
	free(exact);
	message.bytes = bytes;
	return r;
}

/** The records as text: addresses, or priority, weight, port and target. */
static const char *records(void)
{
	static char text[4096];
	struct dns_record record;
	size_t n = 0;
	size_t len = 0;

	text[0] = '\0';
	for (; dns_message_next(&message, &record); n++) {
		char one[INET6_ADDRSTRLEN];

		if (message.type == DNS_SRV) {
			len += (size_t)sprintf(text + len, "%s%u %u %u %s", len > 0 ? ", " : "",
				record.priority, record.weight, record.port, record.target);
		} else {
			len += (size_t)sprintf(text + len, "%s%s", len > 0 ? ", " : "",
				inet_ntop(AF_INET6, &record.address, one, sizeof(one)));
		}
	}
	ck_assert_uint_eq(n, message.n_records);
	return text;
}

struct row {
	enum dns_type type;
	const char *text;
	int status;
	uint32_t ttl_s;
	const char *records;
};

static const struct row rows[] = {
	{DNS_A, "60 10.0.0.1; 30 10.0.0.2", 0, 30, "::ffff:10.0.0.1, ::ffff:10.0.0.2"},
	{DNS_AAAA, "60 fe80::1", 0, 60, "fe80::1"},
	{DNS_SRV, "60 SRV 1 2 3 a.test; 61 SRV 4 5 6 B.Test", 0, 60, "1 2 3 a.test, 4 5 6 b.test"},
	{DNS_SRV, "60 SRV 0 0 0 .", 0, 60, "0 0 0 "},
	/* The TTL of a chain of CNAMEs is the least; one above 2^31 - 1 counts as 0. */
	{DNS_A, "0 10.0.0.1", 0, 0, "::ffff:10.0.0.1"},
	{DNS_A, "2147483647 10.0.0.1", 0, 2147483647, "::ffff:10.0.0.1"},
	{DNS_A, "2147483648 10.0.0.1", 0, 0, "::ffff:10.0.0.1"},
	{DNS_A, "4294967295 10.0.0.1", 0, 0, "::ffff:10.0.0.1"},
	{DNS_A, "5 CNAME b.test; 60 10.0.0.1", 0, 5, "::ffff:10.0.0.1"},
	{DNS_A, "2147483648 CNAME b.test; 60 10.0.0.1", 0, 0, "::ffff:10.0.0.1"},
	{DNS_A, "9 CNAME b.test; 8 CNAME c.test; 60 10.0.0.1", 0, 8, "::ffff:10.0.0.1"},
	/* upper and lower case; any order */
	{DNS_A, "OF WWW.Test; 60 10.0.0.1", 0, 60, "::ffff:10.0.0.1"},
	{DNS_A, "OF b.test; 60 10.0.0.1; OF www.test; 9 CNAME B.TEST", 0, 9, "::ffff:10.0.0.1"},
	/* records that were not asked for are ignored */
	{DNS_A, "60 10.0.0.1; 1 ::1; OF evil.test; 1 10.6.6.6", 0, 60, "::ffff:10.0.0.1"},
	{DNS_A, "60 CNAME b.test; OF www.test; 60 10.6.6.6", -ENODATA, 60, ""},
	/* empty */
	{DNS_A, "NODATA", -ENODATA, 0, ""},
	{DNS_A, "NODATA; 30 SOA", -ENODATA, 30, ""},
	{DNS_A, "NXDOMAIN; 30 SOA", -ENODATA, 30, ""},
	{DNS_A, "NXDOMAIN", -ENODATA, 0, ""},
	{DNS_A, "NXDOMAIN; 5 CNAME b.test; 30 SOA", -ENODATA, 5, ""},
	{DNS_AAAA, "60 10.0.0.1", -ENODATA, 0, ""},
	{DNS_A, "NXDOMAIN; 60 10.0.0.1", -ENODATA, 60, ""},
	{DNS_A, "NODATA; 30 NS; 20 SOA", -ENODATA, 20, ""},
	/* no answer */
	{DNS_A, "NODATA; 30 NS", -EREMOTEIO, 0, ""},
	{DNS_A, "SERVFAIL", -EREMOTEIO, 0, ""},
	{DNS_A, "REFUSED", -EREMOTEIO, 0, ""},
	{DNS_A, "NOTIMP; 60 10.0.0.1", -EREMOTEIO, 0, ""},
	/* malformed */
	{DNS_A, "60 10.0.0.1; CUT", -EBADMSG, 0, ""},
	{DNS_A, "60 10.0.0.1; BROKEN", -EBADMSG, 0, ""},
	{DNS_SRV, "60 SRV 0 0 80 a.test; BROKEN", -EBADMSG, 0, ""},
	{DNS_SRV, "60 SRV 0 0 80 a b.test", 0, 60, "0 0 80 a"},
	{DNS_SRV, "60 SRV 0 0 80 a@b.test", -EBADMSG, 0, ""},
	{DNS_A, "9 CNAME b.test; 9 CNAME www.test", -EBADMSG, 0, ""},
	{DNS_A, "9 CNAME www.test; 60 10.0.0.1", -EBADMSG, 0, ""},
};

START_TEST(an_answer_is_read)
{
	const struct row *row = &rows[_i];

	ck_assert_int_eq(read_text(row->type, row->text), row->status);
	if (row->status == 0 || row->status == -ENODATA) {
		ck_assert_uint_eq(message.ttl_s, row->ttl_s);
		ck_assert_str_eq(records(), row->records);
	}
}
END_TEST

START_TEST(sixteen_cnames_are_followed_and_no_more)
{
	char text[1024] = "";
	char *at = text;

	for (int i = 0; i < 16; i++) {
		at += sprintf(at, "60 CNAME c%d.test; ", i);
	}
	(void)strcpy(at, "60 10.0.0.1");
	ck_assert_int_eq(read_text(DNS_A, text), 0);
	ck_assert_str_eq(records(), "::ffff:10.0.0.1");
	(void)strcpy(at, "60 CNAME c16.test; 60 10.0.0.1");
	ck_assert_int_eq(read_text(DNS_A, text), -EBADMSG);
}
END_TEST

START_TEST(all_records_of_the_longest_message_are_read)
{
	char *text = malloc(4000 * 16);
	char *at = text;

	for (int i = 0; i < 4000; i++) {
		at += sprintf(at, "1 10.0.%d.%d;", i / 250, i % 250);
	}
	ck_assert_int_eq(read_text(DNS_A, text), 0);
	ck_assert_uint_eq(message.n_records, 4000);
	free(text);
}
END_TEST

/** Sets one byte in the message of an A record, and reads the message. */
static int read_with(size_t at, int byte)
{
	size_t n = dns_wire("www.test", DNS_A, "60 10.0.0.1", bytes);

	bytes[at] = (uint8_t)byte;
	return dns_message_read(bytes, n, DNS_A, &message);
}

START_TEST(a_message_that_is_no_answer_to_this_question_is_malformed)
{
	enum { QUESTION_END = 12 + 10 + 4 };

	ck_assert_int_eq(read_with(2, 0x01), -EBADMSG);                /* a question */
	ck_assert_int_eq(read_with(2, 0xa1), -EBADMSG);                /* a status */
	ck_assert_int_eq(read_with(5, 0), -EBADMSG);                   /* no question */
	ck_assert_int_eq(read_with(5, 2), -EBADMSG);                   /* two questions */
	ck_assert_int_eq(read_with(QUESTION_END - 3, 28), -EBADMSG);   /* another type */
	ck_assert_int_eq(read_with(QUESTION_END - 1, 3), -EBADMSG);    /* another class */
	ck_assert_int_eq(read_with(7, 2), -EBADMSG);                   /* a missing record */
	ck_assert_int_eq(read_with(QUESTION_END + 5, 3), -ENODATA);    /* a record of class CHAOS */
	ck_assert_int_eq(read_with(QUESTION_END + 11, 3), -EBADMSG);   /* a 3-byte address */
	ck_assert_int_eq(read_with(QUESTION_END + 11, 5), -EBADMSG);   /* a 5-byte address */
	ck_assert_int_eq(read_with(QUESTION_END + 1, 0xff), -EBADMSG); /* a pointer forward */
	/* A pointer to itself. */
	ck_assert_int_eq(read_with(QUESTION_END + 1, QUESTION_END), -EBADMSG);
	ck_assert_int_eq(read_with(QUESTION_END, 0x80), -EBADMSG); /* an unknown kind of label */
	ck_assert_int_eq(read_with(12, 0x40), -EBADMSG);
	ck_assert_int_eq(read_with(0, 7), 0); /* c-ares checks the id */
}
END_TEST

START_TEST(a_name_of_many_steps_has_an_end)
{
	/* The question's name, then pointers, each of which points to the one before. */
	size_t n = dns_wire("www.test", DNS_A, "60 10.0.0.1", bytes);
	size_t at = n;

	bytes[7] = 2; /* a second record, whose name is a chain of 5,000 pointers */
	for (unsigned i = 0; i < 5000; i++) {
		size_t to = i == 0 ? 12 : at - 2;

		bytes[at++] = (uint8_t)(0xc0 | to >> 8);
		bytes[at++] = (uint8_t)to;
	}
	ck_assert_int_eq(dns_message_read(bytes, at, DNS_A, &message), -EBADMSG);
}
END_TEST

START_TEST(a_name_may_have_255_bytes_and_no_more)
{
	char name[300] = "";
	char text[400];

	for (int i = 0; i < 126; i++) {
		strcat(name, i == 0 ? "a" : ".a");
	}
	strcat(name, "b");
	ck_assert_uint_eq(strlen(name), 252);
	strcat(name, "c"); /* 253 characters and no more: 255 bytes */
	(void)sprintf(text, "60 SRV 0 0 80 %s", name);
	ck_assert_int_eq(read_text(DNS_SRV, text), 0);
	ck_assert_str_eq(records() + strlen("0 0 80 "), name);
	bytes[12]++; /* the label takes one byte more, from those behind it */
	ck_assert_int_lt(dns_message_read(bytes, 60, DNS_SRV, &message), 0);
}
END_TEST

START_TEST(whatever_the_bytes_are_they_are_read_within_bounds)
{
	uint32_t state = 1;

	for (size_t i = 0; i < 8000; i++) {
		const struct row *row = &rows[i % (sizeof(rows) / sizeof(rows[0]))];
		size_t n = dns_wire("www.test", row->type, row->text, bytes);
		struct dns_record record;
		uint8_t *exact;
		size_t n_records = 0;
		int r;

		mutate(&state, bytes, n);
		if (next_random(&state) % 4 == 0) {
			n = next_random(&state) % (n + 1);
		}
		exact = malloc(n > 0 ? n : 1);
		memcpy(exact, bytes, n);
		r = dns_message_read(exact, n, row->type, &message);
		if (r == 0 || r == -ENODATA) {
			while (dns_message_next(&message, &record)) {
				n_records++;
				ck_assert_ptr_nonnull(memchr(record.target, '\0', DNS_NAME_MAX));
			}
			ck_assert_uint_eq(n_records, message.n_records);
			ck_assert_int_eq(r == 0, n_records > 0);
			ck_assert_uint_le(message.ttl_s, INT32_MAX);
		}
		free(exact);
	}
}
END_TEST

static Suite *dns_message_suite(void)
{
	Suite *suite = suite_create("dns_message");
	TCase *tc = tcase_create("reading");

	tcase_add_loop_test(tc, an_answer_is_read, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, sixteen_cnames_are_followed_and_no_more);
	tcase_add_test(tc, all_records_of_the_longest_message_are_read);
	tcase_add_test(tc, a_message_that_is_no_answer_to_this_question_is_malformed);
	tcase_add_test(tc, a_name_of_many_steps_has_an_end);
	tcase_add_test(tc, a_name_may_have_255_bytes_and_no_more);
	tcase_add_test(tc, whatever_the_bytes_are_they_are_read_within_bounds);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(dns_message_suite());
}
