/* SPDX-License-Identifier: ISC */
#include "lab/playback.h"

#include <stdio.h>

#include "base/clock.h"

static const uint64_t patience_ns = (uint64_t)PLAYBACK_PATIENCE_S * NS_PER_S;

void playback_begin(struct playback *playback, const struct recording *recording,
	enum direction mine, uint64_t now_ns)
{
	*playback = (struct playback){
		.recording = recording,
		.mine = mine,
		.done_ns = now_ns,
		.heard_ns = now_ns,
		.waited_ns = NS_NEVER,
		.wake_ns = NS_NEVER,
		.n_total = recording_bytes(recording, mine == UPSTREAM ? DOWNSTREAM : UPSTREAM),
	};
}

void playback_heard(struct playback *playback, enum recorded kind, size_t n)
{
	playback->n_heard += n;
	playback->has_fin = playback->has_fin || kind == RECORDED_FIN;
	playback->has_reset = playback->has_reset || kind == RECORDED_RESET;
}

static const struct recorded_event *event_of(const struct playback *playback)
{
	return &playback->recording->events[playback->next];
}

/** Whether the peer has done what this event of its side says. */
static bool has_come(const struct playback *playback, const struct recorded_event *event)
{
	switch (event->kind) {
	case RECORDED_BYTES:
		return playback->n_heard >= playback->n_needed + event->n;
	case RECORDED_FIN:
		return playback->has_fin;
	default:
		return playback->has_reset;
	}
}

/** Skips events that the peer has done. False: the peer must do more first. */
static bool pass_peer(struct playback *playback, uint64_t now_ns)
{
	while (playback->next < playback->recording->n_events &&
		event_of(playback)->direction != playback->mine) {
		const struct recorded_event *event = event_of(playback);

		if (!has_come(playback, event)) {
			return false;
		}
		playback->n_needed += event->n;
		playback->heard_ns = now_ns;
		playback->heard_at = event->at_ns;
		playback->waited_ns = NS_NEVER;
		playback->next++;
	}
	return true;
}

/** Waits for the peer: at most as long as it took in the recording, and PLAYBACK_PATIENCE_S
 * more. */
static enum playback_act wait_for_peer(struct playback *playback, uint64_t now_ns)
{
	uint64_t before_at = clock_later(playback->done_at, playback->heard_at);

	if (playback->has_reset || (playback->has_fin && playback->n_heard < playback->n_total)) {
		return PLAYBACK_DIFFERS;
	}
	if (playback->waited_ns == NS_NEVER) {
		playback->waited_ns = now_ns;
	}
	playback->wake_ns = clock_after(
		playback->waited_ns, event_of(playback)->at_ns - before_at + patience_ns);
	return playback->wake_ns <= now_ns ? PLAYBACK_DIFFERS : PLAYBACK_WAITS;
}

enum playback_act playback_look(struct playback *playback, uint64_t now_ns)
{
	const struct recorded_event *event;

	if (!pass_peer(playback, now_ns)) {
		return wait_for_peer(playback, now_ns);
	}
	if (playback->next == playback->recording->n_events) {
		return playback->n_heard > playback->n_total ? PLAYBACK_DIFFERS : PLAYBACK_OVER;
	}
	if (playback->has_reset) {
		return PLAYBACK_DIFFERS;
	}
	event = event_of(playback);
	playback->wake_ns = clock_later(playback->done_ns + (event->at_ns - playback->done_at),
		playback->heard_ns + (event->at_ns - playback->heard_at));
	if (playback->wake_ns > now_ns) {
		return PLAYBACK_WAITS;
	}
	return event->kind == RECORDED_BYTES ? PLAYBACK_SEND
	       : event->kind == RECORDED_FIN ? PLAYBACK_FIN
					     : PLAYBACK_RESET;
}

uint32_t playback_bytes(const struct playback *playback)
{
	return event_of(playback)->n;
}

void playback_done(struct playback *playback, uint64_t now_ns)
{
	playback->done_ns = now_ns;
	playback->done_at = event_of(playback)->at_ns;
	playback->next++;
	(void)pass_peer(playback, now_ns); /* what the peer has done meanwhile counts from now */
}

const char *playback_difference(const struct playback *playback, char text[PLAYBACK_TEXT_MAX])
{
	const char *did = playback->has_reset ? "was reset after"
			  : playback->has_fin ? "finished after"
					      : "has sent";

	(void)snprintf(text, PLAYBACK_TEXT_MAX,
		"at event %zu of %zu, the peer %s %lu bytes, and the recording has %lu",
		playback->next, playback->recording->n_events, did, playback->n_heard,
		playback->n_total);
	return text;
}
