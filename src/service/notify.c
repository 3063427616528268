/* SPDX-License-Identifier: ISC */
#include "service/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

enum { STATUS_MAX = 256 };

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_extend(uint64_t us)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%ju", (uintmax_t)us);
}

void notify_status(const char *format, ...)
{
	char text[STATUS_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)sd_notifyf(0, "STATUS=%s", text);
}
