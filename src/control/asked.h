/* SPDX-License-Identifier: ISC */
/*
 * A request to weir, which is answered at once or later. Its handler gives one answer: by
 * control_answer(), control_refuse() or control_answer_list(), or in parts from
 * control_list_begin() to control_list_end() or control_list_abort(). Each of these functions
 * except control_list_begin() may free the request, and so may control_body() if it returns NULL.
 * So the handler does not use the request afterwards. (page.c answers by http/server.h instead.
 * events.c begins its answers by http/server.h, and ends them by control_list_end().) Private to
 * control/.
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

/** A long answer, which is made and sent in slices (base/slice.h). */
struct control_list {
	struct task task; /* the next slice */
	/** Appends the next piece to `text`; false: there are no more. */
	bool (*next)(struct control_asked *asked);
	/** Called when next() has returned false. Must call control_list_end(), or else gather more
	 * and then call control_list_go_on(). */
	void (*written)(struct control_asked *asked);
	struct bytes text;       /**< what was made and not sent yet */
	const struct conf *conf; /**< a reference, if the list is about the config; or NULL */
	size_t at;               /**< for use by next() */
	bool more;               /**< the next item is not the first, so it needs a comma */
};

struct control_asked {
	struct list link; /* struct control::asked */
	struct control *control;
	struct loop *loop;
	struct buckets *slices; /**< of the control: counts the processor time of each slice */
	struct http_exchange *exchange;
	struct http_target target;
	struct control_request request; /**< for requests that another module answers later */
	struct control_list list;
	void *data; /**< for use by the handler */
	/** Called when it is answered or given up; or NULL. */
	void (*forget)(struct control_asked *asked);
};

enum {
	CONTROL_TEXT_MAX = 512,
};

/** Answers with JSON, which is taken; NULL means that memory is short, and answers 503. */
void control_answer(struct control_asked *asked, unsigned int status, json_t *json);

/** Answers {"error": "..."}, with what is wrong and what to do. The second function is for an
 * exchange that has no request yet; `fields` are further header fields, each with its CRLF, or
 * NULL. */
__attribute__((format(printf, 3, 4))) void control_refuse(
	struct control_asked *asked, unsigned int status, const char *format, ...);
void control_refuse_exchange(
	struct http_exchange *exchange, unsigned int status, const char *fields, const char *text);

/**
 * Returns a reference to the body, which must be a JSON object with no members but these (a list
 * that ends with NULL); an empty body is an empty object. NULL: the body is something else, or
 * there is no memory, and the request was answered with that error.
 */
json_t *control_body(struct control_asked *asked, const char *const *members);

/** Answers {"NAME": [items]} in slices. The caller has set asked->list.next. */
void control_answer_list(struct control_asked *asked, const char *name);

/** To be called by next(): adds an item, which is taken; NULL means that memory is short, and cuts
 * the answer off. */
void control_list_item(struct control_asked *asked, json_t *item);

/** To be called by next(): begins and ends an item that contains a list: {members of `item`,
 * "NAME": [items]}. */
void control_list_open(struct control_asked *asked, json_t *item, const char *name);
void control_list_close(struct control_asked *asked);

/** For a long answer whose pieces come later, or are not JSON: control_list_begin() sends `before`,
 * control_list_go_on() calls next() for the pieces that there are by now, control_list_end() ends
 * the answer with `behind`, and control_list_abort() cuts it off if there can be no more pieces. */
void control_list_begin(struct control_asked *asked, const char *type, const char *before);
void control_list_go_on(struct control_asked *asked);
/** To be called by written(): hands over what was made. False: that waits for its client, and
 * written() is called again when there is room for more; or there was no memory, the answer was cut
 * off, and `asked` was freed. The caller cannot tell these apart, and just returns. */
bool control_list_send(struct control_asked *asked);
void control_list_end(struct control_asked *asked, const char *behind);
void control_list_abort(struct control_asked *asked);

/** Makes jansson record failed allocations from now on. Call it once, before any other use of
 * jansson. */
void control_watch_memory(void);

/** Whether an allocation has failed since the last call while JSON was made, so that parts of the
 * JSON may be missing. All answering functions of this header check this themselves, and then
 * answer 503 or cut the answer off. */
bool control_was_short(void);

/** A text from the config or a client as JSON. If it is not valid UTF-8, all of it is read as
 * Latin-1. */
json_t *control_text(const char *text);

/** An array with a string for each line that is not empty, without its line feed. */
json_t *control_lines(const char *text);

/** A time in milliseconds; NS_NEVER is null. */
json_t *control_ms(uint64_t ns);

/** {"name": name, ...} with the members of `rest`, which is taken. */
json_t *control_named(const char *name, json_t *rest);

/** The answer to /v1/drain (drain.c): the drain by hand, or that there is none. */
json_t *control_drain_json(const struct control *control, const struct control_status *status);

/** The name of this weir: that of the config, or else that of the host; NULL: the host has no
 * name. */
const char *control_node(const struct conf *conf, char host[HOST_NAME_MAX + 1]);

/** Frees the request, when the client has its answer or is gone. */
void control_asked_free(struct control_asked *asked);

#endif
