/* SPDX-License-Identifier: ISC */
#include "control/metrics.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buckets.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "control/asked.h"
#include "control/paths.h"
#include "crew/crew.h"
#include "log/events.h"
#include "log/log.h"
#include "upstream/group.h"

/* ---- weir ---- */

static bool write_build(struct metrics *metrics)
{
	char host[HOST_NAME_MAX + 1];
	const char *node = control_node(metrics->conf, host);

	exposition_u64(&metrics->text,
		(const struct exposition_label[]){{"version", WEIR_VERSION},
			{"node", node == NULL ? "" : node}, {NULL, NULL}},
		1);
	return false;
}

static bool write_ready(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.is_ready ? 1 : 0);
	return false;
}

static bool write_stopping(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.is_stopping ? 1 : 0);
	return false;
}

static bool write_drained(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.is_drained ? 1 : 0);
	return false;
}

/** Has a sample only while a stop or a drain has an end. */
static bool write_left(struct metrics *metrics)
{
	if (metrics->status.left_ns != NS_NEVER) {
		exposition_seconds(&metrics->text, NULL, metrics->status.left_ns);
	}
	return false;
}

static bool write_generation(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.generation);
	return false;
}

static bool write_reloads(struct metrics *metrics)
{
	exposition_u64(&metrics->text,
		(const struct exposition_label[]){{"result", "ok"}, {NULL, NULL}},
		metrics->status.n_reloads_ok);
	exposition_u64(&metrics->text,
		(const struct exposition_label[]){{"result", "failed"}, {NULL, NULL}},
		metrics->status.n_reloads_failed);
	return false;
}

static bool write_reload_ok(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.reload_failed ? 0 : 1);
	return false;
}

/** Before the first reload this is the time of the start. */
static bool write_reloaded(struct metrics *metrics)
{
	time_t at = metrics->status.reloaded_at;

	exposition_u64(&metrics->text, NULL,
		(uint64_t)(at != 0 ? at : metrics->asked->control->opened_at));
	return false;
}

static bool write_listeners(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.n_listeners);
	return false;
}

static bool write_servers(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.n_servers);
	return false;
}

static bool write_usable(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.n_usable);
	return false;
}

static bool write_rests(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, crew_rests(metrics->asked->control->opts.crew));
	return false;
}

static bool write_workers(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.n_workers);
	return false;
}

static bool write_max_pairs(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.max_pairs);
	return false;
}

static bool write_half_closed(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, metrics->status.n_half_closed);
	return false;
}

static bool write_waiting_bytes(struct metrics *metrics)
{
	exposition_u64(
		&metrics->text, NULL, crew_waiting_bytes(metrics->asked->control->opts.crew));
	return false;
}

static bool write_dropped(struct metrics *metrics)
{
	exposition_u64(&metrics->text, NULL, log_dropped());
	return false;
}

static bool write_warnings(struct metrics *metrics)
{
	const struct log_event *event;

	while ((event = log_event(metrics->at++)) != NULL) {
		if ((event->traits & LOG_EVENT_COUNTED) != 0) {
			exposition_u64(&metrics->text,
				(const struct exposition_label[]){
					{"reason", event->name}, {NULL, NULL}},
				log_event_counted(event));
		}
	}
	return false;
}

static bool write_lateness(struct metrics *metrics)
{
	const struct crew *crew = metrics->asked->control->opts.crew;
	struct buckets_read lateness;
	const char *timer = crew_timer_lateness(crew, metrics->at++, &lateness);

	if (timer != NULL) {
		exposition_buckets(&metrics->text,
			(const struct exposition_label[]){{"timer", timer}, {NULL, NULL}},
			&lateness);
	}
	return timer != NULL;
}

/* ---- listeners ---- */

/** Writes samples for some listeners: the more workers there are, the fewer at a time. Returns
 * whether there are more. `of`: enum numbers_of. */
static bool each_listener(struct metrics *metrics, unsigned int of,
	void (*write)(
		struct exposition *text, const char *name, const struct listener_numbers *numbers))
{
	const struct crew *crew = metrics->asked->control->opts.crew;
	const struct numbered_listeners *listeners = &metrics->listeners;
	size_t n_added = 0;

	while (n_added < METRICS_PIECE && metrics->at < listeners->n) {
		struct listener_numbers numbers;
		const char *name = crew_numbers_at(listeners, metrics->at++, of, &numbers);

		write(&metrics->text, name, &numbers);
		n_added += crew->opts.n_workers;
	}
	return metrics->at < listeners->n;
}

static void open_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	exposition_u64(text, (const struct exposition_label[]){{"listener", name}, {NULL, NULL}},
		numbers->n_open);
}

static bool write_open(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_PAIRS, open_of);
}

static void max_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	if (numbers->max > 0) {
		exposition_u64(text,
			(const struct exposition_label[]){{"listener", name}, {NULL, NULL}},
			numbers->max);
	}
}

