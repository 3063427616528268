/* SPDX-License-Identifier: ISC */
#include "service/socket_limits.h"

#include <stdio.h>

#include "base/proc.h"
#include "conf/conf.h"
#include "log/log.h"

/** One option of one listener or upstream, and what bounds it. */
struct asked {
	const char *owner; /**< "listener" or "upstream" */
	const char *name;
	const char *option;
	const char *limit; /**< in /proc/sys/net/core/ */
	uint64_t value;
};

static void warn_if_less(const struct asked *asked)
{
	char path[64];
	char remedy[64];
	struct log_line line;
	uint64_t granted = UINT64_MAX;

	if (asked->value == 0) {
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/sys/net/core/%s", asked->limit);
	/* Where somebody hides the file it cannot be told. */
	if (proc_read_numbers(path, &granted, 1) == 1 && granted < asked->value &&
		log_begin(&line, LOG_LEVEL_WARN, "socket_option_cut")) {
		(void)snprintf(
			remedy, sizeof(remedy), "raise net.core.%s, or ask for less", asked->limit);
		log_str(&line, asked->owner, asked->name);
		log_str(&line, "option", asked->option);
		log_u64(&line, "asked", asked->value);
		log_u64(&line, "granted", granted);
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
}

static void warn_of(const char *owner, const char *name, const struct sockopts *options)
{
	const struct asked all[] = {
		{owner, name, "send_buffer", "wmem_max", options->send_buffer},
		{owner, name, "receive_buffer", "rmem_max", options->receive_buffer},
		{owner, name, "backlog", "somaxconn", options->backlog},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		warn_if_less(&all[i]);
	}
}

void socket_limits_warn(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_listeners; i++) {
		warn_of("listener", conf->listeners[i].name, &conf->listeners[i].socket);
	}
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		warn_of("upstream", conf->upstreams[i].name, &conf->upstreams[i].socket);
	}
}
