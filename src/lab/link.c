/* SPDX-License-Identifier: ISC */
/*
 * The beginning and the end of a link; link_way.c has what happens while it relays.
 *
 * link_open() opens the client's stream and connects. on_connected() starts both ways, and from
 * then on link_way.c decides, by link_flush(), link_drop(), link_reset() and link_abort().
 */
#include "lab/link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "lab/chance.h"
#include "lab/cursor.h"
#include "lab/gate.h"
#include "lab/home.h"
#include "lab/lab.h"
#include "lab/link_private.h"
#include "lab/recorder.h"
#include "lab/say.h"
#include "lab/toxic_types.h"
#include "stream/connector.h"
#include "stream/resolver.h"
#include "stream/stream.h"

enum {
	HIGH_WATER_BYTES = 256 * 1024,
	/** RESETTING: time between two looks at what is left to deliver. */
	LOOK_NS = 2 * NS_PER_MS,
};

/* CLOSING: how long to read what still comes. */
static const uint64_t linger_ns = UINT64_C(2) * NS_PER_S;
/* How long to wait for a peer that takes nothing of what is left to deliver. */
static const uint64_t deliver_ns = UINT64_C(30) * NS_PER_S;

/* ---- the end ---- */

static void link_free(struct link *link)
{
	struct home *home = link->home;

	say(SAY_DEBUG, "proxy %s: connection %lu of %s has ended", home->name, link->id,
		link->client_text);
	for (enum direction i = UPSTREAM; i < DIRECTIONS; i++) {
		home->n_received[i] += link_received(link, i);
		home->n_sent[i] += link_sent(link, i);
		way_stop(&link->ways[i]);
	}
	timer_close(&link->timer);
	loop_cancel(home->lab->loop, &link->soon);
	connector_close(link->connector);
	stream_free(link->client);
	stream_free(link->server);
	if (link->recorder != NULL) {
		recorder_end(link->recorder);
	}
	cursors_leave(&home->lab->cursors, &link->link);
	list_remove(&link->link);
	free(link);
}

void link_close(struct link *link)
{
	stream_close(link->client);
	stream_close(link->server);
	link_free(link);
}

void link_abort(struct link *link)
{
	stream_abort(link->client);
	stream_abort(link->server);
	link_free(link);
}

static void stop_ways(struct link *link, enum link_state state)
{
	link->state = state;
	way_stop(&link->ways[UPSTREAM]);
	way_stop(&link->ways[DOWNSTREAM]);
	(void)timer_arm(&link->timer, NS_NEVER);
}

static bool is_closed(const struct stream *stream)
{
	return stream_fd(stream) < 0;
}

void link_flush(struct link *link)
{
	stop_ways(link, LINK_FLUSHING);
	stream_close_gracefully(link->client);
	stream_close_gracefully(link->server);
	if (is_closed(link->client) && is_closed(link->server)) {
		link_free(link);
	}
}

/** Whether everything is sent, and the peer has sent its FIN. */
static bool is_through(const struct stream *stream)
{
	return is_closed(stream) || (stream_bytes_waiting(stream) == 0 && stream_has_ended(stream));
}

static void drop_input(struct stream *stream, struct handler *handler)
{
	stream_off(stream, handler);
	stream_on(stream, STREAM_READ | STREAM_END | STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE,
		handler);
	stream_shutdown(stream);
	(void)stream_set_read_max(stream, LOOP_BUFFER_BYTES);
	(void)stream_resume(stream, STREAM_ALL_PAUSES);
}

void link_drop(struct link *link)
{
	stop_ways(link, LINK_CLOSING);
	link->deadline_ns = clock_after(clock_ns(), deliver_ns);
	drop_input(link->client, &link->last);
	drop_input(link->server, &link->last_of_server);
	(void)timer_arm(&link->timer, clock_after(clock_ns(), linger_ns));
}

/** Bytes that were written and have not reached the peer; a UNIX peer gets them at once. 0 if the
 * peer is gone: the kernel goes on counting what it cannot deliver any more. */
