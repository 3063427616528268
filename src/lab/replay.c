/* SPDX-License-Identifier: ISC */
#include "lab/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file_access.h"
#include "lab/lab.h"
#include "lab/playback.h"
#include "lab/say.h"
#include "stream/acceptor.h"
#include "stream/connector.h"
#include "stream/emitter.h"
#include "stream/resolver.h"
#include "stream/stream.h"
#include "stream/timer.h"

enum {
	SOCKET_MODE = 0666,
	SLICE_BYTES = LOOP_BUFFER_BYTES,
	HIGH_WATER_BYTES = 1024 * 1024,
	/** Time between two looks at what is left to deliver before a reset. */
	LOOK_NS = 2 * NS_PER_MS,
};

static const uint64_t deliver_ns = UINT64_C(30) * NS_PER_S;

/** One side of one connection. */
struct player {
	struct list link; /* struct replay::players */
	struct replay *replay;
	uint64_t id;
	struct stream *stream;
	struct handler events;
	struct handler drain;
	struct timer timer;
	struct playback playback;
	uint64_t n_sent;
	uint32_t n_of_event;  /**< how many of n_sent belong to the current event */
	uint64_t deadline_ns; /**< until when a reset waits for delivery; 0: there is no reset */
	bool is_over;         /**< it closes when what was written is sent */
};

/* ---- the end ---- */

static void player_free(struct player *player)
{
	struct replay *replay = player->replay;

	replay->is_client_over = replay->is_client_over || player->playback.mine == UPSTREAM;
	timer_close(&player->timer);
	stream_off(player->stream, &player->events);
	stream_off(player->stream, &player->drain);
	stream_free(player->stream);
	list_remove(&player->link);
	free(player);
	if (replay->is_client_over && list_empty(&replay->players) &&
		loop_is_running(replay->lab->loop)) {
		(void)loop_stop(replay->lab->loop);
	}
}

/** Reports the result, and closes. May free the player. */
static void finish(struct player *player, bool differs)
{
	const char *side = player->playback.mine == UPSTREAM ? "client" : "server";
	char text[PLAYBACK_TEXT_MAX];

	if (differs) {
		player->replay->failed = true;
		say(SAY_WARN, "replay: %s %lu is not as recorded: %s", side, player->id,
			playback_difference(&player->playback, text));
		stream_abort(player->stream);
	} else {
		say(SAY_INFO, "replay: %s %lu: all was as recorded", side, player->id);
		stream_close_gracefully(player->stream);
	}
	player->is_over = true;
	(void)timer_arm(&player->timer, NS_NEVER);
	if (stream_fd(player->stream) < 0) {
		player_free(player);
	}
}

/* ---- playing ---- */

/** Sends as much as possible now. Returns whether that was all. */
static bool send_bytes(struct player *player)
{
	uint32_t n = playback_bytes(&player->playback);
	uint8_t *bytes = loop_buffer(player->replay->lab->loop);

	while (player->n_of_event < n) {
		uint32_t left = n - player->n_of_event;
		uint32_t slice = left < SLICE_BYTES ? left : SLICE_BYTES;

		if (!stream_can_write(player->stream)) {
			return false;
		}
		for (uint32_t i = 0; i < slice; i++) {
			bytes[i] = playback_byte(player->n_sent + i);
		}
		if (stream_write(player->stream, bytes, slice, NULL) < 0) {
			return false; /* CLOSE follows */
		}
		player->n_sent += slice;
		player->n_of_event += slice;
	}
	player->n_of_event = 0;
	return true;
}

/** Whether a reset may be sent now: only when all earlier bytes are delivered, because a reset
 * discards them. */
static bool may_reset(struct player *player)
{
	const struct stream *stream = player->stream;
	uint64_t now_ns = clock_ns();
	bool waits = stream_bytes_waiting(stream) > 0 ||
		     (stream_is_tcp(stream) && stream_unsent(stream) > 0);

	if (player->deadline_ns == 0) {
		player->deadline_ns = clock_after(now_ns, deliver_ns);
	}
	if (waits && now_ns < player->deadline_ns) {
		(void)timer_arm(&player->timer, now_ns + LOOK_NS);
		return false;
	}
	return true;
}

