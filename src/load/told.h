/* SPDX-License-Identifier: ISC */
/*
 * The protocol between a controller (remote.h) and a serving end (obey.h). The controller sends
 * requests, and the serving end answers; each is a JSON object on one line. All input is treated as
 * hostile; a line that is invalid in any way is refused as a whole.
 *
 *	serving end	{"weirload": VERSION, "protocol": 1, "challenge": HEX}
 *	controller	{"protocol": 1, "nonce": HEX, "proof": TEXT}	{"ok": true}
 *	controller	{"run": {...}}					{"ok": true}
 *	controller	{"over": [CLIENT, ...]}, every 50 or 5 ms	STATE
 *	controller	{"stop": true}					STATE
 *	controller	{"ends": FIRST}					{"ends": [END, ...]}
 *
 * STATE is the JSON of struct told_state, with "over": [[NUMBER, CLIENT], ...] added (told_over()).
 * Any answer may be {"error": TEXT} instead; then the serving end closes the connection.
 *
 * Times are nanoseconds since the serving end began the run, by its own clock; 0 is "never".
 */
#ifndef WEIR_LOAD_TOLD_H
#define WEIR_LOAD_TOLD_H

#include <stddef.h>
#include <stdint.h>

struct conn;
struct json_t;
struct options;
struct run;

enum {
	TOLD_PROTOCOL = 1,
	TOLD_LINE_MAX = 256 * 1024, /**< with its line feed */
	TOLD_FIRST_LINE_MAX = 512,  /**< before the secret was proved */
	TOLD_OVER_MAX = 2048,       /**< elements in one line */
	TOLD_ENDS_MAX = 512,        /**< likewise */
	TOLD_ERROR_MAX = 400,       /**< with the NUL */
};

/** Parses a line, without its line feed, into an object; NULL: it is not one. */
struct json_t *told_parse(const char *line, size_t len);

/** The line for an object, with its line feed; malloc'd. Takes the object. NULL: no memory. */
char *told_line(struct json_t *object);

/** What a serving end must know about a run, including its nonce. */
struct json_t *told_run(const struct run *run);

/**
 * Reads that into *ret, which options_begin() has made and whose `serve` is set, and checks it like
 * a command line. 0, or -EINVAL and ret_why (of OPTIONS_WHY_MAX).
 */
int told_read_run(const struct json_t *object, struct options *ret, char *ret_why);

/** The state of a run at the serving end. */
struct told_state {
	uint64_t n_servers;
	uint64_t n_over;
	uint64_t n_awaited; /**< judged ends that are still open */
	uint64_t n_strangers;
	/** The worst delay of the serving end's loop; only after "stop". */
	uint64_t delay_us;
};

/** The first makes the JSON of a state; NULL: no memory. The second reads it; 0 or -EINVAL. */
struct json_t *told_state(const struct told_state *state);
int told_read_state(const struct json_t *object, struct told_state *ret);

/**
 * The ends that are over and were not sent before: for a serving end its own, as [NUMBER, CLIENT];
 * for a controller its clients. Used by scenarios whose ends wait for each other
 * (scenario::is_watched); an empty array for others.
 */
struct json_t *told_over(struct run *run);

/** Reads what the other process's told_over() has made: from now on conn_is_over() is true for
 * these ends. 0 or -EINVAL. */
int told_read_over(const struct json_t *array, struct run *run);

/** A server end that is over, as an array; `number` is its index in the run. */
struct json_t *told_end(const struct run *run, uint64_t number);

/**
 * Reads that into run->servers, and matches it with its client, if that is known. 0, or -EINVAL: it
 * is invalid.
 */
int told_read_end(const struct json_t *array, struct run *run);

#endif
