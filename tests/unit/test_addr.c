/* SPDX-License-Identifier: ISC */
/*
 * Tables of right and wrong addresses as text: how they are read, shown and compared.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Ten or fifty times the same text, to write names of a known length. */
#define TEN(c)    c c c c c c c c c c
#define FIFTY(c)  TEN(c) TEN(c) TEN(c) TEN(c) TEN(c)

#define LABEL_63  FIFTY("a") TEN("a") "aaa"
#define NAME_253  LABEL_63 "." LABEL_63 "." LABEL_63 "." FIFTY("a") TEN("a") "a"
#define BYTES_107 FIFTY("p") FIFTY("p") "ppppppp"

static struct addr parsed(const char *text)
{
	char *copy = strdup(text);
	const char *why = NULL;
	struct addr addr;
	int r;

	ck_assert_ptr_nonnull(copy);
	r = addr_parse(copy, &addr, &why);
	ck_assert_msg(r == 0, "\"%s\" was refused: %s", text, why);
	free(copy);
	return addr;
}

static const struct {
	const char *text;
	enum addr_kind kind;
	const char *shown; /* NULL: the same as `text` */
} goods[] = {
	{"127.0.0.1:80", ADDR_INET, NULL},
	{"0.0.0.0:1", ADDR_INET, NULL},
	{"255.255.255.255:65535", ADDR_INET, NULL},
	{"[::1]:80", ADDR_INET, NULL},
	{"[::]:80", ADDR_INET, NULL},
	{"[2001:db8::1]:443", ADDR_INET, NULL},
	{"[2001:DB8:0:0::1]:443", ADDR_INET, "[2001:db8::1]:443"},
	{"[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", ADDR_INET, NULL},
	{"[::ffff:127.0.0.1]:80", ADDR_INET, "127.0.0.1:80"},
	{"[fe80::1%7]:80", ADDR_INET, NULL},
	{"*:80", ADDR_ANY, NULL},
	{"name.example:80", ADDR_NAME, NULL},
	{"localhost:1", ADDR_NAME, NULL},
	{"a:1", ADDR_NAME, NULL},
	{"my_app_1:80", ADDR_NAME, NULL},
	{"a-b.c--d.example:80", ADDR_NAME, NULL},
	{"xn--bcher-kva.example:80", ADDR_NAME, NULL},
	{"3com.example:80", ADDR_NAME, NULL},
	{"1.2.3.4.example:80", ADDR_NAME, NULL},
	{"0xyz:80", ADDR_NAME, NULL},
	{"name.example.:80", ADDR_NAME, NULL},
	{"Name.Example:80", ADDR_NAME, "name.example:80"},
	{LABEL_63 ":80", ADDR_NAME, NULL},
	{NAME_253 ":65535", ADDR_NAME, NULL},
	{"unix:/run/x.sock", ADDR_UNIX, NULL},
	{"unix:x", ADDR_UNIX, NULL},
	{"unix:/run/a b:c=d\"\\", ADDR_UNIX, NULL},
	{"unix:/run/\xc3\xa4", ADDR_UNIX, NULL},
	{"unix:@x", ADDR_UNIX, NULL},
	{"unix:@@", ADDR_UNIX, NULL},
	{"unix:" BYTES_107, ADDR_UNIX, NULL},
	{"unix:@" BYTES_107, ADDR_UNIX, NULL},
	{"systemd:web", ADDR_SYSTEMD, NULL},
	{"systemd:weir.socket", ADDR_SYSTEMD, NULL},
	{"systemd:a b~\"\\", ADDR_SYSTEMD, NULL},
	{"systemd:" NAME_253 "zz", ADDR_SYSTEMD, NULL},
};

START_TEST(an_address_is_read_and_shown_as_it_was_written)
{
	const char *shown = goods[_i].shown != NULL ? goods[_i].shown : goods[_i].text;
	struct addr addr = parsed(goods[_i].text);
	char text[ADDR_TEXT_MAX];
	struct addr again;

	ck_assert_int_eq(addr.kind, goods[_i].kind);
	ck_assert_ptr_eq(addr_text(&addr, text), text);
	ck_assert_str_eq(text, shown);
	again = parsed(text);
	ck_assert(addr_equal(&addr, &again));
}
END_TEST

