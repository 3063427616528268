/* SPDX-License-Identifier: ISC */
/*
 * A request from one module to another that is answered later. The asker embeds this struct; the
 * module that answers may keep it on a list meanwhile. Neither needs to know the other's types.
 */
#ifndef WEIR_CONTROL_REQUEST_H
#define WEIR_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct control_request {
	struct list link; /* a list of the module that answers; on no list once answered */
	/** Called once, on the same thread. `text` consists of whole lines, or is empty; the asker
	 * copies what it needs. The call may free the asker, and with it other requests. */
	void (*done)(struct control_request *request, bool ok, const char *text);
};

/** A request to drain by hand, or to undo that. The module that answers reads the fields until it
 * has answered. */
struct control_drain {
	struct control_request request;
	bool undoes;
	/** False: a drain that begins has the grace of the config, one under way keeps its own. */
	bool has_grace;
	uint64_t grace_ns;
	bool end_pairs;
	void *asker; /**< for use by the asker */
};

/** Answers all requests in a list. Each done() may free its request and others. */
static inline void control_request_answer_all(struct list *requests, bool ok, const char *text)
{
	while (!list_empty(requests)) {
		struct control_request *request =
			container_of(requests->next, struct control_request, link);

		list_remove(&request->link);
		request->done(request, ok, text);
	}
}

/** Ends the asker's wait: done() is not called any more. Harmless if the request was answered. */
static inline void control_request_forget(struct control_request *request)
{
	list_remove(&request->link);
}

#endif
