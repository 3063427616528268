/* SPDX-License-Identifier: ISC */
#include "log/warnings.h"

#include <stdatomic.h>
#include <string.h>

/*
 * Pairs (close, failed_more) and lost lines (log_dropped) have counters of their own, and a weir
 * that does not start (listen_failed, not_started, start_failed) cannot show any.
 */
static const char *const events[] = {
	"accept_resting",
	"addresses_left_out",
	"config_warning",
	"control_failed",
	"discover_empty",
	"discover_failed",
	"discovered",
	"limit_reached",
	"loop_delayed",
	"name_unknown",
	"not_checked",
	"passed_unused",
	"rate_reached",
	"reload_failed",
	"server_down",
	"server_ejected",
	"signal_ignored",
	"socket_option_cut",
	"socket_options_failed",
	"sockets_for_another",
	"undrain_failed",
	"watchdog_missed",
	"zone_unknown",
};

enum { N_EVENTS = sizeof(events) / sizeof(events[0]) };

static _Atomic uint64_t counts[N_EVENTS];

void warnings_count(const char *event)
{
	for (size_t i = 0; i < N_EVENTS; i++) {
		if (strcmp(events[i], event) == 0) {
			atomic_fetch_add_explicit(&counts[i], 1, memory_order_relaxed);
			return;
		}
	}
}

bool warnings_get(size_t index, const char **ret_event, uint64_t *ret_n)
{
	if (index >= N_EVENTS) {
		return false;
	}
	*ret_event = events[index];
	*ret_n = atomic_load_explicit(&counts[index], memory_order_relaxed);
	return true;
}