/** Does what is due. May free the player. */
static void play(struct player *player)
{
	while (!player->is_over) {
		switch (playback_look(&player->playback, clock_ns())) {
		case PLAYBACK_SEND:
			if (!send_bytes(player)) {
				if (!handler_is_on(&player->drain)) {
					stream_once(player->stream, STREAM_DRAIN, &player->drain);
				}
				return;
			}
			break;
		case PLAYBACK_FIN:
			stream_shutdown(player->stream);
			break;
		case PLAYBACK_RESET:
			if (!may_reset(player)) {
				return;
			}
			stream_abort(player->stream);
			finish(player, false);
			return;
		case PLAYBACK_WAITS:
			(void)timer_arm(&player->timer, player->playback.wake_ns);
			return;
		case PLAYBACK_OVER:
			finish(player, false);
			return;
		default:
			finish(player, true);
			return;
		}
		playback_done(&player->playback, clock_ns());
	}
}

static void on_timer(struct timer *timer)
{
	play(container_of(timer, struct player, timer));
}

static void on_drain(struct handler *handler, const struct event *event)
{
	(void)event;
	play(container_of(handler, struct player, drain));
}

static void on_gone(struct player *player)
{
	if (player->is_over) {
		player_free(player);
		return;
	}
	playback_heard(&player->playback,
		stream_cause(player->stream) != 0 ? RECORDED_RESET : RECORDED_FIN, 0);
	finish(player, playback_look(&player->playback, clock_ns()) != PLAYBACK_OVER);
}

static void on_event(struct handler *handler, const struct event *event)
{
	struct player *player = container_of(handler, struct player, events);

	switch (event->type) {
	case STREAM_READ:
		playback_heard(&player->playback, RECORDED_BYTES, event->len);
		play(player);
		return;
	case STREAM_END:
		playback_heard(&player->playback, RECORDED_FIN, 0);
		play(player);
		return;
	case STREAM_CLOSE:
		on_gone(player);
		return;
	default:
		return; /* ERROR, HANGUP: CLOSE follows */
	}
}

/** Makes a player, which takes the stream. 0, or -ENOMEM: then the stream was freed. */
static int player_open(struct replay *replay, struct stream *stream, enum direction mine)
{
	struct player *player = calloc(1, sizeof(*player));
	int r = player == NULL ? -ENOMEM : timer_open(&player->timer, replay->lab->loop, on_timer);

	if (r < 0) {
		stream_abort(stream);
		stream_free(stream);
		free(player);
		return r;
	}
	player->replay = replay;
	player->id = ++replay->n_players;
	player->stream = stream;
	player->events.call = on_event;
	player->drain.call = on_drain;
	list_append(&replay->players, &player->link);
	(void)stream_set_timeout(stream, 0);
	(void)stream_set_high_water_mark(stream, HIGH_WATER_BYTES);
	stream_on(stream, STREAM_READ | STREAM_END | STREAM_HANGUP | STREAM_ERROR | STREAM_CLOSE,
		&player->events);
	playback_begin(&player->playback, replay->recording, mine, clock_ns());
	r = stream_start(stream);
	if (r < 0) {
		stream_abort(stream);
		player_free(player);
		return r;
	}
	(void)timer_arm(&player->timer, clock_ns());
	return 0;
}

/* ---- servers ---- */

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct replay *replay = owner;
	struct stream *stream = stream_open(replay->lab->loop, fd,
		STREAM_HALF_OPEN | STREAM_NONBLOCKING |
			(peer->any.sa_family == AF_UNIX ? STREAM_IS_UNIX : STREAM_IS_TCP));
	int r = stream == NULL ? -errno : 0;

	(void)peer_len;
	if (stream == NULL) {
		(void)close(fd);
	} else {
		r = player_open(replay, stream, DOWNSTREAM);
	}
	if (r < 0) {
		replay->failed = true;
		say(SAY_ERROR, "replay: a client is not served: %s", strerrordesc_np(-r));
	}
}

