/* SPDX-License-Identifier: ISC */
/* From the text of an address to the address. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/addr_private.h"
#include "base/digits.h"

enum {
	LABEL_MAX = 63,                                                  /* RFC 1035, 2.3.4 */
	UNIX_NAME_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1, /* 107 */
};

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Reads a decimal number without sign, blank or leading zero; 0 if it is none, or above `max`. */
static uint32_t read_number(const char *text, uint32_t max)
{
	uint64_t number = 0;

	if (*text == '0') {
		return 0;
	}
	return read_digits(&text, max, &number) && *text == '\0' ? (uint32_t)number : 0;
}

/* Each of the parsers below fills *addr and returns NULL, or returns what is wrong. */

static const char *parse_port(const char *text, struct addr *addr)
{
	addr->port = (uint16_t)read_number(text, UINT16_MAX);
	return addr->port != 0 ? NULL : "the port is not a number of 1 to 65535; write \"HOST:80\"";
}

static const char *parse_unix(const char *name, struct addr *addr)
{
	struct sockaddr_un *un = &addr->sa.un;
	bool abstract = *name == '@';
	size_t len;

	if (abstract) {
		name++;
	}
	len = strlen(name);
	if (len == 0) {
		return "the UNIX socket has no name; "
		       "write \"unix:/run/x.sock\", or \"unix:@x\" for an abstract one";
	}
	if (len > UNIX_NAME_MAX) {
		return "the name of a UNIX socket has at most 107 bytes; "
		       "write a shorter one";
	}
	for (size_t i = 0; i < len; i++) {
		if (addr_is_control(name[i])) {
			return "the name of a UNIX socket has a control character; "
			       "write one without";
		}
	}
	addr->kind = ADDR_UNIX;
	un->sun_family = AF_UNIX;
	/* An abstract name begins with a NUL and ends where sa_len says; a path ends with a NUL. */
	memcpy(un->sun_path + (abstract ? 1 : 0), name, len);
	addr->sa_len = (socklen_t)(ADDR_UNIX_NAME_AT + len + 1);
	return NULL;
}

/* The characters that FileDescriptorName= allows: systemd.socket(5). */
static const char *parse_systemd(const char *name, struct addr *addr)
{
	size_t len = strlen(name);

	if (len == 0 || len >= ADDR_FD_NAME_MAX) {
		return "a FileDescriptorName= has 1 to 255 characters; write \"systemd:web\"";
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] < ' ' || name[i] > '~' || name[i] == ':') {
			return "a FileDescriptorName= has printable ASCII characters, and no "
			       "colon; write \"systemd:web\"";
		}
	}
	addr->kind = ADDR_SYSTEMD;
	memcpy(addr->host, name, len);
	return NULL;
}

static void set_inet(struct addr *addr, struct in_addr in)
{
	addr->kind = ADDR_INET;
	addr->sa.in.sin_family = AF_INET;
	addr->sa.in.sin_port = htons(addr->port);
	addr->sa.in.sin_addr = in;
	addr->sa_len = sizeof(addr->sa.in);
}

static void set_inet6(struct addr *addr, enum addr_kind kind, struct in6_addr in6, uint32_t scope)
{
	addr->kind = kind;
	addr->sa.in6.sin6_family = AF_INET6;
	addr->sa.in6.sin6_port = htons(addr->port);
	addr->sa.in6.sin6_addr = in6;
	addr->sa.in6.sin6_scope_id = scope;
	addr->sa_len = sizeof(addr->sa.in6);
}

/* A zone is a number, or a name that an interface could have: dev_valid_name() of the kernel. */
static const char *parse_zone(const char *zone, struct addr *addr, uint32_t *ret_scope)
{
	size_t len = strlen(zone);
	size_t n_digits = 0;

	while (is_digit(zone[n_digits])) {
		n_digits++;
	}
	*ret_scope = read_number(zone, INT32_MAX);
	if (*ret_scope != 0) {
		return NULL;
	}
	if (len == 0 || len >= IF_NAMESIZE || n_digits == len || strchr(zone, '/') != NULL ||
		strchr(zone, ':') != NULL || strcmp(zone, ".") == 0 || strcmp(zone, "..") == 0) {
		return "the zone after \"%\" cannot be a network interface; "
		       "write its name or number";
	}
	for (size_t i = 0; i < len; i++) {
		if (addr_is_control(zone[i]) || zone[i] == ' ') {
			return "the zone after \"%\" cannot be a network interface; "
			       "write its name or number";
		}
	}
	memcpy(addr->host, zone, len);
	return NULL;
}

/* "[::1]:80", "[fe80::1%eth0]:80", "[fe80::1%2]:80" (RFC 4007, 11) */
static const char *parse_bracketed(const char *text, struct addr *addr)
{
	const char *end = strchr(text, ']');
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
	struct in6_addr in6;
	uint32_t scope = 0;
	const char *why;
	char *zone;
	size_t len;

	if (end == NULL || end[1] != ':') {
		return "a \"[\" needs its \"]\" and a port; write \"[::1]:80\"";
	}
	why = parse_port(end + 2, addr);
	if (why != NULL) {
		return why;
	}
	/* A text that does not fit is not an address, and what is left of it here is not one
	 * either. */
	len = (size_t)(end - text) - 1;
	if (len >= sizeof(host)) {
		len = sizeof(host) - 1;
	}
	memcpy(host, text + 1, len);
	host[len] = '\0';
	zone = strchr(host, '%');
	if (zone != NULL) {
		*zone++ = '\0';
	}
	if (inet_pton(AF_INET6, host, &in6) != 1) {
		return "what is in brackets is not an IPv6 address; "
		       "write \"[::1]:80\"";
	}
	if (zone != NULL) {
		if (!IN6_IS_ADDR_LINKLOCAL(&in6)) {
			return "only a link-local address (fe80::) takes a zone; "
			       "leave out \"%\" and what follows";
		}
		why = parse_zone(zone, addr, &scope);
		if (why != NULL) {
			return why;
		}
	}
	/* A socket for an address in brackets is IPv6 only and could not use a mapped one. The user
	 * means IPv4. */
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		set_inet(addr, addr_unmap(&in6));
	} else {
		set_inet6(addr, ADDR_INET, in6, scope);
	}
	return NULL;
}

