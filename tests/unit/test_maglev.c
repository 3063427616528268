/* SPDX-License-Identifier: ISC */
/*
 * Maglev's table: the share of each server, the same table everywhere, and how few clients move
 * when servers change.
 */
#include "upstream/maglev.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "suite.h"

enum { SERVERS = 5, KEYS = 100000, NAME_SIZE = 32 };

static char names[SERVERS][NAME_SIZE];
static struct maglev_server servers[SERVERS];

static void name_servers(unsigned site, const uint32_t weights[SERVERS])
{
	for (unsigned i = 0; i < SERVERS; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "10.0.%u.%u:9000", site, i + 1);
		servers[i] = (struct maglev_server){
			.name = names[i], .weight = weights == NULL ? 1 : weights[i]};
	}
}

static struct maglev *make(void)
{
	struct maglev *maglev = maglev_new(servers, SERVERS);

	ck_assert_ptr_nonnull(maglev);
	return maglev;
}

/** Returns the server to which the client with that IPv4 address goes. */
static uint32_t server_of(const struct maglev *maglev, uint32_t client)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(client)};
	uint8_t key[MAGLEV_KEY_MAX];
	size_t n = maglev_key((const struct sockaddr *)(const void *)&sin, false, key);

	return maglev->slots[maglev_hash(key, n) % maglev->size];
}

/* ---- shares ---- */

static const uint32_t weights_of[][SERVERS] = {
	{1, 1, 1, 1, 1}, {100, 100, 100, 100, 100}, {2, 3, 3, 4, 4}, {20, 21, 22, 23, 24}};

START_TEST(a_hundred_thousand_clients_are_spread_as_the_weights_say)
{
	uint32_t sum = 0;

	for (unsigned site = 0; site < 2; site++) {
		uint32_t n_of[SERVERS] = {0};
		struct maglev *maglev;

		name_servers(site, weights_of[_i]);
		maglev = make();
		for (uint32_t i = 0; i < KEYS; i++) {
			n_of[server_of(maglev, 0x0a000000 + i)]++;
		}
		sum = 0;
		for (unsigned i = 0; i < SERVERS; i++) {
			sum += weights_of[_i][i];
		}
		for (unsigned i = 0; i < SERVERS; i++) {
			double share = (double)KEYS * weights_of[_i][i] / sum;

			ck_assert_double_le(fabs((double)n_of[i] - share), 0.02 * share);
		}
		maglev_unref(maglev);
	}
}
END_TEST

START_TEST(each_server_has_its_share_of_the_slots)
{
	static const uint32_t weights[SERVERS] = {1, 2, 0, 100, 256};
	uint32_t n_of[SERVERS] = {0};
	struct maglev *maglev;

	name_servers(0, weights);
	maglev = make();
	ck_assert_uint_eq(maglev->size, MAGLEV_SIZE);
	for (uint32_t i = 0; i < maglev->size; i++) {
		n_of[maglev->slots[i]]++;
	}
	for (unsigned i = 0; i < SERVERS; i++) {
		ck_assert_double_le(fabs(n_of[i] - MAGLEV_SIZE * weights[i] / 359.0),
			1.0 + SERVERS * weights[i] / 359.0);
	}
	maglev_unref(maglev);
}
END_TEST

/* ---- what moves ---- */

START_TEST(few_clients_of_the_others_move_when_a_server_goes)
{
	double sum = 0;

	for (unsigned site = 0; site < 2; site++) {
		for (unsigned gone = 0; gone < SERVERS; gone++) {
			uint32_t n_others = 0;
			uint32_t n_moved = 0;
			struct maglev *before;
			struct maglev *after;

			name_servers(site, NULL);
			before = make();
			servers[gone].weight = 0;
			after = make();
			for (uint32_t i = 0; i < KEYS; i++) {
				uint32_t server = server_of(before, 0x0a000000 + i);

				if (server != gone) {
					n_others++;
					n_moved += server != server_of(after, 0x0a000000 + i);
				}
			}
			ck_assert_uint_gt(n_others, KEYS / 2);
			ck_assert_uint_le(n_moved * 100, n_others);
			sum += 100.0 * n_moved / n_others;
			maglev_unref(before);
			maglev_unref(after);
		}
	}
	printf("# of the others' clients %.2f %% move\n", sum / 10);
}
END_TEST

