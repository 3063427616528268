/* SPDX-License-Identifier: ISC */
/*
 * Private to the files that implement sockets.h: how the addresses of a config become sockets, and
 * how failures are reported. The function that detects a failure reports it by sockets_fail() as it
 * returns the error, so each failure is reported exactly once.
 */
#ifndef WEIR_CREW_SOCKETS_PRIVATE_H
#define WEIR_CREW_SOCKETS_PRIVATE_H

#include "base/table.h"
#include "crew/sockets.h"

/** The report of a failure; fields that are NULL are left out. */
struct socket_report {
	const char *listener;
	const char *address; /**< as the config has it */
	const char *socket;  /**< the address of an inherited socket */
	const char *error;   /**< instead of the text for `err` */
	const char *remedy;  /**< NULL: the remedy for `err` */
	int err;             /**< a negative errno */
};

/** One address of one listener. */
struct opening {
	struct sockets *sockets;
	struct table *before; /**< the sockets that existed before, by address */
	const struct sockets_opts *opts;
	const struct conf_listener *listener;
	size_t index; /**< of the listener */
	const struct addr *addr;
};

/** Reports the failure as an error, to where `opts` say; returns report->err. */
int sockets_fail(const struct sockets_opts *opts, const struct socket_report *report);

/** Puts all sockets into a table by their addresses, and marks each as not wanted by the config to
 * come. 0 or -ENOMEM. */
int sockets_index(struct sockets *sockets, struct table *ret_before);

/**
 * Opens the wanted sockets that are not in `before`; the array must have room for them. 0, or the
 * first negative errno: each socket that cannot be opened was reported.
 */
int sockets_want(struct sockets *sockets, const struct sockets_opts *opts, struct table *before);

/** Adds a PREPARED socket, for which the array must have room; NULL: no memory. */
struct bound_socket *opening_add(const struct opening *opening);

/** Finds all inherited sockets of one name. Returns and reports like sockets_want(). */
int opening_inherit(const struct opening *opening);

/** 0 if a listener asks for each inherited listening socket, or else a negative errno, already
 * reported. */
int sockets_check_unasked(const struct sockets_opts *opts);

#endif
