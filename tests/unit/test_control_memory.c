/* SPDX-License-Identifier: ISC */
/* Requests while memory is short. Each gets its whole answer, a 503 that says so, or an answer
 * that is visibly cut off; the next request is answered as usual. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/control.h"
#include "control/request.h"
#include "crew/inherited.h"
#include "crew_rig.h"
#include "fault.h"
#include "fixture.h"
#include "log/log.h"
#include "suite.h"

enum { ANSWER_MAX = 512 * 1024, HEAD_MAX = 512 };

static struct control control;
static const struct conf *relay;
static const struct inherited inherited;
static char answer[ANSWER_MAX];
static char whole[ANSWER_MAX]; /* the answer if no memory is lacking */

static void on_status(void *owner, struct control_status *ret_status)
{
	(void)owner;
	*ret_status = (struct control_status){.state = "running",
		.is_ready = true,
		.left_ns = 1,
		.is_drained = true,
		.n_workers = CREW_WORKERS,
		.n_ended = 1,
		.ended = {{"eof", 1}},
		.reloaded_at = 1,
		.has_p99 = true};
}

static void on_reload(void *owner, struct control_request *request)
{
	(void)owner;
	control_request_forget(request); /* as if the config was refused */
	request->done(request, false, "weir.conf:1: one\nweir.conf:2: two\n");
}

static void on_drain(void *owner, struct control_drain *ask)
{
	(void)owner;
	ask->request.done(&ask->request, true, "");
}

static void on_level(void *owner, enum log_level level)
{
	(void)owner;
	(void)level;
}

static const struct conf *on_conf(void *owner)
{
	(void)owner;
	return &crew_conf;
}

static void setup(void)
{
	struct addr addr;
	struct conf_relay one = {
		.name = "one", .addresses = &addr, .n_addresses = 1, .server = &addr};
	struct control_opts opts = {
		.crew = &crew,
		.groups = &crew_shared.groups,
		.inherited = &inherited,
		.calls = {on_status, on_reload, on_drain, on_level, on_conf},
	};
	const char *why;

	ck_assert_int_eq(addr_parse("127.0.0.1:9", &addr, &why), 0);
	ck_assert_int_eq(conf_new_relay(&one, &relay), 0);
	memcpy(&crew_conf, relay, sizeof(crew_conf));
	crew_rig_setup();
	log_set_level(LOG_LEVEL_ERROR);
	opts.loop = test_loop;
	control_open(&control, &opts);
}

static void teardown(void)
{
	control_close(&control);
	crew_rig_teardown();
	crew_conf = (struct conf){0};
	conf_unref(relay);
}

/* ---- one exchange ---- */

/** Reads what has come. Returns whether the connection has ended. */
static bool read_on(int fd, size_t *n)
{
	ptrdiff_t got;

	while ((got = recv(fd, answer + *n, ANSWER_MAX - 1 - *n, MSG_DONTWAIT)) > 0) {
		*n += (size_t)got;
	}
	answer[*n] = '\0';
	return got == 0 || (errno != EAGAIN && errno != EINTR);
}

/** Removes the framing of the chunks from the body. Returns false if the body was cut off. */
static bool unchunk(char *body)
{
	char *to = body;
	char *end;

	for (;;) {
		size_t n = strtoul(body, &end, 16);

		if (end == body || strncmp(end, "\r\n", 2) != 0 || strlen(end + 2) < n + 2) {
			return false;
		}
		memmove(to, end + 2, n);
		to += n;
		body = end + 2 + n + 2;
		if (n == 0) {
			*to = '\0';
			return true;
		}
	}
}