START_TEST(the_order_of_the_config_does_not_matter)
{
	struct maglev *maglev;
	struct maglev *reversed;
	unsigned n_differ = 0;

	name_servers(0, weights_of[2]);
	maglev = make();
	for (unsigned i = 0; i < SERVERS / 2; i++) {
		struct maglev_server other = servers[i];

		servers[i] = servers[SERVERS - 1 - i];
		servers[SERVERS - 1 - i] = other;
	}
	reversed = make();
	for (uint32_t i = 0; i < MAGLEV_SIZE; i++) {
		n_differ += maglev->slots[i] != SERVERS - 1 - reversed->slots[i];
	}
	ck_assert_uint_eq(n_differ, 0);
	maglev_unref(maglev);
	maglev_unref(reversed);
}
END_TEST

/* ---- agreement: computed by another program, from what maglev.h says ---- */

START_TEST(the_table_is_the_same_everywhere)
{
	static const uint32_t first[] = {2, 4, 4, 1, 4, 4, 4, 4, 1, 2, 1, 0, 3, 1, 3, 1, 4, 2, 1, 3,
		1, 3, 3, 1, 0, 2, 4, 4, 1, 3, 4, 4};
	struct maglev *maglev;
	uint64_t sum = 0;

	name_servers(0, weights_of[2]);
	maglev = make();
	for (uint32_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		ck_assert_uint_eq(maglev->slots[i], first[i]);
	}
	for (uint32_t i = 0; i < maglev->size; i++) {
		sum = sum * 31 + maglev->slots[i];
	}
	ck_assert_uint_eq(sum, UINT64_C(0xf2583fe62008689a));
	maglev_unref(maglev);
}
END_TEST

static const struct {
	const char *address; /* of port 0x1234 */
	bool with_port;
	size_t n;
	const char *key;
	uint64_t hash;
} keys[] = {
	{"192.0.2.1", false, 4, "\xc0\x00\x02\x01", UINT64_C(0xa229b789ec18fa95)},
	{"192.0.2.1", true, 6, "\xc0\x00\x02\x01\x12\x34", UINT64_C(0x5fe8a5715d147b80)},
	{"::ffff:192.0.2.1", false, 4, "\xc0\x00\x02\x01", UINT64_C(0xa229b789ec18fa95)},
	{"::ffff:192.0.2.1", true, 6, "\xc0\x00\x02\x01\x12\x34", UINT64_C(0x5fe8a5715d147b80)},
	{"2001:db8:1:2:3:4:5:6", false, 8, "\x20\x01\x0d\xb8\x00\x01\x00\x02",
		UINT64_C(0xa92de37f9d0cbf87)},
	{"2001:db8:1:2::", false, 8, "\x20\x01\x0d\xb8\x00\x01\x00\x02",
		UINT64_C(0xa92de37f9d0cbf87)},
	{"2001:db8:1:2::", true, 10, "\x20\x01\x0d\xb8\x00\x01\x00\x02\x12\x34",
		UINT64_C(0x7e7dc89c8d09238a)},
};

START_TEST(a_client_has_the_same_key_everywhere)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} client = {.any.sa_family = AF_INET};
	uint8_t key[MAGLEV_KEY_MAX];
	size_t n;

	client.in.sin_port = htons(0x1234);
	if (inet_pton(AF_INET, keys[_i].address, &client.in.sin_addr) != 1) {
		client.in6.sin6_family = AF_INET6;
		client.in6.sin6_port = htons(0x1234);
		ck_assert_int_eq(inet_pton(AF_INET6, keys[_i].address, &client.in6.sin6_addr), 1);
	}
	n = maglev_key(&client.any, keys[_i].with_port, key);
	ck_assert_uint_eq(n, keys[_i].n);
	ck_assert_mem_eq(key, keys[_i].key, n);
	ck_assert_uint_eq(maglev_hash(key, n), keys[_i].hash);
}
END_TEST

