/* SPDX-License-Identifier: ISC */
/* The connector: every family, every way to fail, closing at every stage. */
#include "stream/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/clock.h"
#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "stream/resolver.h"
#include "suite.h"

enum { PENDING = 4711, TIMEOUT_MS = 30 };
#define TIMEOUT_NS ((uint64_t)TIMEOUT_MS * NS_PER_MS)

static struct resolver *resolver;

static struct owner {
	struct connector *connector;
	struct stream *stream;
	int status; /* PENDING: not done yet */
	unsigned n_done;
	unsigned n_failed;
	int failures[8]; /* status of each */
	uint64_t done_ns;
	uint64_t late_ns;
	union addr_sockaddr last; /* family AF_UNSPEC: none */
	bool closes;              /* in done() */
} owner;

static void note_failure(const struct connector_attempt *attempt)
{
	ck_assert_int_eq(owner.status, PENDING);
	ck_assert_int_lt(attempt->status, 0);
	ck_assert_uint_lt(owner.n_failed, 8);
	owner.failures[owner.n_failed++] = attempt->status;
}

static void on_failed(void *data, const struct connector_attempt *attempt)
{
	fault_suspend(); /* check's own allocations are not to fail */
	ck_assert_ptr_eq(data, &owner);
	note_failure(attempt);
	fault_resume();
}

static void note_end(int status, struct stream *stream, const struct connector_attempt *last)
{
	ck_assert(loop_is_running(test_loop));
	ck_assert((status == 0) == (stream != NULL));
	ck_assert_int_eq(last->status, status);
	owner.n_done++;
	owner.status = status;
	owner.stream = stream;
	memset(&owner.last, 0, sizeof(owner.last));
	if (last->sa != NULL) {
		memcpy(&owner.last, last->sa, last->sa_len);
	}
}

static void on_done(void *data, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	owner.done_ns = clock_ns();
	owner.late_ns = late_ns;
	fault_suspend();
	ck_assert_ptr_eq(data, &owner);
	note_end(status, stream, last);
	fault_resume();
	loop_stop(test_loop);
	if (owner.closes) {
		owner.connector = connector_close(owner.connector);
	}
}

static void forget(void)
{
	memset(&owner, 0, sizeof(owner));
	owner.status = PENDING;
}

static struct connector_opts options(const struct addr *addr, uint64_t timeout_ns)
{
	return (struct connector_opts){
		.loop = test_loop,
		.resolver = resolver,
		.addr = addr,
		.timeout_ns = timeout_ns,
		.stream_flags = STREAM_HALF_OPEN,
		.owner = &owner,
		.failed = on_failed,
		.done = on_done,
	};
}

static void start(const struct addr *addr, uint64_t timeout_ns)
{
	struct connector_opts opts = options(addr, timeout_ns);

	forget();
	owner.connector = connector_open(&opts);
	ck_assert_ptr_nonnull(owner.connector);
	ck_assert_int_eq(owner.status, PENDING);
}

static void finish(void)
{
	owner.connector = connector_close(owner.connector);
	owner.stream = stream_free(owner.stream);
}

static void setup(void)
{
	fixture_setup();
	forget();
	lookup_script();
	resolver = resolver_new(test_loop);
	ck_assert_ptr_nonnull(resolver);
}

static void teardown(void)
{
	finish();
	resolver = resolver_free(resolver);
	fixture_teardown();
}

/* ---- servers ---- */

enum server_kind { V4, V6, PATH, ABSTRACT };

static char path[] = "/tmp/weir-connector-XXXXXX";

static struct addr address_of(enum server_kind kind)
{
	struct addr addr;

	memset(&addr, 0, sizeof(addr));
	addr.kind = kind == V4 || kind == V6 ? ADDR_INET : ADDR_UNIX;
	switch (kind) {
	case V4:
		addr.sa.in.sin_family = AF_INET;
		addr.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		addr.sa_len = sizeof(addr.sa.in);
		break;
	case V6:
		addr.sa.in6.sin6_family = AF_INET6;
		addr.sa.in6.sin6_addr = in6addr_loopback;
		addr.sa_len = sizeof(addr.sa.in6);
		break;
	case PATH:
		strcpy(path + strlen(path) - 6, "XXXXXX");
		close(mkstemp(path));
		ck_assert_int_eq(unlink(path), 0);
		addr.sa.un.sun_family = AF_UNIX;
		strcpy(addr.sa.un.sun_path, path);
		addr.sa_len = sizeof(addr.sa.un);
		break;
	case ABSTRACT:
		addr.sa.un.sun_family = AF_UNIX;
		addr.sa_len = sizeof(sa_family_t); /* the kernel picks a name */
		break;
	}
	return addr;
}

