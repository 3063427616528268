/* SPDX-License-Identifier: ISC */
/*
 * What is to be said of a connection in the end, as pure functions of stamps. The names are those
 * of the reports.
 */
#ifndef WEIR_LOAD_VERDICT_H
#define WEIR_LOAD_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_NONE,       /**< nothing was expected of it */
	VERDICT_FAILED,     /**< it could not be opened */
	VERDICT_VOID,       /**< weirload itself was too late: with a byte, or to see the close */
	VERDICT_EARLY,      /**< closed before its time */
	VERDICT_ON_TIME,    /**< closed at its time, or within --max-late */
	VERDICT_LATE,       /**< closed later than that */
	VERDICT_MEASURED,   /**< closed, and no time was expected */
	VERDICT_NEVER,      /**< still open --wait after its time */
	VERDICT_UNFINISHED, /**< still open at an interruption, and not yet due */
	VERDICTS,
};

/** What is known of a close; stamps are clock_ns(). */
struct verdict_facts {
	uint64_t closed_ns;
	uint64_t early_ns;    /**< a close before this is early */
	uint64_t late_ns;     /**< lateness counts from here; not before early_ns */
	uint64_t max_late_ns; /**< beyond this it is late */
	uint64_t delay_ns;    /**< how late weirload's own loop was when it read the close */
	bool is_void;         /**< a byte was sent too late */
	bool is_sending;      /**< a byte was still to come: after early_ns, it is overdue */
	bool is_measured;     /**< no time is expected: the stamps are those that it counts from */
};

/**
 * The verdict on a close, and how late it was: negative if early, 0 between the two stamps. What is
 * late only by weirload's own delay is void.
 */
enum verdict verdict_judge(const struct verdict_facts *facts, int64_t *ret_late_ns);

/** The worse of two, of the two ends of a pair. */
enum verdict verdict_worse(enum verdict a, enum verdict b);

/** "on_time"; "" for VERDICT_NONE. */
const char *verdict_name(enum verdict verdict);

#endif