static const struct {
	const char *text;
	const char *about;
} bads[] = {
	{"", "no port"},
	{"80", "no port"},
	{"127.0.0.1", "no port"},
	{"name.example", "no port"},
	{"/run/x.sock", "a path"},
	{"/run/x:80", "a path"},
	{":80", "no host"},
	{"*", "no port"},
	{"*:", "port is not"},
	{"*.example:80", "letters"},
	{"**:80", "letters"},
	{"127.0.0.1:", "port is not"},
	{"127.0.0.1:0", "port is not"},
	{"127.0.0.1:080", "port is not"},
	{"127.0.0.1:65536", "port is not"},
	{"127.0.0.1:4294967376", "port is not"},           /* 80 in 32 bits */
	{"127.0.0.1:18446744073709551696", "port is not"}, /* 80 in 64 bits */
	{"127.0.0.1:-80", "port is not"},
	{"127.0.0.1:+80", "port is not"},
	{"127.0.0.1: 80", "port is not"},
	{"127.0.0.1:80 ", "port is not"},
	{"127.0.0.1:80\n", "port is not"},
	{"127.0.0.1:http", "port is not"},
	{"127.0.0.1:0x50", "port is not"},
	{"127.0.0.1:8\xd9\xa3", "port is not"},
	{" 127.0.0.1:80", "letters"},
	{"127.0.0.1 :80", "letters"},
	{"127.0.0.01:80", "ends in a number"},
	{"127.1:80", "ends in a number"},
	{"256.0.0.1:80", "ends in a number"},
	{"1.2.3.4.5:80", "ends in a number"},
	{"1.2.3.4.:80", "ends in a number"},
	{"2130706433:80", "ends in a number"},
	{"0x7f000001:80", "ends in a number"},
	{"127.0X1:80", "ends in a number"},
	{"0x:80", "ends in a number"},
	{"name.42:80", "ends in a number"},
	{"::1:80", "brackets"},
	{"::1", "brackets"},
	{"1:2:3", "brackets"},
	{"http://name.example:80", "scheme"},
	{"http://name.example", "scheme"},
	{"tcp://127.0.0.1:80", "scheme"},
	{"tcp://[::1]:80", "scheme"},
	{"[::1]", "needs its"},
	{"[::1]80", "needs its"},
	{"[::1:80", "needs its"},
	{"[", "needs its"},
	{"[::1] :80", "needs its"},
	{"[::1]:", "port is not"},
	{"[::1]:0", "port is not"},
	{"[]:80", "not an IPv6"},
	{"[127.0.0.1]:80", "not an IPv6"},
	{"[name.example]:80", "not an IPv6"},
	{"[::1::]:80", "not an IPv6"},
	{"[::g]:80", "not an IPv6"},
	{"[[::1]]:80", "needs its"},
	{"[" NAME_253 "]:80", "not an IPv6"},
	{"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255" FIFTY("0") "]:80", "not an IPv6"},
	{"[::1%lo]:80", "link-local"},
	{"[2001:db8::1%1]:80", "link-local"},
	{"[fe80::1%]:80", "cannot be a network interface"},
	{"[fe80::1%0]:80", "cannot be a network interface"},
	{"[fe80::1%no/such]:80", "cannot be a network interface"},
	{"[fe80::1%no such]:80", "cannot be a network interface"},
	{"[fe80::1%..]:80", "cannot be a network interface"},
	{"[fe80::1%99999999999]:80", "cannot be a network interface"},
	{"[fe80::1%" TEN("i") TEN("i") "]:80", "cannot be a network interface"},
	{".:80", "empty part"},
	{"..:80", "empty part"},
	{".example:80", "empty part"},
	{"name..example:80", "empty part"},
	{"name.example..:80", "empty part"},
	{"-name.example:80", "hyphens"},
	{"name-.example:80", "hyphens"},
	{"name.-example:80", "hyphens"},
	{"name.example-:80", "hyphens"},
	{"-:80", "hyphens"},
	{"name\x01:80", "letters"},
	{"n\xc3\xa4me.example:80", "letters"},
	{"name/x:80", "letters"},
	{"user@name:80", "letters"},
	{LABEL_63 "a:80", "63 characters"},
	{NAME_253 "a:80", "253 characters"},
	{NAME_253 ".:80", "253 characters"},
	{"unix:", "no name"},
	{"unix:@", "no name"},
	{"unix:" BYTES_107 "p", "107 bytes"},
	{"unix:@" BYTES_107 "p", "107 bytes"},
	{"unix:/run/x\n", "control"},
	{"unix:/run/\x1b[2J", "control"},
	{"unix:@\x7f", "control"},
	{"Unix:/run/x", "port is not"},
	{"systemd:", "1 to 255"},
	{"systemd:" NAME_253 "zzz", "1 to 255"},
	{"systemd:a:b", "no colon"},
	{"systemd:a\n", "printable"},
	{"systemd:\xc3\xa4", "printable"},
};