/** Binds, and listens if `backlog` is not negative; *addr is then where. */
static int serve(struct addr *addr, int backlog)
{
	int fd;
	socklen_t len = sizeof(addr->sa);

	fault_suspend();
	fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_msg(bind(fd, &addr->sa.any, addr->sa_len) == 0, "bind: %s", strerror(errno));
	if (backlog >= 0) {
		ck_assert_int_eq(listen(fd, backlog), 0);
	}
	ck_assert_int_eq(getsockname(fd, &addr->sa.any, &len), 0);
	addr->sa_len = len;
	if (addr->kind == ADDR_INET) {
		addr->port = ntohs(addr->sa.in.sin_port);
	}
	fault_resume();
	return fd;
}

/** A client that fills a queue of one. */
static int occupy(const struct addr *addr)
{
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &addr->sa.any, addr->sa_len), 0);
	return fd;
}

static struct addr name_at(const char *host, uint16_t port)
{
	struct addr addr;

	memset(&addr, 0, sizeof(addr));
	addr.kind = ADDR_NAME;
	addr.port = port;
	strcpy(addr.host, host);
	return addr;
}

static void must_work(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct recorder recorder;

	ck_assert_int_ge(fd, 0);
	recorder_on(&recorder, owner.stream, STREAM_ALL_EVENTS);
	ck_assert_int_eq(stream_start(owner.stream), 0);
	peer_send(fd, "hello");
	loop_until(recorder.n_read == 5);
	ck_assert_int_eq(stream_write(owner.stream, "world", 5, NULL), 0);
	loop_until(heard(&recorder, "WRITE"));
	ck_assert_int_eq(peer_recv(fd, recorder.text, 5), 5);
	close(fd);
	loop_until(heard(&recorder, "END"));
	ck_assert(!heard(&recorder, "CLOSE")); /* STREAM_HALF_OPEN arrived */
	owner.stream = stream_free(owner.stream);
}

/* ---- success ---- */

START_TEST(connects)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 8);
	int value = 0;
	socklen_t len = sizeof(value);

	start(&addr, NS_NEVER);
	ck_assert_uint_eq(connector_deadline_ns(owner.connector), NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 0);
	ck_assert_uint_eq(owner.late_ns, 0);
	ck_assert_int_eq(memcmp(&owner.last, &addr.sa, addr.sa_len), 0);
	ck_assert(!stream_is_started(owner.stream));
	ck_assert_int_eq(fcntl(stream_fd(owner.stream), F_GETFD), FD_CLOEXEC);
	ck_assert_int_ne(fcntl(stream_fd(owner.stream), F_GETFL) & O_NONBLOCK, 0);
	ck_assert(stream_is_tcp(owner.stream) == (_i == V4 || _i == V6));
	if (stream_is_tcp(owner.stream)) {
		int fd = stream_fd(owner.stream);

		ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
		ck_assert_int_ne(value, 0);
		ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &value, &len), 0);
		ck_assert_int_ne(value, 0);
	}
	owner.connector = connector_close(owner.connector);
	must_work(listener);
	close(listener);
	unlink(path);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 1);
}
END_TEST

START_TEST(the_deadline_is_told)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t before = clock_ns();

	start(&addr, TIMEOUT_NS);
	fixture_turn(__FILE__, __LINE__, "connect(2)");
	ck_assert_uint_ge(connector_deadline_ns(owner.connector), before + TIMEOUT_NS);
	ck_assert_uint_le(connector_deadline_ns(owner.connector), clock_ns() + TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_uint_eq(connector_deadline_ns(owner.connector), NS_NEVER);
	close(client);
	close(listener);
}
END_TEST

/* ---- failure ---- */

START_TEST(refused)
{
	struct addr addr = address_of((enum server_kind)_i);
	int server = serve(&addr, -1); /* bound, so that nobody else takes the address */

	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.failures[0], -ECONNREFUSED);
	ck_assert_uint_eq(owner.late_ns, 0);
	ck_assert_int_eq(memcmp(&owner.last, &addr.sa, addr.sa_len), 0);
	close(server);
	unlink(path);
}
END_TEST

