/* SPDX-License-Identifier: ISC */
#include "crew/numbers.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/buckets.h"
#include "base/clock.h"
#include "crew/crew.h"
#include "crew/worker.h"
#include "proxy/counters.h"
#include "proxy/generation.h"
#include "proxy/limits.h"
#include "proxy/offer.h"
#include "proxy/shared.h"
#include "stream/pipe.h"

static_assert((int)NUMBERS_COPIED == (int)TALLY_COPIED, "the same paths");
static_assert((int)NUMBERS_SPLICED == (int)TALLY_SPLICED, "the same paths");
static_assert((int)NUMBERS_ENDS_MAX >= END_BYS * END_REASONS, "a count for each");

static void read_bytes(const struct limit *limit, struct listener_numbers *numbers)
{
	for (size_t path = 0; path < NUMBERS_PATHS; path++) {
		numbers->up[path] =
			limits_sum(limit, offsetof(struct tally, n_bytes[SIDE_CLIENT][path]));
		numbers->down[path] =
			limits_sum(limit, offsetof(struct tally, n_bytes[SIDE_UPSTREAM][path]));
	}
}

static void read_ended(const struct limit *limit, struct listener_numbers *numbers)
{
	for (unsigned by = 0; by < END_BYS; by++) {
		for (unsigned reason = 0; reason < END_REASONS; reason++) {
			uint64_t n = limits_sum(limit, offsetof(struct tally, n_ended[by][reason]));

			if (n > 0) {
				numbers->ended[numbers->n_ended++] = (struct numbers_ended){
					end_by_name(by), end_reason_name(reason), n};
			}
		}
	}
}

static void add_up(const struct limit *limit, unsigned int of, struct listener_numbers *ret_numbers)
{
	*ret_numbers = (struct listener_numbers){0};
	if ((of & NUMBERS_OF_PAIRS) != 0) {
		ret_numbers->n_open = limit_taken(limit);
		ret_numbers->max = limit_max(limit);
		ret_numbers->n_accepted = limits_sum(limit, offsetof(struct tally, n_accepted));
	}
	if ((of & NUMBERS_OF_BYTES) != 0) {
		read_bytes(limit, ret_numbers);
	}
	if ((of & NUMBERS_OF_ENDS) != 0) {
		read_ended(limit, ret_numbers);
	}
}

void crew_listener_numbers(const struct crew *crew, const char *name, unsigned int of,
	struct listener_numbers *ret_numbers)
{
	const struct generation *generation = crew->opts.shared->generation;
	size_t index = generation_find(generation, name);

	if (index == SIZE_MAX) {
		*ret_numbers = (struct listener_numbers){0};
	} else {
		add_up(generation->offers[index]->limit, of, ret_numbers);
	}
}

int crew_take_listeners(const struct crew *crew, struct numbered_listeners *ret_listeners)
{
	struct limits *limits = &crew->opts.shared->limits;

	*ret_listeners = (struct numbered_listeners){
		.limits = calloc(limits->n_kept, sizeof(struct limit *))};
	if (ret_listeners->limits == NULL) {
		return -ENOMEM;
	}
	limits_take(limits, ret_listeners->limits);
	ret_listeners->n = limits->n_kept;
	ret_listeners->n_in_force = limits->n_in_force;
	return 0;
}

void crew_put_listeners(struct numbered_listeners *listeners)
{
	for (size_t i = 0; i < listeners->n; i++) {
		limits_put(listeners->limits[i]);
	}
	free(listeners->limits);
	*listeners = (struct numbered_listeners){0};
}

const char *crew_numbers_at(const struct numbered_listeners *listeners, size_t index,
	unsigned int of, struct listener_numbers *ret_numbers)
{
	const struct limit *limit = listeners->limits[index];

	add_up(limit, of, ret_numbers);
	if (index >= listeners->n_in_force) {
		ret_numbers->max = 0;
	}
	return limits_name(limit);
}

const char *crew_timer_lateness(
	const struct crew *crew, size_t index, struct buckets_read *ret_lateness)
{
	*ret_lateness = (struct buckets_read){0};
	if (index >= DEADLINE_KINDS) {
		return NULL;
	}
	for (size_t i = 0; i < crew->opts.n_workers; i++) {
		buckets_add_to(&crew->workers[i].proxy.part.counters.late[index], ret_lateness);
	}
	return deadline_name((enum deadline_kind)index);
}

static uint64_t cpu_ns(pthread_t thread)
{
	struct timespec used;
	clockid_t clock;

	if (pthread_getcpuclockid(thread, &clock) != 0 || clock_gettime(clock, &used) < 0) {
		return 0;
	}
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

void crew_main_numbers(const struct crew *crew, struct thread_numbers *ret_numbers)
{
	*ret_numbers = (struct thread_numbers){.cpu_ns = cpu_ns(pthread_self())};
	buckets_add_to(&crew->delays, &ret_numbers->delays);
}

static uint64_t count(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

bool crew_worker_numbers(const struct crew *crew, size_t worker, struct thread_numbers *ret_numbers)
{
	const struct worker *of;
	const struct counters *counters;
	uint64_t n_closed = 0;

	if (worker >= crew->opts.n_workers) {
		return false;
	}
	of = &crew->workers[worker];
	counters = &of->proxy.part.counters;
	*ret_numbers = (struct thread_numbers){.cpu_ns = cpu_ns(of->thread)};
	buckets_add_to(&of->delays, &ret_numbers->delays);
	buckets_add_to(&of->slices, &ret_numbers->slices);
	for (unsigned reason = 0; reason < END_REASONS; reason++) {
		n_closed += count(&counters->n_closed[reason]);
	}
	ret_numbers->n_accepted = count(&counters->n_accepted);
	/* A worker counts an accepted client first, but this thread may see that later than the
	 * end. */
	ret_numbers->n_open =
		ret_numbers->n_accepted > n_closed ? ret_numbers->n_accepted - n_closed : 0;
	pipe_pool_count(of->loop, &ret_numbers->n_pipes_lent, &ret_numbers->n_pipes_free);
	return true;
}

uint64_t crew_rests(const struct crew *crew)
{
	return crew_sum(crew, offsetof(struct counters, n_rests));
}
