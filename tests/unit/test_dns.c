/* SPDX-License-Identifier: ISC */
/* Questions that c-ares asks DNS servers, which answer as each test says. */
#include "upstream/dns.h"

#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "dns_server.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { PENDING = 4711 };

struct asker {
	struct dns_query query;
	int status; /* PENDING: not answered yet */
	unsigned n_answered;
	uint32_t ttl_s;
	size_t n_records;
	struct dns_record first;
	char why[128];
};

static struct dns *dns;
static struct dns_server server;
static struct addr servers[DNS_SERVERS_MAX + 1];
static struct conf_resolver conf;
static char file[] = "/tmp/weir-resolv-XXXXXX";

static void on_answered(struct dns_query *query, const struct dns_answer *answer)
{
	struct asker *asker = container_of(query, struct asker, query);

	asker->status = answer->status;
	asker->n_answered++;
	if (answer->why != NULL) {
		ck_assert_ptr_null(answer->message);
		(void)snprintf(asker->why, sizeof(asker->why), "%s", answer->why);
		return;
	}
	asker->ttl_s = answer->message->ttl_s;
	asker->n_records = answer->message->n_records;
	if (asker->n_records > 0) {
		ck_assert(dns_message_next(answer->message, &asker->first));
	}
}

static void ask(struct asker *asker, const char *name, enum dns_type type)
{
	*asker = (struct asker){.status = PENDING};
	ck_assert_int_eq(dns_ask(dns, &asker->query, name, type, on_answered), 0);
	ck_assert_uint_eq(asker->n_answered, 0);
}

static void until(struct asker *asker)
{
	loop_until(asker->status != PENDING);
	ck_assert_uint_eq(asker->n_answered, 1);
	ck_assert_ptr_null(asker->query.lookup);
}

static const char *first_of(const struct asker *asker)
{
	static char text[INET6_ADDRSTRLEN];

	ck_assert_int_eq(asker->status, 0);
	return inet_ntop(AF_INET6, &asker->first.address, text, sizeof(text));
}

/* The file cannot name a port, so c-ares asks all servers of the file at our server's port. */
int __real_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);
int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask);

int __wrap_ares_init_options(ares_channel *channel, struct ares_options *options, int mask)
{
	options->udp_port = ntohs(server.addr.sa.in.sin_port);
	options->tcp_port = options->udp_port;
	return __real_ares_init_options(
		channel, options, mask | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT);
}

static void write_file(const char *text)
{
	FILE *out = fopen(file, "we");

	ck_assert_ptr_nonnull(out);
	ck_assert_int_ge(fputs(text, out), 0);
	ck_assert_int_eq(fclose(out), 0);
}

static void set_up(void)
{
	int fd;

	fixture_setup();
	fd = mkstemp(file);
	ck_assert_int_ge(fd, 0);
	close(fd);
	dns_server_open(&server);
	servers[0] = server.addr;
	conf = (struct conf_resolver){.servers = servers,
		.n_servers = 1,
		.timeout_ns = 5 * (uint64_t)NS_PER_S,
		.tries = 2};
	dns = dns_open(test_loop, &conf, file);
	ck_assert_ptr_nonnull(dns);
	ck_assert_ptr_eq(dns_loop(dns), test_loop);
}

static void tear_down(void)
{
	dns = dns_close(dns);
	dns_server_close(&server);
	ck_assert_int_eq(unlink(file), 0);
	fixture_teardown();
}

/** Sets tries with a timeout of 20 ms. */
static void be_quick(uint32_t tries)
{
	conf.timeout_ns = 20 * (uint64_t)NS_PER_MS;
	conf.tries = tries;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
}

START_TEST(addresses_and_services_are_found)
{
	struct asker a;
	struct asker aaaa;
	struct asker srv;

	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1; 60 10.0.0.2");
	dns_server_say(&server, "www.test", DNS_AAAA, "30 fd00::1");
	dns_server_say(&server, "_x._tcp.test", DNS_SRV, "7 SRV 1 2 3 www.test");
	ask(&a, "www.test", DNS_A);
	ask(&aaaa, "www.test", DNS_AAAA);
	ask(&srv, "_x._tcp.test", DNS_SRV);
	until(&a);
	until(&aaaa);
	until(&srv);
	ck_assert_str_eq(first_of(&a), "::ffff:10.0.0.1");
	ck_assert_uint_eq(a.n_records, 2);
	ck_assert_uint_eq(a.ttl_s, 60);
	ck_assert_str_eq(first_of(&aaaa), "fd00::1");
	ck_assert_uint_eq(aaaa.ttl_s, 30);
	ck_assert_uint_eq(srv.ttl_s, 7);
	ck_assert_str_eq(srv.first.target, "www.test");
	ck_assert_uint_eq(srv.first.port, 3);
}
END_TEST

