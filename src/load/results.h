/* SPDX-License-Identifier: ISC */
/*
 * The results of a run. They are counted once, after its threads have ended (results.c,
 * results_bytes.c), compared with the limits (limits.c), and then only printed (report.c, json.c,
 * csv.c).
 *
 * The verdict on a pair is the worse of the verdicts on its two ends.
 */
#ifndef WEIR_LOAD_RESULTS_H
#define WEIR_LOAD_RESULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hdr.h"
#include "load/about.h"
#include "load/conn.h"
#include "load/result.h"

struct alone_results;
struct options;
struct run;

enum { RESULTS_ERRORS_MAX = 16, RESULTS_LIMITS_MAX = 20, RESULTS_WORDS_MAX = 512 };

/** One end of all connections. */
struct side_results {
	uint64_t n;                          /**< opened, or accepted */
	uint64_t n_ended[CONN_END_OURS + 1]; /**< by enum conn_end */
	uint64_t n_wrong;                    /**< closed by an error, or not by what --by says */
	uint64_t n_garbled;                  /**< ends that received other bytes than were sent */
	struct hdr late;    /**< us after the expected time; without --expect after the median */
	struct hdr early;   /**< us before that time */
	uint64_t *after_us; /**< malloc'd, sorted: times measured without --expect */
	uint64_t n_after;
};

/** Bytes in one direction, of pairs of which both ends are known. Bytes of pairs that were not
 * served also count as lost. */
struct way_results {
	uint64_t n_sent;
	uint64_t n_received;
	uint64_t n_lost; /**< sent but not received, although there was time */
	/** Sent but not received, and not counted as lost: sent shortly before the end, or in a
	 * pair that stalled, was closed early, is void, or was ended by weirload before its
	 * time. */
	uint64_t n_in_flight;
	uint64_t n_added; /**< received but not sent */
};

struct limit_result {
	const char *name; /**< "max_early" */
	uint64_t limit;   /**< us for max_late and max_latency, else a count */
	uint64_t value;
	bool holds;
	char words[RESULTS_WORDS_MAX]; /**< a sentence that says that it does not hold; else "" */
};

/** Closes over time, and the worst connections (results_closes.c). */
struct closes {
	uint64_t moment_us; /**< the length of each part of the time */
	struct result_moment moments[RESULT_MOMENTS_MAX];
	size_t n_moments;
	const struct conn *worst[RESULT_WORST_MAX]; /**< clients; the worst first */
	size_t n_worst;
};

struct results {
	const struct run *run;
	uint64_t n_opened;
	uint64_t verdicts[VERDICTS];
	uint64_t earliest_us; /**< how much too early the earliest close was */
	struct {
		int error;
		uint64_t n;
	} errors[RESULTS_ERRORS_MAX]; /**< of failed connections; the last one: all others */
	size_t n_errors;
	double open_seconds;   /**< from the first connect to the last connection */
	uint64_t memory_bytes; /**< weirload's own memory for each connection opened */
	uint64_t n_unopened;   /**< not tried, because the run was interrupted */
	uint64_t n_matched;
	/** The server end should be known and is not. Pairs that are failed, void, early or
	 * unfinished are not counted, nor are those of stall, nor those that last
	 * (script::is_lasting). In mixed those that last are counted, unless the run was
	 * interrupted. */
	uint64_t n_unserved;
	struct side_results sides[2]; /**< by enum load_side */
	struct way_results up;
	struct way_results down;
	struct way_results after_fin; /**< halfclose: sent by an end after it read a FIN */
	struct way_results echoed;    /**< without --serve or --remote: messages that came back */
	struct hdr connect;           /**< us */
	struct hdr failed;            /**< us */
	struct hdr latency;           /**< us; mixed, drain */
	uint64_t n_busy;
	uint64_t n_messages_sent;
	uint64_t n_messages_received;
	struct {
		uint64_t n_live;
		uint64_t n_finished; /**< those that finished, and whose peer answered our FIN */
		uint64_t n_cut; /**< those closed before they had finished and before --expect */
	} drain;
	struct hdr accepted; /**< stall: bytes taken by the sender's kernel */
	struct hdr own;      /**< stall: bytes in weirload's two socket buffers, and read */
	struct hdr held;     /**< stall: the rest, which the proxy holds */
	struct hdr delay;    /**< us: how late weirload's own loops were */
	struct closes closes;
	struct limit_result limits[RESULTS_LIMITS_MAX];
	size_t n_limits;
	bool holds; /**< all limits hold, and the run was not interrupted */
};

/** Counts the results of a run. NULL: no memory. */
struct results *results_new(const struct run *run);
struct results *results_free(struct results *results);

/** results_bytes.c: counts what a client and its mate have sent and received. */
void results_count_bytes(struct results *results, const struct conn *client);

/** results_closes.c: counts closes over time, and finds the worst; `after_us` must be sorted. */
void results_count_closes(struct results *results);

/** Whether the time of the close of an end was judged or measured, so that results_late_us() is
 * valid. */
bool results_is_timed(const struct conn *conn);

/** How late the close of an end was, in us; negative: early. Without --expect it counts from the
 * median. */
int64_t results_late_us(const struct results *results, const struct conn *conn);

/** limits.c: compares the counts with the limits. */
void results_check(struct results *results);

/** Bytes lost, and bytes received that were not sent, in all directions together. */
uint64_t results_lost(const struct results *results);
uint64_t results_added(const struct results *results);

/** The value that `percent` of the sorted values do not exceed; `n` must not be 0. */
uint64_t results_percentile(const uint64_t *sorted, uint64_t n, double percent);

/** The verdict on the pair to which this client belongs. */
enum verdict results_verdict(const struct conn *client);

/** For people: text with a drawn histogram. */
void report_text(const struct results *results, FILE *out);

/** report_histogram.c: draws deviations from a moment, early and late; nothing if there are
 * none. */
void report_histogram(const struct side_results *side, const char *title, FILE *out);

/** report_about.c: when and where the run took place, and its options. */
void report_about(const struct options *options, const struct about *about, FILE *out);

/** The reports of `weirload serve`. */
void report_alone_text(const struct alone_results *results, FILE *out);
void report_alone_json(const struct alone_results *results, FILE *out);

/** For programs: the schema is in weirload(1). */
void report_json(const struct results *results, FILE *out);

/** The same as a JSON value, to which the caller gets a reference; NULL: no memory. */
struct json_t *report_json_value(const struct results *results);

/** A text as a JSON string; a text that is no UTF-8, such as a file's name, is read as Latin-1. */
struct json_t *report_json_text(const char *value);

/** json_closes.c: the closes over time, the worst connections, and how far the closes of a side
 * were from their time. */
struct json_t *report_json_closes(const struct closes *closes);
struct json_t *report_json_worst(const struct results *results);
struct json_t *report_json_deviations(const struct hdr *early, const struct hdr *late);

/** One row for each connection. 0 or a negative errno. */
int report_csv(const struct results *results, const char *path);

#endif
