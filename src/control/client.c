/* SPDX-License-Identifier: ISC */
#include "control/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/control_path.h"

static int fail(FILE *err, const char *what, int number, const char *remedy)
{
	fprintf(err, "weir: %s: %s; %s\n", what, strerrordesc_np(-number), remedy);
	return number;
}

static int fail_plainly(FILE *err, const char *what, const char *remedy)
{
	fprintf(err, "weir: %s; %s\n", what, remedy);
	return -EPROTO;
}

/** Waits until something can be read; 0 or a negative errno. */
static int wait_readable(int fd, uint64_t end_ns)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	int r;

	do {
		uint64_t now_ns = clock_ns();

		r = poll(&poll_fd, 1,
			now_ns >= end_ns ? 0 : (int)((end_ns - now_ns) / NS_PER_MS + 1));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : (r == 0 ? -ETIMEDOUT : 0);
}

/** Reads to the end of input into `text`, which has a byte more. 0 or a negative errno. */
static int read_answer(int fd, char *text)
{
	uint64_t end_ns = clock_after(clock_ns(), (uint64_t)CONTROL_CLIENT_WAIT_S * NS_PER_S);
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0) {
		int r = wait_readable(fd, end_ns);

		if (r < 0) {
			return r;
		}
		n = recv(fd, text + len, CONTROL_CLIENT_ANSWER_MAX - len, 0);
		if (n < 0) {
			return -errno;
		}
		len += (size_t)n;
		if (len == CONTROL_CLIENT_ANSWER_MAX) {
			return -EMSGSIZE;
		}
	}
	text[len] = '\0';
	return 0;
}

/** The last line of an answer; *ret_len is the length of what stands before it. */
static const char *last_line(char *text, size_t *ret_len)
{
	size_t len = strlen(text);
	char *last;

	if (len == 0 || text[len - 1] != '\n') {
		return "";
	}
	text[len - 1] = '\0';
	last = strrchr(text, '\n');
	last = last == NULL ? text : last + 1;
	*ret_len = (size_t)(last - text);
	return last;
}

/** Asks on a socket that is not connected yet. */
static int ask(int fd, const struct addr *addr, const char *line, FILE *out, FILE *err)
{
	char *text;
	size_t len = 0;
	const char *last;
	int r;

	if (connect(fd, &addr->sa.any, addr->sa_len) < 0) {
		return fail(err, addr->sa.un.sun_path, -errno,
			"is the service running, and are you its user or root?");
	}
	if (dprintf(fd, "%s\n", line) < 0) {
		return fail(err, addr->sa.un.sun_path, -errno, "ask again");
	}
	text = malloc(CONTROL_CLIENT_ANSWER_MAX + 1);
	if (text == NULL) {
		return fail(err, "no answer", -ENOMEM, "free some memory, and ask again");
	}
	r = read_answer(fd, text);
	if (r < 0) {
		r = fail(err, "no answer", r, "look into the log of the service");
		goto out;
	}
	last = last_line(text, &len);
	fwrite(text, 1, len, strcmp(last, "ok") == 0 ? out : err);
	if (strcmp(last, "failed") == 0) {
		r = -ECANCELED;
	} else if (strcmp(last, "ok") != 0) {
		r = fail_plainly(err, "the service ended before it answered",
			"look into its log, then ask again");
	}
out:
	free(text);
	return r;
}

int control_ask(const char *line, FILE *out, FILE *err)
{
	struct addr addr;
	int r = control_path(&addr);
	int fd;

	if (r == 0) {
		return fail_plainly(err, "RUNTIME_DIRECTORY is not set",
			"run systemctl reload weir, or kill -HUP the process");
	}
	if (r < 0) {
		return fail(err, "RUNTIME_DIRECTORY", r, "set it to the folder of the service");
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return fail(err, "socket", -errno, "ask again");
	}
	r = ask(fd, &addr, line, out, err);
	close(fd);
	return r;
}
