/* SPDX-License-Identifier: ISC */
/*
 * Among the files of sockets.h: from the addresses of a config to sockets, and how a failure is
 * told. The function that meets one tells it by sockets_fail(), where it returns the error; so none
 * is silent and none is told twice.
 */
#ifndef WEIR_CREW_SOCKETS_PRIVATE_H
#define WEIR_CREW_SOCKETS_PRIVATE_H

#include "base/table.h"
#include "crew/sockets.h"

/** What is told of a failure; what is NULL is left out. */
struct socket_report {
	const char *listener;
	const char *address; /**< as the config has it */
	const char *socket;  /**< an inherited one's own */
	const char *error;   /**< in place of that of err */
	const char *remedy;  /**< NULL: that of err */
	int err;             /**< a negative errno */
};

/** One address of one listener. */
struct opening {
	struct sockets *sockets;
	struct table *before; /**< the sockets that were there, by their addresses */
	const struct sockets_opts *opts;
	const struct conf_listener *listener;
	size_t index; /**< of the listener */
	const struct addr *addr;
};

/** Tells of it where `opts` say, as an error; returns report->err. */
int sockets_fail(const struct sockets_opts *opts, const struct socket_report *report);

/** Puts all sockets into a table, by their addresses; nobody wants them yet. 0 or -ENOMEM. */
int sockets_index(struct sockets *sockets, struct table *ret_before);

/**
 * Opens what is wanted and not in `before`; there is room for it. 0 or the first negative errno:
 * every one that cannot be had was told.
 */
int sockets_want(struct sockets *sockets, const struct sockets_opts *opts, struct table *before);

/** One more PREPARED socket, for which there is room in the array; NULL: no memory. */
struct bound_socket *opening_add(const struct opening *opening);

/** Finds all inherited sockets of one name. As sockets_want(). */
int opening_inherit(const struct opening *opening);

/** 0 when all inherited sockets that listen are asked for, or a negative errno, which was told. */
int sockets_check_unasked(const struct sockets_opts *opts);

#endif
