/* SPDX-License-Identifier: ISC */
/*
 * A connection of a proxy: the client's stream, the server's, and each way between them.
 *
 *	CONNECTING ──▶ RELAYING ── both FINs have passed ──────────────────▶ FLUSHING ──▶ gone
 *	     │             ├─ a toxic closes it: FIN to both, input is dropped ─▶ CLOSING ─▶ gone
 *	     │             └─ a side was reset, or a toxic resets it in order ─▶ RESETTING ─▶ gone
 *	     ▼ refused                              what went before is delivered, then RST
 *	   closed
 *
 * A way without toxics is a pump (stream/pump.h), splice included. With the first toxic it becomes
 * a chain (lab/chain.h), and after the last one, when nothing is in flight any more, a pump again.
 *
 * It frees itself when it is over. All on the loop's thread.
 */
#ifndef WEIR_LAB_LINK_H
#define WEIR_LAB_LINK_H

#include <stdint.h>

#include "base/addr.h"
#include "lab/chain.h"
#include "lab/toxic.h"
#include "stream/emitter.h"
#include "stream/loop.h"
#include "stream/pump.h"
#include "stream/timer.h"

struct connector;
struct link;
struct home;
struct recorder;

enum link_state {
	LINK_CONNECTING,
	LINK_RELAYING,
	LINK_FLUSHING,
	LINK_CLOSING,
	LINK_RESETTING,
};

/** One direction. */
struct link_way {
	struct link *link;
	struct stream *from;
	struct stream *to;
	struct pump pump;
	struct chain chain;
	struct handler source; /**< while it is a chain: what `from` tells */
	struct handler sink;   /**< one DRAIN of `to` */
	uint64_t wake_ns;      /**< when its chain is due */
	bool is_chain;
	bool has_ended; /**< the end of `from` was seen */
	bool is_done;   /**< its FIN has passed, or there is nobody to pass it to */
};

struct link {
	struct list link; /* struct home::links */
	struct home *home;
	uint64_t id;
	uint64_t key; /**< for chance */
	uint64_t begun_ns;
	enum link_state state;
	struct connector *connector;
	struct stream *client;
	struct stream *server;
	struct link_way ways[DIRECTIONS];
	struct timer timer;
	struct task soon;     /**< in place of the timer, for what is due in a moment */
	uint64_t deadline_ns; /**< CLOSING, RESETTING: it waits no longer */
	struct handler last;  /**< FLUSHING, CLOSING: what the streams still tell; of the client */
	struct handler last_of_server;
	struct recorder *recorder; /**< NULL: it is not recorded */
	struct stream *survivor;   /**< RESETTING: to whom bytes are delivered */
	char client_text[ADDR_TEXT_MAX];
	char server_text[ADDR_TEXT_MAX];
};

/** Takes the fd of a client. 0 or a negative errno; the fd is closed then. */
int link_open(struct home *home, int fd, const union addr_sockaddr *peer, socklen_t peer_len);

/** Closes both sides now. */
void link_close(struct link *link);

/** Lets its toxics act now. May end the link. */
void link_wake(struct link *link);

/** Something of the proxy's toxics has changed. Each may end the link. */
void link_add_toxic(struct link *link, struct toxic *toxic);
void link_update_toxic(struct link *link, const struct toxic *toxic);
void link_remove_toxic(struct link *link, const struct toxic *toxic);

/** Bytes that were read from, and that the kernel took for the other end of, a way. */
uint64_t link_received(const struct link *link, enum direction direction);
uint64_t link_sent(const struct link *link, enum direction direction);

#endif
