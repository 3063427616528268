/* SPDX-License-Identifier: ISC */
#include "service/notify.h"

#include <systemd/sd-daemon.h>

#include "base/clock.h"

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
	/* In one message: systemd compares the time with that of its own request. */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%ju", (uintmax_t)clock_ns() / NS_PER_US);
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_extend(uint64_t us)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%ju", (uintmax_t)us);
}

int notify_watchdog_wanted(uint64_t *ret_us)
{
	return sd_watchdog_enabled(0, ret_us);
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

void notify_status(const char *text)
{
	(void)sd_notifyf(0, "STATUS=%s", text);
}
