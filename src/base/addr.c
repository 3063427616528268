/* SPDX-License-Identifier: ISC */
#include "base/addr_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/table.h"

/* ---- text ---- */

static void format_inet(struct in_addr in, in_port_t port, char text[ADDR_TEXT_MAX])
{
	char host[INET_ADDRSTRLEN];
	const char *s = inet_ntop(AF_INET, &in, host, sizeof(host));

	assert(s != NULL);
	(void)snprintf(text, ADDR_TEXT_MAX, "%s:%u", s, (unsigned int)ntohs(port));
}

/*
 * `zone` is written as the zone. If it is NULL, a link-local address gets the name of its
 * interface, or the number of the interface if that has no name.
 */
static void format_inet6(const struct sockaddr_in6 *in6, const char *zone, char text[ADDR_TEXT_MAX])
{
	char name[IF_NAMESIZE];
	char host[INET6_ADDRSTRLEN];
	const char *s = inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	unsigned int port = ntohs(in6->sin6_port);

	assert(s != NULL);
	if (zone == NULL && IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) && in6->sin6_scope_id != 0) {
		zone = if_indextoname(in6->sin6_scope_id, name);
	}
	if (zone != NULL) {
		(void)snprintf(text, ADDR_TEXT_MAX, "[%s%%%s]:%u", s, zone, port);
	} else if (IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) && in6->sin6_scope_id != 0) {
		(void)snprintf(text, ADDR_TEXT_MAX, "[%s%%%u]:%u", s,
			(unsigned int)in6->sin6_scope_id, port);
	} else {
		(void)snprintf(text, ADDR_TEXT_MAX, "[%s]:%u", s, port);
	}
}

static void format_number_zone(const struct sockaddr_in6 *in6, char text[ADDR_TEXT_MAX])
{
	char zone[IF_NAMESIZE];

	(void)snprintf(zone, sizeof(zone), "%u", (unsigned int)in6->sin6_scope_id);
	format_inet6(in6, zone, text);
}

static void format_unix(const char *name, size_t len, char text[ADDR_TEXT_MAX])
{
	size_t n = strlen(ADDR_UNIX_PREFIX);
	bool abstract = len > 0 && name[0] == '\0';

	memcpy(text, ADDR_UNIX_PREFIX, n);
	if (abstract) {
		text[n++] = '@';
	} else {
		len = strnlen(name, len);
	}
	for (size_t i = abstract ? 1 : 0; i < len; i++) {
		text[n++] = addr_is_control(name[i]) ? '?' : name[i];
	}
	text[n] = '\0';
}

const char *addr_format(const struct sockaddr *sa, socklen_t len, char text[ADDR_TEXT_MAX])
{
	union addr_sockaddr copy;

	/* The length from the kernel may exceed the room that there was (accept(2)). */
	if (len > sizeof(copy)) {
		len = sizeof(copy);
	}
	memset(&copy, 0, sizeof(copy));
	memcpy(&copy, sa, len);
	if (copy.any.sa_family == AF_INET && len >= sizeof(copy.in)) {
		format_inet(copy.in.sin_addr, copy.in.sin_port, text);
	} else if (copy.any.sa_family == AF_INET6 && len >= sizeof(copy.in6)) {
		if (IN6_IS_ADDR_V4MAPPED(&copy.in6.sin6_addr)) {
			format_inet(addr_unmap(&copy.in6.sin6_addr), copy.in6.sin6_port, text);
		} else {
			format_inet6(&copy.in6, NULL, text);
		}
	} else if (copy.any.sa_family == AF_UNIX && len >= ADDR_UNIX_NAME_AT) {
		size_t name_len = len - ADDR_UNIX_NAME_AT;

		if (name_len > sizeof(copy.un.sun_path)) {
			name_len = sizeof(copy.un.sun_path);
		}
		format_unix(copy.un.sun_path, name_len, text);
	} else {
		(void)snprintf(text, ADDR_TEXT_MAX, "unknown");
	}
	return text;
}

