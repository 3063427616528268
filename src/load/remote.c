/* SPDX-License-Identifier: ISC */
#include "load/remote.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"
#include "load/secret.h"
#include "load/told.h"

/** How long to wait for an answer, and how often to look for a signal meanwhile. */
#define ANSWER_NS ((uint64_t)10 * NS_PER_S)
enum { LOOK_MS = 100 };

struct remote {
	int fd;         /**< -1: none */
	char *line;     /**< malloc'd, of TOLD_LINE_MAX: bytes that were received */
	size_t n_line;  /**< number of these bytes */
	size_t n_taken; /**< how many of them are the last answer, with its line feed */
	bool has_begun; /**< the run has begun: from then on run_all.c looks for signals */
};

/* ---- lines ---- */

/** Waits until the socket is ready for `events`. 0 or a negative errno. */
static int wait_for(const struct remote *remote, short events, uint64_t until_ns)
{
	struct pollfd poll_fd = {.fd = remote->fd, .events = events};
	int r;

	do {
		uint64_t now_ns = clock_ns();

		if (now_ns >= until_ns) {
			return -ETIMEDOUT;
		}
		if (!remote->has_begun && run_pending_signal() != 0) {
			return -EINTR;
		}
		now_ns = (until_ns - now_ns) / NS_PER_MS + 1;
		r = poll(&poll_fd, 1, (int)clock_earlier(now_ns, LOOK_MS));
	} while (r == 0 || (r < 0 && errno == EINTR));
	return r < 0 ? -errno : 0;
}

/** Sends an object, which it takes. */
static int send_object(struct remote *remote, json_t *object)
{
	uint64_t until_ns = clock_after(clock_ns(), ANSWER_NS);
	char *line = told_line(object);
	size_t n = line == NULL ? 0 : strlen(line);
	int r = line == NULL ? -ENOMEM : 0;

	for (size_t sent = 0; sent < n && r == 0;) {
		ssize_t taken = send(remote->fd, line + sent, n - sent, MSG_NOSIGNAL);

		if (taken > 0) {
			sent += (size_t)taken;
		} else if (taken < 0 && errno == EAGAIN) {
			r = wait_for(remote, POLLOUT, until_ns);
		} else if (taken < 0 && errno != EINTR) {
			r = -errno;
		}
	}
	free(line);
	return r;
}

/** Reads more bytes. 0 or a negative errno. */
static int read_more(struct remote *remote, uint64_t until_ns)
{
	ssize_t n =
		recv(remote->fd, remote->line + remote->n_line, TOLD_LINE_MAX - remote->n_line, 0);

	if (n > 0) {
		remote->n_line += (size_t)n;
		return 0;
	}
	if (n == 0) {
		return -ECONNRESET;
	}
	if (errno == EAGAIN) {
		return wait_for(remote, POLLIN, until_ns);
	}
	return errno == EINTR ? 0 : -errno;
}

/** Receives the next line, as an object; the caller frees *ret. 0 or a negative errno. */
static int receive_object(struct remote *remote, json_t **ret)
{
	uint64_t until_ns = clock_after(clock_ns(), ANSWER_NS);
	const char *end;
	int r = 0;

	remote->n_line -= remote->n_taken;
	memmove(remote->line, remote->line + remote->n_taken, remote->n_line);
	remote->n_taken = 0;
	end = memchr(remote->line, '\n', remote->n_line);
	while (end == NULL && r == 0) {
		r = remote->n_line == TOLD_LINE_MAX ? -EPROTO : read_more(remote, until_ns);
		end = memchr(remote->line, '\n', remote->n_line);
	}
	if (end == NULL) {
		return r;
	}
	remote->n_taken = (size_t)(end - remote->line) + 1;
	*ret = told_parse(remote->line, remote->n_taken - 1);
	return *ret == NULL ? -EPROTO : 0;
}

/* ---- errors ---- */

__attribute__((format(printf, 3, 4))) static void say(
	char *why, const struct run *run, const char *format, ...)
{
	char text[ADDR_TEXT_MAX];
	va_list args;
	int n = snprintf(
		why, OPTIONS_WHY_MAX, "--remote %s: ", addr_text(&run->options->remote, text));

	va_start(args, format);
	(void)vsnprintf(why + n, OPTIONS_WHY_MAX - (size_t)n, format, args);
	va_end(args);
}

