/* SPDX-License-Identifier: ISC */
/*
 * What a controller (remote.h) and a serving end (obey.h) tell each other: one JSON object on one
 * line each, the controller asks and the serving end answers. All of it is hostile until it was
 * read here: whatever does not fit is refused as a whole.
 *
 *	serving end	{"weirload": VERSION, "protocol": 1, "challenge": HEX}
 *	controller	{"protocol": 1, "nonce": HEX, "proof": TEXT}	{"ok": true}
 *	controller	{"run": {...}}					{"ok": true}
 *	controller	{"over": [CLIENT, ...]}, every 50 ms		struct told_state
 *	controller	{"stop": true}					struct told_state
 *	controller	{"ends": FIRST}					{"ends": [END, ...]}
 *
 * or, as any answer, {"error": TEXT}, and the serving end hangs up.
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
	TOLD_LINE_MAX = 256 * 1024, /**< with its end */
	TOLD_FIRST_LINE_MAX = 512,  /**< until the secret was shown */
	TOLD_OVER_MAX = 2048,       /**< in one line */
	TOLD_ENDS_MAX = 512,        /**< in one line */
	TOLD_ERROR_MAX = 400,       /**< with the NUL */
};

/** One line, without its end, as an object; NULL if it is none. */
struct json_t *told_parse(const char *line, size_t len);

/** The line of an object, which it takes, with its end; heap. NULL: no memory. */
char *told_line(struct json_t *object);

/** What a serving end must know of a run, and of its nonce. */
struct json_t *told_run(const struct run *run);

/**
 * Reads it into *ret, which options_begin() made, and checks it as a command line is checked. 0, or
 * -EINVAL and ret_why (of OPTIONS_WHY_MAX). ret->serve must be set.
 */
int told_read_run(const struct json_t *object, struct options *ret, char *ret_why);

/** How a run is getting on. */
struct told_state {
	uint64_t n_servers;
	uint64_t n_over;
	uint64_t n_awaited; /**< judged ends that are open */
	uint64_t n_strangers;
	uint64_t
		delay_us; /**< how late the serving end's loop was, at worst; when it was stopped */
};

struct json_t *told_state(const struct told_state *state);
int told_read_state(const struct json_t *object, struct told_state *ret);

/**
 * Which ends are over that were not told before: of a serving end its own, as [NUMBER, CLIENT], of
 * a controller its clients. For scenarios whose ends wait for each other (scenario::is_watched); of
 * others an empty array.
 */
struct json_t *told_over(struct run *run);

/** What the other one's told_over() has: from now on conn_is_over() says so. 0 or -EINVAL. */
int told_read_over(const struct json_t *array, struct run *run);

/** A server's end that is over, as an array; `number` is its place in the run. */
struct json_t *told_end(const struct run *run, uint64_t number);

/**
 * Reads it into its place in run->servers, and matches it with its client, where that is known. 0,
 * or -EINVAL: it does not fit.
 */
int told_read_end(const struct json_t *array, struct run *run);

#endif