/*
 * Whether getaddrinfo() would read the name as an unusual form of an IPv4 address ("127.1",
 * "0x7f000001"), or as one that is out of range: its last label is a number.
 */
static bool ends_in_number(const char *host, size_t len)
{
	size_t start = len;
	size_t i;

	while (start > 0 && host[start - 1] != '.') {
		start--;
	}
	i = start;
	if (len - start >= 2 && host[start] == '0' && (host[start + 1] | 0x20) == 'x') {
		for (i = start + 2; i < len && is_hex(host[i]); i++) {
		}
		return i == len;
	}
	while (i < len && is_digit(host[i])) {
		i++;
	}
	return i == len && len > start;
}

/*
 * RFC 1123, 2.1: letters, digits, and hyphens inside a label; one dot may end the name. Underscores
 * are also allowed: container networks use them in names, and getaddrinfo accepts them. Upper and
 * lower case are the same (RFC 4343).
 */
static const char *parse_name(const char *host, size_t len, struct addr *addr)
{
	size_t label = 0;
	size_t significant = len > 1 && host[len - 1] == '.' ? len - 1 : len;

	if (len >= ADDR_HOST_MAX) {
		return "a host name has at most 253 characters; write a shorter one";
	}
	for (size_t i = 0; i < significant; i++) {
		bool border =
			i == 0 || i + 1 == significant || host[i - 1] == '.' || host[i + 1] == '.';

		if (host[i] == '.') {
			if (label == 0) {
				return "a host name has an empty part; write \"name.example:80\"";
			}
			label = 0;
			continue;
		}
		if (!is_alnum(host[i]) && host[i] != '_' && (host[i] != '-' || border)) {
			return "a host name has letters, digits, underscores and, inside its "
			       "parts, hyphens; write \"name.example:80\"";
		}
		if (++label > LABEL_MAX) {
			return "a part of a host name has at most 63 characters; "
			       "write a shorter one";
		}
	}
	if (label == 0) {
		return "a host name has an empty part; write \"name.example:80\"";
	}
	if (ends_in_number(host, significant)) {
		return "it is not an IPv4 address, and no host name ends in a number; "
		       "write \"127.0.0.1:80\"";
	}
	addr->kind = ADDR_NAME;
	for (size_t i = 0; i < len; i++) {
		addr->host[i] = (char)tolower((unsigned char)host[i]);
	}
	return NULL;
}

static const char *parse_host_port(const char *text, struct addr *addr)
{
	const char *colon = strchr(text, ':');
	char host[INET_ADDRSTRLEN];
	const char *why;
	struct in_addr in;
	size_t len;

	if (strstr(text, "://") != NULL) {
		return "a scheme is not part of an address; write \"name.example:80\"";
	}
	if (*text == '/') {
		return "it is a path; write \"unix:/run/x.sock\" for a UNIX socket";
	}
	if (colon == NULL) {
		return "it has no port; "
		       "write \"127.0.0.1:80\", \"[::1]:80\", \"name.example:80\" or "
		       "\"unix:/run/x.sock\"";
	}
	if (strchr(colon + 1, ':') != NULL) {
		return "an IPv6 address is written in brackets; write \"[::1]:80\"";
	}
	len = (size_t)(colon - text);
	if (len == 0) {
		return "it has no host; "
		       "write \"*:80\" for every address of this machine, or \"127.0.0.1:80\"";
	}
	why = parse_port(colon + 1, addr);
	if (why != NULL) {
		return why;
	}
	if (len == 1 && *text == '*') {
		set_inet6(addr, ADDR_ANY, in6addr_any, 0);
		return NULL;
	}
	if (len < sizeof(host)) {
		memcpy(host, text, len);
		host[len] = '\0';
		if (inet_pton(AF_INET, host, &in) == 1) {
			set_inet(addr, in);
			return NULL;
		}
	}
	return parse_name(text, len, addr);
}

int addr_parse(const char *text, struct addr *ret_addr, const char **ret_why)
{
	struct addr addr;
	const char *why;

	assert(text != NULL && ret_addr != NULL && ret_why != NULL);
	/* The padding is zeroed too, since addr_equal() compares bytes. */
	memset(&addr, 0, sizeof(addr));
	if (strncmp(text, ADDR_UNIX_PREFIX, strlen(ADDR_UNIX_PREFIX)) == 0) {
		why = parse_unix(text + strlen(ADDR_UNIX_PREFIX), &addr);
	} else if (strncmp(text, ADDR_SYSTEMD_PREFIX, strlen(ADDR_SYSTEMD_PREFIX)) == 0) {
		why = parse_systemd(text + strlen(ADDR_SYSTEMD_PREFIX), &addr);
	} else if (*text == '[') {
		why = parse_bracketed(text, &addr);
	} else {
		why = parse_host_port(text, &addr);
	}
	if (why != NULL) {
		*ret_why = why;
		return -EINVAL;
	}
	*ret_addr = addr;
	return 0;
}