START_TEST(a_missing_path)
{
	struct addr addr = address_of(PATH);

	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ENOENT);
}
END_TEST

START_TEST(black_holed_times_out_never_early)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	/* late_ns is what done() saw, so the two clocks' readings agree. */
	ck_assert_uint_le(owner.late_ns, owner.done_ns - begin - TIMEOUT_NS);
	ck_assert_uint_eq(owner.n_failed, 1);
	close(client);
	close(listener);
	unlink(path);
}
END_TEST

START_TEST(a_unix_server_with_a_full_queue_is_asked_again)
{
	struct addr addr = address_of(ABSTRACT);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);
	uint64_t turns = loop_turns(test_loop);
	int fd;

	start(&addr, NS_NEVER);
	loop_for_ms(100);
	ck_assert_int_eq(owner.status, PENDING);
	/* 1, 2, 4 ... ms: no spin. */
	ck_assert_uint_le(loop_turns(test_loop) - turns, 20);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	must_work(listener);
	close(fd);
	close(client);
	close(listener);
}
END_TEST

START_TEST(a_unix_server_that_goes_while_its_queue_is_full)
{
	struct addr addr = address_of(ABSTRACT);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);

	start(&addr, NS_NEVER);
	loop_settle();
	close(listener);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	close(client);
}
END_TEST

/* Whom getsockname() takes us for; NULL: the truth. */
static const struct addr *impostor;

int __real_getsockname(int fd, struct sockaddr *sa, socklen_t *len);
int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len);

int __wrap_getsockname(int fd, struct sockaddr *sa, socklen_t *len)
{
	if (impostor != NULL) {
		*len = impostor->sa_len;
		memcpy(sa, &impostor->sa, impostor->sa_len);
		return 0;
	}
	return __real_getsockname(fd, sa, len);
}

START_TEST(a_connection_to_itself_counts_as_refused)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 8);

	impostor = &addr;
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	impostor = NULL;
	ck_assert_int_eq(owner.status, -ECONNREFUSED);
	close(listener);
}
END_TEST

/** The timer is due in the turn in which the connection is there: it counts. */
START_TEST(a_connection_that_came_in_time_is_not_cut)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);

	start(&addr, NS_PER_US);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	close(listener);
}
END_TEST

/* ---- names ---- */

START_TEST(a_name_is_resolved)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(memcmp(&owner.last, &server.sa, server.sa_len), 0);
	finish();
	/* Known by now. */
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(lookup_n_begun(), 1);
	close(listener);
}
END_TEST

START_TEST(every_address_of_a_name_is_tried)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	/* The server is bound to 127.0.0.1 alone. */
	lookup_answer("a.example", 0, "127.0.0.2 127.0.0.3 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 2);
	ck_assert_int_eq(owner.failures[0], -ECONNREFUSED);
	ck_assert_int_eq(owner.failures[1], -ECONNREFUSED);
	ck_assert_int_eq(memcmp(&owner.last, &server.sa, server.sa_len), 0);
	close(listener);
}
END_TEST

START_TEST(the_last_address_decides)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 0);
	int client = occupy(&server);
	struct addr addr = name_at("a.example", server.port);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, _i ? "127.0.0.1 127.0.0.2" : "127.0.0.2 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, _i ? -ECONNREFUSED : -ETIMEDOUT);
	ck_assert_uint_eq(owner.n_failed, 2);
	ck_assert_int_eq(owner.failures[!_i], -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	ck_assert(_i ? owner.late_ns == 0 : owner.late_ns <= owner.done_ns - begin - TIMEOUT_NS);
	close(client);
	close(listener);
}
END_TEST

START_TEST(an_ipv6_address_of_a_name_gets_the_port)
{
	struct addr server = address_of(V6);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "::1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	close(listener);
}
END_TEST

START_TEST(a_name_that_does_not_resolve)
{
	struct addr addr = name_at("a.example", 80);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", UV_EAI_NONAME, "");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, UV_EAI_NONAME);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.last.any.sa_family, AF_UNSPEC);
}
END_TEST

