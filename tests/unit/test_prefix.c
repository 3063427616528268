/* SPDX-License-Identifier: ISC */
/*
 * Tests of prefixes: which texts are valid, why others are not, and which addresses begin with one.
 */
#include "base/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "suite.h"

static const struct {
	const char *text;
	const char *shown;
} goods[] = {
	{"10.0.0.0/8", "10.0.0.0/8"},
	{"0.0.0.0/0", "0.0.0.0/0"},
	{"192.0.2.7", "192.0.2.7"},
	{"192.0.2.7/32", "192.0.2.7"},
	{"192.0.2.128/25", "192.0.2.128/25"},
	{"::/0", "::/0"},
	{"::1", "::1"},
	{"2001:DB8:0:0::/32", "2001:db8::/32"},
	{"2001:db8::/33", "2001:db8::/33"},
	{"fe80::1/128", "fe80::1"},
	{"2001:db8:1:2:3:4:5:6/127", "2001:db8:1:2:3:4:5:6/127"},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127"},
	{"::ffff:10.0.0.0/104", "10.0.0.0/8"},
	{"::ffff:a00:1", "10.0.0.1"},
	{"::ffff:0:0/96", "0.0.0.0/0"},
	{"::/95", "::/95"},
};

START_TEST(a_prefix_is_read_and_written)
{
	struct prefix prefix;
	struct prefix again;
	char why[PREFIX_WHY_MAX] = "";
	char text[PREFIX_TEXT_MAX];
	int r = prefix_parse(goods[_i].text, &prefix, why);

	ck_assert_msg(r == 0, "\"%s\" was refused: %s", goods[_i].text, why);
	ck_assert_str_eq(prefix_text(&prefix, text), goods[_i].shown);
	ck_assert_int_eq(prefix_parse(text, &again, why), 0);
	ck_assert_mem_eq(&again, &prefix, sizeof(prefix));
}
END_TEST

#define NO_PREFIX "it is not an IP prefix"
#define V4_BITS   "from 0 to 32"
#define V6_BITS   "from 0 to 128"

static const struct {
	const char *text;
	const char *why; /* a part of the message */
} bads[] = {
	{"", NO_PREFIX},
	{"/8", NO_PREFIX},
	{"any", NO_PREFIX},
	{"10", NO_PREFIX},
	{"10.0.0", NO_PREFIX},
	{"10/8", NO_PREFIX},
	{"10.0.0.256", NO_PREFIX},
	{"10.0.0.01", NO_PREFIX},
	{"10.0.0.0:80", NO_PREFIX},
	{" 10.0.0.0", NO_PREFIX},
	{"10.0.0.0 ", NO_PREFIX},
	{"[::1]", NO_PREFIX},
	{"fe80::1%eth0", NO_PREFIX},
	{"1:2:3:4:5:6:7", NO_PREFIX},
	{"1:2:3:4:5:6:7:8:9", NO_PREFIX},
	{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", NO_PREFIX},
	{"10.0.0.0/", V4_BITS},
	{"10.0.0.0/33", V4_BITS},
	{"10.0.0.0/08", V4_BITS},
	{"10.0.0.0/-1", V4_BITS},
	{"10.0.0.0/8/8", V4_BITS},
	{"10.0.0.0/8 ", V4_BITS},
	{"10.0.0.0/255.0.0.0", V4_BITS},
	{"10.0.0.0/4294967304", V4_BITS},
	{"::/129", V6_BITS},
	{"::/", V6_BITS},
	{"10.0.0.1/8", "write \"10.0.0.0/8\""},
	{"10.128.0.0/8", "write \"10.0.0.0/8\""},
	{"192.0.2.129/25", "write \"192.0.2.128/25\""},
	{"1.2.3.4/0", "write \"0.0.0.0/0\""},
	{"2001:db8::1/32", "write \"2001:db8::/32\""},
	{"::ffff:10.0.0.1/104", "write \"10.0.0.0/8\""},
	{"::ffff:10.0.0.0/90", "write \"::ffc0:0:0/90\""},
};

START_TEST(what_is_no_prefix_is_refused_with_a_remedy)
{
	struct prefix prefix = {.bits = 77};
	char why[PREFIX_WHY_MAX] = "";

	ck_assert_int_eq(prefix_parse(bads[_i].text, &prefix, why), -EINVAL);
	ck_assert_msg(strstr(why, bads[_i].why) != NULL, "\"%s\": %s", bads[_i].text, why);
	ck_assert_uint_eq(prefix.bits, 77);
}
END_TEST

static const struct {
	int family;
	const char *address;
	const char *shown; /* its first 20 bits (IPv4) or 48 bits (IPv6) as text */
} addresses[] = {
	{AF_INET, "192.0.2.7", "192.0.0.0/20"},
	{AF_INET6, "::ffff:192.0.2.7", "192.0.0.0/20"},
	{AF_INET6, "2001:db8:1:2::3", "2001:db8:1::/48"},
};

START_TEST(an_address_has_its_first_bits)
{
	struct sockaddr_storage storage = {.ss_family = (sa_family_t)addresses[_i].family};
	struct sockaddr_in *in = (struct sockaddr_in *)&storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&storage;
	bool is_v6 = storage.ss_family == AF_INET6;
	struct prefix prefix;
	char text[PREFIX_TEXT_MAX];

	ck_assert_int_eq(inet_pton(storage.ss_family, addresses[_i].address,
				 is_v6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr),
		1);
	ck_assert(prefix_of((struct sockaddr *)&storage, 20, 48, &prefix));
	ck_assert_str_eq(prefix_text(&prefix, text), addresses[_i].shown);
}
END_TEST

START_TEST(a_unix_address_has_none)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct prefix prefix;

	ck_assert(!prefix_of((struct sockaddr *)&un, 32, 128, &prefix));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prefix");
	TCase *tc = tcase_create("prefix");

	tcase_add_loop_test(
		tc, a_prefix_is_read_and_written, 0, (int)(sizeof(goods) / sizeof(goods[0])));
	tcase_add_loop_test(tc, what_is_no_prefix_is_refused_with_a_remedy, 0,
		(int)(sizeof(bads) / sizeof(bads[0])));
	tcase_add_loop_test(tc, an_address_has_its_first_bits, 0,
		(int)(sizeof(addresses) / sizeof(addresses[0])));
	tcase_add_test(tc, a_unix_address_has_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