START_TEST(a_server_may_say_that_there_is_none)
{
	struct asker a;
	struct asker b;

	dns_server_say(&server, "a.test", DNS_A, "NODATA; 30 SOA");
	dns_server_say(&server, "b.test", DNS_A, "NXDOMAIN");
	ask(&a, "a.test", DNS_A);
	ask(&b, "b.test", DNS_A);
	until(&a);
	until(&b);
	ck_assert_int_eq(a.status, -ENODATA);
	ck_assert_uint_eq(a.ttl_s, 30);
	ck_assert_int_eq(b.status, -ENODATA);
}
END_TEST

START_TEST(a_name_is_asked_for_as_it_is_written)
{
	struct asker asker;

	write_file("search example.com\noptions ndots:5\nnameserver 127.0.0.1\n");
	conf.n_servers = 0;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
	dns_server_say(&server, "localhost", DNS_A, "60 10.0.0.1"); /* /etc/hosts is not read */
	dns_server_say(&server, "www", DNS_A, "NXDOMAIN");
	dns_server_say(&server, "www.example.com", DNS_A, "60 10.0.0.1");
	ask(&asker, "localhost", DNS_A);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
	ask(&asker, "www", DNS_A);
	until(&asker);
	ck_assert_int_eq(asker.status, -ENODATA);
	ck_assert_uint_eq(dns_server_asked(&server, "www.example.com", DNS_A), 0);
}
END_TEST

START_TEST(a_server_that_fails_is_not_the_last_word)
{
	struct dns_server other;
	struct asker asker;

	dns_server_say(&server, "www.test", DNS_A, "SERVFAIL");
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_int_lt(asker.status, 0);
	ck_assert_str_eq(asker.why, "the servers fail, refuse, or cannot be reached");
	ck_assert_uint_eq(dns_server_asked(&server, "www.test", DNS_A), 2);

	dns_server_open(&other);
	dns_server_say(&other, "www.test", DNS_A, "60 10.0.0.1");
	servers[1] = other.addr;
	conf.n_servers = 2;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
	ck_assert_uint_eq(dns_server_asked(&server, "www.test", DNS_A), 3);
	dns_server_close(&other);
}
END_TEST

START_TEST(each_further_try_has_twice_as_long)
{
	uint64_t begin_ns;
	struct asker asker;

	be_quick(3);
	dns_server_say(&server, "www.test", DNS_A, "HANG");
	begin_ns = clock_ns();
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_uint_ge(clock_ns() - begin_ns, (20 + 40 + 80) * (uint64_t)NS_PER_MS);
	ck_assert_uint_eq(dns_server_asked(&server, "www.test", DNS_A), 3);
	ck_assert_str_eq(asker.why, "no answer in time");
}
END_TEST

START_TEST(a_question_that_hangs_delays_no_other)
{
	struct asker hanging;
	struct asker asker;

	dns_server_say(&server, "slow.test", DNS_A, "HANG");
	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	ask(&hanging, "slow.test", DNS_A);
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
	ck_assert_uint_eq(hanging.n_answered, 0);
	dns_cancel(&hanging.query);
}
END_TEST

/** The text of an answer with `n` addresses, which the caller frees. */
static char *many(unsigned n)
{
	char *text = malloc(n * 32 + 1);
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		len += (size_t)sprintf(text + len, "60 10.0.%u.%u;", i / 250, i % 250);
	}
	return text;
}

START_TEST(a_truncated_answer_is_asked_for_over_tcp)
{
	char *text = many(1000);
	struct asker asker;

	dns_server_say(&server, "www.test", DNS_A, text);
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_int_eq(asker.status, 0);
	ck_assert_uint_eq(asker.n_records, 1000);
	ck_assert_uint_eq(server.n_tcp, 1);
	free(text);
}
END_TEST

START_TEST(what_is_malformed_is_no_answer)
{
	struct asker garbage;
	struct asker loop;

	be_quick(1);
	dns_server_say(&server, "a.test", DNS_A, "GARBAGE");
	dns_server_say(&server, "b.test", DNS_A, "9 CNAME c.test; 9 CNAME b.test");
	ask(&garbage, "a.test", DNS_A);
	ask(&loop, "b.test", DNS_A);
	until(&garbage);
	until(&loop);
	ck_assert_str_eq(garbage.why, "no answer in time"); /* any sender may send garbage */
	ck_assert_str_eq(loop.why, "the answer is malformed");
}
END_TEST

