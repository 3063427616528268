/* SPDX-License-Identifier: ISC */
/*
 * The live pairs: lists by filters, one by its id, and their end.
 *
 *	GET /v1/pairs ──▶ a page of the workers ──▶ its rows, in slices ──▶ the next page ...
 *
 * A list of any length costs the memory of one page. Pairs that end meanwhile are left out, those
 * that come have greater ids and are met at the end.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "base/slice.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"
#include "crew/crew.h"
#include "crew/pairs.h"

enum { PAGE = PAIRS_PAGE_MAX, N_TEXTS = 4 };

/** One that is under way; it outlives who has asked, as long as the workers have the order. */
struct control_pairs {
	struct list link;            /* struct control::pairs */
	struct control_asked *asked; /**< NULL: gone */
	struct pairs_order order;
	char *texts[N_TEXTS]; /**< of the filter */
	size_t n_texts;
	uint64_t limit; /**< of a list: so many more rows; UINT64_MAX: all */
	size_t at;      /**< in order.rows */
	uint64_t last;  /**< the id of the last row that was sent */
	bool is_one;    /**< /v1/pairs/ID */
	/* What the query has. */
	bool has_filter;
	bool is_all;
	bool has_page; /**< after, tcp_info: not of DELETE */
};

static void pairs_free(struct control_pairs *pairs)
{
	list_remove(&pairs->link);
	pairs_order_close(&pairs->order);
	for (size_t i = 0; i < pairs->n_texts; i++) {
		free(pairs->texts[i]);
	}
	free(pairs);
}

/** Who has asked is answered, or gone. */
static void on_forget(struct control_asked *asked)
{
	struct control_pairs *pairs = asked->data;

	pairs->asked = NULL;
	if (!order_is_under_way(&pairs->order.order)) {
		pairs_free(pairs);
	}
}

void control_forget_pairs(struct list *pairs)
{
	while (!list_empty(pairs)) {
		pairs_free(container_of(pairs->next, struct control_pairs, link));
	}
}

/* ---- filters ---- */

/** Keeps a text of the query. NULL: no memory. */
static const char *keep(struct control_pairs *pairs, const char *text)
{
	char *kept = strdup(text);

	if (kept != NULL) {
		pairs->texts[pairs->n_texts++] = kept;
	}
	return kept;
}

static const char *read_time(const char *value, uint64_t *ret_ns)
{
	const char *why = NULL;

	if (parse_duration(value, ret_ns, &why) < 0) {
		return why;
	}
	return *ret_ns == 0 || *ret_ns == NS_NEVER ? "it must be longer than 0s" : NULL;
}

static const char *read_number(const char *value, uint64_t *ret_n)
{
	char *end;

	errno = 0;
	*ret_n = strtoumax(value, &end, 10);
	return errno != 0 || *end != '\0' || *value < '0' || *value > '9' ? "it must be a number"
									  : NULL;
}

static const char *read_flag(const char *value, bool *ret_flag)
{
	*ret_flag = strcmp(value, "true") == 0;
	return *ret_flag || strcmp(value, "false") == 0 ? NULL : "it must be true or false";
}

static const char *read_client(const char *value, struct pairs_filter *filter)
{
	static char why[PREFIX_WHY_MAX]; /* the main thread's */

	filter->by_client = true;
	filter->is_unix = strcmp(value, "unix") == 0;
	return filter->is_unix || prefix_parse(value, &filter->client, why) == 0 ? NULL : why;
}

static const char *read_text(struct control_pairs *pairs, const char *value, const char **ret_text)
{
	*ret_text = keep(pairs, value);
	return *ret_text == NULL ? "there is no memory; ask again" : NULL;
}

/** One parameter: what is wrong, or NULL. */
static const char *read_parameter(struct control_pairs *pairs, const char *name, const char *value)
{
	struct pairs_filter *filter = &pairs->order.filter;

	if (strcmp(name, "all") == 0) {
		return read_flag(value, &pairs->is_all);
	}
	if (strcmp(name, "limit") == 0) {
		const char *why = read_number(value, &pairs->limit);

		return why == NULL && pairs->limit == 0 ? "it must be more than 0" : why;
	}
	if (strcmp(name, "after") == 0) {
		pairs->has_page = true;
		return read_number(value, &pairs->order.after);
	}
	if (strcmp(name, "tcp_info") == 0) {
		pairs->has_page = true;
		return read_flag(value, &pairs->order.asks_tcp);
	}
	if (*value == '\0') {
		return "it is empty; leave it out, or write all=true";
	}
	pairs->has_filter = true;
	if (strcmp(name, "listener") == 0) {
		return read_text(pairs, value, &filter->listener);
	}
	if (strcmp(name, "upstream") == 0) {
		return read_text(pairs, value, &filter->upstream);
	}
	if (strcmp(name, "server") == 0) {
		return read_text(pairs, value, &filter->server);
	}
	if (strcmp(name, "state") == 0) {
		return pairs_has_state(value) ? read_text(pairs, value, &filter->state)
					      : "there is no such state";
	}
	if (strcmp(name, "client") == 0) {
		return read_client(value, filter);
	}
	if (strcmp(name, "idle_over") == 0) {
		return read_time(value, &filter->idle_over_ns);
	}
	if (strcmp(name, "older_than") == 0) {
		return read_time(value, &filter->older_than_ns);
	}
	return "there is no such filter; known are listener, client, upstream, server, idle_over, "
	       "older_than, state, limit, after, tcp_info and all";
}

