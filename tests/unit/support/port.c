/* SPDX-License-Identifier: ISC */
#include "port.h"

#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

int port_reserve(struct addr *addr)
{
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	ck_assert_int_ge(fd, 0);
	addr->sa.in.sin_port = 0; /* at the same place in both families */
	ck_assert_int_eq(bind(fd, &addr->sa.any, addr->sa_len), 0);
	ck_assert_int_eq(getsockname(fd, &addr->sa.any, &addr->sa_len), 0);
	/* Only now: with this option before, two tests could reserve the same port. */
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	addr->port = ntohs(addr->sa.in.sin_port);
	return fd;
}
