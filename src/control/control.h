/* SPDX-License-Identifier: ISC */
/*
 * The control socket: `control` in the first folder of $RUNTIME_DIRECTORY, mode 0600. A client
 * writes one line, the name of a command, and reads lines, of which the last is "ok" or "failed".
 * Its opener says which commands there are, and what they do.
 *
 * Clients are not trusted to be quick or sane: CONTROL_CLIENTS_MAX are served at a time (others
 * wait in the kernel's queue), a line has CONTROL_LINE_MAX bytes at most, and each client has
 * CONTROL_TIME_S to ask, and as long to take the answer. Between the two a command takes its time,
 * which has bounds of its own.
 */
#ifndef WEIR_CONTROL_CONTROL_H
#define WEIR_CONTROL_CONTROL_H

#include <stddef.h>

#include "base/list.h"
#include "stream/listen.h"

struct acceptor;
struct control_request;
struct loop;

enum {
	CONTROL_CLIENTS_MAX = 8,
	CONTROL_LINE_MAX = 64,
	CONTROL_TIME_S = 5,
	CONTROL_REFUSAL_MAX = 256,             /**< with the names of all commands */
	CONTROL_FDS = CONTROL_CLIENTS_MAX + 3, /**< with the socket, its path and its lock */
};

struct control_command {
	const char *name;
	/** Answers by request->done(), at once or later. */
	void (*obey)(void *owner, struct control_request *request);
};

struct control_opts {
	struct loop *loop;                      /**< the main one */
	const struct control_command *commands; /**< borrowed; the last one has no name */
	void *owner;                            /**< for obey() */
};

struct control {
	struct control_opts opts;
	struct listen_socket socket;
	struct acceptor *acceptor; /**< NULL: not open */
	struct list clients;       /* struct control_client::link */
	size_t n_clients;
};

/**
 * Listens, if there is a $RUNTIME_DIRECTORY. 0 (also without one), or a negative errno that was
 * logged ("event=control_failed"): weir runs without it then, and reloads by SIGHUP.
 */
int control_open(struct control *control, const struct control_opts *opts);

/** Listens anew where somebody removed the socket's path, or where weir could not listen before. */
void control_renew(struct control *control);

/** While it goes on listening, the next weir may take the path over (listen_yield()). */
void control_yield(struct control *control);

/** Closes it, and every client unanswered. Idempotent, also on zeroed memory. */
void control_close(struct control *control);

#endif
