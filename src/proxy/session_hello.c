/* SPDX-License-Identifier: ISC */
/*
 * Finds the target of a client: by a route of its listener, for which its ClientHello may have to
 * be looked at, or the listener's own upstream. That is done once, before the first server is
 * chosen.
 */
#include <errno.h>

#include "proto/client_hello.h"
#include "proxy/edge.h"
#include "proxy/offer.h"
#include "proxy/session_private.h"
#include "upstream/ask.h"

static struct route_facts facts_of(const struct session *session, enum route_seen seen)
{
	return (struct route_facts){.client = &session->client, .seen = seen};
}

bool session_wants_hello(const struct session *session)
{
	struct route_facts facts = facts_of(session, ROUTE_SEEN_NOTHING);
	const struct target *target;

	return session->terms->offer->has_choice &&
	       offer_find(session->terms->offer, &facts, &target) == ROUTE_NEEDS_FIRST_BYTE;
}

/** Finds the target by facts that are complete. False: there is none, and the session has ended. */
static bool find_target(struct session *session, const struct route_facts *facts)
{
	const struct target *target;

	if (offer_find(session->terms->offer, facts, &target) != ROUTE_TAKEN) {
		session_refuse(session, end_by_weir(END_NO_ROUTE));
		return false;
	}
	session->edge->target = target;
	return true;
}

bool session_find_target(struct session *session)
{
	struct route_facts facts = facts_of(session, ROUTE_SEEN_NOTHING);

	return find_target(session, &facts);
}

static struct verdict go_by_hello(struct session *session, const struct client_hello *hello)
{
	struct route_facts facts = facts_of(session, ROUTE_SEEN_HELLO);

	facts.name = hello->name;
	facts.alpn = hello->alpn;
	if (edge_keep_hello(session->edge, hello) < 0) {
		session_refuse(session, end_by_failure(SIDE_CLIENT, -ENOMEM));
		return (struct verdict){.said = SAID_OVER};
	}
	if (hello->name.n > 0) {
		group_ask_name(&session->setup->waiter.ask, hello->name.bytes, hello->name.n);
	}
	return (struct verdict){.said = find_target(session, &facts) ? SAID_DONE : SAID_OVER};
}

static struct verdict go_without_hello(struct session *session)
{
	struct route_facts facts = facts_of(session, ROUTE_SEEN_PLAIN);

	return (struct verdict){.said = find_target(session, &facts) ? SAID_DONE : SAID_OVER};
}

struct verdict session_look_at_hello(struct session *session, struct span bytes)
{
	uint8_t scratch[CLIENT_HELLO_MAX];
	struct client_hello hello;
	const char *why;
	int r = client_hello_parse(bytes.bytes, bytes.n, scratch, &hello, &why);

	if (r == -EPROTONOSUPPORT) {
		return go_without_hello(session);
	}
	if (r < 0) {
		return (struct verdict){.said = SAID_BAD, .why = why};
	}
	return r == 0 ? (struct verdict){.said = SAID_MORE} : go_by_hello(session, &hello);
}
