/* SPDX-License-Identifier: ISC */
/*
 *	accepted ──▶ asking ── a line ──▶ waiting (for a command) ──▶ answered ── all taken ──▶ gone
 *	               │                                                │
 *	               └── too slow, too long ──────────────────────────┴── too slow ──▶ gone
 *
 * A client that goes while it waits is found out when it is answered; the command goes on.
 */
#include "control/control.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/control_path.h"
#include "control/request.h"
#include "log/log.h"
#include "stream/acceptor.h"
#include "stream/loop.h"
#include "stream/stream.h"
#include "stream/timer.h"

struct control_client {
	struct list link; /**< struct control::clients */
	struct control *control;
	struct stream *stream;
	struct handler read;
	struct handler close;
	struct timer timer;
	struct control_request request;
	struct task gone;
	size_t len; /**< of the line so far */
	char line[CONTROL_LINE_MAX];
};

/* ---- one client ---- */

static void on_gone(struct task *task)
{
	free(container_of(task, struct control_client, gone));
}

/** The last thing to do: the memory goes at the end of the turn. */
static void client_close(struct control_client *client)
{
	struct control *control = client->control;

	control_request_forget(&client->request);
	timer_close(&client->timer);
	client->stream = stream_free(client->stream);
	list_remove(&client->link);
	control->n_clients--;
	loop_defer(control->opts.loop, &client->gone);
	if (control->acceptor != NULL) {
		acceptor_resume(control->acceptor);
	}
}

static void on_time_over(struct timer *timer)
{
	client_close(container_of(timer, struct control_client, timer));
}

static void on_client_close(struct handler *handler, const struct event *event)
{
	if (event->type == STREAM_ERROR) {
		return; /* CLOSE follows */
	}
	client_close(container_of(handler, struct control_client, close));
}

static void client_give_time(struct control_client *client)
{
	timer_arm(&client->timer, clock_after(clock_ns(), (uint64_t)CONTROL_TIME_S * NS_PER_S));
}

/** Sends the answer, and closes when it is taken. */
static void client_answer(struct control_client *client, bool ok, const char *text)
{
	const char *last = ok ? "ok\n" : "failed\n";

	client_give_time(client);
	if (stream_write(client->stream, text, strlen(text), NULL) == 0 &&
		stream_write(client->stream, last, strlen(last), NULL) == 0) {
		stream_close_gracefully(client->stream);
	} else {
		client_close(client); /* it has gone meanwhile */
	}
}

static void on_done(struct control_request *request, bool ok, const char *text)
{
	client_answer(container_of(request, struct control_client, request), ok, text);
}

/** Refuses what was asked for, and says what can be asked for instead. */
static void client_refuse(struct control_client *client, const char *why)
{
	char text[CONTROL_REFUSAL_MAX];
	size_t len = (size_t)snprintf(text, sizeof(text), "%s; ask for ", why);
	const char *separator = "";

	for (const struct control_command *command = client->control->opts.commands;
		command->name != NULL && len < sizeof(text); command++) {
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%s%s", separator, command->name);
		separator = " or ";
	}
	assert(len + 1 < sizeof(text));
	strcpy(text + len, "\n");
	client_answer(client, false, text);
}

static void client_obey(struct control_client *client)
{
	const struct control_opts *opts = &client->control->opts;

	for (const struct control_command *command = opts->commands; command->name != NULL;
		command++) {
		if (strcmp(client->line, command->name) == 0) {
			timer_arm(&client->timer, NS_NEVER); /* a command has its own bounds */
			command->obey(opts->owner, &client->request);
			return;
		}
	}
	client_refuse(client, "not known");
}

static void on_client_read(struct handler *handler, const struct event *event)
{
	struct control_client *client = container_of(handler, struct control_client, read);
	const char *end = memchr(event->data, '\n', event->len);
	size_t len = end == NULL ? event->len : (size_t)(end - (const char *)event->data);

	if (len >= sizeof(client->line) - client->len) {
		stream_stop(client->stream);
		client_refuse(client, "too long");
		return;
	}
	memcpy(client->line + client->len, event->data, len);
	client->len += len;
	client->line[client->len] = '\0';
	if (end != NULL) {
		stream_stop(client->stream); /* one line is all that is listened to */
		client_obey(client);
	}
}

