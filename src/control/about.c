/* SPDX-License-Identifier: ISC */
/* /healthz, /readyz and /v1/status: whether weir is alive and ready, and its state. */
#include <limits.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"
#include "log/log.h"

static void get_status(struct control_asked *asked, struct control_status *ret_status)
{
	const struct control_opts *opts = &asked->control->opts;

	*ret_status = (struct control_status){0};
	opts->calls.status(opts->owner, ret_status);
}

/** An answer shows that the main thread's loop runs. */
void control_get_health(struct control_asked *asked)
{
	control_answer(asked, 200, json_pack("{sb}", "alive", true));
}

/** The state of the servers does not count: otherwise all nodes would leave the balancer at
 * once. */
void control_get_ready(struct control_asked *asked)
{
	struct control_status status;
	json_t *json;

	get_status(asked, &status);
	json = json_pack("{sb, ss}", "ready", status.is_ready, "state", status.state);
	if (!status.is_ready) {
		(void)json_object_set_new(json, "error",
			json_string("weir wants no new clients now; send them elsewhere, and see "
				    "\"state\""));
	}
	control_answer(asked, status.is_ready ? 200 : 503, json);
}

static json_t *ended_json(const struct control_status *status)
{
	json_t *ended = json_object();

	for (size_t i = 0; i < status->n_ended; i++) {
		(void)json_object_set_new(
			ended, status->ended[i].word, json_integer((json_int_t)status->ended[i].n));
	}
	return ended;
}

static json_t *reload_json(const struct control_status *status)
{
	char at[32] = "";
	struct tm tm;

	if (status->reloaded_at == 0) {
		return json_null();
	}
	if (gmtime_r(&status->reloaded_at, &tm) != NULL) {
		(void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	return json_pack("{ss, sb}", "at", at, "ok", !status->reload_failed);
}

const char *control_node(const struct conf *conf, char host[HOST_NAME_MAX + 1])
{
	if (conf->node != NULL) {
		return conf->node;
	}
	/* A name of HOST_NAME_MAX characters needs room for its NUL. */
	return gethostname(host, HOST_NAME_MAX + 1) < 0 ? NULL : host;
}

static json_t *node_json(const struct control_opts *opts)
{
	char host[HOST_NAME_MAX + 1];
	const char *node = control_node(opts->calls.conf(opts->owner), host);

	return node == NULL ? json_null() : control_text(node);
}

void control_get_status(struct control_asked *asked)
{
	struct control_status status;
	json_t *json;

	get_status(asked, &status);
	json = json_pack("{ss, ss, sb, sI, sI, sI, sI}", "version", WEIR_VERSION, "state",
		status.state, "ready", status.is_ready, "generation", (json_int_t)status.generation,
		"uptime_ms", (json_int_t)(status.uptime_ns / NS_PER_MS), "workers",
		(json_int_t)status.n_workers, "listeners", (json_int_t)status.n_listeners);
	(void)json_object_set_new(json, "node", node_json(&asked->control->opts));
	(void)json_object_set_new(json, "left_ms", control_ms(status.left_ns));
	(void)json_object_set_new(json, "servers",
		json_pack("{sI, sI}", "usable", (json_int_t)status.n_usable, "all",
			(json_int_t)status.n_servers));
	(void)json_object_set_new(json, "pairs",
		json_pack("{sI, sI, sI, sI, so}", "open", (json_int_t)status.n_pairs, "max",
			(json_int_t)status.max_pairs, "half_closed",
			(json_int_t)status.n_half_closed, "accepted", (json_int_t)status.n_accepted,
			"ended", ended_json(&status)));
	(void)json_object_set_new(json, "drain",
		status.is_drained ? control_drain_json(asked->control, &status) : json_null());
	(void)json_object_set_new(json, "reload", reload_json(&status));
	(void)json_object_set_new(json, "timers_p99_us",
		status.has_p99 ? json_integer((json_int_t)status.p99_us) : json_null());
	(void)json_object_set_new(
		json, "log_level", json_string(log_level_name(log_wanted_level())));
	control_answer(asked, 200, json);
}
