/* SPDX-License-Identifier: ISC */
/*
 * What a run has shown: counted once, after its threads have ended (results.c, results_bytes.c),
 * held against the limits (limits.c), and then only printed (report.c, json.c, csv.c).
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
#include "load/about.h"
#include "load/alone.h"
#include "load/conn.h"
#include "load/result.h"

struct options;
struct run;

enum { RESULTS_ERRORS_MAX = 16, RESULTS_LIMITS_MAX = 20, RESULTS_WORDS_MAX = 512 };

/** One end of all connections. */
struct side_results {
	uint64_t n;                          /**< opened, or accepted */
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end */
	uint64_t n_wrong;                    /**< closed by an error, or otherwise than --by says */
	uint64_t n_garbled;                  /**< received other bytes than were sent */
	struct hdr late;    /**< us: after the expected time; without --expect after the median */
	struct hdr early;   /**< us: before it */
	uint64_t *after_us; /**< heap, sorted: what was measured without --expect */
	uint64_t n_after;
};

/** Bytes, one way, of the pairs whose both ends are known; lost also of those not served. */
struct way_results {
	uint64_t n_sent;
	uint64_t n_received;
	uint64_t n_lost;      /**< sent, never received, although there was time */
	uint64_t n_in_flight; /**< the same, sent too shortly before the end to say so */
	uint64_t n_added;     /**< received, never sent */
};

struct limit_result {
	const char *name; /**< "max_early" */
	uint64_t limit;   /**< us for max_late and max_latency, else a count */
	uint64_t value;
	bool holds;
	char words[RESULTS_WORDS_MAX]; /**< what does not hold, as a sentence; else empty */
};

/** Closes over time, and which were the worst (results_closes.c). */
struct closes {
	uint64_t moment_us; /**< how long each is */
	struct result_moment moments[RESULT_MOMENTS_MAX];
	size_t n_moments;
	const struct conn *worst[RESULT_WORST_MAX]; /**< clients; the worst first */
	size_t n_worst;
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
	uint64_t n_unopened;   /**< not tried, for the run was interrupted */
	uint64_t n_matched;
	uint64_t n_unserved;          /**< judged, but the server's end is not known */
	struct side_results sides[2]; /**< by enum load_side */
	struct way_results up;
	struct way_results down;
	struct way_results after_fin; /**< halfclose: from the other end */
	struct way_results echoed;    /**< mixed without --serve: messages that came back */
	struct hdr connect;           /**< us */
	struct hdr failed;            /**< us */
	struct hdr latency;           /**< us; mixed */
	uint64_t n_busy;
	uint64_t n_messages_sent;
	uint64_t n_messages_received;
	struct {
		uint64_t n_live;
		uint64_t n_finished; /**< of them: all was done, and the peer answered our FIN */
		uint64_t n_cut;      /**< closed before they had finished, and before --expect */
	} drain;
	struct hdr accepted; /**< stall: bytes taken by the sender's kernel */
	struct hdr own;      /**< stall: bytes in weirload's two socket buffers, and read */
	struct hdr held;     /**< stall: the rest, which the proxy holds */
	struct hdr delay;    /**< us: how late weirload's own loops were */
	struct closes closes;
	struct limit_result limits[RESULTS_LIMITS_MAX];
	size_t n_limits;
	bool holds; /**< all of them, and the run was not interrupted */
};

/** Counts. Heap, NULL without memory. */
struct results *results_new(const struct run *run);
struct results *results_free(struct results *results);

/** results_bytes.c: counts what a client and its mate have sent and received. */
void results_count_bytes(struct results *results, const struct conn *client);

/** results_closes.c: when closes were, and the worst of them; what was measured is sorted. */
void results_count_closes(struct results *results);

/** How late an end's close was, in us; negative: early. Without --expect from the median. */
int64_t results_late_us(const struct results *results, const struct conn *conn);

/** limits.c: holds the counts against the limits. */
void results_check(struct results *results);

/** Bytes lost, and bytes that nobody sent, all ways together. */
uint64_t results_lost(const struct results *results);
uint64_t results_added(const struct results *results);

/** The value that `percent` of the sorted ones do not exceed; n > 0. */
uint64_t results_percentile(const uint64_t *sorted, uint64_t n, double percent);

/** The verdict on the pair that this client belongs to. */
enum verdict results_verdict(const struct conn *client);

/** For people: text with a drawn histogram. */
void report_text(const struct results *results, FILE *out);

/** report_histogram.c: deviations from a moment, drawn in both directions; nothing when empty. */
void report_histogram(const struct side_results *side, const char *title, FILE *out);

/** report_about.c: when and where it was made, and what it was asked for. */
void report_about(const struct options *options, const struct about *about, FILE *out);

/** Of the server alone. */
void report_alone_text(const struct alone_results *results, FILE *out);
void report_alone_json(const struct alone_results *results, FILE *out);

/** For programs: the schema is in weirload(1). */
void report_json(const struct results *results, FILE *out);

/** The same as a value, for the caller to drop; NULL without memory. */
struct json_t *report_json_value(const struct results *results);

/** json_closes.c: the closes, and how far those of a side were from their time. */
struct json_t *report_json_closes(const struct closes *closes);
struct json_t *report_json_worst(const struct results *results);
struct json_t *report_json_deviations(const struct hdr *early, const struct hdr *late);

/** One row for each connection. 0 or a negative errno. */
int report_csv(const struct results *results, const char *path);

#endif
