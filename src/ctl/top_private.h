/* SPDX-License-Identifier: ISC */
/* Private to the files of top. */
#ifndef WEIR_CTL_TOP_PRIVATE_H
#define WEIR_CTL_TOP_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/command.h"
#include "ctl/top_sample.h"

enum top_sort {
	TOP_SORT_BOTH, /**< two lists: the busiest pairs, and those that are silent longest */
	TOP_SORT_BUSY,
	TOP_SORT_SILENT,
	TOP_SORT_OLD,
	TOP_SORT_DUE,
	TOP_SORT_WAITING,
};

enum top_mode {
	TOP_MODE_LOOK,
	TOP_MODE_FILTER,   /**< a filter is being typed */
	TOP_MODE_KILL,     /**< asks whether to end the selected pair */
	TOP_MODE_KILL_ALL, /**< asks whether to end all pairs that match the filter */
	TOP_MODE_HELP,
};

enum { TOP_FILTER_MAX = 512, TOP_SAYS_MAX = 512 };

struct top {
	const struct command_opts *opts;
	struct ask ask; /**< its errors are written to `said` */
	char *said;     /**< malloc'd */
	size_t n_said;

	struct top_numbers numbers;
	struct top_numbers before;
	struct top_pairs pairs;
	uint64_t pairs_due_ns;
	char target[COMMAND_TARGET_MAX]; /**< the target of the request for pairs */
	size_t target_len; /**< its length without top's own limit, which comes last */

	enum top_mode mode;
	enum top_sort sort;
	char filter[TOP_FILTER_MAX];  /**< the filter in force */
	char writing[TOP_FILTER_MAX]; /**< with TOP_MODE_FILTER: the filter that is being typed */
	json_int_t selected;          /**< the id of a pair; -1: none */
	size_t first;                 /**< the first row shown, if there is one list */
	size_t page;                  /**< how many rows fit on the screen */

	/** Set by top_draw(): the pairs on the screen or, if there is one list, all of it. */
	const struct top_pair **shown;
	size_t n_shown;

	char says[TOP_SAYS_MAX]; /**< the result of the last key, or why it failed */
	char lost[TOP_SAYS_MAX]; /**< why weir does not answer; empty: it answers */
	char lost_at[16];        /**< since when it does not answer */
	char restarted_at[16];   /**< when weir was restarted; empty: no restart was seen */
};

/** Draws the whole screen. */
void top_draw(struct top *top);

/** Handles a key; false: the program ends. */
bool top_key(struct top *top, int key);

/** Sets the filter and makes its target; false: it is invalid, and top->says has the reason. */
bool top_set_filter(struct top *top, const char *filter);

/** Takes the first line of what was written to ask->err since the last call; drops the rest. */
void top_take_said(struct top *top, char text[TOP_SAYS_MAX]);

#endif
