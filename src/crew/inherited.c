/* SPDX-License-Identifier: ISC */
#include "crew/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/fds.h"
#include "log/failure.h"
#include "log/log.h"

static int fail(int err)
{
	return start_failed("passed sockets", err,
		"LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES do not fit what was passed: leave them "
		"to systemd");
}

/** A shell in between has another number than the one that systemd wrote there. */
static void warn_of_other_process(void)
{
	const char *text = getenv("LISTEN_PID");
	char *end;
	unsigned long pid = text == NULL ? 0 : strtoul(text, &end, 10);
	struct log_line line;

	if (pid == 0 || *end != '\0' || pid == (unsigned long)getpid() ||
		getenv("LISTEN_FDS") == NULL) {
		return;
	}
	if (log_begin(&line, LOG_LEVEL_WARN, "sockets_for_another")) {
		log_u64(&line, "listen_pid", pid);
		log_u64(&line, "pid", (uint64_t)getpid());
		log_str(&line, "remedy",
			"sockets were passed to the process of LISTEN_PID and not to this one: a "
			"script in ExecStart= has to start weir by exec");
		log_end(&line);
	}
}

int inherited_take(struct inherited *ret_inherited)
{
	char **names = NULL;
	struct inherited inherited = {0};
	size_t n_open;
	int n;

	warn_of_other_process(); /* before the environment is taken */
	n = sd_listen_fds_with_names(1, &names);
	if (n < 0) {
		return fail(n);
	}
	inherited.all = n == 0 ? NULL : calloc((size_t)n, sizeof(*inherited.all));
	for (int i = 0; i < n; i++) {
		if (inherited.all == NULL) {
			free(names[i]);
			continue;
		}
		inherited.all[i] = (struct inherited_socket){
			.fd = SD_LISTEN_FDS_START + i,
			.name = names[i],
		};
	}
	free(names);
	if (n > 0 && inherited.all == NULL) {
		return fail(-ENOMEM);
	}
	inherited.n = (size_t)n;
	n_open = fds_count_open();
	inherited.n_others = n_open > inherited.n ? n_open - inherited.n : 0;
	*ret_inherited = inherited;
	return 0;
}

void inherited_fini(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n; i++) {
		close(inherited->all[i].fd);
		free(inherited->all[i].name);
	}
	free(inherited->all);
	*inherited = (struct inherited){0};
}
