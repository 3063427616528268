/* SPDX-License-Identifier: ISC */
/*
 * Draws the screen of top. Texts from weir are escaped first, so that each byte is one column, and
 * no name can control the terminal.
 */
#include <curses.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/show.h"
#include "ctl/top_private.h"

enum { CELL_MAX = 256, LINE_MAX_CHARS = 1024, RATE_MAX = 32 };

/* ---- cells ---- */

/** A text, escaped and shortened. */
static const char *cell(const char *text, char to[CELL_MAX])
{
	size_t n = 0;

	for (text = text == NULL ? "-" : text; *text != '\0' && n + TEXT_ESCAPE_MAX < CELL_MAX;
		text++) {
		if (*text >= ' ' && *text <= '~') {
			to[n++] = *text;
		} else {
			n += text_escape(*text, to + n);
		}
	}
	to[n] = '\0';
	return to;
}

static const char *member(const json_t *object, const char *key, char to[CELL_MAX])
{
	return cell(json_string_value(json_object_get(object, key)), to);
}

/** Formats a number of bytes: "0", "812", "1.2k", "34M". */
static const char *amount(double n, char to[RATE_MAX])
{
	static const char units[] = " kMGTPE";
	size_t unit = 0;

	while (n >= 1000 && unit + 2 < sizeof(units)) {
		n /= 1024;
		unit++;
	}
	if (unit == 0) {
		(void)snprintf(to, RATE_MAX, "%.0f", n);
	} else {
		(void)snprintf(to, RATE_MAX, n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
	}
	return to;
}

__attribute__((format(printf, 3, 4))) static void put(
	int row, chtype attributes, const char *format, ...)
{
	char text[LINE_MAX_CHARS];
	va_list args;

	if (row < 0 || row >= LINES) {
		return;
	}
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)attrset((int)attributes);
	(void)mvaddnstr(row, 0, text, COLS);
	if (attributes & A_REVERSE) {
		(void)mvchgat(row, 0, -1, attributes & ~A_COLOR, 0, NULL);
	}
	(void)attrset(A_NORMAL);
}

/* ---- the part above the pairs ---- */

static double rate_of(const struct top *top, const char *key)
{
	const json_t *now = json_object_get(top->numbers.status, "pairs");
	const json_t *before = json_object_get(top->before.status, "pairs");

	return top_rate(
		&top->numbers, &top->before, show_number(now, key), show_number(before, key));
}

static double bytes_of_all(const struct top *top, const char *way)
{
	double rate = 0;
	size_t i;
	json_t *listener;

	json_array_foreach(json_object_get(top->numbers.listeners, "listeners"), i, listener)
	{
		const json_t *before = top_listener(
			&top->before, json_string_value(json_object_get(listener, "name")));

		if (before != NULL) {
			rate += top_rate(&top->numbers, &top->before,
				top_listener_bytes(listener, way), top_listener_bytes(before, way));
		}
	}
	return rate;
}

static int draw_head(const struct top *top)
{
	const json_t *status = top->numbers.status;
	const json_t *pairs = json_object_get(status, "pairs");
	const json_t *servers = json_object_get(status, "servers");
	char version[CELL_MAX];
	char node[CELL_MAX];
	char state[CELL_MAX];
	char age[SHOW_TIME_MAX];
	char up[RATE_MAX];
	char down[RATE_MAX];
	int row = 0;

	put(row++, A_BOLD, "weir %s on %s: %s, generation %lld, up %s%s%s",
		member(status, "version", version), member(status, "node", node),
		member(status, "state", state), show_number(status, "generation"),
		show_time(show_number(status, "uptime_ms"), age),
		*top->restarted_at == '\0' ? "" : ", started anew at ", top->restarted_at);
	put(row++, A_NORMAL,
		"pairs %lld of %lld, +%.1f/s  half closed %lld  up %s/s  down %s/s  servers "
		"%lld of %lld usable",
		show_number(pairs, "open"), show_number(pairs, "max"), rate_of(top, "accepted"),
		show_number(pairs, "half_closed"), amount(bytes_of_all(top, "up"), up),
		amount(bytes_of_all(top, "down"), down), show_number(servers, "usable"),
		show_number(servers, "all"));
	if (*top->lost != '\0') {
		put(row, A_REVERSE, "no answer since %s: %s", top->lost_at, top->lost);
	} else {
		put(row, A_NORMAL, "%s", top->says);
	}
	return row + 1;
}

