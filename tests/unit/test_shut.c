/* SPDX-License-Identifier: ISC */
/*
 * Tests of real workers that stop accepting clients and then accept them again: no connection is
 * lost.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crew/orders.h"
#include "crew/sockets.h"
#include "crew_rig.h"
#include "fixture.h"
#include "log/log.h"
#include "port.h"
#include "suite.h"

enum { N_ADDRESSES = 2, KEPT = 2, N_CLIENTS = 40 };

static struct addr addresses[N_ADDRESSES + 1]; /* a port, a path, and a socket of systemd */
static struct inherited_socket passed;
static struct addr passed_addr; /* the address of that socket */
static struct conf_listener listener;
static struct conf_upstream upstream;
static struct conf_server server;
static int server_fd; /* the kernel completes connects; the test accepts when it wants to */
static int reserved;
static char folder[] = "/tmp/weir-test-XXXXXX";
static struct inherited inherited;
static struct sockets sockets;
static struct accept_order accept_all;
static struct shut_order shut;
static struct drain_order drain;
static struct end_order end;
static struct order beat;
static int clients[4 * N_CLIENTS];
static size_t n_clients;
static int accepted[4 * N_CLIENTS]; /* connections that the server has accepted */
static size_t n_accepted;
static unsigned n_done;
static int last_status;

static void on_done(struct order *order, int status)
{
	(void)order;
	last_status = status;
	n_done++;
}

static void ask(struct order *order)
{
	n_done = 0;
	crew_ask_all(order);
	loop_until(n_done > 0);
	ck_assert_int_eq(last_status, 0);
}

static int run_beat(struct order_part *part)
{
	(void)part;
	return 0;
}

/**
 * Nothing reports to the test what the workers have done: it gives them an order, and looks again.
 */
#define crew_until(condition)                                                                      \
	while (!(condition)) {                                                                     \
		ask(&beat);                                                                        \
	}

static void conf_setup(void)
{
	static char web[] = "web";
	static char app[] = "app";
	char text[80];
	const char *why;

	crew_conf = (struct conf){.listeners = &listener,
		.n_listeners = 1,
		.upstreams = &upstream,
		.n_upstreams = 1,
		.high_water_mark = 64 * 1024};
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &addresses[0], &why), 0);
	reserved = port_reserve(&addresses[0]);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(text, sizeof(text), "unix:%s/socket", folder);
	ck_assert_int_eq(addr_parse(text, &addresses[1], &why), 0);
	listener = (struct conf_listener){.name = web,
		.addresses = addresses,
		.n_addresses = N_ADDRESSES,
		.access.mode = 0660,
		.upstream = &upstream};
	memset(&listener.timeouts, 0xff, sizeof(listener.timeouts));
	upstream = (struct conf_upstream){.name = app, .servers = &server, .n_servers = 1};
	server.weight = 1;
	ck_assert_int_eq(addr_parse("127.0.0.1:1", &server.addr, &why), 0);
	server.addr.sa.in.sin_port = 0;
	server_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(server_fd, &server.addr.sa.any, server.addr.sa_len), 0);
	ck_assert_int_eq(listen(server_fd, SOMAXCONN), 0);
	ck_assert_int_eq(getsockname(server_fd, &server.addr.sa.any, &server.addr.sa_len), 0);
}

/** Gives the listener a socket of systemd, too. */
static void inherit(void)
{
	static char name[] = "web";
	const char *why;

	ck_assert_int_eq(addr_parse("systemd:web", &addresses[KEPT], &why), 0);
	passed_addr = addresses[0];
	passed_addr.sa.in.sin_port = 0;
	passed.name = name;
	passed.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(passed.fd, &passed_addr.sa.any, passed_addr.sa_len), 0);
	ck_assert_int_eq(listen(passed.fd, SOMAXCONN), 0);
	ck_assert_int_eq(getsockname(passed.fd, &passed_addr.sa.any, &passed_addr.sa_len), 0);
	inherited = (struct inherited){.listening = &passed, .n_listening = 1};
	listener.n_addresses = N_ADDRESSES + 1;
}

