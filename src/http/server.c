/* SPDX-License-Identifier: ISC */
/*
 *	READING ── request ──▶ ANSWERING ── end ──▶ FLUSHING ── all sent ──▶ READING
 *	   │ too slow, gone        │                    │ the last one
 *	   ▼                       ▼ gone()             ▼
 *	 closed ◀──────────────────┴──────────────── LINGERING: FIN, and input is discarded
 *
 * A close with unread bytes would send a reset, which may overtake the answer. LINGERING avoids
 * that.
 */
#include "http/server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "stream/loop.h"
#include "stream/stream.h"
#include "stream/timer.h"

#define TIME_NS   ((uint64_t)HTTP_SERVER_TIME_S * NS_PER_S)
#define LINGER_NS ((uint64_t)HTTP_SERVER_LINGER_S * NS_PER_S)

enum state {
	READING,
	ANSWERING,
	FLUSHING,
	LINGERING,
	CLOSED, /* its memory is freed at the end of the turn */
};

struct http_connection {
	struct list link; /* struct http_server::connections */
	struct http_server *server;
	struct stream *stream;
	struct handler read;
	struct handler end;
	struct handler drain;
	struct timer timer;
	/* Continues with bytes that were read already, or closes the connection if sending has
	 * failed. CLOSED: frees the memory. */
	struct task go_on;
	struct http_reader *reader;
	struct http_exchange exchange;
	enum state state;
	bool begun;       /* READING: the request has begun */
	bool closes;      /* after this answer */
	bool in_chunks;   /* the answer is sent in chunks */
	bool has_no_body; /* the request was HEAD */
	bool wants_room;  /* ready() will be called */
	bool body_failed; /* a piece of it was lost for lack of memory */
	char *body;       /* of the request; NULL: none */
	size_t n_body;
	char *rest; /* bytes after the request; NULL: none */
	size_t n_rest;
};

static struct http_connection *connection_of(struct http_exchange *exchange)
{
	return container_of(exchange, struct http_connection, exchange);
}

/* ---- end ---- */

static void on_free(struct task *task)
{
	free(container_of(task, struct http_connection, go_on));
}

static void forget_request(struct http_connection *connection)
{
	free(connection->body);
	connection->body = NULL;
	connection->n_body = 0;
	connection->exchange = (struct http_exchange){0};
}

/** Must be the last statement. */
static void connection_close(struct http_connection *connection)
{
	struct http_exchange *exchange = &connection->exchange;
	struct loop *loop = connection->server->opts.loop;
	enum state before = connection->state;

	if (before == CLOSED) {
		return;
	}
	connection->state = CLOSED;
	timer_close(&connection->timer);
	connection->stream = stream_free(connection->stream);
	list_remove(&connection->link);
	connection->server->n_connections--;
	loop_cancel(loop, &connection->go_on);
	if (before == ANSWERING && exchange->gone != NULL) {
		exchange->gone(exchange);
	}
	connection->reader = http_reader_free(connection->reader);
	forget_request(connection);
	free(connection->rest);
	task_init(&connection->go_on, on_free);
	loop_defer(loop, &connection->go_on);
}

/** The connection was active: moves it to the end of the list, so that it is replaced last. */
static void connection_moved(struct http_connection *connection)
{
	list_remove(&connection->link);
	list_append(&connection->server->connections, &connection->link);
}

/* ---- sending ---- */

/** While bytes wait, checks that the client reads them. */
static void watch_reader(struct http_connection *connection)
{
	if (stream_bytes_waiting(connection->stream) > 0 &&
		connection->timer.deadline_ns == NS_NEVER) {
		timer_arm(&connection->timer, clock_after(clock_ns(), TIME_NS));
	}
}

/**
 * Sends bytes. If that fails, on_go_on() closes the connection later. It also fails if HANGUP came
 * before the request was read.
 */
static void send_bytes(struct http_connection *connection, const void *bytes, size_t n)
{
	if (n == 0) {
		return;
	}
	if (stream_write(connection->stream, bytes, n, NULL) < 0) {
		loop_next(connection->server->opts.loop, &connection->go_on);
	}
	watch_reader(connection);
}

