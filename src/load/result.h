/* SPDX-License-Identifier: ISC */
/*
 * The result of one run, as its report in JSON has it (weirload(1), "JSON"): whoever tells of runs
 * that are over -- html.h, junit.h, compare.h, a suite of several -- knows them from here alone,
 * whether they ended just now (result_of_run()) or lie in a file (result_file.h).
 *
 * A file is hostile until it was read: what does not fit is named by its field. Fields that this
 * version does not know are left alone.
 */
#ifndef WEIR_LOAD_RESULT_H
#define WEIR_LOAD_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hdr.h"
#include "load/conn.h"
#include "load/verdict.h"

/** Of a uintmax_t and an int. */
#define RESULT_SCHEMA_OTHER "%ju, and this weirload knows only %d: use the version that wrote it"

struct json_t;
struct results;

enum {
	RESULT_SCHEMA = 1,
	RESULT_FILE_MAX = 64 * 1024 * 1024,
	RESULT_BUCKETS_MAX = 2 * HDR_SLOTS,
	RESULT_MOMENTS_MAX = 200, /**< of closes over time */
	RESULT_WORST_MAX = 20,
	RESULT_OPTIONS_MAX = 128,
	RESULT_LIMITS_MAX = 32,
	RESULT_ERRORS_MAX = 64,
	RESULT_WORDS_MAX = 256, /**< of a command */
	RESULT_TITLE_MAX = 256,
	RESULT_WHY_MAX = 512, /**< a line of text, with its NUL */
};

/** A histogram told in a line; all 0 where nothing fell into it. Times in us. */
struct result_summary {
	uint64_t count, min, p50, p90, p99, p999, max;
};

/** How many values lie from `least` to `greatest`, both included; us, negative: early. */
struct result_bucket {
	int64_t least;
	int64_t greatest;
	uint64_t count;
};

/** Ascending, and they do not overlap. */
struct result_distribution {
	struct result_bucket *buckets; /**< heap; NULL where there are none */
	size_t n_buckets;
	uint64_t count; /**< of all */
};

/** One end of all connections. */
struct result_side {
	bool is_known; /**< that of the server is not without --serve */
	uint64_t count;
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end */
	struct result_summary early;
	struct result_summary late;
	struct result_summary after; /**< without --expect: when they were closed */
	/** How far closes were from their time; without --expect from their median. */
	struct result_distribution deviation;
};

struct result_option {
	const char *name; /**< as in JSON: "max_late_us" */
	const char *text; /**< as people write it: "50ms"; "" where it was not given */
};

struct result_limit {
	const char *name; /**< "max_early" */
	uint64_t limit;   /**< us for max_late and max_latency, else a count */
	uint64_t value;
	bool holds;
	const char *words; /**< the sentence that tells that it does not hold, else "" */
};

struct result_error {
	const char *name; /**< "ECONNREFUSED" */
	uint64_t count;
};

/** What happened in one part of the time of a run. */
struct result_moment {
	uint64_t n_opened;
	uint64_t verdicts[VERDICTS]; /**< by when they were closed, or failed, or given up */
};

/** One end of one of the worst connections. Times in us since the run began. */
struct result_end {
	bool is_known;
	uint64_t sent_us;   /**< the last send; 0: none */
	uint64_t closed_us; /**< 0: it was not */
	int64_t late_us;    /**< negative: early; without --expect from the median */
	const char *by;     /**< "fin", "rst", "error", "weirload" */
	const char *error;  /**< the name of the error, or "" */
};

struct result_worst {
	uint64_t connection; /**< its number */
	uint64_t port;       /**< that the client came from; 0: not by TCP, or not connected */
	enum verdict verdict;
	uint64_t open_us;          /**< just before the connect */
	struct result_end ends[2]; /**< by enum load_side */
};

/** Texts live as long as the result. */
struct result {
	struct json_t *json; /**< all of it; the result's own */
	/** What reports call it: "idle to 127.0.0.1:80"; may be overwritten, say by a suite. */
	char title[RESULT_TITLE_MAX];
	const char *version; /**< of weirload */
	const char *scenario;
	const char *began; /**< "2026-11-26T12:00:00Z" */
	const char *host;
	const char *kernel;
	const char *machine;
	const char *libuv;
	uint64_t n_processors;
	uint64_t lasted_us;
	bool is_interrupted;
	bool is_measured; /**< without --expect: no close is early or late */
	bool holds;       /**< every limit, and it was not interrupted */
	const char *command[RESULT_WORDS_MAX];
	size_t n_command;
	struct result_option options[RESULT_OPTIONS_MAX];
	size_t n_options;
	uint64_t n_opened;
	uint64_t n_matched;
	uint64_t n_unserved;
	uint64_t n_unopened;
	uint64_t verdicts[VERDICTS];
	struct result_error errors[RESULT_ERRORS_MAX]; /**< of what failed */
	size_t n_errors;
	struct result_summary connect;
	struct result_summary loop_delay;       /**< how late weirload's own loops were */
	struct result_summary latency;          /**< mixed: of its messages */
	struct result_distribution latency_all; /**< the same */
	struct result_side sides[2];            /**< by enum load_side */
	struct result_limit limits[RESULT_LIMITS_MAX];
	size_t n_limits;
	uint64_t moment_us; /**< how long each moment is */
	struct result_moment moments[RESULT_MOMENTS_MAX];
	size_t n_moments;
	struct result_worst worst[RESULT_WORST_MAX]; /**< the worst first */
	size_t n_worst;
};

/**
 * What a report says; `json` is referenced, not taken. 0, or -EINVAL and ret_why (of
 * RESULT_WHY_MAX), which names the field; -ENOMEM, likewise.
 */
int result_read(struct json_t *json, struct result **ret, char *ret_why);

/** The same of a run that has ended: by the JSON that it would be reported in. */
int result_of_run(const struct results *results, struct result **ret, char *ret_why);

/** NULL is fine, and what it returns. */
struct result *result_free(struct result *result);

/** The option of that name (in JSON: "target"), as people write it; "" where there is none. */
const char *result_option(const struct result *result, const char *name);

/** The value that `percent` (0 to 100) of them do not exceed, to its bucket; 0 of none. */
int64_t result_percentile(const struct result_distribution *distribution, double percent);

#endif
