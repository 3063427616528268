/* SPDX-License-Identifier: ISC */
/*
 * weir --socket-proxy: a replacement for systemd-socket-proxyd(8), with the same command line and
 * behind the same .socket unit. All sockets that systemd passes, whatever their names, lead to one
 * server.
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
};

struct socket_proxy {
	uint32_t connections_max;
	uint64_t exit_idle_ns; /**< NS_NEVER: it does not exit */
	struct addr server;
};

/**
 * Parses the command line; argv[0] is the prefix of its lines on stderr. False, and *ret_code: the
 * command line is wrong, or --help or --version was printed.
 */
bool socket_proxy_parse(int argc, char **argv, struct socket_proxy *ret_proxy, int *ret_code);

/**
 * Parses HOST[:PORT], HOST[:SERVICE], /path or @abstract, as systemd-socket-proxyd does. 0, or
 * -EINVAL and *ret_why (a constant text).
 */
int socket_proxy_address(const char *text, struct addr *ret_addr, const char **ret_why);

/** Makes the config for it, with one reference. 0, or a negative errno, already logged: no socket
 * was passed, one that was passed does not listen, or there is no memory. */
int socket_proxy_conf(const struct socket_proxy *proxy, const struct inherited *inherited,
	const struct conf **ret_conf);

#endif
