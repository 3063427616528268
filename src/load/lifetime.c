/* SPDX-License-Identifier: ISC */
/*
 * lifetime: both ends send a byte every D, for ever. The close is expected T after the connect,
 * whatever moves: it is early before T after the timestamp before the connect, and late from T
 * after the connect was answered.
 */
#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"
#include "load/options.h"
#include "load/scenario.h"
#include "load/steady.h"

/** The client has both timestamps. If a server end cannot see them, it uses the time at which it
 * was accepted, which is later. */
static struct due due(const struct conn *conn)
{
	const struct conn *mate = conn_mate(conn);
	const struct conn *client = conn->is_server && mate != NULL ? mate : conn;

	return conn_is_seen(client) ? (struct due){client->open_ns, client->opened_ns}
				    : conn_due_by_other(conn->open_ns, conn_options(conn));
}

static const struct script client = {
	.is_judged = true,
	.opened = steady_begin,
	.struck = steady_next,
};

static const struct script server = {
	.is_judged = true,
	.opened = steady_next,
	.struck = steady_next,
};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)options;
	(void)index;
	return is_server ? &server : &client;
}

static const char *check(const struct options *options)
{
	if (options->every_ns == NS_NEVER) {
		return "--every is missing: the time between two bytes, such as --every 200ms";
	}
	return NULL;
}

const struct scenario scenario_lifetime = {
	.name = "lifetime",
	.bit = SCENARIO_LIFETIME,
	.is_absolute = true,
	.summary = "send all the time, and wait for the close",
	.description = "The client, and with --serve the server, send a byte every --every D, so "
		       "that no timer of\n"
		       "silence strikes. The close is expected --expect T after the connect.\n",
	.check = check,
	.script = script,
	.due = due,
};
