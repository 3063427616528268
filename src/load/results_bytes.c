/* SPDX-License-Identifier: ISC */
/*
 * Counts bytes that were sent and did not arrive. Such a byte is lost if it had time to arrive. If
 * the close was expected long after the last byte, all bytes had time. A byte counts as in flight
 * in a pair that was closed early or by us, or stalled; and if an end that sends until the close
 * sent it shortly before the close.
 */
#include "base/clock.h"
#include "load/conn_private.h"
#include "load/results.h"
#include "load/run.h"
#include "load/scenario.h"

/** How long a byte may be in flight. */
#define FLIGHT_NS ((uint64_t)NS_PER_S)

enum { WAY_UP = 1 << 0, WAY_DOWN = 1 << 1 };

static void add_way(
	struct way_results *way, uint64_t sent, uint64_t received, uint64_t in_flight_max)
{
	uint64_t missing = sent > received ? sent - received : 0;
	uint64_t in_flight = clock_earlier(missing, in_flight_max);

	way->n_sent += sent;
	way->n_received += received;
	way->n_in_flight += in_flight;
	way->n_lost += missing - in_flight;
	way->n_added += received > sent ? received - sent : 0;
}

/** How many bytes may have been in flight from `other`, which keeps sending, when the close
 * came. */
static uint64_t in_flight_at_cap(const struct conn *finisher, const struct conn *other)
{
	uint64_t over_ns = finisher->over_ns;
	uint64_t since_ns = over_ns > FLIGHT_NS ? over_ns - FLIGHT_NS : 0;

	if (other->sent_ns <= since_ns) {
		return 0;
	}
	return (other->sent_ns - since_ns) / conn_options(other)->every_ns + 2;
}

/** How many missing bytes of a pair may count as in flight, in either direction. */
static uint64_t in_flight_max(const struct results *results, const struct conn *client)
{
	enum verdict verdict = results_verdict(client);

	if (results->run->options->scenario->bit == SCENARIO_STALL) {
		return UINT64_MAX;
	}
	if (client->script->is_lasting && results->run->options->scenario->bit != SCENARIO_MIXED) {
		return UINT64_MAX; /* we closed while the other end was still sending */
	}
	if (client->script->is_lasting) {
		return verdict == VERDICT_NONE && results->run->signal == 0 ? 0 : UINT64_MAX;
	}
	return verdict == VERDICT_ON_TIME || verdict == VERDICT_LATE || verdict == VERDICT_NEVER ||
			       verdict == VERDICT_MEASURED
		       ? 0
		       : UINT64_MAX;
}

/** In which directions an end sends bytes at intervals until the close. */
static unsigned ways_until_the_end(const struct options *options)
{
	if (options->every_ns == NS_NEVER) {
		return 0;
	}
	switch (options->scenario->bit) {
	case SCENARIO_HALFCLOSE:
	case SCENARIO_ONESIDE:
		return options->side == SIDE_SERVER ? WAY_UP : WAY_DOWN;
	case SCENARIO_FIRSTBYTE:
		return WAY_DOWN;
	case SCENARIO_LIFETIME:
		return WAY_UP | WAY_DOWN;
	default:
		return 0;
	}
}

static void count_pair(
	struct results *results, const struct conn *client, const struct conn *server)
{
	unsigned ways = ways_until_the_end(results->run->options);
	uint64_t up_max = in_flight_max(results, client);
	uint64_t down_max = up_max;

	if ((ways & WAY_UP) != 0) {
		up_max = clock_later(up_max, in_flight_at_cap(server, client));
	}
	if ((ways & WAY_DOWN) != 0) {
		down_max = clock_later(down_max, in_flight_at_cap(client, server));
	}
	results->n_matched++;
	add_way(&results->up, client->n_sent, server->n_read, up_max);
	add_way(&results->down, server->n_sent, client->n_read, down_max);
}

/** Counts a client whose server end should be known but is not: none of its bytes has arrived. */
static void count_unserved(struct results *results, const struct conn *client)
{
	const struct options *options = results->run->options;

	if (!options->has_serve || options->silent || client->opened_ns == 0 ||
		client->script->is_alone || in_flight_max(results, client) != 0) {
		return;
	}
	results->n_unserved++;
	add_way(&results->up, client->n_sent, 0, 0);
}

/** halfclose: `other` sends after the FIN of `finisher`. */
static void count_after_fin(struct results *results, const struct conn *client)
{
	const struct options *options = results->run->options;
	const struct conn *server = conn_mate(client);
	bool by_server = options->side == SIDE_SERVER;
	const struct conn *finisher = by_server ? server : client;
	const struct conn *other = by_server ? client : server;
	uint64_t before = by_server && server != NULL ? other->n_before : 0;

	if (server != NULL && other->n_sent > other->n_before) {
		add_way(&results->after_fin, other->n_sent - other->n_before,
			finisher->n_read > before ? finisher->n_read - before : 0,
			options->every_ns == NS_NEVER ? 0 : in_flight_at_cap(finisher, other));
	}
}

/** Stall: counts where the bytes are that the sender's kernel has taken. */
static void count_stall(struct results *results, const struct conn *client)
{
	const struct conn *server = conn_mate(client);
	bool by_server = results->run->options->side == SIDE_SERVER;
	const struct conn *sender = by_server ? client : server;
	const struct conn *stalled = by_server ? server : client;
	uint64_t own;

	if (sender == NULL || sender->begin_ns == 0) {
		return;
	}
	own = sender->n_queued;
	if (stalled != NULL) {
		own += stalled->n_before + stalled->n_queued;
	}
	hdr_record(&results->accepted, sender->n_sent);
	hdr_record(&results->own, own);
	hdr_record(&results->held, sender->n_sent > own ? sender->n_sent - own : 0);
}

static void count_messages(struct results *results, const struct conn *client)
{
	const struct options *options = results->run->options;
	uint64_t token = options->has_serve ? CONN_TOKEN_BYTES : 0;

	if (!client->script->is_lasting && !client->script->is_live) {
		return;
	}
	results->n_messages_sent +=
		(client->n_sent > token ? client->n_sent - token : 0) / options->message_bytes;
	if (!options->has_serve && client->opened_ns != 0) {
		add_way(&results->echoed, client->n_sent, client->n_read,
			in_flight_max(results, client));
	}
}

void results_count_bytes(struct results *results, const struct conn *client)
{
	const struct conn *server = conn_mate(client);

	if (server != NULL) {
		count_pair(results, client, server);
	} else {
		count_unserved(results, client);
	}
	switch (results->run->options->scenario->bit) {
	case SCENARIO_HALFCLOSE:
		count_after_fin(results, client);
		break;
	case SCENARIO_STALL:
		count_stall(results, client);
		break;
	case SCENARIO_MIXED:
	case SCENARIO_DRAIN:
		count_messages(results, client);
		break;
	default:
		break;
	}
}

uint64_t results_lost(const struct results *results)
{
	return results->up.n_lost + results->down.n_lost + results->echoed.n_lost;
}

uint64_t results_added(const struct results *results)
{
	return results->up.n_added + results->down.n_added + results->echoed.n_added;
}
