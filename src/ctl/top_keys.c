/* SPDX-License-Identifier: ISC */
/* Handles the keys of top. */
#include <curses.h>
#include <stdio.h>
#include <string.h>

#include "ctl/show.h"
#include "ctl/top_private.h"

enum { WAIT_S = 5, KEY_ESCAPE = 27, KEY_DELETE = 127, WORDS_MAX = HTTP_PARAMETERS_MAX };

/* ---- filters ---- */

/** Whether the word selects a part of a list, which top chooses itself. */
static bool is_of_lists(const char *word)
{
	static const char *const names[] = {"limit", "after", "tcp_info"};
	size_t len = strcspn(word, "=");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == len && strncmp(word, names[i], len) == 0) {
			return true;
		}
	}
	return false;
}

/** Splits a text into words, modifying it. Returns their number, or -1 with the error reported. */
static int split(const struct command_opts *opts, char *text, char *words[WORDS_MAX])
{
	char *word;
	int n = 0;

	while (n < WORDS_MAX && (word = strsep(&text, " ")) != NULL) {
		if (is_of_lists(word)) {
			(void)command_wrong(opts, word,
				"top has limit, after and tcp_info itself; leave it out");
			return -1;
		}
		if (*word != '\0') {
			words[n++] = word;
		}
	}
	return n;
}

bool top_set_filter(struct top *top, const char *filter)
{
	struct command_opts opts = {.ask = &top->ask};
	char text[TOP_FILTER_MAX];
	char target[COMMAND_TARGET_MAX];
	char *words[WORDS_MAX];
	char limit[32];
	int n;

	(void)snprintf(text, sizeof(text), "%s", filter);
	n = split(&opts, text, words);
	if (n < 0 || command_filters(&opts, "/v1/pairs", n, words, target) != COMMAND_OK) {
		top_take_said(top, top->says);
		return false;
	}
	(void)snprintf(top->filter, sizeof(top->filter), "%s", filter);
	(void)strcpy(top->target, target);
	top->target_len = strlen(target);
	top->says[0] = '\0'; /* it was about the filter before */
	(void)snprintf(limit, sizeof(limit), "%climit=%d", n == 0 ? '?' : '&', TOP_PAIRS_MAX);
	top->pairs_due_ns = 0;
	return command_add(top->target, limit, false);
}

static void key_of_filter(struct top *top, int key)
{
	size_t len = strlen(top->writing);

	if (key == KEY_ESCAPE) {
		top->mode = TOP_MODE_LOOK;
	} else if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		if (top_set_filter(top, top->writing)) {
			top->mode = TOP_MODE_LOOK;
		}
	} else if ((key == KEY_BACKSPACE || key == KEY_DELETE || key == '\b') && len > 0) {
		top->writing[len - 1] = '\0';
	} else if (key >= ' ' && key <= '~' && len + 1 < sizeof(top->writing)) {
		top->writing[len] = (char)key;
		top->writing[len + 1] = '\0';
	}
}

/* ---- ending pairs ---- */

static void kill_pairs(struct top *top, const char *target)
{
	const struct ask_question question = {
		.method = "DELETE", .target = target, .wait_s = WAIT_S};
	json_t *json;
	int status = ask_weir(&top->ask, &question, &json);

	if (status == 200) {
		(void)snprintf(top->says, sizeof(top->says), "%lld told to end",
			show_number(json, "told"));
	} else if (status == 404) {
		(void)strcpy(top->says, "that pair has ended already");
	} else {
		if (status > 0) {
			ask_tell(&top->ask, json);
		}
		top_take_said(top, top->says);
	}
	if (status > 0) {
		json_decref(json);
	}
	top->pairs_due_ns = 0;
}

/** Ends all pairs that match the filter, without top's limit. */
static void kill_all(struct top *top)
{
	char target[COMMAND_TARGET_MAX];

	(void)snprintf(target, sizeof(target), "%.*s", (int)top->target_len, top->target);
	kill_pairs(top, target);
}