static void on_time(struct timer *timer)
{
	struct http_connection *connection = container_of(timer, struct http_connection, timer);
	uint64_t now_ns = clock_ns();
	uint64_t end_ns;

	if (connection->state == READING || connection->state == LINGERING) {
		connection_close(connection);
		return;
	}
	if (!stream_is_tcp(connection->stream)) {
		/* The kernel reports room only when three quarters of the queue are free. So weir
		 * writes here, which succeeds if the client is slow but not stuck. The stream does
		 * not read meanwhile, so this calls no handler. */
		stream_poke(connection->stream);
	}
	/* TCP reports room only when a third of the buffer is free. So the kernel is asked when
	 * bytes last reached the client. */
	end_ns = clock_after(clock_later(stream_stalled_ns(connection->stream),
				     stream_delivered_ns(connection->stream)),
		TIME_NS);
	if (now_ns >= end_ns) {
		stream_abort(connection->stream);
		connection_close(connection);
	} else {
		timer_arm(timer, end_ns); /* NS_NEVER: no bytes wait */
	}
}

/** Waits until all is sent; continues in the next round of the loop at the earliest. */
static void await_drain(struct http_connection *connection)
{
	if (!handler_is_on(&connection->drain) &&
		stream_write(connection->stream, "", 0, &connection->drain) < 0) {
		/* The stream has failed, so send_bytes() has failed before, and on_go_on() will be
		 * called. */
	}
}

/* ---- reading ---- */

static void on_body(void *owner, const void *bytes, size_t n)
{
	struct http_connection *connection = owner;
	char *body;

	if (connection->body_failed) {
		return;
	}
	body = realloc(connection->body, connection->n_body + n + 1);
	if (body == NULL) {
		connection->body_failed = true;
		return;
	}
	memcpy(body + connection->n_body, bytes, n);
	connection->n_body += n;
	body[connection->n_body] = '\0';
	connection->body = body;
}

/** The request is complete, or refused. It may be answered inside this call. */
static void begin_exchange(struct http_connection *connection, const struct http_refusal *refusal)
{
	const struct http_head *head = http_reader_head(connection->reader);
	struct http_exchange *exchange = &connection->exchange;

	connection->state = ANSWERING;
	connection->begun = false;
	connection->wants_room = false;
	connection->has_no_body = refusal == NULL && head->verb == HTTP_VERB_HEAD;
	connection->closes = refusal != NULL || !head->keeps_alive;
	timer_arm(&connection->timer, NS_NEVER);
	watch_reader(connection);
	stream_stop(connection->stream);
	*exchange = (struct http_exchange){
		.refusal = refusal,
		.head = head,
		.body = connection->body == NULL ? "" : connection->body,
		.n_body = connection->n_body,
	};
	connection->server->opts.answer(connection->server->opts.owner, exchange);
}

/** Keeps the bytes after the request until it is answered. 0 or -ENOMEM. */
static int keep_rest(struct http_connection *connection, const struct span *bytes)
{
	if (bytes->n == 0) {
		return 0;
	}
	connection->rest = malloc(bytes->n);
	if (connection->rest == NULL) {
		return -ENOMEM;
	}
	memcpy(connection->rest, bytes->bytes, bytes->n);
	connection->n_rest = bytes->n;
	return 0;
}

/** READING: takes bytes until the request is complete; the rest waits. */
static void read_request(struct http_connection *connection, struct span bytes)
{
	int r;

	if (!connection->begun) {
		connection->begun = true;
		timer_arm(&connection->timer, clock_after(clock_ns(), TIME_NS));
	}
	do {
		r = http_read(connection->reader, &bytes);
		if (r == HTTP_READ_HEAD && bytes.n == 0 &&
			http_reader_head(connection->reader)->awaits_continue) {
			(void)stream_write(
				connection->stream, HTTP_CONTINUE, sizeof(HTTP_CONTINUE) - 1, NULL);
		}
	} while (r == HTTP_READ_HEAD);
	if (r == HTTP_READ_END && !connection->body_failed && keep_rest(connection, &bytes) == 0) {
		begin_exchange(connection, NULL);
	} else if (r == -EBADMSG) {
		begin_exchange(connection, http_reader_refusal(connection->reader));
	} else if (r != HTTP_READ_MORE) {
		connection_close(connection); /* no memory */
	}
}

static void on_read(struct handler *handler, const struct event *event)
{
	struct http_connection *connection = container_of(handler, struct http_connection, read);

	if (connection->state == READING) {
		connection_moved(connection);
		read_request(connection, (struct span){event->data, event->len});
	}
}