START_TEST(more_than_fit_at_once_are_asked_in_turn)
{
	enum { N = DNS_AT_ONCE + 50 };
	struct asker *askers = calloc(N, sizeof(*askers));

	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	for (size_t i = 0; i < N; i++) {
		ask(&askers[i], "www.test", DNS_A);
	}
	for (size_t i = 0; i < N; i++) {
		until(&askers[i]);
		ck_assert_str_eq(first_of(&askers[i]), "::ffff:10.0.0.1");
	}
	free(askers);
}
END_TEST

START_TEST(an_answer_that_is_not_wanted_any_more_is_told_to_nobody)
{
	struct asker askers[3];
	struct asker last;

	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	for (size_t i = 0; i < 3; i++) {
		ask(&askers[i], "www.test", DNS_A);
	}
	dns_cancel(&askers[0].query);
	dns_cancel(&askers[0].query);
	ask(&last, "www.test", DNS_A);
	until(&last);
	dns_cancel(&askers[1].query); /* it has been answered, so this is harmless */
	loop_settle();
	ck_assert_uint_eq(askers[0].n_answered, 0);
	ck_assert_uint_eq(askers[1].n_answered, 1);
	ck_assert_uint_eq(askers[2].n_answered, 1);
}
END_TEST

/** The query that is cancelled in the callback of another one. */
static struct asker *victim;

static void on_answered_cancel(struct dns_query *query, const struct dns_answer *answer)
{
	on_answered(query, answer);
	dns_cancel(&victim->query);
}

START_TEST(a_handler_may_cancel_what_is_answered_with_it)
{
	struct asker a = {.status = PENDING};
	struct asker b;
	char long_label[80];

	/* c-ares refuses both at once, so their callbacks follow one another. */
	memset(long_label, 'x', sizeof(long_label) - 1);
	long_label[sizeof(long_label) - 1] = '\0';
	victim = &b;
	ck_assert_int_eq(dns_ask(dns, &a.query, long_label, DNS_A, on_answered_cancel), 0);
	ask(&b, long_label, DNS_A);
	until(&a);
	loop_settle();
	ck_assert_int_lt(a.status, 0);
	ck_assert_str_eq(a.why, "Misformatted domain name");
	ck_assert_uint_eq(b.n_answered, 0);
}
END_TEST

START_TEST(other_servers_are_asked_what_is_open)
{
	struct dns_server other;
	struct asker given_up;
	struct asker asker;

	dns_server_say(&server, "www.test", DNS_A, "HANG");
	ask(&asker, "www.test", DNS_A);
	ask(&given_up, "www.test", DNS_A);
	loop_until(server.n_asked == 2);
	dns_cancel(&given_up.query);
	ck_assert_int_eq(dns_set(dns, &conf), 0);
	dns_server_open(&other);
	dns_server_say(&other, "www.test", DNS_A, "60 10.0.0.1");
	servers[0] = other.addr;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
	ck_assert_uint_eq(other.n_asked, 1);
	ck_assert_uint_eq(given_up.n_answered, 0);
	dns_server_close(&other);
}
END_TEST

START_TEST(a_changed_resolv_conf_is_taken)
{
	struct asker asker;

	be_quick(1);
	write_file("nameserver 127.0.0.53\n"); /* no server listens there on this port */
	conf.n_servers = 0;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
	ck_assert(!dns_look(dns));
	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_int_lt(asker.status, 0);
	ck_assert(!dns_look(dns));
	write_file("# moved\nnameserver 127.0.0.1\n");
	ck_assert(dns_look(dns));
	ck_assert(!dns_look(dns));
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
	/* Where the config has servers, the file does not matter. */
	conf.n_servers = 1;
	ck_assert_int_eq(dns_set(dns, &conf), 1);
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	write_file("");
	ck_assert(!dns_look(dns));
}
END_TEST

