/* SPDX-License-Identifier: ISC */
/* Tests of sets of prefixes against a model that looks at each prefix in turn. */
#include "base/prefixes.h"

#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "suite.h"

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static struct prefix parse(const char *text)
{
	struct prefix prefix;
	char why[PREFIX_WHY_MAX];

	ck_assert_int_eq(prefix_parse(text, &prefix, why), 0);
	return prefix;
}

/** Returns the address that has the bits of the prefix. */
static union address address_of(const struct prefix *prefix)
{
	union address address = {.any.sa_family = prefix->is_v6 ? AF_INET6 : AF_INET};

	if (prefix->is_v6) {
		memcpy(&address.in6.sin6_addr, prefix->bytes, 16);
	} else {
		memcpy(&address.in.sin_addr, prefix->bytes, 4);
	}
	return address;
}

static bool has(const struct prefixes *set, const char *text)
{
	struct prefix prefix = parse(text);
	union address address = address_of(&prefix);

	return prefixes_has(set, &address.any);
}

/* ---- by hand ---- */

START_TEST(an_address_is_in_it_that_one_prefix_has)
{
	const struct prefix list[] = {parse("10.9.0.0/16"), parse("10.0.0.0/8"), parse("192.0.2.7"),
		parse("2001:db8::/32"), parse("10.0.0.0/8"), parse("255.255.255.255"),
		parse("::1")};
	struct prefixes *set = prefixes_new(list, sizeof(list) / sizeof(list[0]));

	ck_assert(has(set, "10.0.0.0"));
	ck_assert(has(set, "10.9.1.1"));
	ck_assert(has(set, "10.255.255.255"));
	ck_assert(!has(set, "11.0.0.0"));
	ck_assert(!has(set, "9.255.255.255"));
	ck_assert(!has(set, "0.0.0.0"));
	ck_assert(has(set, "192.0.2.7"));
	ck_assert(!has(set, "192.0.2.6"));
	ck_assert(!has(set, "192.0.2.8"));
	ck_assert(has(set, "255.255.255.255"));
	ck_assert(has(set, "2001:db8:ffff::1"));
	ck_assert(!has(set, "2001:db9::"));
	ck_assert(!has(set, "::"));
	ck_assert(has(set, "::1"));
	ck_assert(!has(set, "ffff::"));
	ck_assert_ptr_null(prefixes_free(set));
}
END_TEST

