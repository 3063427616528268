/* SPDX-License-Identifier: ISC */
/*
 * One end of a connection: its stream, its timestamps and its verdict. It belongs to a lane, which
 * is one thread of the run (run.h). Its script says what it does (scenario.h).
 *
 *	UNUSED ──▶ CONNECTING ──▶ OPEN ──▶ OVER
 *	              └── failed ──────────▶ │
 *
 * With --serve a pair has two ends: the client's, and the server's behind the proxy. The server's
 * end begins OPEN. The two are matched by a token (conn_private.h). They may belong to different
 * threads, so each uses only those fields of the other that are atomic, or do not change once the
 * two are matched.
 *
 * Timestamps are of clock_ns(): taken just before connect(2), just before each send(2), and when
 * the event of the close was read. A close is judged by the timestamp of the last send of either
 * end, or of the connect if neither has sent. Some scenarios count from something else
 * (scenario::due); with --remote the rules are those of conn_private.h. If the server is not
 * weirload's, its sends are not known: lateness then counts from our last read if that is later,
 * unless the scenario is absolute (scenario::is_absolute). "Early" is certain, because the
 * timestamp is taken before the send, while "late" includes the time of the byte to the proxy and
 * of the close back to us.
 *
 * Answering a close takes as long as taking many timestamps, and closes that arrive meanwhile would
 * get theirs too late. So an end that has seen FIN is closed only after a turn of the loop in which
 * no other FIN arrived. One that ended in another way is closed at once.
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
struct run;
struct script;
struct stream;

/** The byte that all ends send, except in tokens and messages, and in the scenarios stall and
 * preface. */
#define CONN_FILLER '.'

enum conn_state { CONN_UNUSED, CONN_CONNECTING, CONN_OPEN, CONN_OVER };

/** How a connection ended. */
enum conn_end {
	CONN_END_NONE,  /**< it has not ended */
	CONN_END_FIN,   /**< the peer sent FIN */
	CONN_END_RST,   /**< the peer reset it */
	CONN_END_ERROR, /**< another error */
	CONN_END_OURS,  /**< weirload closed it: it was not needed any more, or waited in vain */
};

struct conn {
	struct handler handler;
	struct timer timer;
	struct lane *lane;
	struct conn *next_server; /**< the next server end of the lane */
	struct conn *next_spent;  /**< the next end of the lane that is over, with an open stream */
	const struct script *script;
	union {
		struct connector *connector; /**< CONNECTING */
		struct stream *stream;       /**< OPEN, and OVER until it is closed */
	};
	_Atomic(struct conn *) mate; /**< the other end, once it is known */
	uint64_t open_ns;            /**< just before connect(2); for a server end: when accepted */
	uint64_t opened_ns;          /**< when connecting succeeded or failed */
	/** Trickle: when this end began to send. Halfclose: when this end read its mate's FIN.
	 * Stall: at the sender, when it began to send; at the stalled end, when it began to read
	 * the rest. 0: not yet. */
	uint64_t begin_ns;
	uint64_t next_ns;         /**< when the next byte or message is planned */
	_Atomic uint64_t sent_ns; /**< just before the last send; 0: none */
	_Atomic uint64_t fin_ns;  /**< just before our FIN; 0: none */
	_Atomic uint64_t over_ns; /**< when its close was read, or weirload closed it; 0: not yet */
	int64_t late_ns;          /**< how late the close was; negative: early */
	int64_t after_ns;         /**< time between what the close counts from and the close */
	uint64_t heard_ns;        /**< when the first bytes were read; 0: none */
	uint64_t read_ns;         /**< when the last bytes were read; 0: none */
	/** Bytes that our kernel took. Set at the end; in stall also at each look. */
	_Atomic uint64_t n_sent;
	/** Stall: bytes in our socket at the last look: unsent ones at the sender, unread ones at
	 * the stalled end. */
	_Atomic uint64_t n_queued;
	/** Stall: when bytes last arrived in our socket; 0: not known. */
	_Atomic uint64_t moved_ns;
	uint64_t n_read;
	/** Bytes. Halfclose: what this end had sent when it read its mate's FIN. Stall: what the
	 * stalled end had read when it stopped reading. Preface: what was sent. Queue: what was
	 * read first. */
	uint64_t n_before;
	int error;        /**< a negative errno */
	uint8_t part[16]; /**< the part that was read of a token or the head of a message */
	uint8_t n_token;  /**< bytes of the token that were read */
	uint32_t n_part;  /**< bytes of a message that were read */
	uint16_t port;    /**< local port of a client; 0: none, or not TCP */
	uint8_t state;    /**< enum conn_state */
	uint8_t end;      /**< enum conn_end */
	uint8_t verdict;
	bool is_server;
	bool is_awaiting; /**< the timer waits for the close */
	bool is_garbled;  /**< bytes were read that the peer does not send */
	bool is_told;     /**< the other process was told that it is over (told.h) */
	bool is_finished; /**< drain: we had sent FIN, and then the peer's came */
	/** Counted in run::n_awaited; or over, and not to be counted any more. */
	_Atomic bool is_awaited;
	/** Bytes still follow, each of them before the expected close. */
	_Atomic bool is_sending;
	_Atomic bool is_void; /**< a byte was sent too late, so that the close proves nothing */
	/** Its close did not come in time, so weirload closes it: the other end then sees that. */
	_Atomic bool is_given_up;
};