/**
 * END, HANGUP, ERROR, CLOSE. A client that sends a request and its FIN still gets an answer: the
 * end of input comes after the request.
 */
static void on_end(struct handler *handler, const struct event *event)
{
	struct http_connection *connection = container_of(handler, struct http_connection, end);

	if (event->type == STREAM_ERROR ||
		(event->type == STREAM_HANGUP && connection->state == READING)) {
		return; /* CLOSE follows, or END */
	}
	connection_close(connection);
}

static void on_go_on(struct task *task)
{
	struct http_connection *connection = container_of(task, struct http_connection, go_on);
	char *rest = connection->rest;
	size_t n = connection->n_rest;

	if (connection->state != READING) {
		connection_close(connection); /* sending has failed */
		return;
	}
	connection->rest = NULL;
	connection->n_rest = 0;
	(void)stream_start(connection->stream); /* it was started before, so this does not fail */
	read_request(connection, (struct span){(const uint8_t *)rest, n});
	free(rest);
}

/** The answer is sent: continues with the next request, or ends. */
static void connection_go_on(struct http_connection *connection)
{
	timer_arm(&connection->timer, NS_NEVER);
	connection_moved(connection);
	forget_request(connection);
	if (connection->closes) {
		connection->state = LINGERING;
		stream_shutdown(connection->stream);
		timer_arm(&connection->timer, clock_after(clock_ns(), LINGER_NS));
		(void)stream_start(connection->stream);
		return;
	}
	connection->state = READING;
	http_reader_next(connection->reader);
	if (connection->rest != NULL) {
		loop_next(connection->server->opts.loop, &connection->go_on);
	} else {
		(void)stream_start(connection->stream);
	}
}

static void on_drain(struct handler *handler, const struct event *event)
{
	struct http_connection *connection = container_of(handler, struct http_connection, drain);

	(void)event;
	if (connection->state == FLUSHING) {
		connection_go_on(connection);
	} else if (connection->state == ANSWERING && connection->wants_room) {
		connection->wants_room = false;
		timer_arm(&connection->timer, NS_NEVER);
		connection_moved(connection);
		connection->exchange.ready(&connection->exchange);
	}
}

/* ---- answers ---- */

static void send_head(struct http_connection *connection, const struct http_reply *reply,
	enum http_extent extent, size_t n)
{
	char head[HTTP_BUILT_MAX];
	struct http_answer answer = {
		.status = reply->status,
		.type = reply->type,
		.fields = reply->fields,
		.extent = extent,
		.length = n,
	};
	int len;

	connection->closes = connection->closes || extent == HTTP_UNTIL_CLOSE;
	answer.closes = connection->closes;
	len = http_build_answer(&answer, head, sizeof(head));
	assert(len > 0);
	send_bytes(connection, head, (size_t)len);
}

static void end_exchange(struct http_connection *connection)
{
	connection->state = FLUSHING;
	await_drain(connection);
}

void http_exchange_answer(
	struct http_exchange *exchange, const struct http_reply *reply, const void *body, size_t n)
{
	struct http_connection *connection = connection_of(exchange);

	assert(connection->state == ANSWERING);
	send_head(connection, reply, HTTP_LENGTH, n);
	if (!connection->has_no_body) {
		send_bytes(connection, body, n);
	}
	end_exchange(connection);
}

void http_exchange_begin(struct http_exchange *exchange, const struct http_reply *reply)
{
	struct http_connection *connection = connection_of(exchange);

	assert(connection->state == ANSWERING);
	connection->in_chunks = !exchange->head->is_old;
	send_head(connection, reply, connection->in_chunks ? HTTP_CHUNKS : HTTP_UNTIL_CLOSE, 0);
}

/** Sends a chunk in one piece, by one system call; without memory for that in three pieces. */
static void send_chunk(struct http_connection *connection, const void *bytes, size_t n)
{
	static const char after[] = HTTP_CHUNK_AFTER;
	char head[HTTP_CHUNK_MAX];
	size_t n_head = (size_t)http_build_chunk(n, head);
	size_t n_after = sizeof(after) - 1;
	char *chunk = malloc(n_head + n + n_after);

	if (chunk == NULL) {
		send_bytes(connection, head, n_head);
		send_bytes(connection, bytes, n);
		send_bytes(connection, after, n_after);
		return;
	}
	memcpy(chunk, head, n_head);
	memcpy(chunk + n_head, bytes, n);
	memcpy(chunk + n_head + n, after, n_after);
	send_bytes(connection, chunk, n_head + n + n_after);
	free(chunk);
}

