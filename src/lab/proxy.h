/* SPDX-License-Identifier: ISC */
/*
 * A proxy of the laboratory: the address on which it listens, the address to which it connects, its
 * connections and its toxics.
 *
 * An enabled proxy listens, unless a toxic has shut it (gate.h); disabling it closes its socket and
 * its connections. `error` has toxiproxy's wording.
 */
#ifndef WEIR_LAB_PROXY_H
#define WEIR_LAB_PROXY_H

#include <stdbool.h>

#include "base/list.h"
#include "lab/address.h"
#include "lab/home.h"
#include "stream/listen.h"
#include "stream/timer.h"

struct acceptor;

struct proxy {
	struct list link; /* struct lab::proxies */
	struct home home;
	char *listen; /**< numeric, if it could be parsed */
	bool enabled;
	struct listen_socket socket;
	struct acceptor *acceptor; /**< NULL: disabled, shut by a toxic, or it failed to listen */
	double deaf;        /**< the part of the clients whose packets the kernel drops; 0: none */
	struct timer timer; /**< for the time when the gate may change */
};

/** Makes a disabled proxy, which is in no list. Copies the texts. NULL: no memory. */
struct proxy *proxy_new(
	struct lab *lab, const char *name, const char *listen, const char *upstream);

/** Stops and frees it. NULL is fine; returns NULL. */
struct proxy *proxy_free(struct proxy *proxy);

/** Enables it, so that it starts to listen; does nothing if it is enabled already. 0, or a negative
 * errno and the reason in `error`. */
int proxy_start(struct proxy *proxy, char error[ADDRESS_ERROR_MAX]);

/** Stops listening, and closes its connections. */
void proxy_stop(struct proxy *proxy);

/** Whether one of its addresses differs from these: 1 or 0; -EINVAL and `error`: `listen` cannot be
 * parsed. `upstream` is compared as a text. */
int proxy_differs(const struct proxy *proxy, const char *listen, const char *upstream,
	char error[ADDRESS_ERROR_MAX]);

/** Stops the proxy, and changes both addresses. 0 or -ENOMEM. */
int proxy_move(struct proxy *proxy, const char *listen, const char *upstream);

/** The toxic with this name; NULL: there is none. */
struct toxic *proxy_find_toxic(const struct proxy *proxy, const char *name);

/** Takes a toxic, and adds it as the last of its direction. */
void proxy_add_toxic(struct proxy *proxy, struct toxic *toxic);
/** Call it when the values or the toxicity of a toxic have changed. */
void proxy_update_toxic(struct proxy *proxy, const struct toxic *toxic);
/** Remove a toxic, or all of them, and free what is removed. */
void proxy_remove_toxic(struct proxy *proxy, struct toxic *toxic);
void proxy_remove_toxics(struct proxy *proxy);

/** Bytes of all its connections until now, including closed ones. */
uint64_t proxy_received(const struct proxy *proxy, enum direction direction);
uint64_t proxy_sent(const struct proxy *proxy, enum direction direction);

#endif
