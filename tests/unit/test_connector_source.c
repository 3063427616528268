/* SPDX-License-Identifier: ISC */
/* Connecting from a given address: connector_opts::source. */
#include "stream/connector.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sockopts.h"
#include "fault.h"
#include "fixture.h"
#include "suite.h"

enum { PENDING = 4711 };

static struct owner {
	struct stream *stream;
	int status;
} owner;

static void on_done(void *data, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct owner *result = data;

	(void)last;
	(void)late_ns;
	result->status = status;
	result->stream = stream;
}

static struct addr address(const char *text)
{
	struct addr addr;
	const char *why;

	ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
	return addr;
}

/** The address with port 0, which addr_parse() refuses. */
static struct addr any_port(const char *text)
{
	struct addr addr = address(text);

	addr.port = 0;
	addr.sa.in.sin_port = 0; /* the port has the same offset in both families */
	return addr;
}

/** Listens on a port that the kernel picks, and writes it to *addr. */
static int serve(struct addr *addr)
{
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(addr->sa);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &addr->sa.any, addr->sa_len), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa.any, &len), 0);
	return fd;
}

/** Connects from `source`. Returns the status of the attempt. */
static int connect_with(
	const struct addr *target, const struct addr *source, const struct sockopts *options)
{
	struct connector_opts opts = {
		.loop = test_loop,
		.addr = target,
		.source = source,
		.options = options,
		.speaks_first = options != NULL,
		.timeout_ns = NS_NEVER,
		.owner = &owner,
		.done = on_done,
	};
	struct connector *connector;

	owner = (struct owner){.status = PENDING};
	connector = connector_open(&opts);
	ck_assert_ptr_nonnull(connector);
	loop_until(owner.status != PENDING);
	(void)connector_close(connector);
	return owner.status;
}

static int connect_from(const struct addr *target, const struct addr *source)
{
	return connect_with(target, source, NULL);
}

static const char *const sources[][2] = {
	{"127.0.0.1:1", "127.0.0.77:1"},
	{"[::1]:1", "[::1]:1"},
};

START_TEST(the_server_sees_the_source)
{
	struct addr target = any_port(sources[_i][0]);
	struct addr source = any_port(sources[_i][1]);
	int listener = serve(&target);
	union addr_sockaddr peer;
	socklen_t len = sizeof(peer);
	int fd;

	ck_assert_int_eq(connect_from(&target, &source), 0);
	fd = accept4(listener, &peer.any, &len, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_ne(peer.in.sin_port, 0);
	peer.in.sin_port = 0;
	ck_assert_uint_eq(len, source.sa_len);
	ck_assert_int_eq(memcmp(&peer, &source.sa, len), 0);
	(void)stream_free(owner.stream);
	close(fd);
	close(listener);
	loop_settle();
}
END_TEST

START_TEST(a_source_that_is_not_ours_fails_the_attempt)
{
	struct addr target = any_port("127.0.0.1:1");
	struct addr source = any_port("192.0.2.1:1");
	int listener = serve(&target);

	ck_assert_int_eq(connect_from(&target, &source), -EADDRNOTAVAIL);
	ck_assert_ptr_null(owner.stream);
	close(listener);
}
END_TEST

START_TEST(an_option_that_cannot_be_set_fails_the_attempt)
{
	struct addr target = any_port("127.0.0.1:1");
	struct addr source = any_port("127.0.0.1:1");
	int listener = serve(&target);
	static const char *const calls[] = {"setsockopt", "bind"};
	unsigned n_met = 0;

	for (unsigned i = 0; i < 2; i++) {
		bool met = true;

		for (unsigned n = 1; met; n++) {
			int status;

			fault_only_call(calls[i]);
			fault_arm(n);
			status = connect_from(&target, &source);
			met = fault_disarm();
			ck_assert((status < 0) == met);
			n_met += met;
			owner.stream = stream_free(owner.stream);
		}
	}
	ck_assert_uint_eq(n_met, 4); /* three options and the address */
	close(listener);
	loop_settle();
}
END_TEST

/** Multipath TCP of Linux 6.1 has neither TCP_FASTOPEN_CONNECT nor IP_BIND_ADDRESS_NO_PORT. */
START_TEST(what_multipath_tcp_lacks_is_done_without)
{
	static const struct sockopts options = {
		.keepalive_idle_ns = NS_NEVER,
		.user_timeout_ns = NS_NEVER,
		.fastopen = true,
		.mptcp = true,
	};
	struct addr target = any_port("127.0.0.1:1");
	struct addr source = any_port("127.0.0.77:1");
	int listener = serve(&target);

	fault_only_call("setsockopt");
	fault_set_errno(_i % 2 == 0 ? EOPNOTSUPP : ENOPROTOOPT);
	fault_arm(2 + (unsigned)_i / 2); /* the first one is SO_OOBINLINE */
	ck_assert_int_eq(connect_with(&target, &source, &options), 0);
	ck_assert(fault_disarm());
	owner.stream = stream_free(owner.stream);
	close(listener);
	loop_settle();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("connector_source");
	TCase *tc = tcase_create("connector_source");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, fixture_setup, fixture_teardown);
	tcase_add_loop_test(tc, the_server_sees_the_source, 0, 2);
	tcase_add_test(tc, a_source_that_is_not_ours_fails_the_attempt);
	tcase_add_test(tc, an_option_that_cannot_be_set_fails_the_attempt);
	tcase_add_loop_test(tc, what_multipath_tcp_lacks_is_done_without, 0, 4);
	return suite_run(suite);
}
