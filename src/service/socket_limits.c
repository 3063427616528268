/* SPDX-License-Identifier: ISC */
#include "service/socket_limits.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/proc.h"
#include "conf/conf.h"
#include "log/log.h"

/** One option of one listener or upstream, and the sysctl that limits it. */
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
	/* If the file is hidden, the limit is not known. */
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

/** Why the kernel has no Multipath TCP, as an errno; 0: it has. */
static int find_no_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP);

	if (fd < 0) {
		return -errno;
	}
	close(fd);
	return 0;
}

static void warn_of_mptcp(const char *owner, const char *name, const struct sockopts *options)
{
	int r = options->mptcp ? find_no_mptcp() : 0;
	struct log_line line;

	if (r < 0 && log_begin(&line, LOG_LEVEL_WARN, "socket_option_cut")) {
		log_str(&line, owner, name);
		log_str(&line, "option", "mptcp");
		log_errno(&line, r);
		log_str(&line, "remedy",
			"it is plain TCP; set net.mptcp.enabled, where Linux has it, or take it "
			"out");
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
	warn_of_mptcp(owner, name, options);
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