static struct sockets_opts sockets_opts(void)
{
	return (struct sockets_opts){
		.conf = &crew_conf, .n_workers = CREW_WORKERS, .inherited = &inherited};
}

static void set_up(bool inherits)
{
	struct sockets_opts opts = sockets_opts();

	crew_rig_begin();
	conf_setup();
	inherited = (struct inherited){0};
	if (inherits) {
		inherit();
	}
	crew_rig_open();
	ck_assert_int_eq(crew_start(&crew), 0);
	log_set_level(LOG_LEVEL_ERROR);
	n_clients = 0;
	ck_assert_int_eq(sockets_open(&sockets, &opts), 0);
	accept_all =
		(struct accept_order){.sockets = &sockets, .generation = crew_shared.generation};
	ck_assert_int_eq(crew_open_order(&crew, &accept_all.order, accept_order_run, on_done), 0);
	ck_assert_int_eq(crew_open_order(&crew, &shut.order, shut_order_run, on_done), 0);
	ck_assert_int_eq(crew_open_order(&crew, &drain.order, drain_order_run, on_done), 0);
	ck_assert_int_eq(crew_open_order(&crew, &end.order, end_order_run, NULL), 0);
	ck_assert_int_eq(crew_open_order(&crew, &beat, run_beat, on_done), 0);
	ask(&accept_all.order);
}

static void setup(void)
{
	set_up(false);
}

static void setup_inherited(void)
{
	set_up(true);
}

static void teardown(void)
{
	crew_post_all(&end.order);
	crew_until(limit_taken(&crew_shared.places.pairs) == 0);
	crew_stop(&crew);
	order_close(&accept_all.order);
	order_close(&shut.order);
	order_close(&drain.order);
	order_close(&end.order);
	order_close(&beat);
	sockets_close(&sockets);
	while (n_clients > 0) {
		close(clients[--n_clients]);
	}
	while (n_accepted > 0) {
		close(accepted[--n_accepted]);
	}
	close(server_fd);
	close(reserved);
	if (inherited.n_listening > 0) {
		close(passed.fd);
	}
	rmdir(folder);
	crew_rig_teardown();
}

/** Connects a client to this address. Returns 0 or a negative errno. */
static int come(size_t address)
{
	const struct addr *addr = address == KEPT ? &passed_addr : &addresses[address];
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, &addr->sa.any, addr->sa_len) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	clients[n_clients++] = fd;
	return 0;
}

static void come_many(void)
{
	for (size_t i = 0; i < N_CLIENTS; i++) {
		ck_assert_int_eq(come(i % N_ADDRESSES), 0);
	}
}