static void on_resting(void *owner, int err)
{
	(void)owner;
	say(SAY_ERROR, "replay: no client is accepted for a moment: %s", strerrordesc_np(-err));
}

static int open_server(struct replay *replay, const char *listen, char error[ADDRESS_ERROR_MAX])
{
	static const struct file_access access = {.mode = SOCKET_MODE};
	struct acceptor_opts opts = {.loop = replay->lab->loop,
		.owner = replay,
		.accepted = on_accepted,
		.resting = on_resting};
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int r = address_listen(listen, &addr, error);

	if (r < 0) {
		return r;
	}
	r = listen_open(&addr, &access, NULL, &replay->socket, NULL);
	if (r == 0) {
		r = address_of_fd(replay->socket.fd, &addr);
	}
	if (r == 0) {
		opts.fd = replay->socket.fd;
		opts.is_unix = addr.kind == ADDR_UNIX;
		replay->acceptor = acceptor_open(&opts);
		r = replay->acceptor == NULL ? -errno : 0;
	}
	if (r < 0) {
		(void)snprintf(
			error, ADDRESS_ERROR_MAX, "listen %s: %s", listen, strerrordesc_np(-r));
		return r;
	}
	replay->socket.fd = -1; /* the acceptor has it */
	say(SAY_INFO, "replay: the server listens on %s", address_text(&addr, text));
	return 0;
}

/* ---- the client ---- */

static void on_connected(void *owner, int status, struct stream *stream,
	const struct connector_attempt *last, uint64_t late_ns)
{
	struct replay *replay = owner;

	(void)last;
	(void)late_ns;
	if (status == 0) {
		status = player_open(replay, stream, UPSTREAM);
	}
	if (status < 0) {
		replay->failed = true;
		say(SAY_ERROR, "replay: no connection: %s", resolver_strerror(status));
		(void)loop_stop(replay->lab->loop);
	}
}

static int open_client(struct replay *replay, const char *upstream, char error[ADDRESS_ERROR_MAX])
{
	struct connector_opts opts = {
		.loop = replay->lab->loop,
		.addr = &replay->server,
		.timeout_ns = NS_NEVER,
		.stream_flags = STREAM_HALF_OPEN,
		.owner = replay,
		.done = on_connected,
	};
	int r = address_upstream(upstream, &replay->server, error);

	if (r < 0) {
		return r;
	}
	if (replay->server.kind == ADDR_NAME) {
		replay->host = resolver_name_get(replay->lab->resolver, replay->server.host);
		opts.name = replay->host;
	}
	replay->connector = replay->server.kind == ADDR_NAME && replay->host == NULL
				    ? NULL
				    : connector_open(&opts);
	if (replay->connector == NULL) {
		(void)snprintf(
			error, ADDRESS_ERROR_MAX, "%s: %s", upstream, strerrordesc_np(ENOMEM));
		return -ENOMEM;
	}
	return 0;
}

int replay_open(struct replay *replay, struct lab *lab, const struct recording *recording,
	const char *listen, const char *upstream, char error[ADDRESS_ERROR_MAX])
{
	int r = 0;

	*replay = (struct replay){.lab = lab, .recording = recording, .socket.fd = -1};
	list_init(&replay->players);
	if (listen != NULL) {
		r = open_server(replay, listen, error);
	}
	if (r == 0 && upstream != NULL) {
		r = open_client(replay, upstream, error);
	}
	return r;
}

void replay_close(struct replay *replay)
{
	if (replay->lab == NULL) {
		return;
	}
	replay->acceptor = acceptor_close(replay->acceptor);
	listen_close(&replay->socket);
	replay->connector = connector_close(replay->connector);
	replay->host = resolver_name_unref(replay->host);
	while (!list_empty(&replay->players)) {
		struct player *player = container_of(replay->players.next, struct player, link);

		stream_close(player->stream);
		player_free(player);
	}
	replay->lab = NULL;
}
