/* SPDX-License-Identifier: ISC */
#include "load/listening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "base/file_access.h"
#include "load/options.h"
#include "stream/listen.h"

/** What the user can do. `remedy` is the advice for a listener of weir; it may be NULL. */
static const char *remedy_for(const struct addr *addr, int error, const char *remedy)
{
	if (addr->kind == ADDR_UNIX || remedy == NULL) {
		return remedy;
	}
	switch (error) {
	case -EADDRNOTAVAIL:
		return "no interface of this machine has this address; write one that `ip address` "
		       "shows";
	case -EACCES:
		return "ports below 1024 are for the privileged; choose one from 1024 on";
	default:
		return remedy;
	}
}

int listening_open(const char *option, const struct addr *addr, mode_t mode,
	struct listen_socket *ret_socket, char *ret_why)
{
	const struct file_access access = {.mode = mode};
	const char *remedy = NULL;
	char text[ADDR_TEXT_MAX];
	int r = listen_open(addr, &access, NULL, ret_socket, &remedy);

	if (r < 0) {
		remedy = remedy_for(addr, r, remedy);
		(void)snprintf(ret_why, OPTIONS_WHY_MAX, "%s %s: %s%s%s", option,
			addr_text(addr, text), strerror(-r), remedy == NULL ? "" : "; ",
			remedy == NULL ? "" : remedy);
	}
	return r;
}
