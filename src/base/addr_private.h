/* SPDX-License-Identifier: ISC */
/* What reading and writing addresses share. Only for addr.c and addr_parse.c. */
#ifndef WEIR_BASE_ADDR_PRIVATE_H
#define WEIR_BASE_ADDR_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/addr.h"

#define ADDR_UNIX_PREFIX    "unix:"
#define ADDR_SYSTEMD_PREFIX "systemd:"

enum { ADDR_UNIX_NAME_AT = offsetof(struct sockaddr_un, sun_path) };

static inline bool addr_is_control(char c)
{
	return (unsigned char)c < 0x20 || c == 0x7f;
}

/** The IPv4 address in an IPv4-mapped IPv6 address. */
static inline struct in_addr addr_unmap(const struct in6_addr *in6)
{
	struct in_addr in;

	memcpy(&in, &in6->s6_addr[12], sizeof(in));
	return in;
}

#endif
