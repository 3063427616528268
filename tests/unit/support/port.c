/* SPDX-License-Identifier: ISC */
#include "port.h"

#include <check.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int port_reserve(struct addr *addr)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in; /* the port is at the same place in both families */
		struct sockaddr_in6 in6;
	} wide = {.in6 = {.sin6_family = AF_INET6}};
	socklen_t len = sizeof(wide.in6);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;
	int off = 0;

	if (fd >= 0) {
		ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
	} else {
		wide.in = (struct sockaddr_in){.sin_family = AF_INET};
		len = sizeof(wide.in);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(fd, 0);
	}
	ck_assert_int_eq(bind(fd, &wide.any, len), 0);
	ck_assert_int_eq(getsockname(fd, &wide.any, &len), 0);
	/* The option is set after bind(2); with it, two tests could reserve the same port. */
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	addr->sa.in.sin_port = wide.in.sin_port;
	addr->port = ntohs(wide.in.sin_port);
	return fd;
}
