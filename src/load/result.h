/* SPDX-License-Identifier: ISC */
/*
 * The result of one run, with the contents of its JSON report (weirload(1), "JSON"). Code that
 * reports on finished runs (html.h, junit.h, compare.h, suites) uses only this struct, whether the
 * run has just ended (result_of_run()) or is in a file (result_file.h).
 *
 * A file is treated as hostile until it was read. If a value is invalid, the error names the field.
 * Fields that this version does not know are ignored.
 */
#ifndef WEIR_LOAD_RESULT_H
#define WEIR_LOAD_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hdr.h"
#include "load/conn.h"
#include "load/verdict.h"

/** Format of an error; its arguments are a uintmax_t and an int. */
#define RESULT_SCHEMA_OTHER "%ju, and this weirload knows only %d: use the version that wrote it"

struct json_t;
struct results;

enum {
	RESULT_SCHEMA = 1,
	RESULT_FILE_MAX = 64 * 1024 * 1024,
	RESULT_BUCKETS_MAX = 2 * HDR_SLOTS,
	RESULT_MOMENTS_MAX = 200, /**< parts into which the time of a run is divided */
	RESULT_WORST_MAX = 20,
	RESULT_OPTIONS_MAX = 128,
	RESULT_LIMITS_MAX = 32,
	RESULT_ERRORS_MAX = 64,
	RESULT_WORDS_MAX = 1024, /**< words of a command line: 256 addresses take two each */
	RESULT_TITLE_MAX = 256,
	RESULT_WHY_MAX = 512, /**< a line of text, with its NUL */
};

/** The summary of a histogram; all 0 if it is empty. Times in us. */
struct result_summary {
	uint64_t count, min, p50, p90, p99, p999, max;
};

/** How many values are from `least` to `greatest`, both included. In us; negative: early. */
struct result_bucket {
	int64_t least;
	int64_t greatest;
	uint64_t count;
};

/** A distribution. The buckets ascend and do not overlap. */
struct result_distribution {
	struct result_bucket *buckets; /**< malloc'd; NULL: none */
	size_t n_buckets;
	uint64_t count; /**< sum over all buckets */
};

/** One end of all connections. */
struct result_side {
	bool is_known; /**< false for the server without --serve or --remote */
	uint64_t count;
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end */
	struct result_summary early;
	struct result_summary late;
	struct result_summary after; /**< without --expect: the times of the closes */
	/** How far closes were from the expected time; without --expect, from their median. */
	struct result_distribution deviation;
};

struct result_option {
	const char *name; /**< the name in JSON: "max_late_us" */
	const char *text; /**< the value as people write it: "50ms"; "": not given */
};

struct result_limit {
	const char *name; /**< "max_early" */
	uint64_t limit;   /**< us for max_late and max_latency, else a count */
	uint64_t value;
	bool holds;
	const char *words; /**< the sentence that says that it does not hold, else "" */
};

struct result_error {
	const char *name; /**< "ECONNREFUSED" */
	uint64_t count;
};

/** What happened in one part of the time of a run. */
struct result_moment {
	uint64_t n_opened;
	/** Of connections that were closed, failed or were given up then. */
	uint64_t verdicts[VERDICTS];
};

/** One end of one of the worst connections. Times in us since the run began. */
struct result_end {
	bool is_known;
	uint64_t sent_us;   /**< the last send; 0: none */
	uint64_t closed_us; /**< 0: it was not */
	bool is_timed;      /**< its close was compared with a time: late_us is valid */
	int64_t late_us;    /**< negative: early; without --expect from the median */
	const char *by;     /**< "fin", "rst", "error", "weirload" */
	const char *error;  /**< the name of the error, or "" */
};

struct result_worst {
	uint64_t connection; /**< number of the connection */
	uint64_t port;       /**< local port of the client; 0: not TCP, or not connected */
	enum verdict verdict;
	uint64_t open_us;          /**< just before the connect */
	struct result_end ends[2]; /**< by enum load_side */
};

/** All texts are valid as long as the result. */
struct result {
	struct json_t *json; /**< the whole report; the result has a reference */
	/** The title in reports: "idle to 127.0.0.1:80". May be overwritten, for example by a
	 * suite. */
	char title[RESULT_TITLE_MAX];
	const char *version; /**< version of weirload */
	const char *scenario;
	const char *began; /**< "2026-11-26T12:00:00Z" */
	const char *host;
	const char *kernel;
	const char *machine;
	const char *libuv;
	uint64_t n_processors;
	uint64_t lasted_us;
	bool is_interrupted;
	bool is_measured; /**< without --expect, so that no close is early or late */
	bool holds;       /**< every limit holds, and the run was not interrupted */
	const char *command[RESULT_WORDS_MAX];
	size_t n_command;
	struct result_option options[RESULT_OPTIONS_MAX];
	size_t n_options;
	uint64_t n_opened;
	uint64_t n_matched;
	uint64_t n_unserved;
	uint64_t n_unopened;
	uint64_t verdicts[VERDICTS];
	struct result_error errors[RESULT_ERRORS_MAX]; /**< errors of connections that failed */
	size_t n_errors;
	struct result_summary connect;
	struct result_summary loop_delay;       /**< how late weirload's own loops were */
	struct result_summary latency;          /**< mixed, drain: latency of messages */
	struct result_distribution latency_all; /**< likewise */
	struct result_side sides[2];            /**< by enum load_side */
	struct result_limit limits[RESULT_LIMITS_MAX];
	size_t n_limits;
	uint64_t moment_us; /**< the length of each part of the time */
	struct result_moment moments[RESULT_MOMENTS_MAX];
	size_t n_moments;
	struct result_worst worst[RESULT_WORST_MAX]; /**< the worst first */
	size_t n_worst;
};

/**
 * Reads a report. Takes a reference of its own to `json`. 0, or -EINVAL or -ENOMEM and ret_why (of
 * RESULT_WHY_MAX), which names the field.
 */
int result_read(struct json_t *json, struct result **ret, char *ret_why);

/** json.c: the same for a run that has just ended, by way of its JSON report. */
int result_of_run(const struct results *results, struct result **ret, char *ret_why);

/** NULL is fine; returns NULL. */
struct result *result_free(struct result *result);

/** The value of an option by its name in JSON ("target"), as people write it; "": there is none. */
const char *result_option(const struct result *result, const char *name);

/** The percentile, to the precision of the buckets: the value that `percent` (0 to 100) of the
 * values do not exceed. 0 if there are none. */
int64_t result_percentile(const struct result_distribution *distribution, double percent);

#endif
