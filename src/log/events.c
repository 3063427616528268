/* SPDX-License-Identifier: ISC */
#include "log/events.h"

#include <stdatomic.h>
#include <string.h>

/*
 * Some warnings and errors are not counted here: pairs (close, failed_more) and lost lines
 * (log_dropped) have counters of their own, and a weir that does not start (listen_failed,
 * not_started, start_failed) cannot show a count.
 */
static const struct log_event events[] = {
	{"accept_resting", LOG_EVENT_COUNTED},
	{"addresses_left_out", LOG_EVENT_COUNTED},
	{"close", 0},
	{"config_warning", LOG_EVENT_COUNTED},
	{"control_failed", LOG_EVENT_COUNTED},
	{"discover_empty", LOG_EVENT_COUNTED},
	{"discover_failed", LOG_EVENT_COUNTED},
	{"discover_well", 0},
	{"discovered", LOG_EVENT_COUNTED},
	{"drain", 0},
	{"drained", 0},
	{"dropped", LOG_EVENT_OWN},
	{"end", LOG_EVENT_OWN},
	{"failed_more", 0},
	{"limit_reached", LOG_EVENT_COUNTED},
	{"listen_failed", LOG_EVENT_UNSEEN},
	{"listening", 0},
	{"listening_ends", 0},
	{"log_dropped", 0},
	{"loop_delayed", LOG_EVENT_COUNTED},
	{"name_unknown", LOG_EVENT_COUNTED},
	{"not_checked", LOG_EVENT_COUNTED},
	{"not_started", LOG_EVENT_UNSEEN},
	{"open", LOG_EVENT_DEBUG},
	{"passed_unused", LOG_EVENT_COUNTED | LOG_EVENT_UNSEEN},
	{"rate_reached", LOG_EVENT_COUNTED},
	{"ready", LOG_EVENT_UNSEEN},
	{"refused_more", 0},
	{"reload_failed", LOG_EVENT_COUNTED},
	{"reloaded", 0},
	{"server_down", LOG_EVENT_COUNTED},
	{"server_ejected", LOG_EVENT_COUNTED},
	{"server_returned", 0},
	{"server_told", 0},
	{"server_up", 0},
	{"signal_ignored", LOG_EVENT_COUNTED},
	{"socket_option_cut", LOG_EVENT_COUNTED | LOG_EVENT_UNSEEN},
	{"socket_options_failed", LOG_EVENT_COUNTED},
	{"sockets_for_another", LOG_EVENT_COUNTED | LOG_EVENT_UNSEEN},
	{"start_failed", LOG_EVENT_UNSEEN},
	{"stats", LOG_EVENT_OWN},
	{"stopped", LOG_EVENT_UNSEEN},
	{"stopping", 0},
	{"undrain", 0},
	{"undrain_failed", LOG_EVENT_COUNTED},
	{"watchdog_missed", LOG_EVENT_COUNTED},
	{"zone_unknown", LOG_EVENT_COUNTED},
};

enum { N_EVENTS = sizeof(events) / sizeof(events[0]) };

static _Atomic uint64_t counts[N_EVENTS];

const struct log_event *log_event(size_t index)
{
	return index < N_EVENTS ? &events[index] : NULL;
}

const struct log_event *log_event_find(const char *name)
{
	for (size_t i = 0; i < N_EVENTS; i++) {
		if (strcmp(events[i].name, name) == 0) {
			return &events[i];
		}
	}
	return NULL;
}

void log_event_count(const char *name)
{
	const struct log_event *event = log_event_find(name);

	if (event != NULL && (event->traits & LOG_EVENT_COUNTED) != 0) {
		atomic_fetch_add_explicit(&counts[event - events], 1, memory_order_relaxed);
	}
}

uint64_t log_event_counted(const struct log_event *event)
{
	return atomic_load_explicit(&counts[event - events], memory_order_relaxed);
}