static size_t undelivered(const struct stream *stream)
{
	if (is_closed(stream) || stream_has_hung_up(stream)) {
		return 0;
	}
	return stream_bytes_waiting(stream) + (stream_is_tcp(stream) ? stream_unsent(stream) : 0);
}

/** Whether to wait on for the delivery of these bytes: as long as some were delivered in the last
 * deliver_ns. */
static bool waits_for(struct link *link, size_t n_left)
{
	if (n_left < link->n_left) {
		link->deadline_ns = clock_after(clock_ns(), deliver_ns);
	}
	link->n_left = n_left;
	return n_left > 0 && clock_ns() < link->deadline_ns;
}

static void look_at_reset(struct link *link)
{
	if (!waits_for(link, undelivered(link->survivor))) {
		link_abort(link);
	} else {
		(void)timer_arm(&link->timer, clock_after(clock_ns(), LOOK_NS));
	}
}

void link_reset(struct link *link, struct stream *survivor)
{
	stop_ways(link, LINK_RESETTING);
	link->survivor = survivor;
	stream_abort(survivor == link->client ? link->server : link->client);
	link->deadline_ns = clock_after(clock_ns(), deliver_ns);
	look_at_reset(link);
}

static void look_at_close(struct link *link)
{
	if (waits_for(link,
		    stream_bytes_waiting(link->client) + stream_bytes_waiting(link->server))) {
		(void)timer_arm(&link->timer, clock_after(clock_ns(), linger_ns));
	} else {
		link_close(link);
	}
}

static void on_timer(struct timer *timer)
{
	struct link *link = container_of(timer, struct link, timer);

	switch (link->state) {
	case LINK_RELAYING:
		link_run(link);
		return;
	case LINK_CLOSING:
		look_at_close(link);
		return;
	case LINK_RESETTING:
		look_at_reset(link);
		return;
	default:
		return;
	}
}

static void on_soon(struct task *task)
{
	struct link *link = container_of(task, struct link, soon);

	if (link->state == LINK_RELAYING) {
		way_relax(&link->ways[UPSTREAM]);
		way_relax(&link->ways[DOWNSTREAM]);
		link_run(link);
	}
}

/** Handles events of the streams before the directions are started, and after they have ended. */
static void heard(struct link *link, const struct event *event)
{
	if (link->state == LINK_CONNECTING) {
		/* A UNIX client that closed (error 0) has only finished: its bytes are relayed. */
		if (event->type != STREAM_ERROR && event->error != 0) {
			link_free(link); /* the client is gone */
		}
	} else if ((link->state == LINK_FLUSHING && is_closed(link->client) &&
			   is_closed(link->server)) ||
		   (link->state == LINK_CLOSING && is_through(link->client) &&
			   is_through(link->server))) {
		link_close(link);
	}
}

static void on_last(struct handler *handler, const struct event *event)
{
	heard(container_of(handler, struct link, last), event);
}

static void on_last_of_server(struct handler *handler, const struct event *event)
{
	heard(container_of(handler, struct link, last_of_server), event);
}

/* ---- the beginning ---- */

static void listen_to(struct stream *stream, struct handler *handler)
{
	(void)stream_set_timeout(stream, 0);
	(void)stream_set_high_water_mark(stream, HIGH_WATER_BYTES);
	stream_on(stream, STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE, handler);
}

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct link *link = owner;

	(void)late_ns;
	if (status < 0) {
		say(SAY_WARN, "proxy %s: no connection to %s: %s", link->home->name,
			link->home->upstream, resolver_strerror(status));
		link_close(link);
		return;
	}
	link->server = stream;
	(void)addr_format(last->sa, last->sa_len, link->server_text);
	listen_to(stream, &link->last_of_server);
	link->state = LINK_RELAYING;
	link->begun_ns = clock_ns();
	if (recorder_take(link->home->recorder, link->begun_ns)) {
		link->recorder = link->home->recorder;
	}
	if (way_start(&link->ways[UPSTREAM], UPSTREAM) < 0 ||
		way_start(&link->ways[DOWNSTREAM], DOWNSTREAM) < 0) {
		say(SAY_ERROR, "connection %lu is closed: no memory", link->id);
		link_abort(link);
		return;
	}
	link_run(link);
}