static int fail(const struct run *run, int error, char *why)
{
	switch (error) {
	case -ETIMEDOUT:
		say(why, run,
			"no answer for 10 s; see whether weirload serve runs there, and whether a "
			"firewall lets this through");
		break;
	case -EINTR:
		say(why, run, "interrupted");
		break;
	case -EPROTO:
		say(why, run,
			"the other end is not a weirload serve --secret-file of this version");
		break;
	default:
		if (run->remote->has_begun) {
			say(why, run,
				"lost during the run: %s; see why weirload serve ended there, and "
				"run this again",
				strerror(-error));
			break;
		}
		say(why, run, "%s; start weirload serve --secret-file there", strerror(-error));
		break;
	}
	return error;
}

/** Writes an error that the serving end has sent. */
static int fail_by_word(const struct run *run, const char *word, char *why)
{
	say(why, run, "it says: %.*s", TOLD_ERROR_MAX, word);
	return -EPERM;
}

/** Sends an object, which it takes, and receives the answer. 0 and *ret, which the caller frees; or
 * a negative errno and `why`. */
static int ask(const struct run *run, json_t *question, json_t **ret, char *why)
{
	const char *error;
	int r = send_object(run->remote, question);

	if (r == 0 || r == -EPIPE || r == -ECONNRESET) {
		/* It may have sent the reason before it closed. */
		int received = receive_object(run->remote, ret);

		r = received == 0 ? 0 : r < 0 ? r : received;
	}
	if (r < 0) {
		return fail(run, r, why);
	}
	error = json_string_value(json_object_get(*ret, "error"));
	if (error != NULL) {
		r = fail_by_word(run, error, why);
		json_decref(*ret);
	}
	return r;
}

/* ---- opening ---- */

static int connect_to(struct remote *remote, const struct addr *addr)
{
	socklen_t len = sizeof(int);
	int error = 0;
	int r = 0;

	remote->fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (remote->fd < 0) {
		return -errno;
	}
	if (connect(remote->fd, &addr->sa.any, addr->sa_len) < 0) {
		r = errno == EINPROGRESS
			    ? wait_for(remote, POLLOUT, clock_after(clock_ns(), ANSWER_NS))
			    : -errno;
		if (r == 0 && getsockopt(remote->fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0) {
			r = -error;
		}
	}
	return r;
}

/** The answer to a challenge; NULL: no memory, or no random bytes. */
static json_t *answer_to(const char *challenge, const char *secret)
{
	char proof[SECRET_PROOF_MAX];
	char nonce[SECRET_DRAWN_MAX];

	if (secret_draw(nonce) < 0 || secret_prove(secret, challenge, nonce, proof) < 0) {
		return NULL;
	}
	return json_pack(
		"{s:i, s:s, s:s}", "protocol", TOLD_PROTOCOL, "nonce", nonce, "proof", proof);
}

static int show_secret(const struct run *run, char *why)
{
	char secret[SECRET_MAX + 1];
	json_t *hello = NULL;
	json_t *answer = NULL;
	const char *challenge;
	int r = secret_read(run->options->secret_file, secret, why);

	if (r < 0) {
		return r;
	}
	r = receive_object(run->remote, &hello);
	challenge = r < 0 ? NULL : json_string_value(json_object_get(hello, "challenge"));
	if (r == 0 &&
		(challenge == NULL || !secret_is_drawn(challenge) ||
			json_integer_value(json_object_get(hello, "protocol")) != TOLD_PROTOCOL)) {
		const char *error = json_string_value(json_object_get(hello, "error"));

		r = error != NULL ? fail_by_word(run, error, why) : fail(run, -EPROTO, why);
	} else if (r < 0) {
		(void)fail(run, r, why);
	} else {
		r = ask(run, answer_to(challenge, secret), &answer, why);
	}
	secret_forget(secret);
	json_decref(hello);
	if (r == 0) {
		json_decref(answer);
	}
	return r;
}

int remote_open(struct run *run, char *ret_why)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	json_t *answer;
	int r;

	run->remote = remote;
	if (remote != NULL) {
		remote->fd = -1;
		remote->line = malloc(TOLD_LINE_MAX);
	}
	if (remote == NULL || remote->line == NULL) {
		return -ENOMEM;
	}
	r = connect_to(remote, &run->options->remote);
	if (r < 0) {
		return fail(run, r, ret_why);
	}
	r = show_secret(run, ret_why);
	if (r == 0) {
		r = ask(run, json_pack("{s:o}", "run", told_run(run)), &answer, ret_why);
	}
	if (r == 0) {
		json_decref(answer);
		remote->has_begun = true;
		atomic_store(&run->n_remote_awaited, 1); /* not known yet */
	}
	return r;
}