static int draw_listeners(const struct top *top, int row, int most)
{
	char name[CELL_MAX];
	char upstream[CELL_MAX];
	char up[RATE_MAX];
	char down[RATE_MAX];
	int last = row + most;
	size_t i;
	json_t *listener;

	put(row++, A_REVERSE, "%-20s %9s %9s %8s %8s  %s", "LISTENER", "OPEN", "NEW/s", "UP/s",
		"DOWN/s", "UPSTREAM");
	json_array_foreach(json_object_get(top->numbers.listeners, "listeners"), i, listener)
	{
		const json_t *before = top_listener(
			&top->before, json_string_value(json_object_get(listener, "name")));
		const json_t *pairs = json_object_get(listener, "pairs");

		if (row == last) {
			break;
		}
		/* A new listener has no rate yet. */
		before = before == NULL ? listener : before;
		put(row++, A_NORMAL, "%-20.20s %9lld %9.1f %8s %8s  %s",
			member(listener, "name", name), show_number(pairs, "open"),
			top_rate(&top->numbers, &top->before, show_number(pairs, "accepted"),
				show_number(json_object_get(before, "pairs"), "accepted")),
			amount(top_rate(&top->numbers, &top->before,
				       top_listener_bytes(listener, "up"),
				       top_listener_bytes(before, "up")),
				up),
			amount(top_rate(&top->numbers, &top->before,
				       top_listener_bytes(listener, "down"),
				       top_listener_bytes(before, "down")),
				down),
			member(listener, "upstream", upstream));
	}
	return row;
}

static int draw_server(int row, const json_t *upstream, const json_t *server)
{
	bool is_usable = json_is_true(json_object_get(server, "usable"));
	bool is_ejected = json_is_true(json_object_get(server, "ejected"));
	char up[CELL_MAX];
	char name[CELL_MAX];
	char full[2 * CELL_MAX + 1];
	char told[CELL_MAX];
	char check[CELL_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", member(upstream, "name", up),
		member(server, "name", name));
	put(row, is_usable ? A_NORMAL : A_BOLD, "%-30.30s %-6s %7lld %6lld %8lld  %-5s %-5s %s",
		full, is_usable ? "yes" : "NO", show_number(server, "pairs"),
		show_number(server, "weight"), show_number(server, "connects_failed"),
		member(server, "told", told), member(server, "check", check),
		is_ejected ? "ejected" : "");
	return row + 1;
}

/** Draws the servers, first those that take no pairs, because these are of interest. */
static int draw_servers(const struct top *top, int row, int most)
{
	int last = row + most;

	put(row++, A_REVERSE, "%-30s %-6s %7s %6s %8s  %-5s %s", "SERVER", "USABLE", "PAIRS",
		"WEIGHT", "FAILED", "TOLD", "CHECK");
	for (int pass = 0; pass < 2; pass++) {
		size_t i;
		size_t j;
		json_t *upstream;
		json_t *server;

		json_array_foreach(
			json_object_get(top->numbers.upstreams, "upstreams"), i, upstream)
		{
			json_array_foreach(json_object_get(upstream, "servers"), j, server)
			{
				if (json_is_true(json_object_get(server, "usable")) ==
						(pass == 1) &&
					row < last) {
					row = draw_server(row, upstream, server);
				}
			}
		}
	}
	return row;
}

