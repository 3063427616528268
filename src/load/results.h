/* SPDX-License-Identifier: ISC */
/*
 * What a run has shown: counted once, after its threads have ended, and then only printed
 * (report.c, json.c, csv.c).
 *
 * The verdict on a pair is the worst of those on its ends.
 */
#ifndef WEIR_LOAD_RESULTS_H
#define WEIR_LOAD_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hdr.h"
#include "load/conn.h"

struct run;

enum { RESULTS_ERRORS_MAX = 16, RESULTS_LIMITS_MAX = 6 };

/** One end of all connections. */
struct side_results {
	uint64_t n;                          /**< opened, or accepted */
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end */
	struct hdr late;                     /**< us */
};

/** Bytes of the matched pairs, one way. */
struct way_results {
	uint64_t n_sent;
	uint64_t n_received;
};

struct limit_result {
	const char *name; /**< "max_early" */
	uint64_t limit;   /**< us for max_late, else a count */
	uint64_t value;
	bool holds;
};

struct results {
	const struct run *run;
	uint64_t n_opened;
	uint64_t verdicts[VERDICTS];
	uint64_t earliest_us; /**< how much too early the earliest was */
	struct {
		int error;
		uint64_t n;
	} errors[RESULTS_ERRORS_MAX]; /**< of what failed; the last takes what has no place */
	size_t n_errors;
	double open_seconds;   /**< from the first connect to the last connection */
	uint64_t memory_bytes; /**< of weirload's own, for each connection opened */
	uint64_t n_matched;
	struct side_results sides[2]; /**< by enum load_side */
	struct way_results up;
	struct way_results down;
	struct way_results after_fin; /**< halfclose: from the other end */
	struct hdr connect;           /**< us */
	struct hdr failed;            /**< us */
	struct hdr latency;           /**< us; mixed */
	uint64_t n_busy;
	uint64_t n_messages_sent;
	uint64_t n_messages_received;
	struct hdr accepted; /**< stall: bytes taken by the sender's kernel */
	struct hdr own;      /**< stall: bytes in weirload's two socket buffers, and read */
	struct hdr held;     /**< stall: the rest, which the proxy holds */
	struct hdr delay;    /**< us: how late weirload's own loops were */
	struct limit_result limits[RESULTS_LIMITS_MAX];
	size_t n_limits;
	bool holds; /**< all of them */
};

/** Counts. Heap, NULL without memory; free() it. */
struct results *results_new(const struct run *run);

/** The verdict on the pair that this client belongs to. */
enum verdict results_verdict(const struct conn *client);

/** For people: text with a drawn histogram. */
void report_text(const struct results *results, FILE *out);

/** For programs: the schema is in weirload(1). */
void report_json(const struct results *results, FILE *out);

/** One row for each connection. 0 or a negative errno. */
int report_csv(const struct results *results, const char *path);

#endif
