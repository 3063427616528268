/* SPDX-License-Identifier: ISC */
/* Mixed: a busy share exchanges messages (message.h) while the others are idle until closed
 * (idle.c). */
#include "base/clock.h"
#include "load/conn.h"
#include "load/message.h"
#include "load/options.h"
#include "load/run.h"
#include "load/scenario.h"

/** How often to look for the last messages, when the run waits for no more closes. */
#define LAST_LOOK_NS ((uint64_t)10 * NS_PER_MS)

static void busy_struck(struct conn *conn)
{
	if (!run_is_idle(conn->lane->run)) {
		message_next(conn);
	} else if (message_all_back(conn)) {
		conn_dismiss(conn);
	} else {
		/* The others are over; messages under way may still come back. */
		conn_arm(conn, clock_after(clock_ns(), LAST_LOOK_NS));
	}
}

static const struct script busy_client = {
	.is_lasting = true,
	.opened = message_begin,
	.struck = busy_struck,
	.read = message_read,
};

static const struct script busy_server = {.read = message_echo, .drained = message_echo_more};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	if (index < options_busy(options)) {
		return is_server ? &busy_server : &busy_client;
	}
	return scenario_idle.script(options, is_server, index);
}

static const char *check(const struct options *options)
{
	if (options_busy(options) == options->n_connections) {
		return "--busy leaves no connection to idle out; write a smaller share, or more "
		       "--connections";
	}
	return NULL;
}

const struct scenario scenario_mixed = {
	.name = "mixed",
	.bit = SCENARIO_MIXED,
	.summary = "exchange messages on a few connections while the others wait for the close",
	.description = "The --busy share sends a message of --size bytes every --every D, which "
		       "must come back; the\n"
		       "others do the same as in idle. The closes are measured, and meanwhile the "
		       "latency of the\n"
		       "messages. Without --serve the target must echo.\n",
	.check = check,
	.script = script,
};