START_TEST(a_wrong_address_is_refused_with_a_remedy)
{
	char *copy = strdup(bads[_i].text);
	const char *why = NULL;
	struct addr before;
	struct addr addr;

	ck_assert_ptr_nonnull(copy);
	memset(&before, 0x5e, sizeof(before));
	addr = before;
	ck_assert_msg(addr_parse(copy, &addr, &why) == -EINVAL, "\"%s\" was taken", bads[_i].text);
	ck_assert_msg(
		memcmp(&addr, &before, sizeof(addr)) == 0, "\"%s\" was written", bads[_i].text);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, bads[_i].about) != NULL, "\"%s\": \"%s\" does not say \"%s\"",
		bads[_i].text, why, bads[_i].about);
	ck_assert_msg(strstr(why, "write ") != NULL || strstr(why, "leave out") != NULL,
		"\"%s\" has no remedy", why);
	free(copy);
}
END_TEST

START_TEST(an_ipv4_address_is_ready_for_connect)
{
	struct addr addr = parsed("192.0.2.1:8080");

	ck_assert_int_eq(addr.port, 8080);
	ck_assert_uint_eq(addr.sa_len, sizeof(struct sockaddr_in));
	ck_assert_int_eq(addr.sa.in.sin_family, AF_INET);
	ck_assert_uint_eq(ntohs(addr.sa.in.sin_port), 8080);
	ck_assert_uint_eq(ntohl(addr.sa.in.sin_addr.s_addr), 0xc0000201);
}
END_TEST

START_TEST(every_address_is_the_ipv6_one)
{
	struct addr addr = parsed("*:8080");

	ck_assert_int_eq(addr.port, 8080);
	ck_assert_uint_eq(addr.sa_len, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(addr.sa.in6.sin6_family, AF_INET6);
	ck_assert_uint_eq(ntohs(addr.sa.in6.sin6_port), 8080);
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&addr.sa.in6.sin6_addr));
}
END_TEST

START_TEST(a_zone_is_a_name_or_a_number)
{
	unsigned int index = if_nametoindex("lo");
	union addr_sockaddr sa;
	char text[ADDR_TEXT_MAX];
	struct addr addr;

	ck_assert_uint_ne(index, 0);
	addr = parsed("[fe80::1%lo]:80");
	ck_assert_uint_eq(addr.sa.in6.sin6_scope_id, 0);
	ck_assert_int_eq(addr_now(&addr, &sa), 0);
	ck_assert_uint_eq(sa.in6.sin6_scope_id, index);
	ck_assert_str_eq(addr_format(&sa.any, addr.sa_len, text), "[fe80::1%lo]:80");
	addr = parsed("[fe80::1%2147483647]:80");
	ck_assert_int_eq(addr_now(&addr, &sa), 0);
	ck_assert_uint_eq(sa.in6.sin6_scope_id, INT32_MAX);
	addr = parsed("[fe80::1%no-such-if]:80");
	ck_assert_int_eq(addr_now(&addr, &sa), -ENODEV);
	ck_assert_str_eq(addr_text(&addr, text), "[fe80::1%no-such-if]:80");
}
END_TEST

START_TEST(a_name_is_kept_as_text_in_lower_case)
{
	struct addr addr = parsed("Name.EXAMPLE:80");

	ck_assert_str_eq(addr.host, "name.example");
	ck_assert_int_eq(addr.port, 80);
	ck_assert_uint_eq(addr.sa_len, 0);
}
END_TEST

START_TEST(a_unix_address_has_its_exact_length)
{
	size_t start = offsetof(struct sockaddr_un, sun_path);
	struct addr path = parsed("unix:/x");
	struct addr abstract = parsed("unix:@x");
	struct addr longest = parsed("unix:@" BYTES_107);

	ck_assert_int_eq(path.sa.un.sun_family, AF_UNIX);
	ck_assert_uint_eq(path.sa_len, start + 3);
	ck_assert_str_eq(path.sa.un.sun_path, "/x");
	ck_assert_int_eq(path.port, 0);
	ck_assert_uint_eq(abstract.sa_len, start + 2);
	ck_assert_mem_eq(abstract.sa.un.sun_path, "\0x", 2);
	ck_assert_uint_eq(longest.sa_len, sizeof(struct sockaddr_un));
}
END_TEST

static const char *const distinct[] = {
	"127.0.0.1:80",
	"127.0.0.1:81",
	"127.0.0.2:80",
	"[::]:80",
	"*:80",
	"[::1]:80",
	"[fe80::1%1]:80",
	"[fe80::1%2]:80",
	"[fe80::1%eth0]:80",
	"[fe80::1%eth1]:80",
	"name.example:80",
	"name.example:81",
	"name.example.:80",
	"unix:/x",
	"unix:/xy",
	"unix:@/x",
	"unix:@x",
	"systemd:x",
	"systemd:y",
};

