/* SPDX-License-Identifier: ISC */
/*
 * Each call that can fail fails in turn, while a proxy of weirlab is made with toxics, relays, is
 * used through the API, and is removed. Then each answer is whole or an error, a connection gets
 * all bytes or ends by a reset, and all fds and all memory are freed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "lab/answer.h"
#include "lab/api.h"
#include "lab/home.h"
#include "lab/lab.h"
#include "lab/link.h"
#include "lab/link_json.h"
#include "lab/proxy.h"
#include "lab/replay.h"
#include "lab/say.h"
#include "proto/http_target.h"
#include "stream/acceptor.h"
#include "stream/pipe.h"
#include "stream/resolver.h"
#include "suite.h"

enum {
	FAULTS_MAX = 3000,
	SMALL = 1000,
	LARGE = 200 * 1000,
	/* More slices than one run of a chain sends; the call for each one fails in turn. */
	SLICES = 2 * CHAIN_RUN_CHUNKS,
};

static struct lab lab;
static int listener;
static uint16_t server_port;

/** An end of the connection through the proxy. */
struct end {
	int fd;
	size_t n;      /**< bytes received */
	bool finished; /**< a FIN came */
	int error;     /**< the error that ended it, or 0 */
};

static struct end client;
static struct end server;

/* ---- sockets of the test ---- */

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void receive(struct end *end)
{
	uint8_t bytes[64 * 1024];
	bool differs = false;
	ssize_t n;

	while (end->fd >= 0 && !end->finished && end->error == 0 &&
		(n = recv(end->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) != -1) {
		for (ssize_t i = 0; i < n; i++) {
			differs = differs || bytes[i] != (uint8_t)(end->n + (size_t)i);
		}
		end->n += (size_t)n;
		end->finished = n == 0;
	}
	if (end->fd >= 0 && !end->finished && end->error == 0 && errno != EAGAIN) {
		end->error = errno;
	}
	ck_assert(!differs);
}

/** Receives what has come, and accepts the server's end. Always returns true, for use in
 * conditions. */
static bool look(void)
{
	fault_suspend();
	if (server.fd < 0) {
		server.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	}
	receive(&client);
	receive(&server);
	fault_resume();
	return true;
}

static bool is_over(const struct end *end)
{
	return end->finished || end->error != 0;
}

/** Runs the loop until the condition holds or one of the ends is over. */
#define life_until(condition)                                                                      \
	loop_until(look() && ((condition) || is_over(&client) || is_over(&server)))

static void give(const struct end *end, size_t from, size_t n)
{
	static uint8_t bytes[LARGE];

	for (size_t i = 0; i < n; i++) {
		bytes[i] = (uint8_t)(from + i);
	}
	fault_suspend();
	if (end->fd >= 0) {
		(void)send(end->fd, bytes, n, MSG_NOSIGNAL);
	}
	fault_resume();
}

static void end_close(struct end *end)
{
	if (end->fd >= 0) {
		close(end->fd);
	}
	*end = (struct end){.fd = -1};
}

/* ---- the API ---- */

static void *allocate(size_t n)
{
	return malloc(n); /* so that allocations of jansson, a shared library, fail, too */
}

/** Makes a request. Returns whether it succeeded; if not, the answer must be an error with a
 * text. */
static bool ask(enum http_verb verb, const char *path, const char *body)
{
	static struct http_target target;
	struct answer answer = {0};
	const char *why = NULL;
	struct span bytes = {(const uint8_t *)path, strlen(path)};
	bool is_good;

	ck_assert_int_eq(http_target_parse(bytes, &target, &why), 0);
	ck_assert(api_handle(&lab, verb, &target, body, strlen(body), &answer));
	is_good = answer.status < 400;
	if (!is_good) {
		ck_assert_ptr_nonnull(fault_met());
		/* jansson has one error for wrong JSON and for lack of memory */
		ck_assert_msg(answer.status == 500 || answer.status == 400, "%u", answer.status);
		ck_assert_str_ne(answer.error, "");
	}
	json_decref(answer.json);
	return is_good;
}

/** Makes a request whose answer must have all `n` items, or be an error. */
static void check_whole(const char *path, size_t n)
{
	static struct http_target target;
	struct answer answer = {0};
	const char *why = NULL;
	struct span bytes = {(const uint8_t *)path, strlen(path)};

	ck_assert_int_eq(http_target_parse(bytes, &target, &why), 0);
	ck_assert(api_handle(&lab, HTTP_VERB_GET, &target, "", 0, &answer));
	if (answer.status == 200) {
		ck_assert_uint_eq(json_is_array(answer.json) ? json_array_size(answer.json)
							     : json_object_size(answer.json),
			n);
	} else {
		ck_assert_uint_eq(answer.status, 500);
		ck_assert_ptr_nonnull(fault_met());
	}
	json_decref(answer.json);
}

/** Whether this is the call that failed. */
static bool was(const char *name)
{
	return fault_met() != NULL && strcmp(fault_met(), name) == 0;
}

/* ---- lives ---- */

static struct proxy *proxy_of(void)
{
	return list_empty(&lab.proxies) ? NULL : container_of(lab.proxies.next, struct proxy, link);
}

static bool make_proxy(const char *toxics)
{
	char body[1024];

	(void)snprintf(body, sizeof(body),
		"{\"name\": \"p\", \"listen\": \"127.0.0.1:0\", \"upstream\": \"127.0.0.1:%u\", "
		"\"toxics\": [%s]}",
		server_port, toxics);
	if (!ask(HTTP_VERB_POST, "/proxies", body)) {
		/* Only the answer may have failed; then the proxy is there. */
		return proxy_of() != NULL && proxy_of()->enabled;
	}
	ck_assert_ptr_nonnull(proxy_of());
	return true;
}

static void client_connect(void)
{
	uint16_t port = (uint16_t)atoi(strrchr(proxy_of()->listen, ':') + 1);
	struct sockaddr_in address = loopback(port);

	fault_suspend();
	client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(client.fd, 0);
	ck_assert_int_eq(connect(client.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	fault_resume();
}

/** Relays `n` bytes each way; the server's bytes in slices of about this size. */
static void life_through(const char *toxics, size_t n, size_t slice)
{
	char slicer[128];

	if (!make_proxy(toxics)) {
		return;
	}
	client_connect();
	give(&client, 0, n);
	life_until(server.n == n);
	check_whole("/proxies", 1);
	(void)snprintf(slicer, sizeof(slicer),
		"{\"type\": \"slicer\", \"attributes\": {\"average_size\": %zu}}", slice);
	(void)ask(HTTP_VERB_POST, "/proxies/p/toxics", slicer);
	give(&server, 0, n);
	life_until(client.n == n);
	if (proxy_find_toxic(proxy_of(), "slicer_downstream") != NULL) {
		(void)ask(HTTP_VERB_PATCH, "/proxies/p/toxics/slicer_downstream",
			"{\"attributes\": {\"average_size\": 100}}");
		(void)ask(HTTP_VERB_DELETE, "/proxies/p/toxics/slicer_downstream", "");
	}
	list_for_each (link, &proxy_of()->home.links) {
		json_decref(link_json_show(container_of(link, struct link, link)));
	}
	if (client.fd >= 0 && !is_over(&client)) {
		fault_suspend();
		(void)shutdown(client.fd, SHUT_WR);
		fault_resume();
		/* shutdown(2) fails only if there is no connection any more, which is an event
		 * of its own. */
		life_until(server.finished || was("shutdown"));
	}
	if (server.n > 0 && !server.finished) {
		/* An answer that was cut short must not end cleanly. */
		ck_assert_msg(client.n == n || client.error != 0 || server.error != 0,
			"%s: %zu bytes, and a FIN", fault_met(), client.n);
	}
}

static void life_relays(void)
{
	life_through("", SMALL, SMALL / 3);
}

static void life_splices(void)
{
	life_through("", LARGE, LARGE / SLICES);
}

/** `bandwidth` is the last toxic; there it also sets and reads options of the socket. */
static void life_has_toxics(void)
{
	life_through(
		"{\"type\": \"latency\", \"stream\": \"upstream\", \"attributes\": {\"latency\": "
		"1}}, {\"type\": \"drip\", \"stream\": \"upstream\", \"attributes\": "
		"{\"every_ms\": 1, \"bytes\": 400}}, {\"type\": \"bandwidth\", \"stream\": "
		"\"upstream\", \"attributes\": {\"rate\": 20000}}, {\"type\": \"cut\", "
		"\"attributes\": {\"after_ms\": 100000}}",
		SMALL, SMALL / 3);
}

static void life_goes_deaf(void)
{
	if (!make_proxy("")) {
		return;
	}
	(void)ask(HTTP_VERB_POST, "/proxies/p/toxics", "{\"type\": \"blackhole\"}");
	(void)ask(HTTP_VERB_POST, "/proxies/p/toxics", "{\"type\": \"refuse\"}");
	(void)ask(HTTP_VERB_POST, "/reset", "");
	(void)ask(HTTP_VERB_PATCH, "/proxies/p", "{\"listen\": \"127.0.0.1:0\"}");
	(void)ask(HTTP_VERB_POST, "/populate",
		"[{\"name\": \"q\", \"listen\": \"127.0.0.1:0\", \"upstream\": \"localhost:1\"}]");
}

/** A client is turned away and never reaches the server. */
static void life_turns_away(void)
{
	if (!make_proxy("{\"type\": \"refuse\", \"toxicity\": 0.999999}, "
			"{\"type\": \"flap\", \"toxicity\": 0.5}")) {
		return;
	}
	client_connect();
	life_until(false);
	ck_assert(client.error == ECONNRESET || (client.finished && was("setsockopt")));
	ck_assert_int_lt(server.fd, 0);
	ck_assert_uint_eq(proxy_of()->home.n_reset_by_refuse, 1);
	(void)ask(HTTP_VERB_PATCH, "/proxies/p/toxics/refuse_downstream", "{\"toxicity\": 1}");
	(void)ask(HTTP_VERB_PATCH, "/proxies/p/toxics/refuse_downstream", "{\"toxicity\": 0.5}");
}

/** The client of a recording, which asks for an answer and ends. */
static void life_plays(void)
{
	static struct recorded_event events[] = {
		{.n = 200, .direction = UPSTREAM, .kind = RECORDED_BYTES},
		{.n = 100, .direction = DOWNSTREAM, .kind = RECORDED_BYTES},
		{.direction = UPSTREAM, .kind = RECORDED_FIN},
		{.direction = DOWNSTREAM, .kind = RECORDED_FIN},
	};
	static struct recording recording = {.events = events, .n_events = 4};
	char upstream[32];
	char error[ADDRESS_ERROR_MAX] = "";
	struct replay replay;

	(void)snprintf(upstream, sizeof(upstream), "127.0.0.1:%u", server_port);
	if (replay_open(&replay, &lab, &recording, "127.0.0.1:0", upstream, error) < 0) {
		ck_assert_str_ne(error, "");
	} else {
		life_until(server.n == 200 || replay.failed);
		give(&server, 0, 100);
		life_until(server.finished || replay.failed || was("shutdown"));
		ck_assert(server.n == 200 || replay.failed || server.error != 0);
	}
	replay_close(&replay);
}

static void (*const lives[])(void) = {
	life_relays, life_splices, life_has_toxics, life_goes_deaf, life_turns_away, life_plays};
enum { LIVES = sizeof(lives) / sizeof(lives[0]) };

START_TEST(nothing_is_lost_silently_whatever_fails)
{
	unsigned n = 1;

	for (bool met = true; met; n++) {
		ck_assert_uint_lt(n, FAULTS_MAX);
		fault_arm(n);
		lives[_i]();
		met = fault_disarm();
		while (proxy_of() != NULL) {
			proxy_free(proxy_of());
		}
		loop_settle();
		end_close(&client);
		end_close(&server);
		while (look() && server.fd >= 0) {
			end_close(&server);
		}
		loop_settle();
	}
	ck_assert_uint_gt(n, 20);
}
END_TEST

/** A test in which more is in flight than one run of the chain sends. */
START_TEST(a_way_is_a_pump_again_when_what_was_in_flight_has_gone)
{
	const struct link_way *way;

	ck_assert(make_proxy("{\"type\": \"slicer\", \"stream\": \"upstream\", \"attributes\": "
			     "{\"average_size\": 1}}, {\"type\": \"latency\", \"stream\": "
			     "\"upstream\", \"attributes\": {\"latency\": 1000000}}"));
	client_connect();
	give(&client, 0, SMALL);
	loop_until(!list_empty(&proxy_of()->home.links));
	way = &container_of(proxy_of()->home.links.next, struct link, link)->ways[UPSTREAM];
	loop_until(way->chain.n_put == SMALL);
	ck_assert(ask(HTTP_VERB_DELETE, "/proxies/p/toxics/slicer_upstream", ""));
	ck_assert(ask(HTTP_VERB_DELETE, "/proxies/p/toxics/latency_upstream", ""));
	ck_assert(way->is_chain);
	life_until(server.n == SMALL && !way->is_chain);
	ck_assert_uint_eq(server.n, SMALL);
	give(&client, SMALL, SMALL);
	life_until(server.n == (size_t)2 * SMALL);
	ck_assert_uint_eq(server.n, 2 * SMALL);
	proxy_free(proxy_of());
	loop_settle();
	end_close(&client);
	end_close(&server);
	loop_settle();
}
END_TEST

/** Otherwise bytes that left long ago would take the room of bytes that leave now. */
START_TEST(what_the_other_way_sends_is_not_sent_by_this_one)
{
	const struct chain *up;
	const struct chain *down;
	uint64_t sent_ns;

	ck_assert(make_proxy("{\"type\": \"bandwidth\", \"stream\": \"upstream\", \"attributes\": "
			     "{\"rate\": 20000}}, {\"type\": \"cut\", \"attributes\": "
			     "{\"after_ms\": 1000000}}"));
	client_connect();
	give(&client, 0, SMALL);
	life_until(server.n == SMALL);
	ck_assert_uint_eq(server.n, SMALL);
	loop_settle();
	up = &container_of(proxy_of()->home.links.next, struct link, link)->ways[UPSTREAM].chain;
	down = &container_of(up, struct link, ways[UPSTREAM].chain)->ways[DOWNSTREAM].chain;
	sent_ns = up->sent_ns;
	ck_assert_uint_gt(sent_ns, 0);
	give(&server, 0, SMALL);
	life_until(client.n == SMALL);
	ck_assert_uint_eq(client.n, SMALL);
	ck_assert_uint_gt(down->sent_ns, sent_ns);
	ck_assert_uint_eq(up->sent_ns, sent_ns);
	proxy_free(proxy_of());
	loop_settle();
	end_close(&client);
	end_close(&server);
	loop_settle();
}
END_TEST

/** Whether the kernel drops what comes to the listening socket. */
static bool is_deaf(void)
{
	struct sock_filter filter[64];
	socklen_t n = sizeof(filter) / sizeof(filter[0]);

	ck_assert_int_eq(getsockopt(acceptor_fd(proxy_of()->acceptor), SOL_SOCKET, SO_GET_FILTER,
				 filter, &n),
		0);
	return n > 0;
}

START_TEST(a_blackhole_that_fails_is_tried_again)
{
	static const char blackhole[] = "{\"type\": \"blackhole\"}";

	ck_assert(make_proxy(""));
	fault_only_call("setsockopt");
	fault_arm(1);
	ck_assert(ask(HTTP_VERB_POST, "/proxies/p/toxics", blackhole));
	ck_assert(fault_disarm());
	ck_assert(!is_deaf());
	ck_assert(!acceptor_is_paused(proxy_of()->acceptor));
	loop_until(is_deaf());
	ck_assert(acceptor_is_paused(proxy_of()->acceptor));

	fault_only_call("setsockopt");
	fault_arm(1);
	ck_assert(ask(HTTP_VERB_DELETE, "/proxies/p/toxics/blackhole_downstream", ""));
	ck_assert(fault_disarm());
	ck_assert(is_deaf());
	loop_until(!is_deaf());
	ck_assert(!acceptor_is_paused(proxy_of()->acceptor));
	proxy_free(proxy_of());
	loop_settle();
}
END_TEST

/** Nothing is left to be undone, so no other call is made that could fail. */
START_TEST(a_blackhole_that_failed_and_went_asks_the_kernel_nothing)
{
	ck_assert(make_proxy(""));
	fault_only_call("setsockopt");
	fault_arm(1);
	ck_assert(ask(HTTP_VERB_POST, "/proxies/p/toxics", "{\"type\": \"blackhole\"}"));
	ck_assert(fault_disarm());
	fault_only_call("setsockopt");
	fault_arm(1);
	ck_assert(ask(HTTP_VERB_DELETE, "/proxies/p/toxics/blackhole_downstream", ""));
	ck_assert(!fault_disarm());
	ck_assert(!acceptor_is_paused(proxy_of()->acceptor));
	proxy_free(proxy_of());
	loop_settle();
}
END_TEST

/* ---- setting up ---- */

static void set_up(void)
{
	struct sockaddr_in address = loopback(0);
	socklen_t len = sizeof(address);

	fixture_setup();
	json_set_alloc_funcs(allocate, free);
	ck_assert_int_eq(say_set_level("disabled"), 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, 10), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	server_port = ntohs(address.sin_port);
	client.fd = server.fd = -1;
	lab = (struct lab){.loop = test_loop, .resolver = resolver_new(test_loop, NULL)};
	ck_assert_ptr_nonnull(lab.resolver);
	list_init(&lab.proxies);
	list_init(&lab.cursors);
	pipe_pool_allow(test_loop, PIPES_MAX);
}

static void tear_down(void)
{
	resolver_free(lab.resolver);
	close(listener);
	fixture_teardown();
}

int main(void)
{
	Suite *suite = suite_create("lab_short");
	TCase *tc = tcase_create("short");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_way_is_a_pump_again_when_what_was_in_flight_has_gone);
	tcase_add_test(tc, what_the_other_way_sends_is_not_sent_by_this_one);
	tcase_add_test(tc, a_blackhole_that_fails_is_tried_again);
	tcase_add_test(tc, a_blackhole_that_failed_and_went_asks_the_kernel_nothing);
	tcase_add_loop_test(tc, nothing_is_lost_silently_whatever_fails, 0, LIVES);
	return suite_run(suite);
}
