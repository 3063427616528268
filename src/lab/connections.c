/* SPDX-License-Identifier: ISC */
#include "lab/connections.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "http/server.h"
#include "lab/cursor.h"
#include "lab/home.h"
#include "lab/lab.h"
#include "lab/link.h"
#include "lab/link_json.h"
#include "lab/proxy.h"
#include "stream/loop.h"

/** An answer under way. */
struct walk {
	struct lab *lab;
	struct http_exchange *exchange;
	struct task task;
	/* The position. A cursor that is at the head of a list has passed the last element. */
	struct cursor proxy;
	struct cursor next;    /**< the next link of the proxy */
	struct list *proxy_of; /**< the proxy entered last; removed if `proxy` is elsewhere */
	uint64_t last_id;      /**< links with greater ids began later and are not shown */
	struct bytes text;
	bool has_shown;
	bool is_of_one; /**< only the links of one proxy are shown */
};

static void walk_free(struct walk *walk)
{
	list_remove(&walk->proxy.link);
	list_remove(&walk->next.link);
	loop_cancel(walk->lab->loop, &walk->task);
	bytes_free(&walk->text);
	free(walk);
}

/** Goes to the first link of a proxy, or after the last proxy. */
static void enter(struct walk *walk, struct list *proxy)
{
	walk->proxy.at = proxy;
	walk->proxy_of = proxy;
	walk->next.at = proxy == &walk->lab->proxies
				? NULL
				: container_of(proxy, struct proxy, link)->home.links.next;
}

/** Goes to the next proxy, or after the last one. */
static void go_to(struct walk *walk, struct list *next)
{
	enter(walk, walk->is_of_one ? &walk->lab->proxies : next);
}

static int on_json(const char *text, size_t n, void *owner)
{
	bytes_add(owner, text, n);
	return 0;
}

static void show(struct walk *walk, const struct link *link)
{
	json_t *json = link_json_show(link);

	bytes_add_text(&walk->text, walk->has_shown ? "," : "");
	walk->has_shown = true;
	if (json == NULL || json_dump_callback(json, on_json, &walk->text,
				    JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0) {
		walk->text.failed = true;
	}
	json_decref(json);
}

/** Writes one link, or goes to the next proxy. False: there are no more. */
static bool step(struct walk *walk)
{
	const struct proxy *proxy;
	const struct link *link;

	if (walk->proxy_of != walk->proxy.at) {
		go_to(walk, walk->proxy.at);
	}
	if (walk->proxy.at == &walk->lab->proxies) {
		return false;
	}
	proxy = container_of(walk->proxy.at, struct proxy, link);
	link = container_of(walk->next.at, struct link, link);
	if (walk->next.at == &proxy->home.links || link->id > walk->last_id) {
		go_to(walk, walk->proxy.at->next);
	} else {
		show(walk, link);
		walk->next.at = walk->next.at->next;
	}
	return true;
}

static void go_on(struct walk *walk)
{
	struct http_exchange *exchange = walk->exchange;
	struct bytes *text = &walk->text;
	struct slice slice;
	size_t n;
	bool more;

	slice_begin(&slice);
	do {
		more = step(walk);
	} while (more && !text->failed && !slice_is_over(&slice));
	if (!more) {
		bytes_add_text(text, "]");
	}
	if (text->failed) {
		walk_free(walk);
		http_exchange_abort(exchange);
		return;
	}
	n = text->n;
	text->n = 0;
	if (!more) {
		(void)http_exchange_part(exchange, text->at, n);
		walk_free(walk);
		http_exchange_end(exchange);
	} else if (n == 0 || http_exchange_part(exchange, text->at, n)) {
		loop_next(walk->lab->loop, &walk->task);
	}
}

static void on_turn(struct task *task)
{
	go_on(container_of(task, struct walk, task));
}

static void on_ready(struct http_exchange *exchange)
{
	go_on(exchange->data);
}

static void on_gone(struct http_exchange *exchange)
{
	walk_free(exchange->data);
}

void connections_answer(struct lab *lab, struct proxy *only, struct http_exchange *exchange,
	const struct http_reply *reply)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (walk == NULL) {
		http_exchange_abort(exchange);
		return;
	}
	walk->lab = lab;
	walk->exchange = exchange;
	walk->last_id = lab->n_links;
	task_init(&walk->task, on_turn);
	list_append(&lab->cursors, &walk->proxy.link);
	list_append(&lab->cursors, &walk->next.link);
	walk->is_of_one = only != NULL;
	enter(walk, only == NULL ? lab->proxies.next : &only->link);
	exchange->data = walk;
	exchange->gone = on_gone;
	exchange->ready = on_ready;
	http_exchange_begin(exchange, reply);
	bytes_add_text(&walk->text, "[");
	go_on(walk);
}