static int connect_server(struct link *link)
{
	struct home *home = link->home;
	struct connector_opts opts = {
		.loop = home->lab->loop,
		.addr = &home->server,
		.name = home->host,
		.timeout_ns = NS_NEVER,
		.stream_flags = STREAM_HALF_OPEN,
		.owner = link,
		.done = on_connected,
	};

	if (!home->has_server) {
		say(SAY_WARN, "proxy %s: %s is no address to connect to", home->name,
			home->upstream);
		return -EINVAL;
	}
	link->connector = connector_open(&opts);
	return link->connector == NULL ? -errno : 0;
}

/** The key for chance.h. It depends on the link's number at this proxy, and not on its id. */
static uint64_t next_key(struct home *home)
{
	return chance_of(chance_of_text(home->lab->seed, home->name), home->n_links++);
}

static struct link *link_new(struct home *home, uint64_t id, uint64_t key)
{
	struct link *link = calloc(1, sizeof(*link));

	if (link == NULL) {
		return NULL;
	}
	link->home = home;
	link->id = id;
	link->key = key;
	link->begun_ns = clock_ns();
	task_init(&link->soon, on_soon);
	link->last.call = on_last;
	link->last_of_server.call = on_last_of_server;
	for (size_t i = 0; i < DIRECTIONS; i++) {
		link->ways[i].link = link;
	}
	list_append(&home->links, &link->link);
	return link;
}

/** Resets a client that a toxic does not let in. A UNIX client sees an end instead, unless it has
 * sent something. */
static void turn_away(
	struct home *home, int fd, const char *client_text, uint64_t id, const struct toxic *toxic)
{
	say(SAY_INFO, "proxy %s: connection %lu from %s is reset by %s", home->name, id,
		client_text, toxic->name);
	if (toxic->type == &toxic_flap) {
		home->n_reset_by_flap++;
	} else {
		home->n_reset_by_refuse++;
	}
	fds_reset(fd);
}

int link_open(struct home *home, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	bool is_unix = peer->any.sa_family == AF_UNIX;
	uint64_t id = ++home->lab->n_links;
	uint64_t key = next_key(home);
	const struct toxic *bars = gate_bars(home, key);
	char client_text[ADDR_TEXT_MAX];
	struct link *link;
	int r;

	(void)addr_format(&peer->any, peer_len, client_text);
	if (bars != NULL) {
		turn_away(home, fd, client_text, id, bars);
		return 0;
	}
	link = link_new(home, id, key);
	r = link == NULL ? -ENOMEM : timer_open(&link->timer, home->lab->loop, on_timer);
	if (r == 0) {
		link->client = stream_open(home->lab->loop, fd,
			STREAM_HALF_OPEN | STREAM_NONBLOCKING |
				(is_unix ? STREAM_IS_UNIX : STREAM_IS_TCP));
		r = link->client == NULL ? -errno : 0;
	}
	if (r < 0) {
		close(fd);
		if (link != NULL) {
			link_free(link);
		}
		return r;
	}
	memcpy(link->client_text, client_text, sizeof(client_text));
	say(SAY_INFO, "proxy %s: connection %lu from %s", home->name, link->id, link->client_text);
	listen_to(link->client, &link->last);
	r = stream_start(link->client);
	stream_stop(link->client);
	if (r == 0) {
		r = connect_server(link);
	}
	if (r < 0) {
		link_close(link);
	}
	return r;
}

/* ---- numbers ---- */

uint64_t link_received(const struct link *link, enum direction direction)
{
	return stream_bytes_read(direction == UPSTREAM ? link->client : link->server);
}

uint64_t link_sent(const struct link *link, enum direction direction)
{
	return stream_bytes_written(direction == UPSTREAM ? link->server : link->client);
}
