/* SPDX-License-Identifier: ISC */
#include "proxy/session_list.h"

#include "proxy/part.h"
#include "proxy/session_private.h"
#include "stream/connector.h"

struct session *session_list_next(
	struct part *part, struct part_walk *walk, uint64_t after, size_t *n)
{
	while (*n > 0) {
		struct list *link = part_walk_next(part, walk);
		struct session *session;

		if (link == NULL) {
			return NULL;
		}
		--*n;
		session = container_of(link, struct session, link);
		if (session->id > after) {
			return session;
		}
	}
	return NULL;
}

void session_list_timers(const struct session *session, uint64_t ret_at_ns[DEADLINE_KINDS])
{
	struct deadline_facts facts = pair_is_joined(&session->pair) ? pair_facts(&session->pair)
								     : session_setup_facts(session);

	deadline_all(&session->clock.rules->timeouts, &facts, ret_at_ns);
	if (session->stage == SESSION_CONNECTING) {
		ret_at_ns[DEADLINE_CONNECT] = connector_deadline_ns(session->setup->connector);
	}
}