/* ---- pairs ---- */

static int compare_numbers(double a, double b)
{
	return a < b ? 1 : a > b ? -1 : 0; /* the greatest first */
}

static int compare(const struct top_pair *a, const struct top_pair *b, enum top_sort sort)
{
	switch (sort) {
	case TOP_SORT_SILENT:
		return compare_numbers((double)a->silent_ms, (double)b->silent_ms);
	case TOP_SORT_OLD:
		return compare_numbers((double)a->age_ms, (double)b->age_ms);
	case TOP_SORT_DUE:
		return compare_numbers(-(double)a->due_ms, -(double)b->due_ms);
	case TOP_SORT_WAITING:
		return compare_numbers((double)a->waiting, (double)b->waiting);
	default:
		return compare_numbers(a->up + a->down, b->up + b->down);
	}
}

static int compare_rows(const void *a, const void *b, void *sort)
{
	const struct top_pair *x = *(const struct top_pair *const *)a;
	const struct top_pair *y = *(const struct top_pair *const *)b;
	int order = compare(x, y, *(const enum top_sort *)sort);

	return order != 0 ? order : (x->id < y->id ? -1 : 1);
}

static void draw_pair(const struct top *top, int row, const struct top_pair *pair)
{
	const json_t *json = pair->json;
	char texts[5][CELL_MAX];
	char up[RATE_MAX];
	char down[RATE_MAX];
	char waiting[RATE_MAX];
	char silent[SHOW_TIME_MAX];
	char age[SHOW_TIME_MAX];
	char left[SHOW_TIME_MAX];
	char ends[CELL_MAX + SHOW_TIME_MAX] = "-";
	json_int_t left_ms;
	const char *timer = show_next_timer(json, &left_ms);
	bool is_named = json_is_string(json_object_get(json, "server_name"));

	if (timer != NULL) {
		(void)snprintf(ends, sizeof(ends), "%s %s", cell(timer, texts[0]),
			show_time(left_ms, left));
	}
	put(row, pair->id == top->selected ? A_REVERSE : A_NORMAL,
		"%8lld %7s %7s %7s %7s %7s %-20.20s %-12.12s %-22s %-22s %s", pair->id,
		amount(pair->up, up), amount(pair->down, down),
		amount((double)pair->waiting, waiting), show_time(pair->silent_ms, silent),
		show_time(pair->age_ms, age), ends, member(json, "listener", texts[1]),
		member(json, "client", texts[2]),
		member(json, is_named ? "server_name" : "server", texts[3]),
		member(json, "state", texts[4]));
}

static int draw_pairs_head(int row, const char *title)
{
	put(row, A_REVERSE, "%8s %7s %7s %7s %7s %7s %-20s %-12s %-22s %-22s %s", title, "UP/s",
		"DOWN/s", "WAITING", "SILENT", "AGE", "ENDS BY", "LISTENER", "CLIENT", "SERVER",
		"STATE");
	return row + 1;
}

/** Sorts into `to`, which has room for all. */
static void sort_pairs(const struct top *top, enum top_sort sort, const struct top_pair **to)
{
	for (size_t i = 0; i < top->pairs.n; i++) {
		to[i] = &top->pairs.all[i];
	}
	qsort_r(to, top->pairs.n, sizeof(*to), compare_rows, &sort);
}

static size_t selected_at(const struct top *top)
{
	size_t i = 0;

	while (i < top->n_shown && top->shown[i]->id != top->selected) {
		i++;
	}
	return i;
}