/** Whether a parameter before the i-th has its name. */
static bool is_twice(const struct http_target *target, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(target->parameters[k].name, target->parameters[i].name) == 0) {
			return true;
		}
	}
	return false;
}

/** Reads the query; whether it is right: else that was answered. */
static bool read_query(struct control_asked *asked, struct control_pairs *pairs)
{
	const struct http_target *target = &asked->target;

	for (size_t i = 0; i < target->n_parameters; i++) {
		const char *name = target->parameters[i].name;
		const char *why = is_twice(target, i) ? "it may be there once"
						      : read_parameter(pairs, name,
								target->parameters[i].value);

		if (why != NULL) {
			control_refuse(asked, 400, "%s: %s", name, why);
			return false;
		}
	}
	return true;
}

/* ---- rows ---- */

static json_t *ms_json(uint64_t ns)
{
	return ns == NS_NEVER ? json_null() : json_integer((json_int_t)(ns / NS_PER_MS));
}

static json_t *tcp_json(const struct pair_tcp *tcp)
{
	return tcp->is_known ? json_pack("{sI, sI}", "rtt_us", (json_int_t)tcp->rtt_us,
				       "retransmits", (json_int_t)tcp->n_retransmits)
			     : json_null();
}

/** `rate`: since it relays, on average. */
static json_t *way_json(const struct pair_row *row, enum pair_way way)
{
	double seconds = (double)row->joined_ns / (double)NS_PER_S;
	json_int_t rate = seconds > 0 ? (json_int_t)((double)row->bytes[way] / seconds) : 0;
	const char *receiver = way == PAIR_UP ? "server" : "client";

	return json_pack("{sI, sI, so, sI, sb, so}", "bytes", (json_int_t)row->bytes[way],
		"bytes_per_s", rate, "quiet_ms", ms_json(row->quiet_ns[way]), "waiting",
		(json_int_t)row->waiting[way], "spliced", row->is_spliced[way], "held_by",
		row->is_held[way] ? json_string(receiver) : json_null());
}

static json_t *timers_json(const struct pair_row *row)
{
	json_t *timers = json_object();

	for (size_t i = 0; i < row->n_timers; i++) {
		(void)json_object_set_new(timers, row->timers[i].name,
			json_pack("{so}", "left_ms", ms_json(row->timers[i].left_ns)));
	}
	return timers;
}

static json_t *text_or_null(const char *text)
{
	return *text == '\0' ? json_null() : control_text(text);
}

static json_t *row_json(const struct pair_row *row, bool asks_tcp)
{
	json_t *json = json_pack("{sI, so, so, so, so, so, ss, so, so, so, so}", "id",
		(json_int_t)row->id, "listener", control_text(row->listener), "client",
		control_text(row->client), "upstream", text_or_null(row->upstream), "server",
		text_or_null(row->server), "server_name", text_or_null(row->server_name), "state",
		row->state, "age_ms", ms_json(row->age_ns), "up", way_json(row, PAIR_UP), "down",
		way_json(row, PAIR_DOWN), "timers", timers_json(row));

	if (asks_tcp) {
		(void)json_object_set_new(json, "client_tcp", tcp_json(&row->client_tcp));
		(void)json_object_set_new(json, "server_tcp", tcp_json(&row->server_tcp));
	}
	return json;
}

/* ---- GET /v1/pairs ---- */

/** Asks the workers for the next page. */
static void ask_page(struct control_pairs *pairs)
{
	pairs_order_forget(&pairs->order);
	pairs->order.after = pairs->last;
	pairs->order.max = pairs->limit < PAGE ? (size_t)pairs->limit : PAGE;
	pairs->at = 0;
	crew_ask_all(&pairs->order.order);
}

static bool next_row(struct control_asked *asked)
{
	struct control_pairs *pairs = asked->data;
	const struct pair_row *row;

	if (pairs->at == pairs->order.n_rows) {
		return false;
	}
	row = pairs->order.rows[pairs->at++];
	pairs->last = row->id;
	pairs->limit--;
	control_list_item(asked, row_json(row, pairs->order.asks_tcp));
	return true;
}

/** The rows of a page were written: another page, or the end. */
static void on_page_written(struct control_asked *asked)
{
	struct control_pairs *pairs = asked->data;
	char end[64];
	bool more = pairs->order.more;

	if (more && pairs->limit > 0) {
		ask_page(pairs);
		return;
	}
	if (more) {
		(void)snprintf(end, sizeof(end), "\n], \"next\": %" PRIu64 "}\n", pairs->last);
	} else {
		(void)strcpy(end, "\n], \"next\": null}\n");
	}
	control_list_end(asked, end);
}

