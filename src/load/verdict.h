/* SPDX-License-Identifier: ISC */
/* The verdict on a connection, as pure functions of timestamps. Reports use the same names. */
#ifndef WEIR_LOAD_VERDICT_H
#define WEIR_LOAD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_NONE,    /**< no close was expected */
	VERDICT_FAILED,  /**< it could not be opened */
	VERDICT_VOID,    /**< weirload itself was too late: it sent a byte or read the close late */
	VERDICT_EARLY,   /**< closed before the expected time, or while it had to stay open */
	VERDICT_ON_TIME, /**< closed at the expected time, or within --max-late after it */
	VERDICT_LATE,    /**< closed later than --max-late after it */
	VERDICT_MEASURED,   /**< closed; no time was expected */
	VERDICT_NEVER,      /**< still open --wait after the expected time */
	VERDICT_UNFINISHED, /**< still open when the run was interrupted, before it was due */
	VERDICTS,
};

/** What is known about a close. Times are of clock_ns(). */
struct verdict_facts {
	uint64_t closed_ns;
	uint64_t early_ns;    /**< a close before this is early */
	uint64_t late_ns;     /**< lateness counts from here; at least early_ns */
	uint64_t max_late_ns; /**< a close with more lateness is late */
	uint64_t delay_ns;    /**< how late weirload's own loop was when it read the close */
	bool is_void;         /**< a byte was sent too late */
	/** A byte was still to be sent. Unless is_measured is set, it is overdue after early_ns. */
	bool is_sending;
	bool is_measured; /**< no time is expected; early_ns and late_ns are what it counts from */
};

/**
 * The verdict on a close, and how late it was: negative before early_ns, 0 between early_ns and
 * late_ns. A close that is late only because of weirload's own delay is void.
 */
enum verdict verdict_judge(const struct verdict_facts *facts, int64_t *ret_late_ns);

/** The worse of two verdicts, for the two ends of a pair. */
enum verdict verdict_worse(enum verdict a, enum verdict b);

/** The name in reports: "on_time"; "" for VERDICT_NONE. */
const char *verdict_name(enum verdict verdict);

#endif
