/* SPDX-License-Identifier: ISC */
/* What the files of top share. Private to them. */
#ifndef WEIR_CTL_TOP_PRIVATE_H
#define WEIR_CTL_TOP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"
#include "ctl/top_sample.h"

enum top_sort {
	TOP_SORT_BOTH, /**< two lists: the busiest, and the longest silent */
	TOP_SORT_BUSY,
	TOP_SORT_SILENT,
	TOP_SORT_OLD,
	TOP_SORT_DUE,
	TOP_SORT_WAITING,
};

enum top_mode {
	TOP_MODE_LOOK,
	TOP_MODE_FILTER,   /**< a filter is being written */
	TOP_MODE_KILL,     /**< the end of the selected pair is to be confirmed */
	TOP_MODE_KILL_ALL, /**< of all that fit the filter */
	TOP_MODE_HELP,
};

enum { TOP_FILTER_MAX = 512, TOP_SAYS_MAX = 512, TOP_SHOWN_MAX = 512 };

struct top {
	const struct command_opts *opts;
	struct ask ask; /**< whose errors go to `said` */
	char *said;     /**< malloc'd */
	size_t n_said;

	struct top_numbers numbers;
	struct top_numbers before;
	struct top_pairs pairs;
	uint64_t pairs_due_ns;
	char target[COMMAND_TARGET_MAX]; /**< of the pairs */
	size_t target_len;               /**< without top's own limit, which is its end */

	enum top_mode mode;
	enum top_sort sort;
	char filter[TOP_FILTER_MAX];  /**< in force */
	char writing[TOP_FILTER_MAX]; /**< with TOP_MODE_FILTER */
	json_int_t selected;          /**< the id of a pair; -1: none */
	size_t first;                 /**< of the list that is shown, where there is one */
	size_t page;                  /**< so many fit the screen */

	/** The pairs on the screen or, where there is one list, all of it; by the last drawing. */
	const struct top_pair **shown;
	size_t n_shown;

	char says[TOP_SAYS_MAX]; /**< what the last key has done, or could not */
	char lost[TOP_SAYS_MAX]; /**< why weir does not answer; empty: it does */
	char lost_at[16];        /**< since when */
	char restarted_at[16];   /**< empty: not that we know */
};

/** Draws all of it. */
void top_draw(struct top *top);

/** What a key does; false: it ends. */
bool top_key(struct top *top, int key);

/** Makes the target of a filter; false, and why not in top->says. */
bool top_set_filter(struct top *top, const char *filter);

/** What was told to ask->err since it was last taken, in one line. */
void top_take_said(struct top *top, char text[TOP_SAYS_MAX]);

#endif