static void on_page(struct control_pairs *pairs, int status)
{
	if (status == 0) {
		status = pairs_order_collect(&pairs->order);
	}
	if (status < 0) {
		control_list_abort(pairs->asked);
	} else {
		control_list_go_on(pairs->asked);
	}
}

/* ---- GET and DELETE /v1/pairs/ID ---- */

static void answer_missing(struct control_asked *asked)
{
	control_refuse(asked, 404,
		"there is no pair %s any more, or not yet; GET /v1/pairs has those that are open",
		asked->target.segments[2]);
}

static void on_one(struct control_pairs *pairs, int status)
{
	if (status == 0) {
		status = pairs_order_collect(&pairs->order);
	}
	if (status < 0) {
		control_refuse(pairs->asked, 503, "%s; ask again", strerrordesc_np(-status));
	} else if (pairs->order.n_rows == 0) {
		answer_missing(pairs->asked);
	} else {
		control_answer(pairs->asked, 200, row_json(pairs->order.rows[0], true));
	}
}

static void on_told(struct control_pairs *pairs, int status)
{
	uint64_t n = atomic_load(&pairs->order.n_told);

	if (status < 0) {
		control_refuse(pairs->asked, 503, "%s; ask again", strerrordesc_np(-status));
	} else if (n == 0 && pairs->is_one) {
		answer_missing(pairs->asked);
	} else {
		control_answer(pairs->asked, 200, json_pack("{sI}", "told", (json_int_t)n));
	}
}

static void answer_order(struct control_pairs *pairs, int status)
{
	if (pairs->order.ends) {
		on_told(pairs, status);
	} else if (pairs->is_one) {
		on_one(pairs, status);
	} else {
		on_page(pairs, status);
	}
}

static void on_order(struct order *order, int status)
{
	struct control_pairs *pairs = container_of(order, struct control_pairs, order.order);
	struct control_asked *asked = pairs->asked;
	struct buckets *slices;
	struct slice slice;

	if (asked == NULL) {
		pairs_free(pairs);
		return;
	}
	slices = asked->slices;
	slice_begin(&slice);
	answer_order(pairs, status);
	slice_end(&slice, slices);
}

/* ---- what is asked ---- */

/** With all that the request says; NULL: that was answered. */
static struct control_pairs *pairs_new(struct control_asked *asked)
{
	struct control_pairs *pairs = calloc(1, sizeof(*pairs));

	if (pairs == NULL ||
		pairs_order_open(&pairs->order, asked->control->opts.crew, on_order) < 0) {
		free(pairs);
		control_refuse(asked, 503, "out of memory; ask again");
		return NULL;
	}
	list_init(&pairs->link);
	list_append(&asked->control->pairs, &pairs->link);
	pairs->asked = asked;
	pairs->limit = UINT64_MAX;
	asked->data = pairs;
	asked->forget = on_forget;
	return read_query(asked, pairs) ? pairs : NULL;
}

void control_get_pairs(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new(asked);

	if (pairs != NULL) {
		pairs->last = pairs->order.after;
		asked->list.next = next_row;
		asked->list.written = on_page_written;
		control_list_begin(asked, CONTROL_JSON, "{\"pairs\": [");
		ask_page(pairs);
	}
}

/** Of /v1/pairs/ID, which has no query; false: that was answered. */
static bool read_id(struct control_asked *asked, struct control_pairs *pairs)
{
	uint64_t *id = &pairs->order.filter.id;

	if (asked->target.n_parameters > 0) {
		control_refuse(asked, 400, "a pair that is named by its id takes no filter");
		return false;
	}
	if (read_number(asked->target.segments[2], id) != NULL || *id == 0) {
		control_refuse(asked, 404, "\"%s\" is no id of a pair, which is a number from 1",
			asked->target.segments[2]);
		return false;
	}
	pairs->is_one = true;
	pairs->order.max = 1;
	pairs->order.after = *id - 1;
	return true;
}

void control_get_pair(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new(asked);

	if (pairs != NULL && read_id(asked, pairs)) {
		pairs->order.asks_tcp = true;
		crew_ask_all(&pairs->order.order);
	}
}

void control_delete_pair(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new(asked);

	if (pairs != NULL && read_id(asked, pairs)) {
		pairs->order.ends = true;
		crew_ask_all(&pairs->order.order);
	}
}

void control_delete_pairs(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new(asked);

	if (pairs == NULL) {
		return;
	}
	if (pairs->has_page) {
		control_refuse(asked, 400, "after and tcp_info are for lists");
	} else if (pairs->has_filter == pairs->is_all) {
		control_refuse(asked, 400,
			"say which pairs are to end by a filter, as in ?listener=web, or all of "
			"them by ?all=true, but not both");
	} else {
		pairs->order.ends = true;
		atomic_store(&pairs->order.n_left, pairs->limit);
		crew_ask_all(&pairs->order.order);
	}
}
