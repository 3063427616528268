/* SPDX-License-Identifier: ISC */
/*
 * Sockets that listen: TCP here; what a path in the file system needs in addition is in
 * listen_unix.c.
 *
 * SO_REUSEPORT is set after listen(2) for this reason. Two sockets with SO_REUSEADDR may both be
 * bound while neither listens; the second listen(2) then fails. If both had SO_REUSEPORT by then,
 * it would succeed, and two daemons would share the port. The kernel makes the group only when the
 * second socket joins (reuseport_add_sock() in net/core/sock_reuseport.c), so setting it later is
 * not too late.
 */
#include "stream/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "stream/listen_private.h"

enum { SOCKET_FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

static int set_flag(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int get_option(int fd, int option, int *ret_value)
{
	socklen_t len = sizeof(*ret_value);

	return getsockopt(fd, SOL_SOCKET, option, ret_value, &len) < 0 ? -errno : 0;
}

static const char *tcp_why(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another process listens there; stop it or choose another port";
	case -EADDRNOTAVAIL:
		return "no interface of this machine has this address: write one that `ip address` "
		       "shows or, if it is to come later, freebind = \"on\" in the listener's "
		       "socket";
	case -EACCES:
		return "ports below 1024 are for the privileged: let systemd bind it "
		       "(weir.socket), grant CAP_NET_BIND_SERVICE (the drop-in low-ports.conf), "
		       "or choose a port from 1024 on";
	case -ENODEV:
		return "no interface of this machine has the name after \"%\" now; bring it up "
		       "first, or write another one";
	case -EAFNOSUPPORT:
		return "this kernel does not speak this address family";
	default:
		return NULL;
	}
}

static int backlog_of(const struct sockopts *options)
{
	return options == NULL || options->backlog == 0 ? LISTEN_BACKLOG : (int)options->backlog;
}

/** Sets the options of a TCP socket that must be set before bind(2). */
static int prepare_tcp(int fd, int family, bool v6_only, bool join, const struct sockopts *options)
{
	int r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0 && join) {
		r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	}
	if (r == 0) {
		r = sockopts_set(fd, options);
	}
	if (r == 0 && options != NULL && options->freebind) {
		r = family == AF_INET6 ? set_flag(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
				       : set_flag(fd, IPPROTO_IP, IP_FREEBIND, 1);
	}
	if (r == 0 && family == AF_INET6) {
		r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only);
	}
	return r;
}

/**
 * Makes a listening TCP socket; `join`: beside one that exists already. The fd or a negative errno.
 */
static int open_tcp(const struct sockaddr *sa, socklen_t len, bool v6_only, bool join,
	const struct sockopts *options)
{
	int fd = sockopts_socket(sa->sa_family, SOCKET_FLAGS, options);
	int r;

	if (fd < 0) {
		return fd;
	}
	r = prepare_tcp(fd, sa->sa_family, v6_only, join, options);
	if (r < 0) {
		goto err_close;
	}
	if (bind(fd, sa, len) < 0 || listen(fd, backlog_of(options)) < 0) {
		r = -errno;
		goto err_close;
	}
	if (!join) {
		r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
		if (r < 0) {
			goto err_close;
		}
	}
	return fd;
err_close:
	close(fd);
	return r;
}

/** Listens on one address; looks up its zone now. */
static int open_inet(const struct addr *addr, bool join, const struct sockopts *options)
{
	union addr_sockaddr sa;
	int r = addr_now(addr, &sa);

	return r < 0 ? r : open_tcp(&sa.any, addr->sa_len, true, join, options);
}

static int open_any(const struct addr *addr, bool join, const struct sockopts *options)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = addr->sa.in6.sin6_port};
	int fd = open_tcp(&addr->sa.any, addr->sa_len, false, join, options);

	if (fd == -EAFNOSUPPORT) {
		fd = open_tcp((const struct sockaddr *)&any, sizeof(any), false, join, options);
	}
	return fd;
}

static int bind_abstract(int fd, const struct addr *addr, const char **ret_why)
{
	if (bind(fd, &addr->sa.any, addr->sa_len) == 0) {
		return 0;
	}
	*ret_why = errno == EADDRINUSE ? "another process listens there" : NULL;
	return -errno;
}

/**
 * Makes a listening UNIX socket; `claim` is NULL for an abstract name. The fd, or a negative errno
 * and *ret_why.
 */