START_TEST(different_addresses_are_not_equal)
{
	for (size_t i = 0; i < N_OF(distinct); i++) {
		for (size_t k = 0; k < N_OF(distinct); k++) {
			struct addr a = parsed(distinct[i]);
			struct addr b = parsed(distinct[k]);

			ck_assert_msg(
				addr_equal(&a, &b) == (i == k), "%s, %s", distinct[i], distinct[k]);
		}
	}
}
END_TEST

/* Shows an address as the kernel returns it, from memory of exactly its size. */
static const char *shown(const void *sa, socklen_t len, char text[ADDR_TEXT_MAX])
{
	void *copy = malloc(len > 0 ? len : 1);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, sa, len);
	(void)addr_format(copy, len, text);
	free(copy);
	return text;
}

START_TEST(a_peer_is_shown_as_the_config_would_write_it)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(4000)};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(4000)};
	char text[ADDR_TEXT_MAX];

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_str_eq(shown(&in, sizeof(in), text), "127.0.0.1:4000");
	in6.sin6_addr = in6addr_loopback;
	ck_assert_str_eq(shown(&in6, sizeof(in6), text), "[::1]:4000");
	/* Only a link-local address has a scope. It is shown as a number if no interface has that
	 * number. */
	in6.sin6_scope_id = 2147483647;
	ck_assert_str_eq(shown(&in6, sizeof(in6), text), "[::1]:4000");
	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
	ck_assert_str_eq(shown(&in6, sizeof(in6), text), "[fe80::1%2147483647]:4000");
	ck_assert_int_eq(inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr), 1);
	ck_assert_str_eq(shown(&in6, sizeof(in6), text), "192.0.2.1:4000");
}
END_TEST

START_TEST(a_unix_peer_is_shown_without_control_characters)
{
	socklen_t start = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char beyond[sizeof(un) + 100];
	char expected[ADDR_TEXT_MAX];
	char text[ADDR_TEXT_MAX];

	ck_assert_str_eq(shown(&un, start, text), "unix:");
	ck_assert_str_eq(shown(&un, start + 1, text), "unix:@");
	memcpy(un.sun_path, "/run/x\0y", 8);
	ck_assert_str_eq(shown(&un, start + 8, text), "unix:/run/x");
	ck_assert_str_eq(shown(&un, start + 4, text), "unix:/run");
	memcpy(un.sun_path, "\0a\0b\n\x7f\x1b", 7);
	ck_assert_str_eq(shown(&un, start + 7, text), "unix:@a?b???");
	/* A path of the greatest length, without a NUL; then with one, which is beyond sun_path. */
	memset(un.sun_path, 'p', sizeof(un.sun_path));
	(void)snprintf(
		expected, sizeof(expected), "unix:%.*s", (int)sizeof(un.sun_path), un.sun_path);
	ck_assert_str_eq(shown(&un, sizeof(un), text), expected);
	memset(beyond, 0, sizeof(beyond));
	memcpy(beyond, &un, sizeof(un));
	ck_assert_str_eq(shown(beyond, sizeof(un) + 1, text), expected);
	ck_assert_str_eq(shown(beyond, sizeof(beyond), text), expected);
}
END_TEST

START_TEST(what_is_no_address_of_ours_is_unknown)
{
	struct sockaddr_storage other = {.ss_family = AF_APPLETALK};
	struct sockaddr_in in = {.sin_family = AF_INET};
	char text[ADDR_TEXT_MAX];

	ck_assert_str_eq(shown(&other, sizeof(other), text), "unknown");
	ck_assert_str_eq(shown(&in, sizeof(in) - 1, text), "unknown");
	ck_assert_str_eq(shown(&in, 1, text), "unknown");
	ck_assert_str_eq(shown(&in, 0, text), "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("addr");
	TCase *tc = tcase_create("addr");

	tcase_add_loop_test(
		tc, an_address_is_read_and_shown_as_it_was_written, 0, (int)N_OF(goods));
	tcase_add_loop_test(tc, a_wrong_address_is_refused_with_a_remedy, 0, (int)N_OF(bads));
	tcase_add_test(tc, an_ipv4_address_is_ready_for_connect);
	tcase_add_test(tc, every_address_is_the_ipv6_one);
	tcase_add_test(tc, a_zone_is_a_name_or_a_number);
	tcase_add_test(tc, a_name_is_kept_as_text_in_lower_case);
	tcase_add_test(tc, a_unix_address_has_its_exact_length);
	tcase_add_test(tc, different_addresses_are_not_equal);
	tcase_add_test(tc, a_peer_is_shown_as_the_config_would_write_it);
	tcase_add_test(tc, a_unix_peer_is_shown_without_control_characters);
	tcase_add_test(tc, what_is_no_address_of_ours_is_unknown);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