START_TEST(a_family_has_nothing_of_the_other)
{
	const struct prefix all_v6 = parse("::/0");
	const struct prefix all_v4 = parse("0.0.0.0/0");
	struct prefixes *v6 = prefixes_new(&all_v6, 1);
	struct prefixes *v4 = prefixes_new(&all_v4, 1);
	union address mapped = {.any.sa_family = AF_INET6};
	union address unix_peer = {.any.sa_family = AF_UNIX};

	mapped.in6.sin6_addr.s6_addr[10] = 0xff;
	mapped.in6.sin6_addr.s6_addr[11] = 0xff;
	ck_assert(prefixes_has(v4, &mapped.any));
	ck_assert(!prefixes_has(v6, &mapped.any));
	ck_assert(!has(v6, "10.0.0.1"));
	ck_assert(!has(v4, "::"));
	ck_assert(has(v6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	ck_assert(!prefixes_has(v4, &unix_peer.any));
	prefixes_free(v6);
	prefixes_free(v4);
}
END_TEST

START_TEST(nothing_is_in_an_empty_set)
{
	struct prefixes *set = prefixes_new(NULL, 0);

	ck_assert_ptr_nonnull(set);
	ck_assert(!has(set, "10.0.0.1"));
	ck_assert(!has(NULL, "::1"));
	prefixes_free(set);
	ck_assert_ptr_null(prefixes_free(NULL));
}
END_TEST

/* ---- against the model ---- */

enum { SETS = 200, LIST_MAX = 600, QUESTIONS = 200 };

/** Makes a prefix at random. Most of its bytes are 0 or 0xff, so that many prefixes are near to
 * each other, or at an end of all addresses. */
static struct prefix random_prefix(void)
{
	struct prefix prefix = {.is_v6 = rand() % 2 == 0};
	int n_bytes = prefix.is_v6 ? 16 : 4;
	struct prefix cut;
	union address address;

	for (int i = 0; i < n_bytes; i++) {
		prefix.bytes[i] = (uint8_t)(rand() % 4 == 0 ? rand() : rand() % 3 == 0 ? 0xff : 0);
	}
	address = address_of(&prefix);
	ck_assert(prefix_of(&address.any, (uint8_t)(rand() % 33),
		(uint8_t)(rand() % 3 > 0 ? rand() % 129 : rand() % 9), &cut));
	return cut;
}

/** Compares bit by bit. */
static bool model_has(const struct prefix *list, size_t n, const struct prefix *address)
{
	for (size_t i = 0; i < n; i++) {
		bool same = list[i].is_v6 == address->is_v6;

		for (unsigned bit = 0; same && bit < list[i].bits; bit++) {
			uint8_t differs = list[i].bytes[bit / 8] ^ address->bytes[bit / 8];

			same = (differs & 0x80 >> bit % 8) == 0;
		}
		if (same) {
			return true;
		}
	}
	return false;
}

/** Makes an address at the edge of a prefix or next to it, or anywhere. */
static struct prefix random_question(const struct prefix *list, size_t n)
{
	struct prefix at = n == 0 || rand() % 3 == 0 ? random_prefix() : list[(size_t)rand() % n];
	int last = (at.is_v6 ? 16 : 4) - 1;

	for (unsigned bit = at.bits; rand() % 2 == 0 && bit < (unsigned)(last + 1) * 8; bit++) {
		/* When all bits are set, this is the last address in the prefix. */
		at.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	}
	for (int step = rand() % 3 - 1, i = last; step != 0 && i >= 0; i--) {
		at.bytes[i] = (uint8_t)(at.bytes[i] + step);
		step = at.bytes[i] == (step > 0 ? 0 : 0xff) ? step : 0;
	}
	return at;
}

START_TEST(random_sets_answer_as_the_model_does)
{
	unsigned n_in = 0;

	srand(12);
	for (int i = 0; i < SETS; i++) {
		struct prefix list[LIST_MAX];
		size_t n = (size_t)rand() % (i % 2 == 0 ? 20 : LIST_MAX);
		struct prefixes *set;

		for (size_t j = 0; j < n; j++) {
			list[j] = random_prefix();
		}
		set = prefixes_new(list, n);
		for (int j = 0; j < QUESTIONS; j++) {
			struct prefix question = random_question(list, n);
			union address address = address_of(&question);
			bool is_in = model_has(list, n, &question);

			ck_assert_int_eq(prefixes_has(set, &address.any), is_in);
			n_in += is_in;
		}
		prefixes_free(set);
	}
	/* Both answers came often. */
	ck_assert_uint_gt(n_in, SETS * QUESTIONS / 10);
	ck_assert_uint_lt(n_in, SETS * QUESTIONS * 9 / 10);
}
END_TEST

/* ---- its cost ---- */

START_TEST(a_hundred_thousand_are_below_4_mib_with_their_list)
{
	enum { N = 100000 };
	struct prefix *list = calloc(N, sizeof(*list));
	struct prefixes *set;

	ck_assert_ptr_nonnull(list);
	for (uint32_t i = 0; i < N; i++) {
		list[i] = (struct prefix){.is_v6 = true, .bits = 128};
		memcpy(list[i].bytes, &i, sizeof(i));
	}
	set = prefixes_new(list, N);
	ck_assert_uint_lt(malloc_usable_size(list) + malloc_usable_size(set), 4 << 20);
	prefixes_free(set);
	free(list);
}
END_TEST

START_TEST(without_memory_there_is_no_set)
{
	const struct prefix list[] = {parse("10.0.0.0/8"), parse("10.0.0.0/8")};
	unsigned n = 1;

	for (struct prefixes *set = NULL; set == NULL; n++) {
		fault_only(FAULT_MEMORY);
		fault_arm(n);
		set = prefixes_new(list, 2);
		ck_assert_int_eq(fault_disarm(), set == NULL);
		prefixes_free(set);
	}
	ck_assert_uint_gt(n, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prefixes");
	TCase *tc = tcase_create("prefixes");

	tcase_add_test(tc, an_address_is_in_it_that_one_prefix_has);
	tcase_add_test(tc, a_family_has_nothing_of_the_other);
	tcase_add_test(tc, nothing_is_in_an_empty_set);
	tcase_add_test(tc, random_sets_answer_as_the_model_does);
	tcase_add_test(tc, a_hundred_thousand_are_below_4_mib_with_their_list);
	tcase_add_test(tc, without_memory_there_is_no_set);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