/** 0 or a negative errno: the fd is then still the caller's. */
static int client_open(struct control *control, int fd)
{
	struct control_client *client = calloc(1, sizeof(*client));
	int r;

	if (client == NULL) {
		return -ENOMEM;
	}
	r = timer_open(&client->timer, control->opts.loop, on_time_over);
	if (r < 0) {
		free(client);
		return r;
	}
	client->stream = stream_open(
		control->opts.loop, fd, STREAM_NONBLOCKING | STREAM_IS_UNIX | STREAM_HALF_OPEN);
	if (client->stream == NULL) {
		timer_close(&client->timer);
		free(client);
		return -ENOMEM;
	}
	client->control = control;
	client->read.call = on_client_read;
	client->close.call = on_client_close;
	client->request.done = on_done;
	list_init(&client->request.link);
	task_init(&client->gone, on_gone);
	stream_set_timeout(client->stream, 0);
	stream_on(client->stream, STREAM_READ, &client->read);
	stream_on(client->stream, STREAM_END | STREAM_ERROR | STREAM_CLOSE, &client->close);
	r = stream_start(client->stream);
	if (r < 0) {
		(void)stream_steal_handle(client->stream);
		stream_free(client->stream);
		timer_close(&client->timer);
		free(client);
		return r;
	}
	list_append(&control->clients, &client->link);
	client_give_time(client);
	return 0;
}

/* ---- the socket ---- */

static bool on_admit(void *owner)
{
	struct control *control = owner;

	if (control->n_clients >= CONTROL_CLIENTS_MAX) {
		return false;
	}
	control->n_clients++;
	return true;
}

static void on_refused(void *owner)
{
	struct control *control = owner;

	control->n_clients--;
}

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct control *control = owner;

	(void)peer;
	(void)peer_len;
	if (client_open(control, fd) < 0) {
		close(fd);
		on_refused(control);
	}
}

static int control_fail(const struct addr *addr, int err, const char *remedy)
{
	char text[ADDR_TEXT_MAX];
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_WARN, "control_failed")) {
		if (addr != NULL) {
			log_str(&line, "address", addr_text(addr, text));
		}
		log_errno(&line, err);
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
	return err;
}

/** 0 (also without a path), or a negative errno that was logged. */
static int control_listen(struct control *control)
{
	struct acceptor_opts acceptor_opts = {
		.loop = control->opts.loop,
		.owner = control,
		.admit = on_admit,
		.refused = on_refused,
		.accepted = on_accepted,
	};
	static const struct file_access own = {.mode = 0600};
	const char *why = NULL;
	struct addr addr;
	int r = control_path(&addr);

	if (r <= 0) {
		return r == 0 ? 0
			      : control_fail(NULL, r,
					"RUNTIME_DIRECTORY must be an absolute path of at most 98 "
					"characters; until then weir reloads by SIGHUP only");
	}
	r = listen_open(&addr, &own, NULL, &control->socket, &why);
	if (r < 0) {
		return control_fail(&addr, r, why);
	}
	acceptor_opts.fd = control->socket.fd;
	control->acceptor = acceptor_open(&acceptor_opts);
	if (control->acceptor == NULL) {
		r = -errno;
		listen_close(&control->socket);
		return control_fail(&addr, r, NULL);
	}
	control->socket.fd = -1;
	return 0;
}

int control_open(struct control *control, const struct control_opts *opts)
{
	control->opts = *opts;
	control->socket.fd = -1;
	list_init(&control->clients);
	return control_listen(control);
}

void control_renew(struct control *control)
{
	if (control->acceptor != NULL) {
		if (!listen_is_lost(&control->socket)) {
			return;
		}
		control->acceptor = acceptor_close(control->acceptor);
		listen_leave(&control->socket);
	}
	(void)control_listen(control);
}

void control_yield(struct control *control)
{
	listen_yield(&control->socket);
}

void control_close(struct control *control)
{
	if (control->opts.loop == NULL) {
		return;
	}
	control->acceptor = acceptor_close(control->acceptor);
	list_for_each (link, &control->clients) {
		client_close(container_of(link, struct control_client, link));
	}
	listen_close(&control->socket);
}
