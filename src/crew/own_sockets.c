/* SPDX-License-Identifier: ISC */
#include "crew/own_sockets.h"

#include <netinet/in.h>
#include <string.h>

#include "conf/conf.h"
#include "crew/inherited.h"
#include "proxy/own.h"

static size_t count(const struct conf *conf, const struct inherited *inherited)
{
	size_t n = inherited->n_listening;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		n += conf->listeners[i].n_addresses;
	}
	return n;
}

/** Adds the address of an inherited socket. If it cannot be read, the socket is left out. */
static int add_inherited(struct own *own, int fd, size_t listener)
{
	union addr_sockaddr sa;
	socklen_t len = sizeof(sa);
	int only = 1;
	socklen_t only_len = sizeof(only);

	memset(&sa, 0, sizeof(sa));
	if (getsockname(fd, &sa.any, &len) < 0) {
		return 0;
	}
	if (sa.any.sa_family == AF_INET6) {
		(void)getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &only_len);
	}
	return own_add(own, &sa, len, listener, only == 0, true);
}

static int add_address(struct own *own, const struct inherited *inherited, const struct addr *addr,
	size_t listener)
{
	int r = 0;

	if (addr->kind != ADDR_SYSTEMD) {
		return own_add(
			own, &addr->sa, addr->sa_len, listener, addr->kind == ADDR_ANY, false);
	}
	for (size_t i = 0; i < inherited->n_listening && r == 0; i++) {
		if (strcmp(inherited->listening[i].name, addr->host) == 0) {
			r = add_inherited(own, inherited->listening[i].fd, listener);
		}
	}
	return r;
}

struct own *own_sockets(const struct conf *conf, const struct inherited *inherited)
{
	struct own *own = own_new(count(conf, inherited));

	for (size_t i = 0; own != NULL && i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; own != NULL && k < listener->n_addresses; k++) {
			if (add_address(own, inherited, &listener->addresses[k], i) < 0) {
				own = own_free(own);
			}
		}
	}
	if (own != NULL) {
		own_seal(own);
	}
	return own;
}
