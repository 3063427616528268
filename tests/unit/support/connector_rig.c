/* SPDX-License-Identifier: ISC */
#include "connector_rig.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "stream/resolver.h"

enum { NAMES_MAX = 16 };

static struct resolver *resolver;
static struct resolver_name *names[NAMES_MAX]; /* the names in options() */
static unsigned n_names;
struct owner owner;
atomic_int spare_fds;

static void note_failure(const struct connector_attempt *attempt)
{
	ck_assert_int_eq(owner.status, PENDING);
	ck_assert_int_lt(attempt->status, 0);
	ck_assert_uint_lt(owner.n_failed, 8);
	owner.failures[owner.n_failed++] = attempt->status;
}

static void on_failed(void *data, const struct connector_attempt *attempt)
{
	fault_suspend(); /* allocations of check itself must not fail */
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
	owner.in_line = last->in_line;
	owner.forbidden = last->forbidden;
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
	fixture_stop();
	if (owner.closes) {
		owner.connector = connector_close(owner.connector);
	}
}

void forget(void)
{
	memset(&owner, 0, sizeof(owner));
	owner.status = PENDING;
}

/** Returns the handle of a name. The rig keeps it until its end, as a server does. */
static struct resolver_name *name_of(const char *host)
{
	struct resolver_name *name = resolver_name_get(resolver, host);

	for (unsigned i = 0; i < n_names; i++) {
		if (names[i] == name) {
			(void)resolver_name_unref(name);
			return name;
		}
	}
	if (name != NULL) {
		ck_assert_uint_lt(n_names, NAMES_MAX);
		names[n_names++] = name;
	}
	return name;
}

struct connector_opts options(const struct addr *addr, uint64_t timeout_ns)
{
	return (struct connector_opts){
		.loop = test_loop,
		.addr = addr,
		.name = addr->kind == ADDR_NAME ? name_of(addr->host) : NULL,
		.timeout_ns = timeout_ns,
		.stream_flags = STREAM_HALF_OPEN,
		.spare_fds = &spare_fds,
		.owner = &owner,
		.failed = on_failed,
		.done = on_done,
	};
}

void start(const struct addr *addr, uint64_t timeout_ns)
{
	struct connector_opts opts = options(addr, timeout_ns);

	forget();
	owner.connector = connector_open(&opts);
	ck_assert_ptr_nonnull(owner.connector);
	ck_assert_int_eq(owner.status, PENDING);
}

void finish(void)
{
	owner.connector = connector_close(owner.connector);
	owner.stream = stream_free(owner.stream);
}

void rig_setup(void)
{
	fixture_setup();
	forget();
	atomic_store(&spare_fds, 64);
	lookup_script();
	resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(resolver);
}

void rig_teardown(void)
{
	finish();
	ck_assert_int_eq(atomic_load(&spare_fds), 64);
	while (n_names > 0) {
		(void)resolver_name_unref(names[--n_names]);
	}
	resolver = resolver_free(resolver);
	fixture_teardown();
}

/* ---- servers ---- */

char path[] = "/tmp/weir-connector-XXXXXX";

struct addr address_of(enum server_kind kind)
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

/** Like serve(), but returns a negative errno if the address is in use. */
static int try_serve(struct addr *addr, int backlog)
{
	int r;
	int fd;
	socklen_t len = sizeof(addr->sa);

	fault_suspend();
	fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (bind(fd, &addr->sa.any, addr->sa_len) < 0) {
		r = -errno;
		close(fd);
		fault_resume();
		return r;
	}
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

/** Binds, and listens if `backlog` is not negative; writes the bound address to *addr. */
int serve(struct addr *addr, int backlog)
{
	int fd = try_serve(addr, backlog);

	ck_assert_msg(fd >= 0, "bind: %s", strerror(-fd));
	return fd;
}

void serve_both(struct addr *a, int backlog_a, struct addr *b, int backlog_b, int ret_fds[2])
{
	struct addr again = *a;

	for (int i = 0;; i++) {
		*a = again;
		ret_fds[0] = serve(a, backlog_a);
		b->sa.in.sin_port = htons(a->port); /* at the same place in both families */
		ret_fds[1] = try_serve(b, backlog_b);
		if (ret_fds[1] >= 0) {
			return;
		}
		ck_assert_int_lt(i, 20); /* the port is in use on the other address */
		close(ret_fds[0]);
	}
}

/** A client that fills a queue of one. */
int occupy(const struct addr *addr)
{
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &addr->sa.any, addr->sa_len), 0);
	return fd;
}

struct addr name_at(const char *host, uint16_t port)
{
	struct addr addr;

	memset(&addr, 0, sizeof(addr));
	addr.kind = ADDR_NAME;
	addr.port = port;
	strcpy(addr.host, host);
	return addr;
}

void must_work(int listener)
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
