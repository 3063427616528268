/* SPDX-License-Identifier: ISC */
/*
 * weir --socket-proxy: in the place of systemd-socket-proxyd(8), with its command line, behind the
 * same .socket unit. All sockets that are passed, whatever their names, lead to one server.
 */
#ifndef WEIR_SERVICE_SOCKET_PROXY_H
#define WEIR_SERVICE_SOCKET_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"

struct conf;
struct inherited;

enum {
	SOCKET_PROXY_CONNECTIONS = 256, /**< the default of --connections-max= */
	SOCKET_PROXY_WHY_MAX = 512,
};

struct socket_proxy {
	uint32_t connections_max;
	uint64_t exit_idle_ns; /**< NS_NEVER: it does not exit */
	struct addr server;
};

/**
 * Reads the command line; argv[0] is what the lines begin with that it writes to stderr. False, and
 * the exit code, when all is said: what is wrong, or what --help and --version ask for.
 */
bool socket_proxy_parse(int argc, char **argv, struct socket_proxy *ret_proxy, int *ret_code);

/**
 * Reads HOST[:PORT], HOST[:SERVICE], /path or @abstract, as systemd-socket-proxyd does. -EINVAL and
 * *ret_why (constant text) otherwise.
 */
int socket_proxy_address(const char *text, struct addr *ret_addr, const char **ret_why);

/** The config of it, with one reference. 0, or a negative errno that was logged: none is passed, or
 * there is no memory. */
int socket_proxy_conf(const struct socket_proxy *proxy, const struct inherited *inherited,
	const struct conf **ret_conf);

#endif
