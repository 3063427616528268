/* SPDX-License-Identifier: ISC */
/* Reports why a socket cannot be opened: at a start in the log, at a reload in the answer. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/schema.h"
#include "crew/sockets_private.h"
#include "log/failure.h"
#include "log/log.h"

const char *sockets_remedy(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another process listens there: stop it, or write another address";
	case -EACCES:
		return "the user that weir runs as may not make a socket there: choose a folder "
		       "that it may write to";
	case -EADDRNOTAVAIL:
		return "no interface of this machine has it: write one that `ip address` shows";
	case -ENOENT:
		return "the folder of the socket does not exist: make it first";
	default:
		return failure_remedy(err);
	}
}

static void log_failure(const struct socket_report *report, const char *remedy)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "listen_failed")) {
		log_str(&line, "listener", report->listener);
		log_str(&line, "address", report->address);
		log_str(&line, "socket", report->socket);
		if (report->error == NULL) {
			log_errno(&line, report->err);
		} else {
			log_str(&line, "error", report->error);
		}
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
}

static void add_failure(
	const struct sockets_opts *opts, const struct socket_report *report, const char *remedy)
{
	char key[CONF_NAME_MAX + sizeof("listeners()")];
	char where[2 * ADDR_TEXT_MAX + sizeof("\"\" : ")] = "";

	if (report->listener != NULL) {
		(void)snprintf(key, sizeof(key), "listeners(%s)", report->listener);
	}
	if (report->address != NULL) {
		(void)snprintf(where, sizeof(where), "\"%s\"%s%s: ", report->address,
			report->socket == NULL ? "" : " ",
			report->socket == NULL ? "" : report->socket);
	}
	conf_errors_add(opts->errors, opts->path, 0, report->listener == NULL ? NULL : key,
		"%s%s; %s", where,
		report->error != NULL ? report->error : strerrordesc_np(-report->err), remedy);
}

int sockets_fail(const struct sockets_opts *opts, const struct socket_report *report)
{
	const char *remedy = report->remedy != NULL ? report->remedy : sockets_remedy(report->err);

	if (opts->errors == NULL) {
		log_failure(report, remedy);
	} else {
		add_failure(opts, report, remedy);
	}
	return report->err;
}
