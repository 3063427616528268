/* SPDX-License-Identifier: ISC */
#include "proxy/deadline.h"

#include <assert.h>
#include <stddef.h>

#include "base/mix.h"

const char *deadline_name(enum deadline_kind kind)
{
	static const char *const names[DEADLINE_KINDS] = {
		[DEADLINE_CONNECT] = "connect",
		[DEADLINE_PREFACE] = "preface",
		[DEADLINE_QUEUE] = "queue",
		[DEADLINE_WRITE_STALL] = "write_stall",
		[DEADLINE_HALF_CLOSE] = "half_close",
		[DEADLINE_HALF_CLOSE_MAX] = "half_close_max",
		[DEADLINE_FIRST_BYTE] = "first_byte",
		[DEADLINE_IDLE_CLIENT] = "idle_client",
		[DEADLINE_IDLE_UPSTREAM] = "idle_upstream",
		[DEADLINE_IDLE] = "idle",
		[DEADLINE_LIFETIME] = "lifetime",
		[DEADLINE_DRAIN] = "drain",
	};

	assert(kind < DEADLINE_KINDS);
	return names[kind];
}

/** A search for the earliest of all candidates. */
struct search {
	struct deadline next; /* the earliest so far */
	uint64_t *all_ns;     /* the earliest of each kind, for deadline_all(); or NULL */
};

/** Takes the candidate if it is earlier. Called in the sequence that decides between equal ones. */
static void consider(
	struct search *search, enum deadline_kind kind, uint64_t at_ns, uint64_t silence_ns)
{
	if (at_ns < search->next.at_ns) {
		search->next =
			(struct deadline){.at_ns = at_ns, .kind = kind, .silence_ns = silence_ns};
	}
	if (search->all_ns != NULL) {
		search->all_ns[kind] = clock_earlier(search->all_ns[kind], at_ns);
	}
}

/** A timer that runs from `start_ns` on, whatever moves. */
static void consider_time(
	struct search *search, enum deadline_kind kind, uint64_t start_ns, uint64_t duration_ns)
{
	consider(search, kind, clock_after(start_ns, duration_ns), NS_NEVER);
}

/** A timer that counts from the last byte. */
static void consider_silence(
	struct search *search, enum deadline_kind kind, uint64_t last_ns, uint64_t silence_ns)
{
	consider(search, kind, clock_after(last_ns, silence_ns), silence_ns);
}

/** The part of the spread that is added for one pair. */
static uint64_t share_of(uint64_t spread_ns, uint64_t accepted_ns)
{
	/* The high half of the product: a fraction of the spread. */
	return (uint64_t)(((unsigned __int128)mix(accepted_ns) * spread_ns) >> 64);
}

uint64_t deadline_drain_ns(const struct deadline_drain *drain, uint64_t accepted_ns)
{
	return drain->end_ns == NS_NEVER ? NS_NEVER
					 : drain->end_ns - share_of(drain->spread_ns, accepted_ns);
}

uint64_t deadline_lifetime_ns(const struct conf_timeouts *timeouts, uint64_t accepted_ns)
{
	return clock_after(clock_after(accepted_ns, timeouts->lifetime_ns),
		share_of(timeouts->lifetime_spread_ns, accepted_ns));
}

/** Whether bytes wait in weir, or in the kernel because weir does not read: then the pair is not
 * idle. */
static bool is_waiting(const struct deadline_facts *facts)
{
	return facts->stalled_ns != NS_NEVER || facts->is_throttled;
}

static bool is_drained(const struct deadline_facts *facts)
{
	const struct deadline_drain *drain = facts->drain;

	return drain != NULL && (drain->spares_ns == 0 || facts->accepted_ns < drain->spares_ns);
}

/** The drain: idle pairs are ended first, each other pair at its own time before the end. */
static void consider_drain(
	struct search *search, const struct deadline_facts *facts, uint64_t quiet_ns)
{
	const struct deadline_drain *drain = facts->drain;

