/* SPDX-License-Identifier: ISC */
/*
 * The open pairs: lists by filters, one pair by its id, and ending pairs.
 *
 *	GET /v1/pairs ──▶ a page of the workers ──▶ its rows, in slices ──▶ the next page ...
 *
 * A list of any length needs the memory of one page. Pairs that end meanwhile are left out; new
 * ones have greater ids and come at the end. Only one order to the workers is under way at a time,
 * and other requests wait: however many there are, they take one slice of a turn.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/slice.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/pairs_query.h"
#include "control/paths.h"
#include "crew/crew.h"
#include "crew/pairs.h"

enum { PAGE = PAIRS_PAGE_MAX, N_TEXTS = 4 };

/** A request about pairs that is under way. It outlives its client as long as the workers have the
 * order. */
struct control_pairs {
	struct list link;  /* struct control::pairs */
	struct list waits; /* struct control::pairs_waiting */
	struct control *control;
	struct control_asked *asked; /**< NULL: the client is gone */
	struct pairs_order order;
	char *texts[N_TEXTS]; /**< the texts of the filter */
	size_t n_texts;
	size_t at;                /**< index in order.rows */
	uint64_t last;            /**< the id of the last row that was sent */
	bool is_one;              /**< /v1/pairs/ID */
	struct pairs_query query; /**< `limit` counts down the rows; its texts are not valid */
};

static void pairs_free(struct control_pairs *pairs)
{
	list_remove(&pairs->link);
	list_remove(&pairs->waits);
	pairs_order_close(&pairs->order);
	for (size_t i = 0; i < pairs->n_texts; i++) {
		free(pairs->texts[i]);
	}
	free(pairs);
}

/** The client has its answer, or is gone. */
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

/* ---- one order at a time ---- */

static void give_next(struct control *control)
{
	struct list *first = control->pairs_waiting.next;

	if (!control->has_pairs_order && first != &control->pairs_waiting) {
		list_remove(first);
		control->has_pairs_order = true;
		crew_ask_all(&container_of(first, struct control_pairs, waits)->order.order);
	}
}

/** Queues the order for the workers after earlier ones. */
static void ask_workers(struct control_pairs *pairs)
{
	list_append(&pairs->control->pairs_waiting, &pairs->waits);
	give_next(pairs->control);
}

/* ---- filters ---- */

/** Copies a text of the target for the filter. False: no memory. */
static bool keep(struct control_pairs *pairs, const char **text)
{
	if (*text != NULL) {
		char *kept = strdup(*text);

		if (kept == NULL) {
			return false;
		}
		pairs->texts[pairs->n_texts++] = kept;
		*text = kept;
	}
	return true;
}

/** Reads the query. Returns whether it is valid; if not, that was answered. */
static bool read_query(struct control_asked *asked, struct control_pairs *pairs)
{
	struct pairs_filter *filter = &pairs->order.filter;
	const char *name = NULL;
	const char *why = pairs_query_read(&asked->target, &pairs->query, &name);

	if (why != NULL) {
		control_refuse(asked, 400, "%s: %s", name, why);
		return false;
	}
	*filter = pairs->query.filter;
	pairs->order.after = pairs->query.after;
	pairs->order.asks_tcp = pairs->query.asks_tcp;
	if (!keep(pairs, &filter->listener) || !keep(pairs, &filter->upstream) ||
		!keep(pairs, &filter->server) || !keep(pairs, &filter->state)) {
		control_refuse(asked, 503, "out of memory; ask again");
		return false;
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

/** The JSON of one direction; `rate` is the average since relaying began. */
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
	pairs->order.max = pairs->query.limit < PAGE ? (size_t)pairs->query.limit : PAGE;
	pairs->at = 0;
	ask_workers(pairs);
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
	pairs->query.limit--;
	control_list_item(asked, row_json(row, pairs->order.asks_tcp));
	return true;
}

/** Called when the rows of a page were written: gets another page when they are sent, or ends the
 * answer. */
static void on_page_written(struct control_asked *asked)
{
	struct control_pairs *pairs = asked->data;
	char end[64];
	bool more = pairs->order.more;

	if (more && pairs->query.limit > 0) {
		if (control_list_send(asked)) {
			ask_page(pairs);
		}
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

	pairs->control->has_pairs_order = false;
	give_next(pairs->control);
	if (asked == NULL) {
		pairs_free(pairs);
		return;
	}
	slices = asked->slices;
	slice_begin(&slice);
	answer_order(pairs, status);
	slice_end(&slice, slices);
}

/* ---- requests ---- */

/** Makes the state of a request. NULL: it is invalid, which was answered. */
static struct control_pairs *pairs_new(struct control_asked *asked)
{
	struct control_pairs *pairs = calloc(1, sizeof(*pairs));

	if (pairs == NULL ||
		pairs_order_open(&pairs->order, asked->control->opts.crew, on_order) < 0) {
		free(pairs);
		control_refuse(asked, 503, "out of memory; ask again");
		return NULL;
	}
	list_init(&pairs->waits);
	list_append(&asked->control->pairs, &pairs->link);
	pairs->control = asked->control;
	pairs->asked = asked;
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

/** Reads the id of /v1/pairs/ID. False: it is invalid, which was answered. */
static bool read_id(struct control_asked *asked, struct control_pairs *pairs)
{
	uint64_t *id = &pairs->order.filter.id;

	if (pairs_query_number(asked->target.segments[2], id) != NULL || *id == 0) {
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
		ask_workers(pairs);
	}
}

/** Makes the state of a DELETE, whose body must be empty: a filter in it would not be read, and all
 * pairs might be ended in place of some. NULL: the request is invalid, which was answered. */
static struct control_pairs *pairs_new_to_end(struct control_asked *asked)
{
	static const char *const members[] = {NULL};
	json_t *body = control_body(asked, members);

	if (body == NULL) {
		return NULL;
	}
	json_decref(body);
	return pairs_new(asked);
}

void control_delete_pair(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new_to_end(asked);

	if (pairs != NULL && read_id(asked, pairs)) {
		pairs->order.ends = true;
		ask_workers(pairs);
	}
}

void control_delete_pairs(struct control_asked *asked)
{
	struct control_pairs *pairs = pairs_new_to_end(asked);

	if (pairs == NULL) {
		return;
	}
	if (pairs->query.has_page) {
		control_refuse(asked, 400, "after and tcp_info are for lists; leave them out");
	} else if (pairs->query.has_filter == pairs->query.is_all) {
		control_refuse(asked, 400,
			"say which pairs are to end by a filter, as listener=web, or all of them "
			"by all=true, but not both");
	} else {
		pairs->order.ends = true;
		atomic_store(&pairs->order.n_left, pairs->query.limit);
		ask_workers(pairs);
	}
}
