/* SPDX-License-Identifier: ISC */
/*
 * A proxy: where it listens, where it connects to, its connections and its toxics.
 *
 * Enabled, it listens; disabled, nobody does, and its connections are closed. What is wrong is
 * told as toxiproxy does, in `error`.
 */
#ifndef WEIR_LAB_PROXY_H
#define WEIR_LAB_PROXY_H

#include <stdbool.h>

#include "base/list.h"
#include "lab/address.h"
#include "lab/gate.h"
#include "lab/home.h"
#include "stream/listen.h"
#include "stream/timer.h"

struct acceptor;

struct proxy {
	struct list link; /* struct lab::proxies */
	struct home home;
	char *listen; /**< numeric, where it could be read */
	bool enabled;
	struct listen_socket socket;
	struct acceptor *acceptor;
	enum gate gate;     /**< while it is enabled: what its toxics make of that */
	struct timer timer; /**< when the gate may be another */
};

/** A disabled one, on no list. NULL: no memory. Copies the texts. */
struct proxy *proxy_new(
	struct lab *lab, const char *name, const char *listen, const char *upstream);

/** Stops it and frees it; NULL is fine; returns NULL. */
struct proxy *proxy_free(struct proxy *proxy);

/** Listens. 0, or a negative errno and why in `error`. Nothing where it does already. */
int proxy_start(struct proxy *proxy, char error[ADDRESS_ERROR_MAX]);

/** Listens no more, and closes its connections. */
void proxy_stop(struct proxy *proxy);

/** Whether it listens elsewhere or connects elsewhere than this says: 1, 0; or -EINVAL. */
int proxy_differs(const struct proxy *proxy, const char *listen, const char *upstream,
	char error[ADDRESS_ERROR_MAX]);

/** Stops it, and changes both. 0 or -ENOMEM. */
int proxy_move(struct proxy *proxy, const char *listen, const char *upstream);

/** NULL: there is none. */
struct toxic *proxy_find_toxic(const struct proxy *proxy, const char *name);

/** Takes the toxic, as the last of its direction. */
void proxy_add_toxic(struct proxy *proxy, struct toxic *toxic);
void proxy_update_toxic(struct proxy *proxy, const struct toxic *toxic);
/** Frees it. */
void proxy_remove_toxic(struct proxy *proxy, struct toxic *toxic);
void proxy_remove_toxics(struct proxy *proxy);

/** Bytes of all its connections, so far. */
uint64_t proxy_received(const struct proxy *proxy, enum direction direction);
uint64_t proxy_sent(const struct proxy *proxy, enum direction direction);

#endif