static bool write_listener_max(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_PAIRS, max_of);
}

static void accepted_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	exposition_u64(text, (const struct exposition_label[]){{"listener", name}, {NULL, NULL}},
		numbers->n_accepted);
}

static bool write_accepted(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_PAIRS, accepted_of);
}

static void ended_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	for (size_t i = 0; i < numbers->n_ended; i++) {
		const struct numbers_ended *ended = &numbers->ended[i];

		exposition_u64(text,
			(const struct exposition_label[]){{"listener", name}, {"by", ended->by},
				{"reason", ended->reason}, {NULL, NULL}},
			ended->n);
	}
}

static bool write_ended(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_ENDS, ended_of);
}

static void ways_of(struct exposition *text, const char *name, uint64_t up, uint64_t down)
{
	exposition_u64(text,
		(const struct exposition_label[]){
			{"listener", name}, {"direction", "up"}, {NULL, NULL}},
		up);
	exposition_u64(text,
		(const struct exposition_label[]){
			{"listener", name}, {"direction", "down"}, {NULL, NULL}},
		down);
}

static void bytes_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	ways_of(text, name, numbers->up[NUMBERS_COPIED] + numbers->up[NUMBERS_SPLICED],
		numbers->down[NUMBERS_COPIED] + numbers->down[NUMBERS_SPLICED]);
}

static bool write_bytes(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_BYTES, bytes_of);
}

static void spliced_of(
	struct exposition *text, const char *name, const struct listener_numbers *numbers)
{
	ways_of(text, name, numbers->up[NUMBERS_SPLICED], numbers->down[NUMBERS_SPLICED]);
}

static bool write_spliced(struct metrics *metrics)
{
	return each_listener(metrics, NUMBERS_OF_BYTES, spliced_of);
}

/* ---- all of them ---- */

static const struct metrics_family families[] = {
	{"weir_build_info", "gauge", "Always 1: which weir this is.", write_build},
	{"weir_ready", "gauge", "1 while new clients are wanted, as /readyz says.", write_ready},
	{"weir_stopping", "gauge", "1 while weir stops.", write_stopping},
	{"weir_drained", "gauge", "1 while weir is drained by hand, the grace included.",
		write_drained},
	{"weir_left_seconds", "gauge",
		"The rest of the grace, or after it the time until the last open pair is ended.",
		write_left},
	{"weir_workers", "gauge", "Threads that relay.", write_workers},
	{"weir_config_generation", "gauge", "1, and one more for each config taken by a reload.",
		write_generation},
	{"weir_reloads_total", "counter", "Reloads that have ended.", write_reloads},
	{"weir_last_reload_successful", "gauge", "0 if the last reload refused the config file.",
		write_reload_ok},
	{"weir_last_reload_timestamp_seconds", "gauge",
		"When the last reload ended or weir started, since 1970.", write_reloaded},
	{"weir_listeners", "gauge", "Listeners of the config.", write_listeners},
	{"weir_servers", "gauge", "Servers of the config, and those that DNS has found.",
		write_servers},
	{"weir_servers_usable", "gauge", "Servers that take new pairs.", write_usable},
	{"weir_pairs_max", "gauge", "How many pairs may be open.", write_max_pairs},
	{"weir_pairs_half_closed", "gauge", "Open pairs of which one side has finished.",
		write_half_closed},
	{"weir_waiting_bytes", "gauge", "Bytes that wait in weir.", write_waiting_bytes},
	{"weir_timer_lateness_seconds", "histogram", "How late timers ended pairs.",
		write_lateness},
	{"weir_pairs_open", "gauge", "Pairs that are open.", write_open},
	{"weir_listener_pairs_max", "gauge", "How many pairs a listener may have.",
		write_listener_max},
	{"weir_pairs_total", "counter", "Pairs that were accepted.", write_accepted},
	{"weir_pairs_ended_total", "counter", "Pairs that have ended, by whom and why.",
		write_ended},
	{"weir_bytes_total", "counter", "Bytes read: up from clients, down from servers.",
		write_bytes},
	{"weir_spliced_bytes_total", "counter", "Bytes of weir_bytes_total that were spliced.",
		write_spliced},
	{"weir_upstream_discovery_well", "gauge", "1 while DNS answers for an upstream.",
		metrics_discovery_well},
	{"weir_upstream_waiting", "gauge", "Clients in the queue of an upstream.", metrics_waiting},
	{"weir_upstream_waited_total", "counter", "Clients that have waited in the queue.",
		metrics_waited},
	{"weir_upstream_queue_timeouts_total", "counter",
		"Clients whose time in the queue was over.", metrics_waited_too_long},
	{"weir_upstream_queue_full_total", "counter", "Clients that found the queue full.",
		metrics_queue_full},
	{"weir_server_up", "gauge", "1 while a server takes new pairs.", metrics_server_up},
	{"weir_server_check_up", "gauge", "1 while the check of a server finds it up.",
		metrics_server_check_up},
	{"weir_server_checks_total", "counter", "Checks of a server.", metrics_server_checks},
	{"weir_server_checks_failed_total", "counter", "Checks of a server that failed.",
		metrics_server_checks_failed},
	{"weir_server_checks_not_made_total", "counter",
		"Checks that weir lacked the means to make.", metrics_server_checks_unjudged},
	{"weir_server_ejected", "gauge", "1 while a server is ejected.", metrics_server_ejected},
	{"weir_server_ejections_total", "counter", "Ejections of a server.",
		metrics_server_ejections},
	{"weir_server_weight", "gauge", "The weight of a server that counts now.",
		metrics_server_weight},
	{"weir_server_pairs_open", "gauge", "Pairs of a server, open or being connected.",
		metrics_server_pairs},
	{"weir_server_connects_failed_total", "counter", "Connects to a server that failed.",
		metrics_server_failed},
	{"weir_server_connect_seconds", "histogram", "How long connecting to a server took.",
		metrics_server_connects},
	{"weir_worker_pairs_open", "gauge", "Pairs that a worker has.", metrics_worker_open},
	{"weir_worker_pairs_total", "counter", "Pairs that a worker has had.",
		metrics_worker_accepted},
	{"weir_worker_cpu_seconds_total", "counter", "Processor time of a thread.",
		metrics_worker_cpu},
	{"weir_loop_delay_seconds", "histogram",
		"How long the loop of a thread kept anybody waiting at worst, once a second.",
		metrics_delays},
	{"weir_pipes_lent", "gauge", "Pipes that are spliced through.", metrics_pipes_lent},
	{"weir_pipes_free", "gauge", "Pipes that are free for splicing.", metrics_pipes_free},
	{"weir_accept_rests_total", "counter", "How often accepting failed and then paused.",
		write_rests},
	{"weir_control_slice_seconds", "histogram", "Processor time of each slice of an answer.",
		metrics_slices},
	{"weir_warnings_total", "counter", "Warnings and errors, by event.", write_warnings},
	{"weir_log_dropped_total", "counter", "Lines of the log that were lost.", write_dropped},
	{"process_cpu_seconds_total", "counter", "Processor time, of the user and the system.",
		metrics_cpu},
	{"process_virtual_memory_bytes", "gauge", "Address space.", metrics_virtual},
	{"process_virtual_memory_max_bytes", "gauge", "How much there may be.",
		metrics_virtual_max},
	{"process_resident_memory_bytes", "gauge", "Memory that is there.", metrics_resident},
	{"process_open_fds", "gauge", "Open file descriptors.", metrics_fds},
	{"process_max_fds", "gauge", "How many there may be.", metrics_max_fds},
	{"process_threads", "gauge", "Threads.", metrics_threads},
	{"process_start_time_seconds", "gauge", "When weir started, since 1970.", metrics_started},
};

enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

/** Resets the position to the beginning of a family. */
static void rewind_family(struct metrics *metrics)
{
	members_rewind(&metrics->members);
	if (metrics->fds >= 0) {
		close(metrics->fds);
		metrics->fds = -1;
	}
	metrics->n_fds = 0;
	metrics->at = 0;
}

static void on_forget(struct control_asked *asked)
{
	struct metrics *metrics = asked->data;

	rewind_family(metrics);
	crew_put_listeners(&metrics->listeners);
	free(metrics);
}

/** Writes the next family, or some more of the current one. */
static bool next_piece(struct control_asked *asked)
{
	struct metrics *metrics = asked->data;
	const struct metrics_family *family;

	if (metrics->family == N_FAMILIES) {
		return false;
	}
	family = &families[metrics->family];
	if (metrics->text.name != family->name) {
		exposition_family(&metrics->text, family->name, family->type, family->help);
	}
	if (!family->write(metrics)) {
		rewind_family(metrics);
		metrics->family++;
	}
	return true;
}

static void on_all_written(struct control_asked *asked)
{
	control_list_end(asked, "");
}

void control_get_metrics(struct control_asked *asked)
{
	const struct control_opts *opts = &asked->control->opts;
	struct metrics *metrics = calloc(1, sizeof(*metrics));

	if (metrics == NULL || crew_take_listeners(opts->crew, &metrics->listeners) < 0) {
		free(metrics);
		control_refuse(asked, 503, "out of memory; ask again");
		return;
	}
	metrics->asked = asked;
	metrics->fds = -1;
	metrics->conf = asked->list.conf = conf_ref(opts->calls.conf(opts->owner));
	metrics->members = (struct members){.groups = opts->groups, .conf = metrics->conf};
	metrics->text.to = &asked->list.text;
	opts->calls.status(opts->owner, &metrics->status);
	asked->data = metrics;
	asked->forget = on_forget;
	asked->list.next = next_piece;
	asked->list.written = on_all_written;
	control_list_begin(asked, EXPOSITION_TYPE, "");
	control_list_go_on(asked);
}
