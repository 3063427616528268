/* SPDX-License-Identifier: ISC */
/*
 * A scenario: what the two ends of a connection do, and from when its close is counted.
 *
 * It has no state of its own; what it has to remember lies in the connection (conn.h). Its
 * functions run on the thread of the connection that they are given, and may end it.
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
	SCENARIO_CLIENTS = (1 << 12) - 1, /**< all that open connections */
	SCENARIO_SERVE = 1 << 12,         /**< the server alone (alone.h) */
	SCENARIO_SUITE = 1 << 30,         /**< several of them, from a file (suite.h) */
};

/** What one end does. Every function may be NULL. */
struct script {
	bool is_judged;  /**< its close is expected, and told early, on time or late */
	bool is_lasting; /**< its close is not expected: it is early until all else is over */
	bool is_guarded; /**< a reset of it before the expected time is early; else not judged */
	bool is_live;    /**< drain: a stream that is not to be cut */
	bool is_alone;   /**< a client that is to have no server's end */
	/** Client: connected. Server: matched with its client; without tokens: accepted. */
	void (*opened)(struct conn *conn);
	/** The server end's connection was accepted, and nothing is known of it. */
	void (*accepted)(struct conn *conn);
	/** All connections are open: conn_go_ns() is when this one's second part begins. */
	void (*go)(struct conn *conn);
	void (*read)(struct conn *conn, const char *data, size_t len);
	/** Everything written is out (STREAM_DRAIN). */
	void (*drained)(struct conn *conn);
	/** conn_arm()ed; NULL: the timer waits for the close (conn_await_close()). */
	void (*struck)(struct conn *conn);
	/** The peer sent FIN. NULL: that is the close. */
	void (*ended)(struct conn *conn);
};

/** From when a close is counted: it is early before the first, and late after the second stamp. */
struct due {
	uint64_t early_ns;
	uint64_t late_ns;
};

struct scenario {
	const char *name;
	unsigned bit; /**< enum scenario_bit */
	/** What a server that is not ours says later puts no close off: due() has it all. */
	bool is_absolute;
	/** Whether an end waits for its other one to be over, which with --remote must be told. */
	bool is_watched;
	const char *summary;
	const char *description; /**< for --help; several lines */
	/** What is wrong with the options, and what to write instead; NULL: nothing. Constant. */
	const char *(*check)(const struct options *options);
	/** What that end of connection number `index` does; NULL of the server alone. */
	const struct script *(*script)(const struct options *options, bool server, uint32_t index);
	/** When the expected time began; NULL: with the last byte that either end sent. */
	struct due (*due)(const struct conn *conn);
	/** Whether client number `index` may be opened now, else a little later. NULL: any may. */
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

/** All of them, NULL at the end; and one by its name, or NULL. */
extern const struct scenario *const scenarios[];
const struct scenario *scenario_find(const char *name);

/** Whether it opens connections: all but `serve` and `suite`. */
bool scenario_opens(const struct scenario *scenario);

#endif