static void key_of_kill(struct top *top, int key)
{
	char target[64];

	if (key == 'y' && top->mode == TOP_MODE_KILL) {
		(void)snprintf(target, sizeof(target), "/v1/pairs/%lld", top->selected);
		kill_pairs(top, target);
	} else if (key == 'y') {
		kill_all(top);
	}
	top->mode = TOP_MODE_LOOK;
}

/* ---- which pair is selected ---- */

/** The first index of a pair; with two lists it may occur twice. */
static size_t find(const struct top *top, json_int_t id)
{
	size_t i = 0;

	while (i < top->n_shown && top->shown[i]->id != id) {
		i++;
	}
	return i;
}

static void select_at(struct top *top, size_t at)
{
	if (top->n_shown > 0) {
		top->selected = top->shown[at < top->n_shown ? at : top->n_shown - 1]->id;
	}
}

static void move_to(struct top *top, int key)
{
	size_t at = find(top, top->selected);
	bool none = at == top->n_shown;

	switch (key) {
	case KEY_UP:
		select_at(top, none || at == 0 ? 0 : at - 1);
		break;
	case KEY_DOWN:
		at = none ? 0 : at + 1;
		while (at < top->n_shown && find(top, top->shown[at]->id) < at) {
			at++;
		}
		if (at < top->n_shown) {
			select_at(top, at);
		}
		break;
	case KEY_PPAGE:
		select_at(top, none || at < top->page ? 0 : at - top->page);
		break;
	case KEY_NPAGE:
		select_at(top, none ? 0 : at + top->page);
		break;
	case KEY_HOME:
		select_at(top, 0);
		break;
	default: /* KEY_END */
		select_at(top, top->n_shown);
		break;
	}
}

/* ---- all keys ---- */

static void set_sort(struct top *top, enum top_sort sort)
{
	top->sort = sort;
	top->first = 0;
	top->selected = -1;
}

/** Handles the keys that begin something. If it is not possible, says why. */
static void begin(struct top *top, int key)
{
	if (key == 'k' && top->selected < 0) {
		(void)strcpy(top->says, "select a pair by Up and Down first");
	} else if (key == 'k') {
		top->mode = TOP_MODE_KILL;
	} else if (key == 'K' && *top->filter == '\0') {
		(void)strcpy(top->says, "K ends what fits the filter: write one by f first");
	} else if (key == 'K') {
		top->mode = TOP_MODE_KILL_ALL;
	} else {
		(void)strcpy(top->writing, top->filter);
		top->mode = TOP_MODE_FILTER;
	}
}

static bool key_of_look(struct top *top, int key)
{
	static const char sorts[] = {[TOP_SORT_BOTH] = 'a',
		[TOP_SORT_BUSY] = 'b',
		[TOP_SORT_SILENT] = 's',
		[TOP_SORT_OLD] = 'o',
		[TOP_SORT_DUE] = 't',
		[TOP_SORT_WAITING] = 'w'};
	const char *sort = key > 0 && key < 128 ? memchr(sorts, key, sizeof(sorts)) : NULL;

	top->says[0] = '\0';
	if (sort != NULL) {
		set_sort(top, (enum top_sort)(sort - sorts));
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'k':
	case 'K':
	case 'f':
	case '/':
		begin(top, key);
		break;
	case 'h':
	case '?':
		top->mode = TOP_MODE_HELP;
		break;
	case KEY_UP:
	case KEY_DOWN:
	case KEY_PPAGE:
	case KEY_NPAGE:
	case KEY_HOME:
	case KEY_END:
		move_to(top, key);
		break;
	default:
		break;
	}
	return true;
}

bool top_key(struct top *top, int key)
{
	if (key == KEY_RESIZE) {
		return true;
	}
	switch (top->mode) {
	case TOP_MODE_FILTER:
		key_of_filter(top, key);
		return true;
	case TOP_MODE_KILL:
	case TOP_MODE_KILL_ALL:
		key_of_kill(top, key);
		return true;
	case TOP_MODE_HELP:
		top->mode = TOP_MODE_LOOK;
		return true;
	default:
		return key_of_look(top, key);
	}
}