const char *addr_text(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
	switch (addr->kind) {
	case ADDR_ANY:
		(void)snprintf(text, ADDR_TEXT_MAX, "*:%u", (unsigned int)addr->port);
		break;
	case ADDR_NAME:
		(void)snprintf(text, ADDR_TEXT_MAX, "%s:%u", addr->host, (unsigned int)addr->port);
		break;
	case ADDR_SYSTEMD:
		(void)snprintf(text, ADDR_TEXT_MAX, ADDR_SYSTEMD_PREFIX "%s", addr->host);
		break;
	case ADDR_INET:
	case ADDR_UNIX:
		if (addr->host[0] != '\0') {
			format_inet6(&addr->sa.in6, addr->host, text);
		} else if (addr->sa.any.sa_family == AF_INET6 && addr->sa.in6.sin6_scope_id != 0) {
			format_number_zone(&addr->sa.in6, text);
		} else {
			(void)addr_format(&addr->sa.any, addr->sa_len, text);
		}
		break;
	}
	return text;
}

/* ---- what it means ---- */

int addr_now(const struct addr *addr, union addr_sockaddr *ret_sa)
{
	union addr_sockaddr sa = addr->sa;

	assert(addr->kind == ADDR_INET || addr->kind == ADDR_ANY);
	if (addr->host[0] != '\0') {
		sa.in6.sin6_scope_id = if_nametoindex(addr->host);
		if (sa.in6.sin6_scope_id == 0) {
			return -ENODEV;
		}
	}
	*ret_sa = sa;
	return 0;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->kind != b->kind || a->port != b->port) {
		return false;
	}
	if (strcmp(a->host, b->host) != 0) {
		return false;
	}
	return a->sa_len == b->sa_len && memcmp(&a->sa, &b->sa, a->sa_len) == 0;
}

uint64_t addr_hash(const struct addr *addr)
{
	uint64_t hash = hash_bytes(HASH_BEGIN, &addr->kind, sizeof(addr->kind));

	hash = hash_bytes(hash, &addr->port, sizeof(addr->port));
	if (addr->kind == ADDR_NAME || addr->kind == ADDR_SYSTEMD) {
		return hash_bytes(hash, addr->host, strlen(addr->host));
	}
	switch (addr->sa.any.sa_family) {
	case AF_INET:
		return hash_bytes(hash, &addr->sa.in.sin_addr, sizeof(addr->sa.in.sin_addr));
	case AF_INET6:
		return hash_bytes(hash, &addr->sa.in6.sin6_addr, sizeof(addr->sa.in6.sin6_addr));
	default:
		return hash_bytes(hash, &addr->sa, addr->sa_len);
	}
}

bool addr_is_within(const struct addr *narrow, const struct addr *wide)
{
	if (narrow->port != wide->port || (narrow->kind != ADDR_INET && narrow->kind != ADDR_ANY)) {
		return false;
	}
	if (wide->kind == ADDR_ANY) {
		return true;
	}
	if (wide->kind != ADDR_INET || narrow->kind == ADDR_ANY ||
		narrow->sa.any.sa_family != wide->sa.any.sa_family) {
		return false;
	}
	return wide->sa.any.sa_family == AF_INET ? wide->sa.in.sin_addr.s_addr == htonl(INADDR_ANY)
						 : IN6_IS_ADDR_UNSPECIFIED(&wide->sa.in6.sin6_addr);
}

void addr_wildcards(uint16_t port, struct addr ret_all[ADDR_WILDCARDS])
{
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(ret_all, 0, ADDR_WILDCARDS * sizeof(*ret_all));
	for (size_t i = 0; i < ADDR_WILDCARDS; i++) {
		ret_all[i].kind = i == 0 ? ADDR_ANY : ADDR_INET;
		ret_all[i].port = port;
		ret_all[i].sa_len = i == 1 ? sizeof(in) : sizeof(in6);
	}
	ret_all[0].sa.in6 = in6;
	ret_all[1].sa.in = in;
	ret_all[2].sa.in6 = in6;
}