/** Opens a client: connects, then begins its script. On its lane's thread. */
void conn_open(struct conn *conn, struct lane *lane);

/** Makes a server end of an accepted fd, which it takes even if it fails. 0 or a negative errno. */
int conn_accept(struct conn *conn, struct lane *lane, int fd);

/** Its index in run::clients or run::servers, which is in its token. */
uint32_t conn_index(const struct conn *conn);
const struct options *conn_options(const struct conn *conn);
struct conn *conn_mate(const struct conn *conn);

/** Makes each the mate of the other. On the thread of either; with --remote also on the main
 * thread. */
void conn_match(struct conn *client, struct conn *server);

/** Makes the run wait also for the close of this server end, unless it is over or the run does so
 * already. On the thread of either end. */
void conn_await(struct conn *server, struct run *run);

/** Sends, and takes the timestamp. Between conn_keep_sending() and conn_await_close() this makes
 * the end void if more than --expect has passed since the send before. */
void conn_send(struct conn *conn, const void *data, size_t len);
void conn_send_byte(struct conn *conn);

/** Sends the token of this end if the other end will read it, else one byte. */
void conn_greet(struct conn *conn);

/** Sends FIN, and takes the timestamp. */
void conn_shutdown(struct conn *conn);

/** Says that bytes will follow, each before the expected close, until conn_await_close(). */
void conn_keep_sending(struct conn *conn);

/** Says that nothing more will be sent, and waits for the close. */
void conn_await_close(struct conn *conn);

/** Notes if `data` has other bytes than `filler`. */
void conn_check(struct conn *conn, const char *data, size_t len, char filler);

/** Makes script::struck be called at `deadline_ns`. */
void conn_arm(struct conn *conn, uint64_t deadline_ns);

/** Makes script::struck be called when the time of --every has passed. */
void conn_arm_next(struct conn *conn);

/** When the last byte of this connection is due (--spread); NS_NEVER: not all are open yet. */
uint64_t conn_go_ns(const struct conn *conn);

/** Closes the stream of an end that is over. */
void conn_close(struct conn *conn);

/** Notes that it has ended now, by `end` with `error`. Judges it if its script says so. */
void conn_finish(struct conn *conn, enum conn_end end, int error);

/** Ends it because the close did not come in time. */
void conn_give_up(struct conn *conn);

/**
 * After a run of two processes: if the other end was given up there, and this one saw a close at
 * about that time, this was no close by the proxy, and the end counts as given up, too.
 */
void conn_disown(struct conn *conn, const struct options *options);

/** Closes an end that is not needed any more, without a verdict of its own. */
void conn_dismiss(struct conn *conn);

/** At the end of the run (Ctrl-C, or the rest is done): ends `conn` if it is CONNECTING or OPEN. */
void conn_stop(struct conn *conn);

/** Whether it has ended. May also be asked about the other end. */
bool conn_is_over(const struct conn *conn);

/** The enum conn_end for an error of a stream (0 or a negative errno). */
enum conn_end conn_end_of(int error);

/** The name of an enum conn_end in reports: "fin". */
const char *conn_end_name(enum conn_end end);

#endif
