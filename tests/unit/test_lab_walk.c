/* SPDX-License-Identifier: ISC */
/*
 * The walk of GET /connections, which here shows one connection in each turn. Each call that can
 * fail fails in turn, and what it walks over is removed. Its answer is whole, an error, or visibly
 * cut off.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "lab/answer.h"
#include "lab/api.h"
#include "lab/home.h"
#include "lab/lab.h"
#include "lab/link.h"
#include "lab/proxy.h"
#include "lab/proxy_json.h"
#include "lab/say.h"
#include "proto/http_target.h"
#include "stream/pipe.h"
#include "stream/resolver.h"
#include "suite.h"

enum { FAULTS_MAX = 3000, OF_P = 3, OF_Q = 2, LINKS = OF_P + OF_Q, REPLY_MAX = 16 * 1024 };

static struct lab lab;
static struct api api;
static int listener;
static int clients[LINKS];
static int servers[LINKS];
static unsigned n_looks; /* how often the time of a slice was read */

/* ---- the asking end ---- */

static int asking;
static char reply[REPLY_MAX];
static size_t n_reply;
static bool is_over;

uint64_t __wrap_clock_thread_ns(void);

/** Each look at the clock finds the time of the slice used up. */
uint64_t __wrap_clock_thread_ns(void)
{
	return ++n_looks * NS_PER_S;
}

