/* SPDX-License-Identifier: ISC */
/* Which peers the lists allow or deny, and how the lists of a config are compiled. */
#include "proxy/access.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/prefix.h"
#include "conf/conf.h"
#include "fault.h"
#include "proxy/session_peer.h"
#include "suite.h"

static struct prefix inner[1];
static struct prefix outer[2];
static struct conf_prefixes conf_inner = {.prefixes = inner, .n = 1};
static struct conf_prefixes conf_outer = {.prefixes = outer, .n = 2};
static struct conf_prefixes conf_any = {.any = true};
static struct conf_prefixes conf_unix = {.unix_peers = true};
static struct conf_prefixes conf_nobody = {.n = 0};
static struct peer_lists lists;

static void parse(const char *text, struct prefix *ret_prefix)
{
	char why[PREFIX_WHY_MAX];

	ck_assert_int_eq(prefix_parse(text, ret_prefix, why), 0);
}

static void set_up(void)
{
	parse("10.9.0.0/16", &inner[0]);
	parse("10.0.0.0/8", &outer[0]);
	parse("2001:db8::/32", &outer[1]);
}

static struct peer_list *compiled(const struct conf_prefixes *conf)
{
	struct peer_list *list = conf == NULL ? NULL : peer_lists_get(&lists, conf);

	ck_assert((conf == NULL) == (list == NULL));
	return list;
}

/** A peer as a session keeps it. `text` is "unix", an address, or "" for an unknown peer. */
static union session_peer peer_of(const char *text)
{
	union session_peer peer = {.family = AF_UNSPEC};

	if (strcmp(text, "unix") == 0) {
		peer.family = AF_UNIX;
	} else if (strchr(text, ':') != NULL) {
		peer.family = AF_INET6;
		ck_assert_int_eq(inet_pton(AF_INET6, text, &peer.in6.sin6_addr), 1);
	} else if (*text != '\0') {
		peer.family = AF_INET;
		ck_assert_int_eq(inet_pton(AF_INET, text, &peer.in.sin_addr), 1);
	}
	return peer;
}

static const struct {
	const struct conf_prefixes *allow;
	const struct conf_prefixes *deny;
	const char *in[5];
	const char *out[5];
} rules[] = {
	{.in = {"10.0.0.1", "2001:db8::1", "unix", "192.0.2.1", ""}},
	{.allow = &conf_outer,
		.in = {"10.0.0.1", "10.9.0.1", "2001:db8::1", "::ffff:10.0.0.1"},
		.out = {"192.0.2.1", "11.0.0.0", "2001:db9::", "unix", ""}},
	{.deny = &conf_inner,
		.in = {"10.0.0.1", "2001:db8::1", "unix", "192.0.2.1", ""},
		.out = {"10.9.0.1", "::ffff:10.9.255.255"}},
	{.allow = &conf_outer,
		.deny = &conf_inner,
		.in = {"10.8.255.255", "10.10.0.0", "2001:db8::1"},
		.out = {"10.9.0.0", "10.9.255.255", "::ffff:10.9.0.1", "192.0.2.1", "unix"}},
	{.allow = &conf_inner, .deny = &conf_outer, .out = {"10.9.0.1", "10.0.0.1", "192.0.2.1"}},
	{.allow = &conf_any, .deny = &conf_inner, .in = {"unix", "::1"}, .out = {"10.9.0.1"}},
	{.allow = &conf_outer, .deny = &conf_any, .out = {"10.0.0.1", "unix", "192.0.2.1"}},
	{.allow = &conf_unix, .in = {"unix"}, .out = {"10.0.0.1", "::1", ""}},
	{.deny = &conf_unix, .in = {"10.0.0.1", "::1"}, .out = {"unix"}},
	{.allow = &conf_nobody, .out = {"10.0.0.1", "::1", "unix", ""}},
	{.deny = &conf_nobody, .in = {"10.0.0.1", "::1", "unix", ""}},
};

START_TEST(deny_wins_and_allow_denies_all_others)
{
	struct access access = {
		.allow = compiled(rules[_i].allow), .deny = compiled(rules[_i].deny)};

	for (size_t i = 0; i < 5; i++) {
		union session_peer peer;

		if (rules[_i].in[i] != NULL) {
			peer = peer_of(rules[_i].in[i]);
			ck_assert_msg(access_admits(&access, &peer), "%s", rules[_i].in[i]);
		}
		if (rules[_i].out[i] != NULL) {
			peer = peer_of(rules[_i].out[i]);
			ck_assert_msg(!access_admits(&access, &peer), "%s", rules[_i].out[i]);
		}
	}
	access_fini(&access);
	peer_lists_fini(&lists);
}
END_TEST

START_TEST(nobody_is_in_no_list)
{
	union session_peer peer = peer_of("unix");

	ck_assert(!peer_list_has(NULL, &peer));
	ck_assert_ptr_null(peer_list_unref(NULL));
}
END_TEST

START_TEST(a_list_is_compiled_once_and_lives_as_long_as_somebody_has_it)
{
	struct peer_list *list = compiled(&conf_outer);
	struct access first = {.allow = list};
	struct access second = {.deny = compiled(&conf_inner)};
	union session_peer peer = peer_of("10.9.0.1");

	ck_assert_ptr_eq(peer_lists_get(&lists, &conf_outer), list);
	ck_assert_ptr_ne(second.deny, list);
	peer_list_unref(list);
	peer_lists_fini(&lists);
	ck_assert_uint_eq(refs_count(&list->refs), 1);
	access_set(&second, &first);
	ck_assert_ptr_eq(second.allow, list);
	ck_assert_ptr_null(second.deny);
	access_set(&second, &second);
	ck_assert_uint_eq(refs_count(&list->refs), 2);
	access_fini(&first);
	ck_assert(access_admits(&second, &peer));
	access_fini(&second);
}
END_TEST

START_TEST(without_memory_there_is_no_list)
{
	struct peer_list *list = NULL;
	unsigned n = 0;

	while (list == NULL) {
		fault_only(FAULT_MEMORY);
		fault_arm(++n);
		list = peer_lists_get(&lists, &conf_outer);
		ck_assert_int_eq(fault_disarm(), list == NULL);
	}
	ck_assert_uint_gt(n, 3);
	peer_list_unref(list);
	peer_lists_fini(&lists);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("access");
	TCase *tc = tcase_create("access");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_loop_test(tc, deny_wins_and_allow_denies_all_others, 0,
		(int)(sizeof(rules) / sizeof(rules[0])));
	tcase_add_test(tc, nobody_is_in_no_list);
	tcase_add_test(tc, a_list_is_compiled_once_and_lives_as_long_as_somebody_has_it);
	tcase_add_test(tc, without_memory_there_is_no_list);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
