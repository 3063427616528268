/* SPDX-License-Identifier: ISC */
/*
 * A request that is answered later. The asker embeds it, the answerer may keep it on a list
 * meanwhile, and neither needs to know the other.
 */
#ifndef WEIR_CONTROL_REQUEST_H
#define WEIR_CONTROL_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct control_request {
	struct list link; /* a list of the answerer; on none when it was answered */
	/** Once, on the same thread. `text` is whole lines, or empty; it is copied. The call may
	 * free the asker, and other requests with it. */
	void (*done)(struct control_request *request, bool ok, const char *text);
};

/** To drain by hand, or to undo that; the answerer reads it until it has answered. */
struct control_drain {
	struct control_request request;
	bool undoes;
	bool has_grace;
	uint64_t grace_ns;
	bool end_pairs;
	void *asker; /**< the asker's */
};

/** The asker does not wait any longer. Harmless when it was answered. */
static inline void control_request_forget(struct control_request *request)
{
	list_remove(&request->link);
}

#endif
