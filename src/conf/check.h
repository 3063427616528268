/* SPDX-License-Identifier: ISC */
/*
 * Checks that need more than one value of the model. What is wrong is reported; warnings and hints
 * are given only for a config without errors. Private to conf.
 *
 *	check.c			duplicate names and addresses, servers that are weir's own
 *				listeners, drain.grace and drain.spread longer than timeouts.drain
 *	check_references.c	upstreams that listeners and routes name
 *	check_upstream.c	an upstream: servers, active checks, discovery
 *	check_edge.c		what a listener says about its clients
 *	check_routes.c		routes that no client can reach
 *	check_socket.c		socket options that contradict each other or the addresses
 *	check_control.c		listeners against weir's own doors
 */
#ifndef WEIR_CONF_CHECK_H
#define WEIR_CONF_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/errors.h"
#include "conf/reader.h"

struct addr;
struct names;

/** Checks the model as a whole. */
void conf_check_model(struct conf_reader *reader);

/* ---- for the other files of the check ---- */

/** Reports that `upstreams` is missing, if `listeners` is missing too, and no included file was
 * refused in which it may be. */
void conf_check_upstreams(struct conf_reader *reader);

/** Notes the names of upstreams that were refused. */
void conf_note_refused(struct conf_reader *reader);

/** Points a listener and its routes at their upstreams. */
void conf_check_references(struct conf_reader *reader, size_t i, const struct names *upstreams);

/** Refuses `owner` and `group` of a listener that has sockets of systemd, but no UNIX socket with a
 * path, which weir would bind. */
void conf_check_owner(struct conf_reader *reader, size_t i);

/** Gives hints for `mode`, `owner` and `group` of a listener without a UNIX socket with a path. */
void conf_check_owner_unwritten(struct conf_reader *reader, size_t i);

/** The first function checks what a listener says about its clients. If it looks at their first
 * bytes, a receive buffer that is too small for them is refused, and one that has little room to
 * spare is raised. The second function gives warnings and hints for valid settings. */
void conf_check_edge(struct conf_reader *reader, size_t i);
void conf_check_edge_unwritten(struct conf_reader *reader, size_t i);

/** Gives warnings for valid timeouts of the top level. */
void conf_check_timeouts_unwritten(struct conf_reader *reader);

/** Reports routes that no client can reach; with `warns`, in a valid config, gives warnings for
 * names that no client can reach. Does nothing for a config from a tape, which was checked by the
 * process that wrote the tape. */
void conf_check_routes(struct conf_reader *reader, size_t i, bool warns);

/** Check that a listener, or the HTTP door, is not on the path of the control socket. */
void conf_check_control(struct conf_reader *reader, size_t i);
void conf_check_http(struct conf_reader *reader);

/** Gives a warning for an HTTP door that any client can reach. */
void conf_check_http_unwritten(struct conf_reader *reader);

/** Whether an IP address can be reached from this machine only. */
bool conf_is_loopback(const struct addr *addr);

/** Checks one upstream, and fills in values that follow from others. */
void conf_check_upstream(struct conf_reader *reader, size_t u);

/** Checks the DNS servers for discovery. */
void conf_check_resolver(struct conf_reader *reader);

/** Gives warnings for upstreams to which nothing leads, and for those with several servers that do
 * not set `balance`. */
void conf_check_unwritten(struct conf_reader *reader);

/** The setting that has the address of server `k` of upstream `u`, and its key: `address` of the
 * server, the server itself if it is a string, or `server` of the listener that has made `u`. */
const struct setting *conf_server_address(
	const struct conf_reader *reader, size_t u, size_t k, char key[CONF_PATH_MAX]);

/** Whether an address was read; one that was refused is zeroed. */
bool conf_is_set(const struct addr *addr);

/** Check the socket options that are written at the top level, in one listener, and in one
 * upstream. */
void conf_check_socket(struct conf_reader *reader);
void conf_check_listener_socket(struct conf_reader *reader, size_t i);
void conf_check_upstream_socket(struct conf_reader *reader, size_t i);

#endif