bool http_exchange_part(struct http_exchange *exchange, const void *bytes, size_t n)
{
	struct http_connection *connection = connection_of(exchange);

	assert(connection->state == ANSWERING);
	if (connection->has_no_body || n == 0) {
		return true;
	}
	if (connection->in_chunks) {
		send_chunk(connection, bytes, n);
	} else {
		send_bytes(connection, bytes, n);
	}
	if (stream_bytes_waiting(connection->stream) < HTTP_SERVER_WAITING_MAX) {
		return true;
	}
	connection->wants_room = true;
	await_drain(connection);
	return false;
}

void http_exchange_end(struct http_exchange *exchange)
{
	struct http_connection *connection = connection_of(exchange);

	assert(connection->state == ANSWERING);
	if (connection->in_chunks && !connection->has_no_body) {
		send_bytes(connection, HTTP_CHUNK_LAST, sizeof(HTTP_CHUNK_LAST) - 1);
	}
	end_exchange(connection);
}

void http_exchange_abort(struct http_exchange *exchange)
{
	struct http_connection *connection = connection_of(exchange);

	exchange->gone = NULL; /* the caller of abort knows */
	stream_abort(connection->stream);
	connection_close(connection);
}

/* ---- the server ---- */

/** Closes the connection that is silent longest; one whose answer is not sent yet only if all are
 * such. */
static void make_room(struct http_server *server)
{
	struct http_connection *first =
		container_of(server->connections.next, struct http_connection, link);

	list_for_each (link, &server->connections) {
		struct http_connection *connection =
			container_of(link, struct http_connection, link);

		if (connection->state != ANSWERING && connection->state != FLUSHING) {
			connection_close(connection);
			return;
		}
	}
	connection_close(first);
}

/** 0 or a negative errno; the fd is then still the caller's. */
static int connection_open(struct http_server *server, int fd, bool is_unix)
{
	struct http_connection *connection = calloc(1, sizeof(*connection));
	struct http_reader_opts opts = {
		.kind = HTTP_REQUESTS,
		.body_max = server->opts.body_max,
		.body = on_body,
		.owner = connection,
	};
	unsigned flags = STREAM_NONBLOCKING | STREAM_HALF_OPEN;
	int r = -ENOMEM;

	if (connection == NULL) {
		return -ENOMEM;
	}
	connection->server = server;
	connection->read.call = on_read;
	connection->end.call = on_end;
	connection->drain.call = on_drain;
	task_init(&connection->go_on, on_go_on);
	connection->reader = http_reader_new(&opts);
	connection->stream =
		stream_open(server->opts.loop, fd, flags | (is_unix ? STREAM_IS_UNIX : 0));
	if (connection->reader != NULL && connection->stream != NULL) {
		r = timer_open(&connection->timer, server->opts.loop, on_time);
	}
	if (r == 0) {
		(void)stream_set_timeout(connection->stream, 0);
		stream_on(connection->stream, STREAM_READ, &connection->read);
		stream_on(connection->stream,
			STREAM_END | STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, &connection->end);
		r = stream_start(connection->stream);
	}
	if (r < 0) {
		if (connection->stream != NULL) {
			(void)stream_steal_handle(connection->stream);
			stream_free(connection->stream);
		}
		timer_close(&connection->timer);
		http_reader_free(connection->reader);
		free(connection);
		return r;
	}
	list_append(&server->connections, &connection->link);
	server->n_connections++;
	return 0;
}

void http_server_init(struct http_server *server, const struct http_server_opts *opts)
{
	*server = (struct http_server){.opts = *opts};
	list_init(&server->connections);
	if (opts->connections_max == 0) {
		server->opts.connections_max = HTTP_SERVER_CONNECTIONS;
	}
}

void http_server_accept(struct http_server *server, int fd, bool is_unix)
{
	if (server->n_connections >= server->opts.connections_max) {
		make_room(server);
	}
	if (connection_open(server, fd, is_unix) < 0) {
		close(fd);
	}
}

void http_server_close(struct http_server *server)
{
	if (server->opts.loop == NULL) {
		return;
	}
	while (!list_empty(&server->connections)) {
		connection_close(
			container_of(server->connections.next, struct http_connection, link));
	}
}
