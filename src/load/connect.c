/* SPDX-License-Identifier: ISC */
/*
 * connect: open connections at a fixed rate, send nothing, and wait for the close, counted from
 * just before connect(2). The server behind the proxy refuses, is black-holed, or is slow.
 */
#include "load/conn.h"
#include "load/options.h"
#include "load/scenario.h"

static const struct script client = {.is_judged = true, .opened = conn_await_close};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)options;
	(void)is_server;
	(void)index;
	return &client;
}

const struct scenario scenario_connect = {
	.name = "connect",
	.bit = SCENARIO_CONNECT,
	.summary = "open connections to what cannot be reached, and wait for the close",
	.description = "Connections are opened at --rate to a proxy whose server refuses, is "
		       "black-holed or slow;\n"
		       "each is silent and expects to be closed --expect T after the stamp taken "
		       "just before its\n"
		       "connect. A target that itself refuses or times out is counted as failed, "
		       "by errno.\n",
	.script = script,
};