static int open_unix(const struct addr *addr, const struct file_access *access,
	const struct sockopts *options, struct listen_claim *claim, const char **ret_why)
{
	int fd = socket(AF_UNIX, SOCKET_FLAGS, 0);
	int r;

	if (fd < 0) {
		return -errno;
	}
	r = claim == NULL ? bind_abstract(fd, addr, ret_why)
			  : listen_claim_bind(claim, fd, access, ret_why);
	if (r < 0) {
		goto err_close;
	}
	if (listen(fd, backlog_of(options)) < 0) {
		r = -errno;
		goto err_close;
	}
	return fd;
err_close:
	close(fd);
	return r;
}

/** Where to store the remedy: at the caller's pointer, or at `unasked` if that is NULL. */
static const char **why_to(const char **ret_why, const char **unasked)
{
	const char **to = ret_why == NULL ? unasked : ret_why;

	*to = NULL;
	return to;
}

static bool is_path(const struct addr *addr)
{
	return addr->kind == ADDR_UNIX && addr->sa.un.sun_path[0] != '\0';
}

int listen_open(const struct addr *addr, const struct file_access *access,
	const struct sockopts *options, struct listen_socket *ret_socket, const char **ret_why)
{
	struct listen_claim *claim = NULL;
	const char *why;
	int fd;

	ret_why = why_to(ret_why, &why);
	if (addr == NULL || addr->kind == ADDR_NAME || addr->kind == ADDR_SYSTEMD ||
		(access == NULL && is_path(addr)) || ret_socket == NULL) {
		return -EINVAL;
	}
	if (addr->kind == ADDR_ANY) {
		fd = open_any(addr, false, options);
		*ret_why = tcp_why(fd);
	} else if (addr->kind == ADDR_INET) {
		fd = open_inet(addr, false, options);
		*ret_why = tcp_why(fd);
	} else {
		fd = 0;
		if (is_path(addr)) {
			fd = listen_claim_new(addr->sa.un.sun_path, &claim, ret_why);
		}
		if (fd == 0) {
			fd = open_unix(addr, access, options, claim, ret_why);
		}
	}
	if (fd < 0) {
		listen_claim_free(claim);
		return fd;
	}
	*ret_socket = (struct listen_socket){.fd = fd, .claim = claim};
	return 0;
}

int listen_open_beside(const struct addr *addr, const struct sockopts *options,
	struct listen_socket *ret_socket, const char **ret_why)
{
	const char *why;
	int fd;

	ret_why = why_to(ret_why, &why);
	if (addr == NULL || !listen_can_double(addr) || ret_socket == NULL) {
		return -EINVAL;
	}
	fd = addr->kind == ADDR_ANY ? open_any(addr, true, options)
				    : open_inet(addr, true, options);
	if (fd < 0) {
		*ret_why = tcp_why(fd);
		return fd;
	}
	*ret_socket = (struct listen_socket){.fd = fd, .claim = NULL};
	return 0;
}

int listen_set_access(
	const struct listen_socket *socket, const struct file_access *access, const char **ret_why)
{
	const char *why;

	ret_why = why_to(ret_why, &why);
	if (socket == NULL || access == NULL) {
		return -EINVAL;
	}
	return socket->claim == NULL ? 0 : listen_claim_set_access(socket->claim, access, ret_why);
}

int listen_open_more(const struct listen_socket *first, const struct sockopts *options,
	struct listen_socket *ret_socket)
{
	union addr_sockaddr sa;
	socklen_t len = sizeof(sa);
	int v6_only = 0;
	socklen_t v6_only_len = sizeof(v6_only);
	int fd;

	if (first == NULL || ret_socket == NULL) {
		return -EINVAL;
	}
	if (getsockname(first->fd, &sa.any, &len) < 0) {
		return -errno;
	}
	if (sa.any.sa_family == AF_UNIX) {
		return -EINVAL;
	}
	if (sa.any.sa_family == AF_INET6 &&
		getsockopt(first->fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, &v6_only_len) < 0) {
		return -errno;
	}
	fd = open_tcp(&sa.any, len, v6_only != 0, true, options);
	if (fd < 0) {
		return fd;
	}
	*ret_socket = (struct listen_socket){.fd = fd, .claim = NULL};
	return 0;
}