/** Returns the status, and writes the body to `answer`; 0: it was cut off. */
static unsigned int exchange(const char *request)
{
	struct wire wire = wire_open(WIRE_UNIX);
	char text[HEAD_MAX];
	size_t n = 0;
	unsigned int status = 0;
	char *body;
	const char *length;

	snprintf(text, sizeof(text),
		"%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
		request);
	ck_assert_int_eq(fcntl(wire.near, F_SETFL, O_NONBLOCK), 0);
	peer_send(wire.far, text);
	http_server_accept(&control.door.server, wire.near, true);
	loop_until(read_on(wire.far, &n));
	close(wire.far);
	loop_settle();
	body = strstr(answer, "\r\n\r\n");
	if (body == NULL) {
		return 0;
	}
	*body = '\0';
	body += 4;
	(void)sscanf(answer, "HTTP/1.1 %u", &status);
	length = strstr(answer, "Content-Length: ");
	if (length == NULL ? !unchunk(body) : strtoul(length + 16, NULL, 10) != strlen(body)) {
		return 0;
	}
	memmove(answer, body, strlen(body) + 1);
	return status;
}

/* ---- what an answer has ---- */

/** Whether two have the same members and items, whatever their values are. */
static bool is_alike(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *value;

	if (json_is_object(a) && json_is_object(b)) {
		if (json_object_size(a) != json_object_size(b)) {
			return false;
		}
		json_object_foreach((json_t *)a, key, value)
		{
			if (!is_alike(value, json_object_get(b, key))) {
				return false;
			}
		}
		return true;
	}
	if (json_is_array(a) && json_is_array(b)) {
		bool alike = json_array_size(a) == json_array_size(b);

		for (size_t i = 0; alike && i < json_array_size(a); i++) {
			alike = is_alike(json_array_get(a, i), json_array_get(b, i));
		}
		return alike;
	}
	return json_is_number(a) ? json_is_number(b) : json_equal(a, b) == 1;
}

static size_t n_lines(const char *text)
{
	size_t n = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++) {
		n++;
	}
	return n;
}

static bool is_whole(void)
{
	json_t *now = json_loads(answer, 0, NULL);
	json_t *then = json_loads(whole, 0, NULL);
	bool same = then == NULL ? n_lines(answer) == n_lines(whole) : is_alike(then, now);

	json_decref(now);
	json_decref(then);
	return same;
}

static bool says_so(void)
{
	json_t *json = json_loads(answer, 0, NULL);
	const char *error = json_string_value(json_object_get(json, "error"));
	bool so = error != NULL && strstr(error, "memory; ask again") != NULL;

	json_decref(json);
	return so;
}

/* ---- tests ---- */

static const char *const requests[] = {
	"GET /healthz",
	"GET /readyz",
	"GET /metrics",
	"GET /v1/status",
	"GET /v1/listeners",
	"GET /v1/upstreams",
	"GET /v1/pairs?listener=one&tcp_info=true",
	"GET /v1/pairs/1",
	"DELETE /v1/pairs/1",
	"DELETE /v1/pairs?all=true",
	"PATCH /v1/upstreams/one/servers/127.0.0.1%3A9",
	"PUT /v1/log",
	"POST /v1/reload",
	"POST /v1/drain",
	"POST /v1/undrain",
	"GET /nothing",
	"POST /metrics",
};

START_TEST(short_of_memory_it_answers_wholly_or_says_so)
{
	unsigned int status = exchange(requests[_i]);
	unsigned n_refused = 0;
	unsigned n = 0;
	bool met;

	ck_assert_uint_ne(status, 0);
	ck_assert_uint_ne(status, 503);
	strcpy(whole, answer);
	do {
		unsigned int now;
		bool refused;

		fault_only(FAULT_MEMORY);
		fault_arm(++n);
		now = exchange(requests[_i]);
		met = fault_disarm();
		refused = now == 503 && says_so();
		n_refused += refused ? 1 : 0;
		ck_assert_msg(now == 0 || refused || (now == status && is_whole()),
			"%s, call %u (%s): %u %s", requests[_i], n, fault_met(), now, answer);
	} while (met);
	ck_assert_uint_gt(n_refused, 0);
	ck_assert_uint_eq(exchange(requests[_i]), status);
	ck_assert(is_whole());
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control_memory");
	TCase *tc = tcase_create("control_memory");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, short_of_memory_it_answers_wholly_or_says_so, 0,
		(int)(sizeof(requests) / sizeof(requests[0])));
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
