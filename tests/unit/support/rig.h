/* SPDX-License-Identifier: ISC */
/*
 * Fixture for pairs: a pair on test_loop between two peers, which are plain sockets, each TCP or
 * UNIX.
 *
 *	rig_open(&rig, _i, RIG_WIDE);		connects the client
 *	rig_join(&rig);				connects the upstream, starts the pair
 *	side_send(&rig.client, 1000);
 *	side_receive(&rig.upstream);
 *	loop_until(rig.upstream.in.n_received == 1000);
 *	rig_close(&rig);
 *
 * All bytes are the pattern of pattern_at(), and are checked on arrival. All timeouts are off at
 * first. With WEIR_TEST_SPLICE set, both directions splice from the first byte on and never stop
 * splicing.
 */
#ifndef WEIR_TESTS_RIG_H
#define WEIR_TESTS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fixture.h"
#include "proxy/counters.h"
#include "proxy/pair.h"
#include "sender.h"

/** The variants: TCP or UNIX for the client, times TCP or UNIX for the upstream. */
enum { RIG_VARIANTS = 4 };

/** Tests that do the same from either side run twice for each variant. */
enum { RIG_MIRRORED = 2 * RIG_VARIANTS };

/** The variants in which both sides are of the same kind. */
enum { RIG_TCP = 0, RIG_UNIX = 3 };

enum rig_size {
	RIG_WIDE, /**< the kernel's own buffers */
	RIG_TINY, /**< those of wire_open_tiny(), so that few bytes fill them */
};

/** One of the two peers. */
struct side {
	enum wire_kind kind;
	int fd;   /**< the peer's end; -1 once closed */
	int near; /**< weir's end; -1 once weir has taken it */
	struct sender out;
	struct peer in; /**< counts what arrives while side_receive() is on */
	bool receives;
	struct recorder heard; /**< records TIMEOUT and CLOSE of weir's stream */
	struct handler keep;   /**< in READ: makes weir's stream go on splicing */
};

struct rig {
	struct pair pair;
	struct session_clock clock;
	struct stream *early;        /**< weir's stream to the client before rig_join() */
	struct end end;              /**< how the pair ended */
	struct deadline_drain drain; /**< for rig_drain() */
	struct tally tally;
	struct session_rules rules; /**< may be changed until the pair next looks at them */
	struct pair_throttles throttles;
	uint64_t bytes_a_second[SIDES]; /**< rates, to be set before rig_join(); 0: none */
	struct span first; /**< bytes already read from the client; set before rig_join() */
	struct side client;
	struct side upstream;
	unsigned n_parted[SIDES]; /**< how often parting() was called for each side */
	size_t mark;
	bool splices;
	unsigned n_half_closed;
	unsigned n_ended;
	bool close_in_ended; /**< call pair_close() in ended(), as a session does */
};

/** Opens the client's side; weir's stream is watched and not read, as in a session before its
 * pair. */
void rig_open(struct rig *rig, int variant, enum rig_size size);

/** Connects the upstream, and starts the pair. */
void rig_join(struct rig *rig);

/** Puts a drain in force: one that ends the pair at `end_ns` and not before, even if it is idle; or
 * the given one. */
void rig_drain(struct rig *rig, uint64_t end_ns);
void rig_drain_by(struct rig *rig, const struct deadline_drain *drain);

/** Frees the pair and closes the peers. */
void rig_close(struct rig *rig);

/** Turns the loop until the pair has ended, and checks that it did so once and how. */
void rig_until_ended(struct rig *rig, enum end_by by, enum end_reason reason);

/** Checks that the pair has ended, and how. */
void rig_assert_ended(const struct rig *rig, enum end_by by, enum end_reason reason);

/** rig_other(): the side opposite to `side`. rig_stream(): weir's stream to `side`. */
struct side *rig_other(struct rig *rig, const struct side *side);
struct stream *rig_stream(struct rig *rig, const struct side *side);

/** The client's side for 0, the upstream's for 1. */
struct side *rig_side(struct rig *rig, int i);
enum end_by rig_by(const struct rig *rig, const struct side *side);

/** Sends from `from` until no more bytes move, because the other peer does not read. */
void rig_stall(struct rig *rig, struct side *from);

/* ---- a peer ---- */

void side_send(struct side *side, size_t len);
void side_receive(struct side *side);

/** Stops receiving; bytes that arrive wait in the kernel. */
void side_pause(struct side *side);

/** Sends FIN. */
void side_finish(struct side *side);

/** Resets; a UNIX peer just closes. */
void side_reset(struct side *side);

/** Closes. */
void side_close(struct side *side);

/** Bytes of the peer that have not arrived in weir's kernel. */
size_t side_unsent(const struct side *side);

/** Whether the peer, which must be receiving, has seen the end of input; or a reset (UNIX: that
 * weir's end is closed). */
bool side_saw_fin(const struct side *side);
bool side_saw_reset(struct side *side);

/** Whether weir's end was closed or reset already. Only looks at the socket, and receives
 * nothing. */
bool side_is_hung_up(const struct side *side);

#endif
