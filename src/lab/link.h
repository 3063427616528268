/* SPDX-License-Identifier: ISC */
/*
 * A link is a connection through a proxy: the client's stream, the server's stream, and a link_way
 * for each direction between them.
 *
 *	CONNECTING ──▶ RELAYING ── both FINs have passed ──────────────────▶ FLUSHING ──▶ gone
 *	     │             ├─ a toxic closes it: input is dropped, FIN to both ─▶ CLOSING ─▶ gone
 *	     │             └─ a side was reset, or a toxic sent CHUNK_RESET ───▶ RESETTING ─▶ gone
 *	     ▼ refused
 *	   closed
 *
 * RESETTING: the sender is reset at once, the receiver after earlier bytes were delivered to it.
 *
 * A direction without toxics is relayed by a pump (stream/pump.h), with splice. When it gets its
 * first toxic, the pump is replaced by a chain (lab/chain.h). When its last toxic was removed and
 * nothing is in flight, the chain is replaced by a pump.
 *
 * A link frees itself when it has ended. Only the loop's thread may use it.
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
	struct handler source; /**< while there is a chain: events of `from` */
	struct handler sink;   /**< the next DRAIN of `to` */
	uint64_t wake_ns;      /**< when chain_run() is due */
	bool is_chain;
	bool is_paced; /**< what `to` does not take stays in the chain */
	/** `from` has ended, or a toxic closes the connection: what still comes from `from` is
	 * dropped. */
	bool has_ended;
	bool is_done; /**< its FIN was passed on, or cannot be */
};

struct link {
	struct list link; /* struct home::links */
	struct home *home;
	uint64_t id;
	uint64_t key; /**< for chance.h */
	uint64_t begun_ns;
	enum link_state state;
	struct connector *connector;
	struct stream *client;
	struct stream *server;
	struct link_way ways[DIRECTIONS];
	struct timer timer;
	struct task soon;     /**< instead of the timer, if something is due very soon */
	bool closes;          /**< RELAYING: a toxic closes it after what is in flight */
	uint64_t deadline_ns; /**< CLOSING, RESETTING: until when it waits at most */
	struct handler last;  /**< CONNECTING, FLUSHING, CLOSING: events of the client's stream */
	struct handler last_of_server;
	struct recorder *recorder; /**< NULL: it is not recorded */
	struct stream *survivor;   /**< RESETTING: the stream to which bytes are still delivered */
	size_t n_left;             /**< CLOSING, RESETTING: what was left to deliver */
	char client_text[ADDR_TEXT_MAX];
	char server_text[ADDR_TEXT_MAX];
};

/** Takes the fd of a client. If a toxic does not let it in (gate_bars()), it is reset, which is no
 * error, and there is no link. 0, or a negative errno: then the fd was closed. */
int link_open(struct home *home, int fd, const union addr_sockaddr *peer, socklen_t peer_len);

/** Closes both sides at once, and frees the link. */
void link_close(struct link *link);

/** Runs its chains now. May free the link. */
void link_wake(struct link *link);

/** Call them when a toxic of the proxy was added, changed, or is to be removed; link_add_toxic()
 * only if the type of the toxic has move(). Each may free the link. */
void link_add_toxic(struct link *link, struct toxic *toxic);
void link_update_toxic(struct link *link, const struct toxic *toxic);
void link_remove_toxic(struct link *link, const struct toxic *toxic);

/** Bytes of a direction that were read from the sender. */
uint64_t link_received(const struct link *link, enum direction direction);

/** Bytes of a direction that the kernel took for the receiver. */
uint64_t link_sent(const struct link *link, enum direction direction);

#endif