START_TEST(a_lookup_that_hangs_times_out)
{
	struct addr addr = name_at("a.example", 80);
	uint64_t begin = clock_ns();

	start(&addr, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	ck_assert_uint_le(owner.late_ns, owner.done_ns - begin - TIMEOUT_NS);
	ck_assert_int_eq(owner.last.any.sa_family, AF_UNSPEC);
	lookup_answer("a.example", UV_EAI_AGAIN, "");
}
END_TEST

/* ---- faults ---- */

START_TEST(a_shortage_of_ours_is_not_tried_on_the_next_address)
{
	static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};
	struct addr addr = name_at("a.example", 80);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	fault_only_call("socket");
	fault_set_errno(shortages[_i]);
	fault_arm(1);
	lookup_answer("a.example", 0, "127.0.0.2 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert(fault_disarm());
	ck_assert_int_eq(owner.status, -shortages[_i]);
	ck_assert_uint_eq(owner.n_failed, 1);
}
END_TEST

START_TEST(out_of_ports_is_tried_on_the_next_address)
{
	struct addr server = address_of(V4);
	int listener = serve(&server, 8);
	struct addr addr = name_at("a.example", server.port);

	start(&addr, NS_NEVER);
	loop_until(lookup_is_open("a.example"));
	fault_only_call("connect");
	fault_set_errno(EADDRNOTAVAIL);
	fault_arm(1);
	lookup_answer("a.example", 0, "127.0.0.1 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert(fault_disarm());
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(owner.failures[0], -EADDRNOTAVAIL);
	close(listener);
}
END_TEST

/* A signal comes while connect(2) is at work, which goes on without us. */
static bool interrupts;

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	int r;

	if (fault_strikes("connect", FAULT_SOCKET, EADDRNOTAVAIL)) {
		return -1;
	}
	r = __real_connect(fd, sa, len);
	if (interrupts) {
		interrupts = false;
		errno = EINTR;
		return -1;
	}
	return r;
}

START_TEST(an_interrupted_connect_goes_on)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);

	interrupts = true;
	start(&addr, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert(!interrupts);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 0);
	must_work(listener);
	close(listener);
}
END_TEST

/** Each call fails in turn: it ends with done(), or opens not at all, and leaves nothing. */
START_TEST(every_fault_is_a_failed_attempt)
{
	struct addr server = address_of(_i == 1 ? ABSTRACT : V4);
	int listener = serve(&server, 64);
	struct addr name = name_at("a.example", server.port);
	struct connector_opts opts = options(_i == 2 ? &name : &server, NS_NEVER);
	bool met = true;

	if (_i == 2) {
		start(&name, NS_NEVER);
		loop_until(lookup_is_open("a.example"));
		lookup_answer("a.example", 0, "127.0.0.1");
		loop_until(owner.status == 0);
		finish();
	}
	for (unsigned n = 1; met; n++) {
		char *before = fixture_fds();
		char *after;

		forget();
		fault_arm(n);
		owner.connector = connector_open(&opts);
		if (owner.connector != NULL) {
			loop_run(test_loop); /* until done(): fixture_turn() would count as well */
		}
		met = fault_disarm();
		ck_assert_msg(met == (owner.connector == NULL || owner.status < 0), "%s: %d",
			fault_met(), owner.status);
		ck_assert_uint_eq(owner.n_done, owner.connector != NULL);
		finish();
		loop_settle();
		after = fixture_fds();
		ck_assert_str_eq(after, before);
		free(after);
		free(before);
	}
	close(listener);
}
END_TEST

/* ---- closing at each stage ---- */

START_TEST(closed_at_once)
{
	struct addr addr = address_of(V4);

	start(&addr, NS_NEVER);
	finish();
	ck_assert_ptr_null(connector_close(NULL));
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
}
END_TEST

START_TEST(closed_while_resolving)
{
	struct addr addr = name_at("a.example", 80);

	start(&addr, TIMEOUT_NS);
	loop_until(lookup_is_open("a.example"));
	if (_i == 1) {
		lookup_answer("a.example", 0, "127.0.0.1"); /* on its way */
	}
	finish();
	if (_i == 0) {
		lookup_answer("a.example", 0, "127.0.0.1");
	}
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
}
END_TEST

