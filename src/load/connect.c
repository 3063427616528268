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
	.summary = "open connections through a proxy whose server cannot be reached",
	.description = "Connections are opened at --rate through a proxy whose server refuses them "
		       "or does not\n"
		       "answer. Nothing is sent, and the close is expected --expect T after the "
		       "moment just before\n"
		       "the connect. If the target itself refuses or does not answer, the "
		       "connection has failed;\n"
		       "the errors are counted.\n",
	.script = script,
};
