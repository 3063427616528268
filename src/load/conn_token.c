/* SPDX-License-Identifier: ISC */
/* Tokens: written, read, and what begins when one is complete. */
#include <string.h>

#include "load/conn.h"
#include "load/conn_private.h"
#include "load/run.h"
#include "load/scenario.h"
#include "stream/stream.h"

void conn_token(const struct conn *conn, uint8_t token[CONN_TOKEN_BYTES])
{
	uint32_t index = conn_index(conn);

	token[0] = 'W';
	token[1] = 'L';
	token[2] = conn->is_server ? 'S' : 'C';
	token[3] = conn->lane->run->nonce;
	token[4] = (uint8_t)(index >> 24);
	token[5] = (uint8_t)(index >> 16);
	token[6] = (uint8_t)(index >> 8);
	token[7] = (uint8_t)index;
}

bool conn_server_is_first(const struct options *options)
{
	if (options->scenario->bit == SCENARIO_ONESIDE) {
		return options->mute && options->side == SIDE_CLIENT;
	}
	if (options->scenario->bit == SCENARIO_FIRSTBYTE) {
		return true;
	}
	return options->scenario->bit == SCENARIO_TRICKLE && options->direction == DIRECTION_DOWN;
}

/** The end that a token names; NULL: it is not of this run, or was named before. */
static struct conn *find_mate(const struct conn *conn)
{
	const struct run *run = conn->lane->run;
	const uint8_t *token = conn->part;
	uint8_t expected[CONN_TOKEN_BYTES];
	uint32_t index = (uint32_t)token[4] << 24 | (uint32_t)token[5] << 16 |
			 (uint32_t)token[6] << 8 | token[7];
	uint64_t n = conn->is_server ? run->options->n_connections : atomic_load(&run->n_servers);
	struct conn *mate;

	if (run->options->has_remote) {
		n = run->n_servers_max; /* their number is received later */
	}
	conn_token(conn, expected);
	expected[2] = conn->is_server ? 'C' : 'S';
	if (memcmp(token, expected, 4) != 0 || index >= n || index >= run->n_servers_max) {
		return NULL;
	}
	mate = conn->is_server ? &run->clients[index] : &run->servers[index];
	return conn_mate(mate) == NULL ? mate : NULL;
}

static void server_begin(struct conn *conn)
{
	struct run *run = conn->lane->run;
	const struct options *options = run->options;
	uint32_t index = (uint32_t)(conn_mate(conn) - run->clients);

	conn->script = options->scenario->script(options, true, index);
	if (conn->script->is_judged) {
		conn_await(conn, run);
	}
	stream_set_read_max(conn->stream, LOOP_BUFFER_BYTES);
	if (conn->script->opened != NULL) {
		conn->script->opened(conn);
	}
}

/** A client has read the token of `server`, which thus belongs to this run. */
static void server_is_known(struct conn *client, struct conn *server)
{
	struct run *run = client->lane->run;
	const struct options *options = run->options;

	conn_match(client, server);
	/* In the other process, the run waits for it since it was accepted. */
	if (!options->is_apart &&
		options->scenario->script(options, true, conn_index(client))->is_judged) {
		conn_await(server, run);
	}
}

static void token_is_complete(struct conn *conn)
{
	struct conn *mate = find_mate(conn);

	if (mate == NULL) {
		atomic_fetch_add(&conn->lane->run->n_strangers, 1);
	} else if (conn->is_server) {
		conn_match(mate, conn);
		server_begin(conn);
	} else {
		server_is_known(conn, mate);
	}
}

bool conn_is_matched(const struct conn *conn)
{
	const struct options *options = conn_options(conn);

	return conn->n_token == CONN_TOKEN_BYTES || !options->has_serve || options->silent ||
	       conn->is_server == conn_server_is_first(options);
}

void conn_read_token(struct conn *conn, const char **data, size_t *len)
{
	size_t n = CONN_TOKEN_BYTES - (size_t)conn->n_token;

	n = n < *len ? n : *len;
	memcpy(conn->part + conn->n_token, *data, n);
	conn->n_token = (uint8_t)(conn->n_token + n);
	*data += n;
	*len -= n;
	if (conn->n_token == CONN_TOKEN_BYTES) {
		token_is_complete(conn);
	}
}