START_TEST(no_more_servers_are_asked_than_there_is_room_for)
{
	char text[1024] = "";
	struct asker asker;

	/* The last server would answer, but it is one too many. */
	for (int i = 0; i < DNS_SERVERS_MAX; i++) {
		strcat(text, "nameserver 127.0.0.53\n");
		servers[i] = servers[0];
		servers[i].sa.in.sin_addr.s_addr = htonl(0x7f000035);
	}
	strcat(text, "nameserver 127.0.0.1\n");
	write_file(text);
	servers[DNS_SERVERS_MAX] = server.addr;
	conf.n_servers = _i == 0 ? 0 : DNS_SERVERS_MAX + 1;
	be_quick(1);
	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_int_lt(asker.status, 0);
	ck_assert_uint_eq(server.n_asked, 0);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_fails_the_questions_only)
{
	struct asker asker;

	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(mkdir(file, 0700), 0); /* EISDIR, for root too */
	conf.n_servers = 0;
	be_quick(1);
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_int_lt(asker.status, 0);
	ck_assert_int_eq(rmdir(file), 0);
	write_file("nameserver 127.0.0.1\n");
	(void)dns_look(dns);
	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");
	ask(&asker, "www.test", DNS_A);
	until(&asker);
	ck_assert_str_eq(first_of(&asker), "::ffff:10.0.0.1");
}
END_TEST

START_TEST(closing_leaves_nothing_behind)
{
	struct asker askers[3];

	dns_server_say(&server, "www.test", DNS_A, "HANG");
	dns_server_say(&server, "b.test", DNS_A, "60 10.0.0.1");
	ask(&askers[0], "www.test", DNS_A);
	ask(&askers[1], "www.test", DNS_A);
	loop_until(server.n_asked == 2);
	ask(&askers[2], "b.test", DNS_A);
	for (size_t i = 0; i < 3; i++) {
		dns_cancel(&askers[i].query);
	}
	dns = dns_close(dns);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(askers[i].n_answered, 0);
	}
}
END_TEST

/* The allocators for c-ares, which use ours, so that they fail in turn, too. */
static void *ares_malloc_here(size_t n)
{
	return malloc(n);
}

static void *ares_realloc_here(void *old, size_t n)
{
	return realloc(old, n);
}

static void ares_free_here(void *old)
{
	free(old);
}

START_TEST(whatever_fails_a_question_has_an_end)
{
	char *text = many(100);
	bool met = true;

	dns = dns_close(dns);
	ck_assert_int_eq(ares_library_init_mem(ARES_LIB_INIT_ALL, ares_malloc_here, ares_free_here,
				 ares_realloc_here),
		0);
	conf.timeout_ns = 5 * (uint64_t)NS_PER_MS;
	dns_server_say(&server, "www.test", DNS_A, text);
	for (unsigned n = 1; met; n++) {
		struct asker asker = {.status = PENDING};
		int r = -1;

		fault_arm(n);
		dns = dns_open(test_loop, &conf, file);
		if (dns != NULL) {
			r = dns_ask(dns, &asker.query, "www.test", DNS_A, on_answered);
		}
		if (r == 0) {
			loop_until(asker.status != PENDING);
		}
		dns = dns_close(dns);
		met = fault_disarm();
		loop_settle(); /* until the server has seen that a connection is closed */
	}
	ares_library_cleanup();
	free(text);
}
END_TEST

static Suite *dns_suite(void)
{
	Suite *suite = suite_create("dns");
	TCase *tc = tcase_create("questions");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, addresses_and_services_are_found);
	tcase_add_test(tc, a_server_may_say_that_there_is_none);
	tcase_add_test(tc, a_name_is_asked_for_as_it_is_written);
	tcase_add_test(tc, a_server_that_fails_is_not_the_last_word);
	tcase_add_test(tc, each_further_try_has_twice_as_long);
	tcase_add_test(tc, a_question_that_hangs_delays_no_other);
	tcase_add_test(tc, a_truncated_answer_is_asked_for_over_tcp);
	tcase_add_test(tc, what_is_malformed_is_no_answer);
	tcase_add_test(tc, more_than_fit_at_once_are_asked_in_turn);
	tcase_add_test(tc, an_answer_that_is_not_wanted_any_more_is_told_to_nobody);
	tcase_add_test(tc, a_handler_may_cancel_what_is_answered_with_it);
	tcase_add_test(tc, other_servers_are_asked_what_is_open);
	tcase_add_test(tc, a_changed_resolv_conf_is_taken);
	tcase_add_loop_test(tc, no_more_servers_are_asked_than_there_is_room_for, 0, 2);
	tcase_add_test(tc, a_file_that_cannot_be_read_fails_the_questions_only);
	tcase_add_test(tc, closing_leaves_nothing_behind);
	tcase_add_test(tc, whatever_fails_a_question_has_an_end);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(dns_suite());
}
