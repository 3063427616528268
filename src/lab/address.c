/* SPDX-License-Identifier: ISC */
#include "lab/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char unix_scheme[] = "unix:";

/** A host without brackets, and a port. */
struct parts {
	char host[ADDR_HOST_MAX];
	uint16_t port;
};

__attribute__((format(printf, 2, 3))) static int wrong(
	char error[ADDRESS_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, ADDRESS_ERROR_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/** Reads a port: a number, which may have a sign as in Go, or the name of a service. An empty text
 * is port 0. Returns 0, or -EINVAL and the error. */
static int read_port(const char *text, uint16_t *ret_port, char error[ADDRESS_ERROR_MAX])
{
	const char *digits = text + (*text == '+' || *text == '-');
	const struct servent *service;
	long port;

	if (*digits == '\0' || strspn(digits, "0123456789") == strlen(digits)) {
		port = strtol(text, NULL, 10);
		*ret_port = (uint16_t)port;
		return port < 0 || port > UINT16_MAX
			       ? wrong(error, "address %s: invalid port", text)
			       : 0;
	}
	service = getservbyname(text, "tcp");
	if (service == NULL) {
		return wrong(error, "address tcp/%s: unknown port", text);
	}
	*ret_port = ntohs((uint16_t)service->s_port);
	return 0;
}

/** Finds what is wrong with the brackets and colons; NULL: nothing. `colon` is the last one. */
static const char *wrong_form(const char *text, const char *colon)
{
	const char *close = *text == '[' ? strchr(text, ']') : NULL;

	if (colon == NULL) {
		return "missing port in address";
	}
	if (*text == '[' && close == NULL) {
		return "missing ']' in address";
	}
	if (close != NULL && close + 1 != colon) {
		return close[1] == ':' ? "too many colons in address" : "missing port in address";
	}
	if (close == NULL && memchr(text, ':', (size_t)(colon - text)) != NULL) {
		return "too many colons in address";
	}
	if (strchr(text + (close != NULL), '[') != NULL) {
		return "unexpected '[' in address";
	}
	return strchr(close == NULL ? text : colon, ']') != NULL ? "unexpected ']' in address"
								 : NULL;
}

/** Splits a text at the last ':'; a host that contains ':' must be in brackets. */
static int split(const char *text, struct parts *ret, char error[ADDRESS_ERROR_MAX])
{
	const char *colon = strrchr(text, ':');
	const char *why = wrong_form(text, colon);
	const char *host = text;
	size_t n;

	if (why != NULL) {
		return wrong(error, "address %s: %s", text, why);
	}
	n = (size_t)(colon - text);
	if (*text == '[') {
		host++;
		n -= 2;
	}
	if (read_port(colon + 1, &ret->port, error) < 0) {
		return -EINVAL;
	}
	if (n >= sizeof(ret->host)) {
		return wrong(error, "lookup %.*s: no such host", (int)n, host);
	}
	memcpy(ret->host, host, n);
	ret->host[n] = '\0';
	return 0;
}

static void set_in(struct addr *ret, const struct in_addr *in, uint16_t port)
{
	*ret = (struct addr){.kind = ADDR_INET, .port = port, .sa_len = sizeof(ret->sa.in)};
	ret->sa.in.sin_family = AF_INET;
	ret->sa.in.sin_port = htons(port);
	ret->sa.in.sin_addr = *in;
}

static void set_in6(
	struct addr *ret, enum addr_kind kind, const struct in6_addr *in6, uint16_t port)
{
	*ret = (struct addr){.kind = kind, .port = port, .sa_len = sizeof(ret->sa.in6)};
	ret->sa.in6.sin6_family = AF_INET6;
	ret->sa.in6.sin6_port = htons(port);
	ret->sa.in6.sin6_addr = *in6;
}

static void set_any(struct addr *ret, uint16_t port)
{
	set_in6(ret, ADDR_ANY, &in6addr_any, port);
}

/** Sets a numeric address. Returns whether the host is one. */
static bool set_numeric(struct addr *ret, const struct parts *parts)
{
	struct in_addr in;
	struct in6_addr in6;

	if (inet_pton(AF_INET, parts->host, &in) == 1) {
		set_in(ret, &in, parts->port);
		return true;
	}
	if (inet_pton(AF_INET6, parts->host, &in6) == 1) {
		set_in6(ret, ADDR_INET, &in6, parts->port);
		return true;
	}
	return false;
}

static bool set_localhost(struct addr *ret, const struct parts *parts)
{
	struct in_addr loopback = {.s_addr = htonl(INADDR_LOOPBACK)};

	set_in(ret, &loopback, parts->port);
	return true;
}

static bool is_any(const struct addr *addr)
{
	return addr->sa.any.sa_family == AF_INET ? addr->sa.in.sin_addr.s_addr == htonl(INADDR_ANY)
						 : IN6_IS_ADDR_UNSPECIFIED(&addr->sa.in6.sin6_addr);
}

/** Reads a UNIX address as weir does. */
static int read_unix(const char *text, struct addr *ret, char error[ADDRESS_ERROR_MAX])
{
	const char *why = NULL;
	int r = addr_parse(text, ret, &why);

	return r < 0 ? wrong(error, "address %s: %s", text, why) : 0;
}

bool address_is_unix(const char *text)
{
	return strncmp(text, unix_scheme, sizeof(unix_scheme) - 1) == 0;
}

/** Looks up a name of this host; prefers its IPv4 address, as Go does. */
static int look_up(const struct parts *parts, struct addr *ret, char error[ADDRESS_ERROR_MAX])
{
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *all;
	const struct addrinfo *one;

	if (getaddrinfo(parts->host, NULL, &hints, &all) != 0) {
		return wrong(error, "lookup %s: no such host", parts->host);
	}
	for (one = all; one->ai_next != NULL && one->ai_family != AF_INET; one = one->ai_next) {
	}
	one = one->ai_family == AF_INET ? one : all;
	if (one->ai_family == AF_INET) {
		set_in(ret, &((const struct sockaddr_in *)(const void *)one->ai_addr)->sin_addr,
			parts->port);
	} else {
		set_in6(ret, ADDR_INET,
			&((const struct sockaddr_in6 *)(const void *)one->ai_addr)->sin6_addr,
			parts->port);
	}
	freeaddrinfo(all);
	return 0;
}

int address_listen(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX])
{
	struct parts parts;
	struct addr addr;
	int r;

	if (address_is_unix(text)) {
		return read_unix(text, ret_addr, error);
	}
	r = split(*text == '\0' ? ":0" : text, &parts, error);
	if (r < 0) {
		return r;
	}
	if (*parts.host == '\0') {
		set_any(&addr, parts.port);
	} else if (strcasecmp(parts.host, "localhost") == 0) {
		set_localhost(&addr, &parts);
	} else if (!set_numeric(&addr, &parts)) {
		r = look_up(&parts, &addr, error);
	}
	if (r == 0 && is_any(&addr)) {
		set_any(&addr, parts.port);
	}
	if (r == 0) {
		*ret_addr = addr;
	}
	return r;
}

int address_upstream(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX])
{
	struct parts parts;
	int r;

	if (address_is_unix(text)) {
		return read_unix(text, ret_addr, error);
	}
	r = split(text, &parts, error);
	if (r < 0) {
		return r;
	}
	if (parts.port == 0) {
		return wrong(error, "address %s: port 0 cannot be connected to", text);
	}
	if (*parts.host == '\0') {
		(void)set_localhost(ret_addr, &parts);
	} else if (!set_numeric(ret_addr, &parts)) {
		*ret_addr = (struct addr){.kind = ADDR_NAME, .port = parts.port};
		memcpy(ret_addr->host, parts.host, sizeof(parts.host));
	}
	if (ret_addr->kind == ADDR_INET && is_any(ret_addr)) {
		(void)set_localhost(ret_addr, &parts);
	}
	return 0;
}

const char *address_text(const struct addr *addr, char text[ADDR_TEXT_MAX])
{
	return addr_format(&addr->sa.any, addr->sa_len, text);
}

int address_of_fd(int fd, struct addr *addr)
{
	socklen_t len = sizeof(addr->sa);

	if (addr->kind == ADDR_UNIX) {
		return 0;
	}
	if (getsockname(fd, &addr->sa.any, &len) < 0) {
		return -errno;
	}
	addr->sa_len = len;
	addr->port = ntohs(
		addr->sa.any.sa_family == AF_INET ? addr->sa.in.sin_port : addr->sa.in6.sin6_port);
	return 0;
}