static void connect_to(int *fd, uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(*fd, 0);
	ck_assert_int_eq(connect(*fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

static uint16_t port_in(const char *text)
{
	return (uint16_t)atoi(strrchr(text, ':') + 1);
}

static void ask(const char *path)
{
	char request[128];
	int n = snprintf(request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", path);

	n_reply = 0;
	n_looks = 0;
	is_over = false;
	connect_to(&asking, port_in(api.text));
	ck_assert_int_eq(send(asking, request, (size_t)n, MSG_NOSIGNAL), n);
}

/** Receives what has come. Returns whether that is all. */
static bool look(void)
{
	ssize_t n;

	fault_suspend();
	while (!is_over &&
		(n = recv(asking, reply + n_reply, REPLY_MAX - 1 - n_reply, MSG_DONTWAIT)) != -1) {
		n_reply += (size_t)n;
		is_over = n == 0;
	}
	is_over = is_over || errno != EAGAIN;
	reply[n_reply] = '\0';
	fault_resume();
	return is_over;
}

/** The body without the framing of its chunks; NULL: it was cut off. */
static char *body_of(void)
{
	char *at = strstr(reply, "\r\n\r\n");
	char *body = reply;
	unsigned long n;

	if (at == NULL) {
		return NULL;
	}
	at += 4;
	while ((n = strtoul(at, &at, 16)) > 0) {
		if (strncmp(at, "\r\n", 2) != 0 || strlen(at) < n + 4) {
			return NULL;
		}
		memmove(body, at + 2, n);
		body += n;
		at += n + 4;
	}
	if (strcmp(at, "\r\n\r\n") != 0) {
		return NULL;
	}
	*body = '\0';
	return reply;
}

/** How many connections the answer has; -1: it was cut off. */
static int shown(void)
{
	char *body = body_of();
	json_t *json;
	size_t i;
	json_t *one;
	int n;

	if (body == NULL) {
		return -1;
	}
	json = json_loads(body, 0, NULL);
	ck_assert_msg(json_is_array(json), "%s", body);
	json_array_foreach(json, i, one)
	{
		ck_assert_uint_eq(json_object_size(one), 9);
		ck_assert_uint_eq(json_object_size(json_object_get(one, "upstream")), 5);
		ck_assert_uint_eq(json_object_size(json_object_get(one, "downstream")), 5);
	}
	n = (int)json_array_size(json);
	json_decref(json);
	return n;
}

static void hang_up(void)
{
	close(asking);
	loop_settle();
	loop_until(api.server.n_connections == 0);
}

/* ---- the connections of the walk ---- */

static void make_proxy(const char *name, uint16_t port)
{
	static struct http_target target;
	static const char path[] = "/proxies";
	struct answer answer = {0};
	const char *why = NULL;
	char body[512];
	int n = snprintf(body, sizeof(body),
		"{\"name\": \"%s\", \"listen\": \"127.0.0.1:0\", \"upstream\": \"127.0.0.1:%u\", "
		"\"toxics\": [{\"type\": \"latency\", \"attributes\": {\"latency\": 100000}}, "
		"{\"type\": \"cut\", \"attributes\": {\"after_bytes\": 1000}}, "
		"{\"type\": \"flap\", \"attributes\": {\"up_ms\": 100000}}]}",
		name, port);

	ck_assert_int_eq(http_target_parse((struct span){(const uint8_t *)path, sizeof(path) - 1},
				 &target, &why),
		0);
	ck_assert(api_handle(&lab, HTTP_VERB_POST, &target, body, (size_t)n, &answer));
	ck_assert_msg(answer.status == 201, "%s", answer.error);
	json_decref(answer.json);
}

static size_t count_relaying(const char *name)
{
	size_t n = 0;

	list_for_each (link, &proxy_json_find(&lab, name)->home.links) {
		n += container_of(link, struct link, link)->state == LINK_RELAYING;
	}
	return n;
}

static void make_links(const char *name, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		connect_to(&clients[i], port_in(proxy_json_find(&lab, name)->listen));
	}
	loop_until(count_relaying(name) == to - from);
	for (size_t i = from; i < to; i++) {
		servers[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		ck_assert_int_ge(servers[i], 0);
	}
}

/* ---- the tests ---- */

START_TEST(a_walk_is_whole_or_cut_off_whatever_fails)
{
	bool met = true;
	unsigned n_cut = 0;

	for (unsigned n = 1; met; n++) {
		int all;

		ck_assert_uint_lt(n, FAULTS_MAX);
		ask("/connections");
		fault_arm(n);
		loop_until(look());
		met = fault_disarm();
		all = strstr(reply, "500 Internal") != NULL ? -1 : shown();
		ck_assert_msg(all == LINKS || (all < 0 && met), "%s: %d", fault_met(), all);
		n_cut += all < 0;
		hang_up();
	}
	ck_assert_uint_gt(n_cut, 100);
}
END_TEST

START_TEST(a_walk_goes_by_its_reader_and_ends_with_him)
{
	ask("/connections");
	loop_until(n_looks > 3);
	hang_up();
	ask("/connections");
	loop_until(look());
	ck_assert_uint_gt(n_looks, LINKS);
	ck_assert_int_eq(shown(), LINKS);
	hang_up();
}
END_TEST

START_TEST(a_walk_of_one_proxy_shows_that_alone)
{
	ask("/connections?proxy=p");
	loop_until(look());
	ck_assert_int_eq(shown(), OF_P);
	hang_up();
	ask("/connections?x=y&proxy=q");
	loop_until(look());
	ck_assert_int_eq(shown(), OF_Q);
	hang_up();
	ask("/connections?proxy=r");
	loop_until(look());
	ck_assert_ptr_nonnull(strstr(reply, "404 Not Found"));
	ck_assert_ptr_nonnull(strstr(reply, "{\"error\":\"proxy not found\",\"status\":404}"));
	hang_up();
}
END_TEST

/** The first proxy is removed, or the second, or both in turn. */
START_TEST(a_walk_goes_on_behind_what_has_gone)
{
	int n;

	ask(_i < 3 ? "/connections" : "/connections?proxy=p");
	loop_until(n_looks > 3);
	if (_i != 1) {
		proxy_free(proxy_json_find(&lab, "p"));
	}
	if (_i == 1 || _i == 2) {
		proxy_free(proxy_json_find(&lab, "q"));
	}
	loop_until(look());
	n = shown();
	ck_assert_int_ge(n, _i == 0 ? OF_Q : 0);
	ck_assert_int_lt(n, LINKS);
	hang_up();
}
END_TEST

/* ---- setting up ---- */

static void *allocate(size_t n)
{
	return malloc(n); /* so that allocations of jansson, a shared library, fail, too */
}

static void set_up(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	char error[ADDRESS_ERROR_MAX];

	fixture_setup();
	json_set_alloc_funcs(allocate, free);
	ck_assert_int_eq(say_set_level("disabled"), 0);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, len), 0);
	ck_assert_int_eq(listen(listener, LINKS), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
	lab = (struct lab){.loop = test_loop, .resolver = resolver_new(test_loop, NULL)};
	ck_assert_ptr_nonnull(lab.resolver);
	list_init(&lab.proxies);
	list_init(&lab.cursors);
	pipe_pool_allow(test_loop, PIPES_MAX);
	ck_assert_int_eq(api_open(&api, &lab, "127.0.0.1", "0", error), 0);
	make_proxy("p", ntohs(address.sin_port));
	make_proxy("q", ntohs(address.sin_port));
	make_links("p", 0, OF_P);
	make_links("q", OF_P, LINKS);
}

static void tear_down(void)
{
	api_close(&api);
	while (!list_empty(&lab.proxies)) {
		proxy_free(container_of(lab.proxies.next, struct proxy, link));
	}
	ck_assert(list_empty(&lab.cursors));
	loop_settle();
	for (size_t i = 0; i < LINKS; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	resolver_free(lab.resolver);
	close(listener);
	fixture_teardown();
}

int main(void)
{
	Suite *suite = suite_create("lab_walk");
	TCase *tc = tcase_create("walk");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_walk_is_whole_or_cut_off_whatever_fails);
	tcase_add_test(tc, a_walk_goes_by_its_reader_and_ends_with_him);
	tcase_add_test(tc, a_walk_of_one_proxy_shows_that_alone);
	tcase_add_loop_test(tc, a_walk_goes_on_behind_what_has_gone, 0, 4);
	return suite_run(suite);
}