START_TEST(closed_while_connecting)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, 0);
	int client = occupy(&addr);

	start(&addr, TIMEOUT_NS);
	loop_settle();
	ck_assert_int_eq(owner.status, PENDING);
	finish();
	loop_for_ms(TIMEOUT_MS * 2);
	ck_assert_uint_eq(owner.n_done, 0);
	close(client);
	close(listener);
}
END_TEST

struct closer {
	struct task task;
	unsigned n_turns; /* before it closes */
};

/* In the turn after connect(2), between the polling, which found it connected, and done(). */
static void on_closer(struct task *task)
{
	struct closer *closer = container_of(task, struct closer, task);

	if (closer->n_turns-- > 0) {
		loop_next(test_loop, task);
	} else {
		finish();
	}
}

START_TEST(closed_when_done_is_pending)
{
	struct addr addr = address_of(V4);
	int listener = serve(&addr, 8);
	struct closer closer = {.n_turns = 1};
	int fd;

	task_init(&closer.task, on_closer);
	loop_next(test_loop, &closer.task);
	start(&addr, NS_NEVER);
	loop_until(owner.connector == NULL);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
	/* It had come as far as that. */
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(closed_in_done)
{
	struct addr addr = address_of((enum server_kind)_i);
	int listener = serve(&addr, _i == PATH ? -1 : 8); /* one that fails, too */

	start(&addr, NS_NEVER);
	owner.closes = true;
	loop_until(owner.status != PENDING);
	ck_assert_ptr_null(owner.connector);
	ck_assert_int_eq(owner.status, _i == PATH ? -ECONNREFUSED : 0);
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 1);
	close(listener);
	unlink(path);
}
END_TEST

static Suite *connector_suite(void)
{
	Suite *suite = suite_create("connector");
	TCase *success = tcase_create("success");
	TCase *failure = tcase_create("failure");
	TCase *names = tcase_create("names");
	TCase *faults = tcase_create("faults");
	TCase *closing = tcase_create("closing");

	tcase_add_checked_fixture(success, setup, teardown);
	tcase_add_loop_test(success, connects, V4, ABSTRACT + 1);
	tcase_add_test(success, the_deadline_is_told);
	suite_add_tcase(suite, success);

	tcase_add_checked_fixture(failure, setup, teardown);
	tcase_add_loop_test(failure, refused, V4, ABSTRACT + 1);
	tcase_add_test(failure, a_missing_path);
	tcase_add_loop_test(failure, black_holed_times_out_never_early, V4, ABSTRACT + 1);
	tcase_add_test(failure, a_unix_server_with_a_full_queue_is_asked_again);
	tcase_add_test(failure, a_unix_server_that_goes_while_its_queue_is_full);
	tcase_add_loop_test(failure, a_connection_to_itself_counts_as_refused, V4, V6 + 1);
	tcase_add_test(failure, a_connection_that_came_in_time_is_not_cut);
	suite_add_tcase(suite, failure);

	tcase_add_checked_fixture(names, setup, teardown);
	tcase_add_test(names, a_name_is_resolved);
	tcase_add_test(names, every_address_of_a_name_is_tried);
	tcase_add_loop_test(names, the_last_address_decides, 0, 2);
	tcase_add_test(names, an_ipv6_address_of_a_name_gets_the_port);
	tcase_add_test(names, a_name_that_does_not_resolve);
	tcase_add_test(names, a_lookup_that_hangs_times_out);
	suite_add_tcase(suite, names);

	tcase_add_checked_fixture(faults, setup, teardown);
	tcase_add_loop_test(faults, a_shortage_of_ours_is_not_tried_on_the_next_address, 0, 4);
	tcase_add_test(faults, out_of_ports_is_tried_on_the_next_address);
	tcase_add_test(faults, an_interrupted_connect_goes_on);
	tcase_add_loop_test(faults, every_fault_is_a_failed_attempt, 0, 3);
	suite_add_tcase(suite, faults);

	tcase_add_checked_fixture(closing, setup, teardown);
	tcase_add_test(closing, closed_at_once);
	tcase_add_loop_test(closing, closed_while_resolving, 0, 2);
	tcase_add_loop_test(closing, closed_while_connecting, V4, ABSTRACT + 1);
	tcase_add_test(closing, closed_when_done_is_pending);
	tcase_add_loop_test(closing, closed_in_done, V4, ABSTRACT + 1);
	suite_add_tcase(suite, closing);
	return suite;
}

int main(void)
{
	return suite_run(connector_suite());
}