/** Waits until every client has a pair. None may have lost its connection. */
static void until_all_are_served(void)
{
	char byte;

	crew_until(limit_taken(&crew_shared.places.pairs) == n_clients);
	for (size_t i = 0; i < n_clients; i++) {
		ck_assert_int_eq(recv(clients[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
		ck_assert_int_eq(errno, EAGAIN);
	}
}

/** Accepts one more connection, if there is one. Returns whether a byte has come to any. */
static bool server_has_got_a_byte(void)
{
	int fd = accept4(server_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char byte;

	if (fd >= 0) {
		accepted[n_accepted++] = fd;
	}
	for (size_t i = 0; i < n_accepted; i++) {
		if (recv(accepted[i], &byte, 1, MSG_DONTWAIT) == 1) {
			return true;
		}
	}
	return false;
}

/** A new client must be refused. */
static void check_refused(void)
{
	ck_assert_int_lt(come(0), 0);
	ck_assert_int_lt(come(1), 0);
}

static void reopen(void)
{
	struct sockets_opts opts = sockets_opts();

	opts.reopens = true;
	ck_assert_int_eq(sockets_prepare(&sockets, &opts), 0);
	accept_all.reopens = true;
	ask(&accept_all.order);
	sockets_commit(&sockets, &crew_conf, &crew_conf);
}

/** Waits until no worker accepts clients: they stop a moment after they have answered the order. */
static void shut_all(void)
{
	ask(&shut.order);
	sockets_forget(&sockets, &crew_conf);
	crew_until((sockets_leave(&sockets), sockets_are_settled(&sockets)));
}

START_TEST(who_waits_in_a_queue_is_served_and_who_comes_later_refused)
{
	come_many();
	shut_all();
	until_all_are_served();
	check_refused();
	until_all_are_served();
	crew_until(sockets_sweep(&sockets) == 0); /* all are closed, while the pairs go on */
	until_all_are_served();
}
END_TEST

START_TEST(what_was_shut_accepts_again_and_no_pair_has_noticed)
{
	come_many();
	shut_all();
	reopen();
	come_many();
	until_all_are_served();
	crew_until(sockets_sweep(&sockets) == 0);
	ck_assert_uint_eq(sockets.n, CREW_WORKERS + 1);
	come_many();
	until_all_are_served();
	ck_assert_int_eq(send(clients[0], "x", 1, MSG_NOSIGNAL), 1);
	crew_until(server_has_got_a_byte());
}
END_TEST

START_TEST(what_systemd_holds_accepts_all_the_while_and_is_shut_by_a_stop)
{
	uint32_t n_pairs;

	come_many();
	until_all_are_served();
	shut.keeps = true;
	shut_all();
	check_refused();
	for (size_t i = 0; i < N_CLIENTS; i++) {
		ck_assert_int_eq(come(KEPT), 0);
	}
	until_all_are_served();
	crew_until(sockets_sweep(&sockets) == 0);
	ck_assert_uint_eq(sockets.n, 1);
	ck_assert_uint_eq(sockets.all[0]->listener, 0);
	reopen();
	come_many();
	ck_assert_int_eq(come(KEPT), 0);
	until_all_are_served();
	ck_assert_uint_eq(sockets.n, CREW_WORKERS + 2);
	n_pairs = limit_taken(&crew_shared.places.pairs);
	ask(&shut.order); /* first as a shut by hand, then as a stop */
	shut.keeps = false;
	ask(&shut.order);
	for (size_t i = 0; i < sockets.n; i++) {
		crew_until(atomic_load(&sockets.all[i]->state) == BOUND_CLOSED);
	}
	ck_assert_int_eq(come(KEPT), 0); /* it is in the accept queue of systemd's socket */
	ask(&beat);
	ck_assert_uint_eq(limit_taken(&crew_shared.places.pairs), n_pairs);
}
END_TEST

START_TEST(it_is_shut_and_opened_again_and_again)
{
	for (size_t i = 0; i < 3; i++) {
		come_many();
		shut_all();
		reopen();
		until_all_are_served();
	}
}
END_TEST

START_TEST(an_undone_drain_ends_nobody)
{
	uint64_t end_ns = clock_after(clock_ns(), 50 * (uint64_t)NS_PER_MS);

	come_many();
	until_all_are_served();
	ask(&shut.order);
	sockets_forget(&sockets, &crew_conf);
	drain.plan = (struct deadline_drain){
		.start_ns = end_ns, .idle_first_ns = NS_NEVER, .end_ns = end_ns};
	ask(&drain.order);
	crew_until((sockets_leave(&sockets), sockets_are_settled(&sockets)));
	reopen();
	if (clock_ns() < end_ns) { /* else the machine was too busy for this test */
		crew_until(clock_ns() > end_ns);
		come_many();
		until_all_are_served();
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("shut");
	TCase *tc = tcase_create("shut");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, who_waits_in_a_queue_is_served_and_who_comes_later_refused);
	tcase_add_test(tc, what_was_shut_accepts_again_and_no_pair_has_noticed);
	tcase_add_test(tc, it_is_shut_and_opened_again_and_again);
	tcase_add_test(tc, an_undone_drain_ends_nobody);
	suite_add_tcase(suite, tc);
	tc = tcase_create("inherited");
	tcase_add_checked_fixture(tc, setup_inherited, teardown);
	tcase_add_test(tc, what_systemd_holds_accepts_all_the_while_and_is_shut_by_a_stop);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