START_TEST(a_client_without_an_address_has_no_key)
{
	struct sockaddr client = {.sa_family = AF_UNIX};
	uint8_t key[MAGLEV_KEY_MAX];

	ck_assert_uint_eq(maglev_key(&client, true, key), 0);
	ck_assert_uint_eq(maglev_key(NULL, true, key), 0);
}
END_TEST

/* ---- few servers, many, no memory ---- */

START_TEST(without_a_weight_there_are_no_slots)
{
	static const uint32_t weights[SERVERS];
	struct maglev *maglev;

	name_servers(0, weights);
	maglev = make();
	ck_assert_uint_eq(maglev->size, 0);
	maglev_unref(maglev);
	maglev = maglev_new(NULL, 0);
	ck_assert_ptr_nonnull(maglev);
	ck_assert_uint_eq(maglev->size, 0);
	maglev_unref(maglev);
}
END_TEST

START_TEST(many_servers_have_a_larger_table)
{
	enum { MANY = MAGLEV_MANY + 1 };
	static char many_names[MANY][NAME_SIZE];
	static struct maglev_server many[MANY];
	static uint32_t n_of[MANY];
	struct maglev *maglev;

	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(many_names[i], sizeof(many_names[i]), "s%u", i);
		many[i] = (struct maglev_server){.name = many_names[i], .weight = 256};
	}
	maglev = maglev_new(many, MANY);
	ck_assert_ptr_nonnull(maglev);
	ck_assert_uint_eq(maglev->size, MAGLEV_SIZE_LARGE);
	for (uint32_t i = 0; i < maglev->size; i++) {
		n_of[maglev->slots[i]]++;
	}
	for (unsigned i = 0; i < MANY; i++) {
		ck_assert_uint_ge(n_of[i], MAGLEV_SIZE_LARGE / MANY);
		ck_assert_uint_le(n_of[i], MAGLEV_SIZE_LARGE / MANY + 1);
	}
	maglev_unref(maglev);
}
END_TEST

START_TEST(it_knows_of_what_it_was_made)
{
	struct maglev *maglev;

	name_servers(0, NULL);
	maglev = make();
	ck_assert(maglev_is_of(maglev, servers, SERVERS));
	ck_assert(!maglev_is_of(maglev, servers, SERVERS - 1));
	servers[2].weight++;
	ck_assert(!maglev_is_of(maglev, servers, SERVERS));
	servers[2].weight--;
	names[2][0] = '9';
	ck_assert(!maglev_is_of(maglev, servers, SERVERS));
	maglev_unref(maglev);
}
END_TEST

START_TEST(without_memory_there_is_none)
{
	bool failed = true;

	name_servers(0, NULL);
	for (unsigned n = 1; failed; n++) {
		struct maglev *maglev;

		fault_arm(n);
		maglev = maglev_new(servers, SERVERS);
		failed = fault_disarm();
		ck_assert_int_eq(failed, maglev == NULL);
		maglev_unref(maglev);
		ck_assert_uint_lt(n, 10);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("maglev");
	TCase *tc = tcase_create("maglev");

	tcase_add_loop_test(tc, a_hundred_thousand_clients_are_spread_as_the_weights_say, 0,
		sizeof(weights_of) / sizeof(weights_of[0]));
	tcase_add_test(tc, each_server_has_its_share_of_the_slots);
	tcase_add_test(tc, few_clients_of_the_others_move_when_a_server_goes);
	tcase_add_test(tc, the_order_of_the_config_does_not_matter);
	tcase_add_test(tc, the_table_is_the_same_everywhere);
	tcase_add_loop_test(
		tc, a_client_has_the_same_key_everywhere, 0, sizeof(keys) / sizeof(keys[0]));
	tcase_add_test(tc, a_client_without_an_address_has_no_key);
	tcase_add_test(tc, without_a_weight_there_are_no_slots);
	tcase_add_test(tc, many_servers_have_a_larger_table);
	tcase_add_test(tc, it_knows_of_what_it_was_made);
	tcase_add_test(tc, without_memory_there_is_none);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
