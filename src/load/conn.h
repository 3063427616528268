/* SPDX-License-Identifier: ISC */
/*
 * One end of a connection: its stream, its stamps and its verdict.
 *
 *	UNUSED ──▶ CONNECTING ──▶ OPEN ──▶ OVER
 *	              └── failed ──────────▶ │
 *
 * With --serve a pair has two of these: the client's, and the server's behind the proxy. They find
 * each other by a token (serve.h), may live on different threads, and then read of each other only
 * what is atomic here.
 *
 * Stamps are clock_ns(): just before connect(2), just before each send(2), and when the event of
 * the close was read. A close is judged against the stamp before the last send that happened, on
 * whichever end: so "early" is certain, while "late" includes the time that the byte took to the
 * proxy, and the close to us.
 *
 * A close that is answered at once costs as much as many stamps, and those that come meanwhile
 * would be stamped late. So an end that has seen FIN is closed when no other has come in a turn.
 */
#ifndef WEIR_LOAD_CONN_H
#define WEIR_LOAD_CONN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/options.h"
#include "load/verdict.h"
#include "stream/emitter.h"
#include "stream/timer.h"

struct connector;
struct lane;
struct script;
struct stream;

/** What all ends send but for tokens and messages. */
#define CONN_FILLER '.'

enum conn_state { CONN_UNUSED, CONN_CONNECTING, CONN_OPEN, CONN_OVER };

/** How a connection ended. */
enum conn_end {
	CONN_END_NONE,  /**< it did not */
	CONN_END_FIN,   /**< the peer's end of input */
	CONN_END_RST,   /**< the peer's reset */
	CONN_END_ERROR, /**< another error */
	CONN_END_OURS,  /**< we closed it: it was no longer needed, or waited for in vain */
};

struct conn {
	struct handler handler;
	struct timer timer;
	struct lane *lane;
	struct conn *next_server; /**< of the same lane */
	struct conn *next_spent;  /**< the same, ended, its stream not closed yet */
	const struct script *script;
	union {
		struct connector *connector; /**< CONNECTING */
		struct stream *stream;       /**< OPEN, and OVER until it is closed */
	};
	_Atomic(struct conn *) mate; /**< the other end, once it is known */
	uint64_t open_ns;            /**< just before connect(2); of a server end: accepted */
	uint64_t opened_ns;          /**< connected, or failed */
	uint64_t begin_ns;           /**< the scenario's second part: see there */
	uint64_t next_ns;            /**< when the next byte is planned */
	_Atomic uint64_t sent_ns;    /**< just before the last send; 0: none */
	_Atomic uint64_t fin_ns;     /**< just before our FIN; 0: none */
	_Atomic uint64_t over_ns;    /**< when the end of it was read; 0: not yet */
	int64_t late_ns;             /**< after its time; negative: before it */
	int64_t after_ns;          /**< the close, after what it counts from; of what was judged */
	uint64_t heard_ns;         /**< when the first bytes were read; 0: none */
	uint64_t read_ns;          /**< when the last bytes were read; 0: none */
	_Atomic uint64_t n_sent;   /**< bytes taken by our kernel; current only where asked for */
	_Atomic uint64_t n_queued; /**< the last look at what waits in our socket */
	_Atomic uint64_t moved_ns; /**< stall: when bytes last arrived in our socket; 0: unknown */
	uint64_t n_read;
	uint64_t n_before; /**< sent or read before the scenario's second part */
	int error;         /**< a negative errno */
	uint8_t part[16];  /**< a token or the head of a message, not complete yet */
	uint8_t n_token;   /**< bytes of the token that were read */
	uint32_t n_part;   /**< bytes of a message that were read */
	uint16_t port;     /**< that a client came from; 0: none, or not by TCP */
	uint8_t state;     /**< enum conn_state */
	uint8_t end;       /**< enum conn_end */
	uint8_t verdict;
	bool is_server;
	bool is_awaited;  /**< counted in run::n_awaited */
	bool is_awaiting; /**< the timer waits for the close */
	bool is_garbled;  /**< what was read is not what is sent */
	bool is_told;     /**< told.h: the other process knows that it is over */
	bool is_finished; /**< drain: all was done, and the peer answered our FIN */
	_Atomic bool
		is_sending; /**< bytes are still to come, each sooner than the expected close */
	_Atomic bool is_void;
};

/** Opens a client: connects, then lets the script begin. On its lane's thread. */
void conn_open(struct conn *conn, struct lane *lane);

/** A server end for an accepted fd, which it takes in any case. 0 or a negative errno. */
int conn_accept(struct conn *conn, struct lane *lane, int fd);

/** Its number: of a client the place in its run, which the token carries. */
uint32_t conn_index(const struct conn *conn);
const struct options *conn_options(const struct conn *conn);
struct conn *conn_mate(const struct conn *conn);

/** Makes the two ends known to each other; by the thread of either. */
void conn_match(struct conn *client, struct conn *server);

/** The run is to wait for the close of this server end too. */
void conn_await(struct conn *server);

/** Sends, and stamps. A byte that comes later than the expected close of the one before is void. */
void conn_send(struct conn *conn, const void *data, size_t len);
void conn_send_byte(struct conn *conn);

/** Sends the token of this end where there is someone to read it, else one byte. */
void conn_greet(struct conn *conn);

/** Sends FIN, and stamps. */
void conn_shutdown(struct conn *conn);

/** Bytes are to follow each other sooner than the expected close, until conn_await_close(). */
void conn_keep_sending(struct conn *conn);

/** Nothing will be sent any more: what is left is to wait for the close. */
void conn_await_close(struct conn *conn);

/** Notes where `data` is not `filler` all along. */
void conn_check(struct conn *conn, const char *data, size_t len, char filler);

/** Lets the script's struck() be called then. */
void conn_arm(struct conn *conn, uint64_t deadline_ns);

/** When this connection's second part begins (--spread); NS_NEVER before all are open. */
uint64_t conn_go_ns(const struct conn *conn);

/** Closes the stream of an end that is over. */
void conn_close(struct conn *conn);

/** Ends it: `end`, with `error`, read now. Judges it if its script says so. */
void conn_finish(struct conn *conn, enum conn_end end, int error);

/** The close that it waits for did not come in time. */
void conn_give_up(struct conn *conn);

/** Closes an end that has served its purpose, without a verdict of its own. */
void conn_dismiss(struct conn *conn);

/** The time is over, by Ctrl-C or because the rest is done: ends what is still open. */
void conn_stop(struct conn *conn);

/** Whether it has ended. Of the other end too. */
bool conn_is_over(const struct conn *conn);

/** What a stream's error (0 or a negative errno) says of how it ended. */
enum conn_end conn_end_of(int error);

/** The name of an end, as reports write it: "fin". */
const char *conn_end_name(enum conn_end end);

#endif