/** Checks what kind of socket it is: 0 and *ret_tcp, or a negative errno and *ret_why. */
static int examine(int fd, bool *ret_tcp, const char **ret_why)
{
	int domain;
	int listens;
	int protocol;
	int type;
	int r = get_option(fd, SO_TYPE, &type);

	if (r < 0) {
		*ret_why = r == -ENOTSOCK ? "it is not a socket; write ListenStream= in its unit"
					  : NULL;
		return r;
	}
	if (type != SOCK_STREAM) {
		*ret_why = "it is not a stream socket; write ListenStream= in its unit";
		return -ESOCKTNOSUPPORT;
	}
	r = get_option(fd, SO_DOMAIN, &domain);
	if (r == 0) {
		r = get_option(fd, SO_PROTOCOL, &protocol);
	}
	if (r == 0) {
		r = get_option(fd, SO_ACCEPTCONN, &listens);
	}
	if (r < 0) {
		return r;
	}
	if (domain != AF_UNIX && protocol != IPPROTO_TCP) {
		*ret_why = protocol == IPPROTO_MPTCP
				   ? "it is Multipath TCP, of which the kernel does not tell what "
				     "weir's timers need; write ListenStream= without "
				     "SocketProtocol=mptcp in its unit"
				   : "it is neither TCP nor UNIX; write ListenStream= without "
				     "SocketProtocol= in its unit";
		return -EPROTONOSUPPORT;
	}
	if (listens == 0) {
		*ret_why = "it is connected, or does not listen; write Accept=no in its unit";
		return -EINVAL;
	}
	*ret_tcp = domain != AF_UNIX;
	return 0;
}

int listen_set_backlog(int fd, const struct sockopts *options, struct sockopts_kept *kept)
{
	bool is_said = options != NULL && options->backlog > 0;
	int backlog = backlog_of(options);
	struct tcp_info info = {.tcpi_sacked = 0};
	socklen_t len = sizeof(info);

	if (kept != NULL && !is_said) {
		if (kept->backlog == 0) {
			return 0; /* the socket still has its original backlog */
		}
		backlog = kept->backlog;
		kept->backlog = 0;
	} else if (kept != NULL && kept->backlog == 0 &&
		   getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		/* For a listening socket, tcpi_sacked is its backlog: tcp_get_info(). */
		kept->backlog = (int)info.tcpi_sacked;
	}
	return listen(fd, backlog) < 0 ? -errno : 0;
}

int listen_adopt(
	int fd, const struct sockopts *options, struct sockopts_kept *kept, const char **ret_why)
{
	const char *why;
	bool is_tcp;
	int flags;
	int r;

	ret_why = why_to(ret_why, &why);
	r = examine(fd, &is_tcp, ret_why);
	if (r < 0) {
		return r;
	}
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
		fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		return -errno;
	}
	/* The backlog stays as systemd has set it, unless the config sets one. */
	r = listen_set_backlog(fd, options, kept);
	if (r == 0 && is_tcp) {
		r = sockopts_change(fd, options, options, kept);
	}
	if (r < 0) {
		listen_give_back(fd, kept);
	}
	return r;
}

void listen_give_back(int fd, struct sockopts_kept *kept)
{
	/* What cannot be put back stays as it is: there is nobody to report it to. */
	(void)listen_set_backlog(fd, NULL, kept);
	(void)sockopts_restore(fd, kept);
}

int listen_queue_length(int fd)
{
	struct tcp_info info = {.tcpi_unacked = 0};
	socklen_t len = sizeof(info);

	/* For a listening socket, tcpi_unacked is the length of its queue: tcp_get_info(). */
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0) {
		return -1;
	}
	return (int)info.tcpi_unacked;
}

bool listen_can_double(const struct addr *addr)
{
	return addr != NULL && (addr->kind == ADDR_INET || addr->kind == ADDR_ANY);
}

/** An interface that receives no packets. */
enum { NO_INTERFACE = INT_MAX };

int listen_refuse(int fd)
{
	int family;
	socklen_t len = sizeof(family);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0) {
		return -errno;
	}
	if (family != AF_UNIX) {
		/* The kernel checks this when it looks for a listener for a SYN, but not when it
		 * has found the handshake of a packet: compute_score(), inet_ehashfn(). */
		int r = set_flag(fd, SOL_SOCKET, SO_BINDTOIFINDEX, NO_INTERFACE);

		return r < 0 ? r : 1;
	}
	/* connect(2) checks this, accept(2) does not: unix_stream_connect(), unix_accept(). */
	return shutdown(fd, SHUT_RD) < 0 ? -errno : 0;
}

bool listen_is_lost(const struct listen_socket *socket)
{
	return socket != NULL && socket->claim != NULL && listen_claim_is_lost(socket->claim);
}

void listen_yield(struct listen_socket *socket)
{
	if (socket != NULL && socket->claim != NULL) {
		listen_claim_yield(socket->claim);
	}
}

void listen_leave(struct listen_socket *socket)
{
	if (socket != NULL) {
		socket->claim = listen_claim_free(socket->claim);
	}
}

void listen_close(struct listen_socket *socket)
{
	if (socket != NULL && socket->fd >= 0) {
		close(socket->fd);
		socket->fd = -1;
	}
	listen_leave(socket);
}
