/* SPDX-License-Identifier: ISC */
/*
 * Tests of two checks against loops: is an address our own listening socket, and which listeners
 * lead to which?
 */
#include "proxy/own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "suite.h"

enum { FIRST, SECOND, NONE = 99 };

static size_t find(const struct own *own, const char *text)
{
	struct own_cache cache = {.next = 0};
	struct addr addr;
	const char *why = NULL;
	size_t found;

	ck_assert_msg(addr_parse(text, &addr, &why) == 0, "%s: %s", text, why);
	found = own_find(own, &cache, &addr.sa.any, addr.sa_len);
	return found == SIZE_MAX ? NONE : found;
}

static struct own *table(const char *first, const char *second)
{
	static struct addr addrs[2];
	const char *texts[] = {first, second};
	struct own *own = own_new(2);
	const char *why = NULL;

	ck_assert_ptr_nonnull(own);
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(addr_parse(texts[i], &addrs[i], &why), 0);
		ck_assert_int_eq(own_add(own, &addrs[i].sa, addrs[i].sa_len, i,
					 addrs[i].kind == ADDR_ANY, i == 1),
			0);
	}
	own_seal(own);
	return own;
}

START_TEST(an_address_of_ones_own_is_found_by_port_and_host)
{
	static const struct {
		const char *first;
		const char *second;
		const char *target;
		size_t found;
	} cases[] = {
		{"127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:81", SECOND},
		{"127.0.0.1:80", "127.0.0.1:81", "127.0.0.1:82", NONE},
		{"127.0.0.1:80", "127.0.0.1:81", "127.0.0.2:80", NONE},
		{"127.0.0.1:80", "127.0.0.1:81", "0.0.0.0:80", FIRST},
		{"127.0.0.1:80", "[::1]:80", "[::]:80", SECOND},
		{"127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80", FIRST},
		{"0.0.0.0:80", "[::]:80", "127.9.9.9:80", FIRST},
		{"0.0.0.0:80", "[::]:80", "[::1]:80", SECOND},
		{"[::]:80", "[::1]:81", "127.0.0.1:80", NONE},
		{"*:80", "[::1]:81", "127.0.0.1:80", FIRST},
		{"*:80", "[::1]:81", "[::1]:80", FIRST},
		/* no machine has an address of TEST-NET-1 */
		{"*:80", "127.0.0.1:81", "192.0.2.77:80", NONE},
		{"unix:@a", "unix:@ab", "unix:@ab", SECOND},
		{"unix:@a", "unix:@ab", "unix:@abc", NONE},
		{"unix:@a", "127.0.0.1:80", "127.0.0.1:80", SECOND},
		{"unix:/nowhere/a", "127.0.0.1:80", "unix:/nowhere/a", NONE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct own *own = table(cases[i].first, cases[i].second);

		ck_assert_msg(find(own, cases[i].target) == cases[i].found, "%s in %s, %s",
			cases[i].target, cases[i].first, cases[i].second);
		own_free(own);
	}
}
END_TEST

START_TEST(a_chain_is_legal_until_it_leads_back)
{
	struct chains chains;
	uint64_t now_ns = clock_ns();

	chains_init(&chains);
	ck_assert(!chains_enter(&chains, "a", "a", now_ns));
	for (int i = 0; i < 2; i++) {
		ck_assert(chains_enter(&chains, "a", "b", now_ns));
		ck_assert(chains_enter(&chains, "b", "c", now_ns));
		ck_assert(chains_enter(&chains, "a", "c", now_ns));
		ck_assert(!chains_enter(&chains, "c", "a", now_ns));
		ck_assert(!chains_enter(&chains, "b", "a", now_ns));
	}
	/* A link that was seen long before this pair came does not count any more. */
	ck_assert(chains_enter(&chains, "c", "a", clock_ns() + 60 * (uint64_t)NS_PER_S));
	chains_fini(&chains);
}
END_TEST

START_TEST(of_many_chains_the_oldest_are_forgotten)
{
	struct chains chains;

	chains_init(&chains);
	for (int i = 0; i < 600; i++) {
		char from[16];
		char to[16];

		(void)snprintf(from, sizeof(from), "l%d", i);
		(void)snprintf(to, sizeof(to), "l%d", i + 1);
		ck_assert(chains_enter(&chains, from, to, clock_ns()));
	}
	ck_assert(!chains_enter(&chains, "l600", "l400", clock_ns()));
	ck_assert(chains_enter(&chains, "l600", "l0", clock_ns()));
	chains_fini(&chains);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("own");
	TCase *tc = tcase_create("own");

	tcase_add_test(tc, an_address_of_ones_own_is_found_by_port_and_host);
	tcase_add_test(tc, a_chain_is_legal_until_it_leads_back);
	tcase_add_test(tc, of_many_chains_the_oldest_are_forgotten);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