/* ---- while it runs ---- */

/** Reads an answer with the state of the serving end, and frees it. */
static int take_state(const json_t *answer, struct run *run, struct told_state *ret, char *why)
{
	if (told_read_state(answer, ret) < 0 ||
		told_read_over(json_object_get(answer, "over"), run) < 0) {
		return fail(run, -EPROTO, why);
	}
	atomic_store(&run->n_servers, clock_earlier(ret->n_servers, run->n_servers_max));
	atomic_store(&run->n_servers_over, ret->n_over);
	atomic_store(&run->n_strangers, ret->n_strangers);
	return 0;
}

int remote_step(struct run *run, char *ret_why)
{
	/* Read before the request, so that the state of the serving end is at least as new. */
	bool was_idle = run_clients_are_idle(run);
	struct told_state state;
	json_t *answer;
	int r = ask(run, json_pack("{s:o}", "over", told_over(run)), &answer, ret_why);

	if (r == 0) {
		r = take_state(answer, run, &state, ret_why);
		json_decref(answer);
	}
	if (r == 0) {
		atomic_store(
			&run->n_remote_awaited, was_idle ? state.n_awaited : state.n_awaited + 1);
	}
	return r;
}

/* ---- the end ---- */

int remote_stop(struct run *run, char *ret_why)
{
	struct told_state state;
	json_t *answer;
	int r = ask(run, json_pack("{s:b}", "stop", 1), &answer, ret_why);

	if (r == 0) {
		r = take_state(answer, run, &state, ret_why);
		json_decref(answer);
	}
	if (r == 0) {
		run->remote_delay_us = state.delay_us;
	}
	return r;
}

/** Reads an array of ends. Returns their number, or -EPROTO. */
static int take_ends(const json_t *ends, struct run *run)
{
	const json_t *end;
	size_t i;

	if (!json_is_array(ends) || json_array_size(ends) > TOLD_ENDS_MAX) {
		return -EPROTO;
	}
	json_array_foreach((json_t *)ends, i, end)
	{
		if (told_read_end(end, run) < 0) {
			return -EPROTO;
		}
	}
	return (int)json_array_size(ends);
}

/** Judges what one process alone could not, when the ends of both are known. */
static void settle_ends(struct run *run)
{
	for (uint64_t i = 0; i < run->options->n_connections; i++) {
		struct conn *client = &run->clients[i];
		struct conn *server = conn_mate(client);

		if (server != NULL) {
			conn_disown(client, run->options);
			conn_disown(server, run->options);
		}
	}
	hdr_record(&run->lanes[0].delay, run->remote_delay_us);
}

int remote_fetch(struct run *run, char *ret_why)
{
	uint64_t n = run_n_servers(run);
	uint64_t first = 0;
	int r = 0;

	/* All ends are fetched, also those that were reported as over during the run. */
	while (r >= 0 && first < n) {
		json_t *answer;

		r = ask(run, json_pack("{s:I}", "ends", (json_int_t)first), &answer, ret_why);
		if (r < 0) {
			break;
		}
		r = take_ends(json_object_get(answer, "ends"), run);
		json_decref(answer);
		if (r < 0) {
			r = fail(run, r, ret_why);
		}
		first += TOLD_ENDS_MAX;
	}
	if (r >= 0) {
		settle_ends(run);
	}
	return r < 0 ? r : 0;
}

void remote_close(struct run *run)
{
	struct remote *remote = run->remote;

	if (remote != NULL && remote->fd >= 0) {
		(void)close(remote->fd);
	}
	free(remote == NULL ? NULL : remote->line);
	free(remote);
	run->remote = NULL;
}
