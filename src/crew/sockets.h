/* SPDX-License-Identifier: ISC */
/*
 * The listening sockets of the process. The main thread binds or inherits them, all or none, before
 * any worker starts or at a reload; then the workers accept from them. weir locks each UNIX path
 * that it binds, until the socket lets no new client in or is closed. It never removes the path of
 * an inherited socket.
 */
#ifndef WEIR_CREW_SOCKETS_H
#define WEIR_CREW_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "crew/inherited.h"
#include "proxy/bound_socket.h"

struct conf_errors;

/** What a user can do when listening fails with this negative errno; a constant text. */
const char *sockets_remedy(int err);

struct sockets {
	struct bound_socket **all;
	size_t n;
	/** Weir's own sockets are forgotten, and none is bound until all are bound again. */
	bool shut;
	bool opens; /**< committing what is prepared resets `shut` */
	/** Set by a reload or a drain while the workers have an order about the sockets. Until the
	 * order is answered no other module may prepare or sweep them. */
	bool is_busy;
};

/** For which config sockets are opened, and how. */
struct sockets_opts {
	const struct conf *conf;
	size_t n_workers;
	const struct inherited *inherited;
	/** Failures are added here as errors of `path`; NULL: they are logged (listen_failed). */
	struct conf_errors *errors;
	const char *path;
	bool reopens; /**< binds weir's own sockets again after sockets_forget() */
};

/** How many fds the sockets of a config need at most, including their locks and all inherited
 * fds. */
size_t sockets_count(const struct conf *conf, size_t n_workers, const struct inherited *inherited);

/**
 * Binds every address of every listener, once for each worker where that is possible, and finds the
 * inherited sockets. `sockets` must be zeroed. 0, or a negative errno: then everything is closed
 * again, and each error was reported, with its listener and its address if it has them.
 */
int sockets_open(struct sockets *sockets, const struct sockets_opts *opts);

/**
 * For a reload: finds the sockets that stay by their addresses, even if their listeners have new
 * names, and binds the new ones, all or none. After 0 the caller must call sockets_commit() or
 * sockets_cancel(). A negative errno: nothing has changed, and the errors were reported as by
 * sockets_open().
 */
int sockets_prepare(struct sockets *sockets, const struct sockets_opts *opts);

/**
 * Puts the next config in force: each socket now has its listener in that config, or LISTENER_NONE,
 * and the workers may be ordered to switch. `before` is the config before it, for the log; NULL:
 * there was none.
 */
void sockets_commit(struct sockets *sockets, const struct conf *before, const struct conf *conf);

/**
 * Gives the next config up: closes the new sockets, except those from which a worker accepts
 * already. The worker drains these when it gets a switch_order or a shut_order, which the caller
 * must give. If the mode or owner of a path cannot be restored, that is logged.
 */
void sockets_cancel(struct sockets *sockets);

/**
 * Call it when all workers were shut (shut_order with `keeps`) and are closing their listeners.
 * From now on no config wants weir's own sockets; systemd's stay. `conf` is the config in force,
 * for the log. A later reload binds none, whatever its config says, until sockets_prepare() with
 * `reopens` binds all sockets of a config again.
 */
void sockets_forget(struct sockets *sockets, const struct conf *conf);

/** Frees the sockets that have been drained. Returns how many are still draining. */
size_t sockets_sweep(struct sockets *sockets);

/** Gives up the UNIX paths of the sockets that let no new client in, so that other processes may
 * bind them. */
void sockets_leave(struct sockets *sockets);

/** Whether no socket that is being drained still occupies an address that a new socket may need.
 * An abstract name is considered only until its socket lets no new client in. */
bool sockets_are_settled(const struct sockets *sockets);

/** Closes the sockets that no acceptor has taken, and removes the UNIX paths that weir still
 * owns. */
void sockets_close(struct sockets *sockets);

#endif
