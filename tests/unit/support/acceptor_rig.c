/* SPDX-License-Identifier: ISC */
#include "acceptor_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"
#include "stream/listen.h"

struct owner owner;

static struct addr address; /* the address of the listener */
static int clients[CLIENTS_MAX];
static int n_clients;

static void act(enum moment moment)
{
	if (owner.moment != moment || owner.acceptor == NULL) {
		return;
	}
	switch (owner.deed) {
	case CLOSE:
		owner.acceptor = acceptor_close(owner.acceptor);
		break;
	case PAUSE:
		acceptor_pause(owner.acceptor);
		break;
	case DRAIN:
		acceptor_drain(owner.acceptor);
		break;
	}
}

static bool on_admit(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	act(IN_ADMIT);
	if (owner.places == owner.limit) {
		return false;
	}
	owner.places++;
	return true;
}

static void on_refused(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_uint_gt(owner.places, 0);
	owner.places--;
	act(IN_REFUSED);
}

static void on_accepted(void *data, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_uint_lt(owner.n_accepted, CLIENTS_MAX);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_uint_gt(peer_len, 0);
	owner.peer_family = peer->any.sa_family;
	owner.fds[owner.n_accepted++] = fd;
	act(IN_ACCEPTED);
}

static void on_resting(void *data, int err)
{
	ck_assert_ptr_eq(data, &owner);
	owner.n_resting++;
	owner.error = err;
	act(IN_RESTING);
}

static void on_drained(void *data)
{
	ck_assert_ptr_eq(data, &owner);
	owner.fd_when_drained = acceptor_fd(owner.acceptor);
	owner.n_drained++;
	act(IN_DRAINED);
}

int make_listener(bool is_unix)
{
	struct listen_socket socket = {.fd = -1};
	socklen_t len = sizeof(address.sa);

	memset(&address, 0, sizeof(address));
	if (is_unix) {
		address.kind = ADDR_UNIX;
		address.sa.un.sun_family = AF_UNIX;
		address.sa_len = sizeof(sa_family_t); /* the kernel picks an abstract name */
	} else {
		address.kind = ADDR_INET;
		address.sa.in.sin_family = AF_INET;
		address.sa.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		address.sa_len = sizeof(address.sa.in);
	}
	ck_assert_int_eq(listen_open(&address, NULL, NULL, &socket, NULL), 0);
	ck_assert_int_eq(getsockname(socket.fd, &address.sa.any, &len), 0);
	address.sa_len = len;
	return socket.fd;
}

struct acceptor_opts options(int fd)
{
	return (struct acceptor_opts){
		.loop = test_loop,
		.fd = fd,
		.is_shared = owner.is_shared,
		.owner = &owner,
		.admit = on_admit,
		.refused = on_refused,
		.accepted = on_accepted,
		.resting = on_resting,
		.drained = on_drained,
	};
}

void start(bool is_unix)
{
	struct acceptor_opts opts = options(make_listener(is_unix));

	owner.acceptor = acceptor_open(&opts);
	ck_assert_ptr_nonnull(owner.acceptor);
	ck_assert_int_eq(acceptor_fd(owner.acceptor), opts.fd);
}

void rig_setup(void)
{
	fixture_setup();
	memset(&owner, 0, sizeof(owner));
	owner.limit = CLIENTS_MAX;
	n_clients = 0;
}

void rig_teardown(void)
{
	owner.acceptor = acceptor_close(owner.acceptor);
	/* Each accepted connection has a place, whatever has happened. */
	ck_assert_uint_eq(owner.places, owner.n_accepted);
	for (unsigned i = 0; i < owner.n_accepted; i++) {
		close(owner.fds[i]);
	}
	for (int i = 0; i < n_clients; i++) {
		close(clients[i]);
	}
	fixture_teardown();
}

void connect_clients(int n)
{
	fault_suspend();
	for (int i = 0; i < n; i++) {
		int fd = socket(address.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(connect(fd, &address.sa.any, address.sa_len), 0);
		ck_assert_int_lt(n_clients, CLIENTS_MAX);
		clients[n_clients++] = fd;
	}
	fault_resume();
}

void listen_again(struct listen_socket *ret_socket)
{
	const char *why;

	ck_assert_int_eq(listen_open_beside(&address, NULL, ret_socket, &why), 0);
}

int connect_newcomer(int *ret_fd)
{
	int r = 0;

	fault_suspend();
	*ret_fd = socket(address.sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_ge(*ret_fd, 0);
	ck_assert_int_lt(n_clients, CLIENTS_MAX);
	clients[n_clients++] = *ret_fd;
	if (connect(*ret_fd, &address.sa.any, address.sa_len) < 0) {
		r = -errno;
	}
	fault_resume();
	return r;
}

/** How many calls of accept4() still fail. */
static int n_failing;
static int failing_errno;
unsigned n_calls;

int __real_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	n_calls++;
	if (n_failing > 0) {
		n_failing--;
		errno = failing_errno;
		return -1;
	}
	return __real_accept4(fd, sa, len, flags);
}

void fail_accepts(int n, int err)
{
	n_failing = n;
	failing_errno = err;
	n_calls = 0;
}

/** Checks that nothing wakes the loop by itself: in 50 ms it makes no more turns than the wait
 * needs. */
void must_be_silent(void)
{
	uint64_t turns;

	loop_settle();
	turns = loop_turns(test_loop);
	loop_for_ms(50);
	ck_assert_uint_le(loop_turns(test_loop) - turns, 5);
}
