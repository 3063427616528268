/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets of the process: bound by the main thread, or inherited, all or none, before
 * any worker starts, or at a reload; then given to the workers. UNIX paths that weir has bound stay
 * claimed until nobody new is let in or they are closed; inherited ones are never removed.
 */
#ifndef WEIR_CREW_SOCKETS_H
#define WEIR_CREW_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "crew/inherited.h"
#include "proxy/bound_socket.h"

struct conf_errors;

/** What to do where an address cannot be listened on, for a negative errno; constant. */
const char *sockets_remedy(int err);

struct sockets {
	struct bound_socket **all;
	size_t n;
	bool shut;  /**< weir's own are forgotten, and none is bound until all are again */
	bool opens; /**< what is prepared ends that */
	/** Set by the one that changes them: workers have an order about them, and until it is
	 * answered nobody else may prepare or sweep them. */
	bool is_busy;
};

/** What sockets are opened for. */
struct sockets_opts {
	const struct conf *conf;
	size_t n_workers;
	const struct inherited *inherited;
	/** Where failures are told, as errors of `path`; NULL: in the log (listen_failed). */
	struct conf_errors *errors;
	const char *path;
	bool reopens; /**< binds weir's own again, where they were forgotten */
};

/** How many fds the sockets of a config take at most, with what belongs to them and all that was
 * inherited. */
size_t sockets_count(const struct conf *conf, size_t n_workers, const struct inherited *inherited);

/**
 * Binds every address of every listener, for each worker where that is possible, and finds the
 * inherited sockets. 0, or a negative errno: then everything is closed again, and each error was
 * told, with its listener and its address where it has one. Zeroed at first.
 */
int sockets_open(struct sockets *sockets, const struct sockets_opts *opts);

/**
 * For a reload: finds the sockets that stay, by their addresses, whatever their listeners are
 * called, and binds the new ones, all or none. 0 or a negative errno, as sockets_open(): then
 * nothing has changed. Else sockets_commit() or sockets_cancel() must follow.
 */
int sockets_prepare(struct sockets *sockets, const struct sockets_opts *opts);

/**
 * The next config is the one in force: each socket's listener is that in it, or LISTENER_NONE, and
 * the workers may be told. `before` is the last one, for the log; NULL: there was none.
 */
void sockets_commit(struct sockets *sockets, const struct conf *before, const struct conf *conf);

/**
 * The next config is given up: closes what is new; what is accepted from already goes. A path whose
 * mode or owner cannot be put back is told in the log.
 */
void sockets_cancel(struct sockets *sockets);

/**
 * All workers were shut (shut_order), and close their listeners: the sockets that are weir's own
 * go, and systemd's stay. `conf` is the config in force, for the log. A reload then binds none,
 * whatever its config says; sockets_prepare() with `reopens` binds all of a config anew.
 */
void sockets_forget(struct sockets *sockets, const struct conf *conf);

/** Lets go of the sockets that are drained, and returns how many are not yet. */
size_t sockets_sweep(struct sockets *sockets);

/** Gives up the paths of the sockets that let nobody new in, so that others may bind them. */
void sockets_leave(struct sockets *sockets);

/** Whether nothing that goes is in the way of another on its address, but for abstract names. */
bool sockets_are_settled(const struct sockets *sockets);

/** Closes what no acceptor took, and removes UNIX paths that are still ours. */
void sockets_close(struct sockets *sockets);

#endif