static void draw_one_list(struct top *top, int row)
{
	static const char *const titles[] = {[TOP_SORT_BUSY] = "BUSIEST",
		[TOP_SORT_SILENT] = "SILENT",
		[TOP_SORT_OLD] = "OLDEST",
		[TOP_SORT_DUE] = "DUE",
		[TOP_SORT_WAITING] = "WAITING"};
	size_t at;

	row = draw_pairs_head(row, titles[top->sort]);
	sort_pairs(top, top->sort, top->shown);
	top->n_shown = top->pairs.n;
	top->page = LINES > row ? (size_t)(LINES - row) : 1;
	at = selected_at(top);
	if (at < top->n_shown && at < top->first) {
		top->first = at;
	} else if (at < top->n_shown && at >= top->first + top->page) {
		top->first = at - top->page + 1;
	}
	if (top->first + top->page > top->n_shown) {
		top->first = top->n_shown > top->page ? top->n_shown - top->page : 0;
	}
	for (size_t i = top->first; i < top->n_shown && row < LINES; i++) {
		draw_pair(top, row++, top->shown[i]);
	}
}

/** Draws two lists: the busiest pairs above, the longest silent ones below. */
static void draw_two_lists(struct top *top, int row)
{
	int half = (LINES - row) / 2;
	int last = row + half;

	row = draw_pairs_head(row, "BUSIEST");
	sort_pairs(top, TOP_SORT_BUSY, top->shown);
	top->n_shown = 0;
	while (row < last && top->n_shown < top->pairs.n) {
		draw_pair(top, row++, top->shown[top->n_shown++]);
	}
	row = draw_pairs_head(last, "SILENT");
	sort_pairs(top, TOP_SORT_SILENT, top->shown + top->n_shown);
	for (size_t n = 0; row < LINES && n < top->pairs.n; n++) {
		draw_pair(top, row++, top->shown[top->n_shown++]);
	}
	top->page = 1;
}

/* ---- the last line: questions and messages ---- */

static void draw_mode(const struct top *top)
{
	char text[CELL_MAX];

	if (top->mode == TOP_MODE_FILTER) {
		put(LINES - 1, A_REVERSE, "filter, say listener=web idle_over=30s: %s_",
			cell(top->writing, text));
	} else if (top->mode == TOP_MODE_KILL) {
		put(LINES - 1, A_REVERSE, "end pair %lld? y or n", top->selected);
	} else if (top->mode == TOP_MODE_KILL_ALL) {
		put(LINES - 1, A_REVERSE, "end all pairs that fit \"%s\"? y or n",
			cell(top->filter, text));
	}
}

static void draw_help(void)
{
	static const char *const lines[] = {"b   the busiest pairs          s   the longest silent",
		"o   the oldest                 t   those whose timer is due first",
		"w   those that wait with most bytes",
		"a   both: the busiest, and the longest silent", "",
		"Up, Down, PgUp, PgDn, Home, End   select a pair",
		"k   end the selected pair      K   end all that fit the filter",
		"f   or /: filter the pairs, as weirctl pairs does; nothing: all", "",
		"h   or ?: this                 q   quit", NULL};

	(void)erase();
	for (int i = 0; lines[i] != NULL; i++) {
		put(i + 1, A_NORMAL, "  %s", lines[i]);
	}
	put(LINES - 1, A_REVERSE, "any key goes back");
}

void top_draw(struct top *top)
{
	char filter[CELL_MAX];
	int row;

	(void)erase();
	row = draw_head(top);
	row = draw_listeners(top, row, LINES / 5 > 2 ? LINES / 5 : 2);
	row = draw_servers(top, row, LINES / 5 > 2 ? LINES / 5 : 2);
	put(row++, A_BOLD, "%zu pairs%s%s%s    h help  f filter  k end  q quit", top->pairs.n,
		top->pairs.more ? ", and more" : "", *top->filter == '\0' ? "" : " that fit ",
		*top->filter == '\0' ? "" : cell(top->filter, filter));
	if (top->sort == TOP_SORT_BOTH) {
		draw_two_lists(top, row);
	} else {
		draw_one_list(top, row);
	}
	draw_mode(top);
	if (top->mode == TOP_MODE_HELP) {
		draw_help();
	}
	(void)refresh();
}
