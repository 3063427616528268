/* SPDX-License-Identifier: ISC */
#include "service/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINES_MAX = 64, NUMBER_LINE_MAX = 64 };

/*
 * The states that could not be sent yet; "": none. A RELOADING=1 is sent before the state after it;
 * otherwise systemd would wait for the end of the reload for ever.
 */
static struct {
	char reloading[LINES_MAX];
	char state[LINES_MAX];
} pending;

/** Sends a datagram. 0 or a negative errno, also if the receiver has no room now. */
static int send_to(const char *path, const char *text)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	int fd;
	int r = 0;

	if ((path[0] != '/' && path[0] != '@') || len > sizeof(to.sun_path)) {
		return -EINVAL;
	}
	memcpy(to.sun_path, path, len);
	if (path[0] == '@') {
		to.sun_path[0] = '\0';
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	if (sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0) {
		r = -errno;
	}
	close(fd);
	return r;
}

/** Sends a text. False: try again later. */
static bool tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path == NULL || send_to(path, text) == 0;
}

void notify_retry(void)
{
	if (pending.reloading[0] != '\0' && tell(pending.reloading)) {
		pending.reloading[0] = '\0';
	}
	if (pending.reloading[0] == '\0' && pending.state[0] != '\0' && tell(pending.state)) {
		pending.state[0] = '\0';
	}
}

void notify_ready(void)
{
	strcpy(pending.state, "READY=1");
	notify_retry();
}

void notify_reloading(void)
{
	/* In one datagram, because systemd compares the time with that of its own request. */
	(void)snprintf(pending.reloading, sizeof(pending.reloading),
		"RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ns() / NS_PER_US);
	/* A READY=1 that still waits would end this reload; the next one will do for both. */
	pending.state[0] = '\0';
	notify_retry();
}

void notify_stopping(void)
{
	pending.reloading[0] = '\0';
	strcpy(pending.state, "STOPPING=1");
	notify_retry();
}

void notify_extend(uint64_t us)
{
	char text[NUMBER_LINE_MAX];

	(void)snprintf(text, sizeof(text), "EXTEND_TIMEOUT_USEC=%" PRIu64, us);
	(void)tell(text);
}

int notify_watchdog_wanted(uint64_t *ret_us)
{
	return sd_watchdog_enabled(0, ret_us);
}

void notify_watchdog(void)
{
	(void)tell("WATCHDOG=1");
}

bool notify_status(const char *text)
{
	char line[NOTIFY_STATUS_MAX + sizeof("STATUS=")];

	(void)snprintf(line, sizeof(line), "STATUS=%s", text);
	return tell(line);
}
