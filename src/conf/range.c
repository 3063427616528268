/* SPDX-License-Identifier: ISC */
#include "conf/range.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

/* The '-' of a range of ports; NULL: there is none. */
static const char *find_dash(const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t n;

	if (colon == NULL || strncmp(text, "unix:", 5) == 0 || strncmp(text, "systemd:", 8) == 0) {
		return NULL;
	}
	n = strspn(colon + 1, DIGITS);
	return n > 0 && colon[1 + n] == '-' ? colon + 1 + n : NULL;
}

/* The port after the '-'; 0: it is not a port. */
static unsigned last_port(const char *dash)
{
	size_t n = strspn(dash + 1, DIGITS);
	unsigned long port =
		n == 0 || n > 5 || dash[1 + n] != '\0' ? 0 : strtoul(dash + 1, NULL, 10);

	return port > UINT16_MAX ? 0 : (unsigned)port;
}

int conf_range_parse(const char *text, struct conf_range *ret_range, char why[CONF_WHY_MAX])
{
	const char *dash = find_dash(text);
	struct conf_range range = {.n = 1};
	char first[ADDR_TEXT_MAX];
	const char *what;
	unsigned last;

	if (dash != NULL && dash - text < ADDR_TEXT_MAX) {
		(void)snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	}
	if (dash != NULL && dash - text >= ADDR_TEXT_MAX) {
		return conf_refuse(why, text, "too long for an address; write a shorter one");
	}
	if (addr_parse(dash == NULL ? text : first, &range.first, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (dash != NULL) {
		last = last_port(dash);
		if (last == 0) {
			return conf_refuse(why, text,
				"a range ends with a port from 1 to 65535; write one like "
				"\"*:8000-8009\"");
		}
		if (last < range.first.port) {
			return conf_refuse(why, text,
				"the range ends before it begins; write the lower port first");
		}
		range.n = last - range.first.port + 1;
	}
	if (range.n > CONF_RANGE_MAX) {
		return conf_refuse(why, text,
			"a range has at most 1024 ports; write several, in listeners of their own");
	}
	*ret_range = range;
	return 0;
}

struct addr conf_range_at(const struct conf_range *range, uint32_t i)
{
	struct addr addr = range->first;

	if (i > 0) {
		addr.port = (uint16_t)(addr.port + i);
		if (addr.sa_len > 0) {
			/* The offset is the same in both families. */
			addr.sa.in.sin_port = htons(addr.port);
		}
	}
	return addr;
}

int conf_range_check_listen(const char *text, const struct addr *addr, char why[CONF_WHY_MAX])
{
	if (addr->kind == ADDR_NAME) {
		return conf_refuse(why, text,
			"a listener needs an address, not a name; "
			"write \"127.0.0.1:80\", \"[::1]:80\", \"*:80\", \"unix:/run/x.sock\" "
			"or \"systemd:NAME\"");
	}
	return 0;
}

int conf_range_check_server(const char *text, const struct addr *addr, char why[CONF_WHY_MAX])
{
	if (addr->kind == ADDR_ANY) {
		return conf_refuse(why, text,
			"\"*\" is no place to connect to; write the address of a server, "
			"like \"127.0.0.1:80\"");
	}
	if (addr->kind == ADDR_SYSTEMD) {
		return conf_refuse(why, text,
			"sockets that systemd passes are listened on; write the address of a "
			"server, like \"127.0.0.1:80\"");
	}
	return 0;
}
