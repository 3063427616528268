/* SPDX-License-Identifier: ISC */
/*
 * STATUS=, the lines that systemctl status shows: looked at once a second by the main thread, told
 * only when they changed. The workers only count, so that it costs them no wake-up.
 */
#ifndef WEIR_SERVICE_STATUS_H
#define WEIR_SERVICE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct worker;

/** The workers' numbers, summed. */
struct status_totals {
	uint64_t n_accepted;
	uint64_t n_closed;
	uint64_t waiting_bytes;
};

/** What is known besides. */
struct status_facts {
	bool draining;
	size_t n_listeners;
	uint32_t n_pairs;
	uint32_t max_pairs;
};

/** What was told last; zeroed at first. */
struct status {
	bool told;
	bool draining;
	struct status_totals totals;
};

/** Adds the workers' numbers up. */
struct status_totals status_sum(const struct worker *workers, size_t n_workers);

/** Tells systemd if anything but the time has changed since it was told. */
void status_tell(struct status *status, const struct status_facts *facts,
	const struct status_totals *totals, const struct worker *workers, size_t n_workers);

#endif
