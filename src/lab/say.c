/* SPDX-License-Identifier: ISC */
#include "lab/say.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static const struct {
	const char *name;
	enum say_level level;
} names[] = {
	{"", SAY_INFO},
	{"panic", SAY_ERROR},
	{"fatal", SAY_ERROR},
	{"error", SAY_ERROR},
	{"warn", SAY_WARN},
	{"warning", SAY_WARN},
	{"info", SAY_INFO},
	{"debug", SAY_DEBUG},
	{"trace", SAY_TRACE},
	{"disabled", SAY_NOTHING},
};

static const char *const level_texts[] = {"error", "warn", "info", "debug", "trace"};

static enum say_level most = SAY_INFO;

int say_set_level(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i].name, name) == 0) {
			most = names[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

void say(enum say_level level, const char *format, ...)
{
	struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[LINE_MAX_BYTES];
	va_list args;
	size_t n;

	if ((int)level > (int)most) {
		return;
	}
	n = (size_t)snprintf(line, sizeof(line), "weirlab: %s: ", level_texts[level]);
	va_start(args, format);
	(void)vsnprintf(line + n, sizeof(line) - n - 1, format, args);
	va_end(args);
	n = strlen(line);
	for (size_t i = 0; i < n; i++) {
		/* Names are untrusted: none may begin a new line. */
		line[i] = line[i] >= 0 && line[i] < ' ' ? '?' : line[i];
	}
	line[n++] = '\n';
	if (poll(&out, 1, 0) == 1 && write(STDERR_FILENO, line, n) < 0) {
		return; /* the failure cannot be reported */
	}
}