	consider_time(search, DEADLINE_DRAIN, deadline_drain_ns(drain, facts->accepted_ns), 0);
	if (!is_waiting(facts)) {
		uint64_t idle_ns = clock_after(quiet_ns, drain->idle_first_ns);

		consider(search, DEADLINE_DRAIN, clock_later(idle_ns, drain->start_ns),
			drain->idle_first_ns);
	}
}

/** The lifetime. A session without a pair needs no quiet second, because no bytes could be lost. */
static void consider_lifetime(struct search *search, const struct conf_timeouts *timeouts,
	const struct deadline_facts *facts, uint64_t quiet_ns)
{
	uint64_t over_ns = deadline_lifetime_ns(timeouts, facts->accepted_ns);

	if (facts->moved_ns == NS_NEVER || timeouts->lifetime_grace_ns == 0) {
		consider_time(search, DEADLINE_LIFETIME, over_ns, 0);
		return;
	}
	consider_time(search, DEADLINE_LIFETIME, over_ns, timeouts->lifetime_grace_ns);
	if (!is_waiting(facts)) {
		uint64_t second_ns = clock_after(clock_later(quiet_ns, facts->held_ns), QUIET_NS);

		consider(search, DEADLINE_LIFETIME, clock_later(second_ns, over_ns), QUIET_NS);
	}
}

static void consider_all(struct search *search, const struct conf_timeouts *timeouts,
	const struct deadline_facts *facts)
{
	bool half_closed = facts->fin_ns != NS_NEVER;
	bool waiting = is_waiting(facts);
	uint64_t quiet_ns =
		half_closed ? clock_later(facts->moved_ns, facts->fin_ns) : facts->moved_ns;

	if (facts->early_ns != 0) {
		consider_time(search, DEADLINE_CONNECT, facts->early_ns, timeouts->connect_ns);
	}
	consider_time(search, DEADLINE_PREFACE, facts->looking_ns, timeouts->preface_ns);
	consider_time(search, DEADLINE_QUEUE, facts->queued_ns, timeouts->queue_ns);
	consider_silence(search, DEADLINE_WRITE_STALL, facts->stalled_ns, timeouts->write_stall_ns);
	if (half_closed) {
		if (!waiting) {
			consider_silence(
				search, DEADLINE_HALF_CLOSE, quiet_ns, timeouts->half_close_ns);
		}
		consider_time(search, DEADLINE_HALF_CLOSE_MAX, facts->fin_ns,
			timeouts->half_close_max_ns);
	}
	consider_time(search, DEADLINE_FIRST_BYTE, facts->awaited_ns, timeouts->first_byte_ns);
	consider_time(search, DEADLINE_IDLE_CLIENT, facts->silent_ns[SIDE_CLIENT],
		timeouts->idle_client_ns);
	consider_time(search, DEADLINE_IDLE_UPSTREAM, facts->silent_ns[SIDE_UPSTREAM],
		timeouts->idle_upstream_ns);
	if (!half_closed && !waiting) {
		consider_silence(search, DEADLINE_IDLE, quiet_ns, timeouts->idle_ns);
	}
	consider_lifetime(search, timeouts, facts, quiet_ns);
	if (is_drained(facts)) {
		consider_drain(search, facts, quiet_ns);
	}
}

static const struct deadline no_deadline = {
	.at_ns = NS_NEVER, .kind = DEADLINE_NONE, .silence_ns = NS_NEVER};

struct deadline deadline_next(
	const struct conf_timeouts *timeouts, const struct deadline_facts *facts)
{
	struct search search = {.next = no_deadline};

	consider_all(&search, timeouts, facts);
	search.next.at_ns = clock_later(search.next.at_ns, facts->since_ns);
	return search.next;
}

void deadline_all(const struct conf_timeouts *timeouts, const struct deadline_facts *facts,
	uint64_t ret_at_ns[DEADLINE_KINDS])
{
	struct search search = {.next = no_deadline, .all_ns = ret_at_ns};

	for (size_t i = 0; i < DEADLINE_KINDS; i++) {
		ret_at_ns[i] = NS_NEVER;
	}
	consider_all(&search, timeouts, facts);
	for (size_t i = 0; i < DEADLINE_KINDS; i++) {
		ret_at_ns[i] = clock_later(ret_at_ns[i], facts->since_ns);
	}
}
