/* SPDX-License-Identifier: ISC */
/*
 * A scenario defines what the two ends of a connection do, and from when its close is counted.
 *
 * It has no state of its own; its state is in the connections (conn.h). Its functions run on the
 * thread of the connection that is their argument, and may end that connection.
 */
#ifndef WEIR_LOAD_SCENARIO_H
#define WEIR_LOAD_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn;
struct options;
struct run;

/** One scenario's bit in the table of options. */
enum scenario_bit {
	SCENARIO_IDLE = 1 << 0,
	SCENARIO_TRICKLE = 1 << 1,
	SCENARIO_HALFCLOSE = 1 << 2,
	SCENARIO_STALL = 1 << 3,
	SCENARIO_CONNECT = 1 << 4,
	SCENARIO_MIXED = 1 << 5,
	SCENARIO_ONESIDE = 1 << 6,
	SCENARIO_LIFETIME = 1 << 7,
	SCENARIO_PREFACE = 1 << 8,
	SCENARIO_FIRSTBYTE = 1 << 9,
	SCENARIO_QUEUE = 1 << 10,
	SCENARIO_DRAIN = 1 << 11,
	SCENARIO_CLIENTS = (1 << 12) - 1, /**< all scenarios that open connections */
	SCENARIO_SERVE = 1 << 12,         /**< `weirload serve` (alone.h) */
	SCENARIO_SUITE = 1 << 30,         /**< several scenarios, from a file (suite.h) */
};

/** What one end does. Each function may be NULL. */
struct script {
	bool is_judged;  /**< its close is expected, and is early, on time or late */
	bool is_lasting; /**< its close is not expected, and early until all others are over */
	/** A reset before the expected time is early; other closes are not judged. */
	bool is_guarded;
	bool is_live;  /**< drain: a stream that is not to be cut */
	bool is_free;  /**< its close is early only before due::early_ns itself */
	bool is_alone; /**< a client that must not get a server end */
	/** Client: connected. Server: matched with its client by a token that this end has read. */
	void (*opened)(struct conn *conn);
	/** A server end was accepted, and it is not known yet to which client it belongs. */
	void (*accepted)(struct conn *conn);
	/** --spread: all connections were opened or have failed. The last byte of this one is due
	 * at conn_go_ns(). */
	void (*go)(struct conn *conn);
	void (*read)(struct conn *conn, const char *data, size_t len);
	/** Everything that was written is sent (STREAM_DRAIN). */
	void (*drained)(struct conn *conn);
	/** The timer of conn_arm() has expired. NULL: the timer is only used to wait for the close
	 * (conn_await_close()). */
	void (*struck)(struct conn *conn);
	/** The peer has sent FIN. NULL: that counts as the close. */
	void (*ended)(struct conn *conn);
};

/** From when a close is counted: it is early before early_ns plus --expect (script::is_free: before
 * early_ns), its lateness counts from late_ns plus --expect, and between these two times it is on
 * time. */
struct due {
	uint64_t early_ns;
	uint64_t late_ns;
};

struct scenario {
	const char *name;
	unsigned bit; /**< enum scenario_bit */
	/** Bytes that a server sends later do not move the expected close, even if the server is
	 * not weirload's: due() alone says when it is. */
	bool is_absolute;
	/** Whether an end waits for its mate to be over, which with --remote must be sent to the
	 * other process. */
	bool is_watched;
	const char *summary;
	const char *description; /**< for --help; several lines */
	/** Checks the options. Returns what is wrong and what to write instead, a constant text;
	 * NULL: they are valid. */
	const char *(*check)(const struct options *options);
	/** What the client or server end of connection number `index` does. NULL: the scenario
	 * opens no connections (scenario_opens()). */
	const struct script *(*script)(const struct options *options, bool server, uint32_t index);
	/** From when the close is counted; NULL: from the last byte that either end sent. */
	struct due (*due)(const struct conn *conn);
	/** Whether client number `index` may be opened now; if not, it is asked again a little
	 * later. It is not asked about the first options_busy() clients. It is asked until it says
	 * yes once, and at most until options::connect_wait_ns after the ramp began; then any may
	 * be opened. NULL: any may. */
	bool (*gate)(const struct run *run, uint64_t index);
};

extern const struct scenario scenario_idle;
extern const struct scenario scenario_trickle;
extern const struct scenario scenario_halfclose;
extern const struct scenario scenario_oneside;
extern const struct scenario scenario_stall;
extern const struct scenario scenario_connect;
extern const struct scenario scenario_mixed;
extern const struct scenario scenario_lifetime;
extern const struct scenario scenario_preface;
extern const struct scenario scenario_firstbyte;
extern const struct scenario scenario_queue;
extern const struct scenario scenario_drain;
extern const struct scenario scenario_serve;
extern const struct scenario scenario_suite;

/** All scenarios, with NULL at the end; and the one with this name, or NULL. */
extern const struct scenario *const scenarios[];
const struct scenario *scenario_find(const char *name);

/** Whether it opens connections: all but `serve` and `suite`. */
bool scenario_opens(const struct scenario *scenario);

#endif
