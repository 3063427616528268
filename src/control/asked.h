/* SPDX-License-Identifier: ISC */
/*
 * A request that is answered at once or later. The handler calls one of the answers below, once,
 * and does not touch the request afterwards. Private to control/.
 */
#ifndef WEIR_CONTROL_ASKED_H
#define WEIR_CONTROL_ASKED_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "control/request.h"
#include "http/server.h"
#include "proto/http_target.h"
#include "stream/loop.h"

#define CONTROL_JSON "application/json"

struct buckets;
struct conf;
struct control;
struct control_asked;
struct control_status;

/** A long answer that is written and sent in slices (base/slice.h). */
struct control_list {
	struct task task; /* the next slice */
	/** Writes the next piece, to `text`; false: there was none left. */
	bool (*next)(struct control_asked *asked);
	/** All that there is now was written: calls control_list_end(), or makes more, and then
	 * control_list_go_on(). */
	void (*written)(struct control_asked *asked);
	struct bytes text;       /**< what was written and not sent yet */
	const struct conf *conf; /**< a reference, for who lists what it has; or NULL */
	size_t at;               /**< for next() */
	bool more;               /**< an item is before the next one */
};

struct control_asked {
	struct list link; /* struct control::asked */
	struct control *control;
	struct loop *loop;
	struct buckets *slices; /**< of the control: what it needs at a time is counted there */
	struct http_exchange *exchange;
	struct http_target target;
	struct control_request request; /**< what is answered later by somebody else */
	struct control_list list;
	void *data;                                  /**< of who answers */
	void (*forget)(struct control_asked *asked); /**< it is answered, or gone; or NULL */
};

enum {
	CONTROL_TEXT_MAX = 512,
};

/** JSON, which is taken; NULL, for lack of memory, is a 503. */
void control_answer(struct control_asked *asked, unsigned int status, json_t *json);

/** {"error": "..."}, what is wrong and what to do; for an exchange without a request too. */
__attribute__((format(printf, 3, 4))) void control_refuse(
	struct control_asked *asked, unsigned int status, const char *format, ...);
void control_refuse_exchange(
	struct http_exchange *exchange, unsigned int status, const char *fields, const char *text);

/**
 * The body, which must be a JSON object with none but these members, the last of which is NULL; ""
 * is an empty object. NULL: it is not, and that was answered.
 */
json_t *control_body(struct control_asked *asked, const char *const *members);

/** Answers {"NAME": [items]}, in slices; asked->list.next must be set. */
void control_answer_list(struct control_asked *asked, const char *name);

/** For next(): an item, which is taken; NULL, for lack of memory, cuts the answer off. */
void control_list_item(struct control_asked *asked, json_t *item);

/** For next(): an item with a list in it: {members of `item`, "NAME": [items]}. */
void control_list_open(struct control_asked *asked, json_t *item, const char *name);
void control_list_close(struct control_asked *asked);

/** The same where pieces come later, or are no JSON: the beginning, what is there by now, what is
 * behind the last one, and the cut where there can be no more. */
void control_list_begin(struct control_asked *asked, const char *type, const char *before);
void control_list_go_on(struct control_asked *asked);
/** For written(): sends what is there. False: not now, and written() comes again; or it was cut
 * off: what is asked may be gone. */
bool control_list_send(struct control_asked *asked);
void control_list_end(struct control_asked *asked, const char *behind);
void control_list_abort(struct control_asked *asked);

/** From now on jansson's want of memory is noted. Once, before all else. */
void control_watch_memory(void);

/** Whether memory was short since the last call, while JSON was made: then something is missing
 * in it. All answers of this header ask that themselves, and are a 503, or cut off. */
bool control_was_short(void);

/** A text of the config or of a client as JSON: what is no UTF-8 in it is taken for Latin-1. */
json_t *control_text(const char *text);

/** An array of the lines of a text, one string each, without the ends of the lines. */
json_t *control_lines(const char *text);

/** A time in milliseconds; NS_NEVER is null. */
json_t *control_ms(uint64_t ns);

/** {"name": name, ...} with the members of `rest`, which is taken. */
json_t *control_named(const char *name, json_t *rest);

/** A drain by hand, or that there is none: what /v1/drain is answered with (drain.c). */
json_t *control_drain_json(const struct control *control, const struct control_status *status);

/** The name of this weir: that of the config, or its host's; NULL: the host has none to give. */
const char *control_node(const struct conf *conf, char host[HOST_NAME_MAX + 1]);

/** The asker is gone, or has its answer: frees what the request holds. */
void control_asked_free(struct control_asked *asked);

#endif
