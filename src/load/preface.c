/* SPDX-License-Identifier: ISC */
/*
 * preface: never complete the first bytes for which a listener waits before it connects to a
 * server.
 *
 *	opened ── nothing ──▶ silence
 *	opened ── all of a preface but its last byte ──▶ silence
 *	opened ── a byte of it every D, never the last one ──▶ ...
 *
 * Sent bytes do not restart the timer: the close is early before T after the timestamp before the
 * connect, and late from T after the connect was answered.
 */
#include <string.h>

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/scenario.h"

/** The length of a preface. Proxies that look at the first bytes accept this many. */
enum { BEGINNING_BYTES = 2048 };

/** Writes two bytes, most significant first. */
static void put(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/** Writes a PROXY header of version 2, for TCP over IPv4, with one NOOP TLV (2.2.3) up to its
 * end. */
static void write_proxy(uint8_t *bytes)
{
	static const uint8_t head[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
		0x54, 0x0a, 0x21, 0x11, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0xc0, 0, 0, 80, 0x04};
	const unsigned n_fixed = 16;

	memcpy(bytes, head, sizeof(head));
	put(bytes + 14, BEGINNING_BYTES - n_fixed);
	put(bytes + sizeof(head), BEGINNING_BYTES - (unsigned)sizeof(head) - 2);
}

/** Writes a ClientHello (RFC 8446, 4.1.2) with one cipher suite, and padding (RFC 7685) up to its
 * end. */
static void write_tls(uint8_t *bytes)
{
	enum { RECORD = 5, HANDSHAKE = 4, RANDOM_AT = 11, RANDOM_BYTES = 32, REST = 43 };
	/* No session, TLS_AES_128_GCM_SHA256, no compression. */
	static const uint8_t rest[] = {0x00, 0x00, 0x02, 0x13, 0x01, 0x01, 0x00};
	uint8_t *extensions = bytes + REST + sizeof(rest);
	const unsigned n_left = BEGINNING_BYTES - REST - (unsigned)sizeof(rest) - 2;

	bytes[0] = 22; /* a record of a handshake */
	put(bytes + 1, 0x0301);
	put(bytes + 3, BEGINNING_BYTES - RECORD);
	bytes[5] = 1; /* client_hello */
	put(bytes + 7, BEGINNING_BYTES - RECORD - HANDSHAKE);
	put(bytes + 9, 0x0303);
	memset(bytes + RANDOM_AT, 0x5a, RANDOM_BYTES);
	memcpy(bytes + REST, rest, sizeof(rest));
	put(extensions, n_left);
	put(extensions + 2, 21); /* padding */
	put(extensions + 4, n_left - 4);
}

static void send_part(struct conn *conn, size_t n)
{
	uint8_t bytes[BEGINNING_BYTES] = {0};

	if (conn_options(conn)->begin == BEGIN_TLS) {
		write_tls(bytes);
	} else {
		write_proxy(bytes);
	}
	conn_send(conn, bytes + conn->n_before, n);
	conn->n_before += n;
}

/** Plans the next byte, unless it is the last one; else waits for the close. */
static void arm_next(struct conn *conn)
{
	if (conn->n_before < BEGINNING_BYTES - 1) {
		conn_arm_next(conn);
	} else {
		conn_await_close(conn);
	}
}

static void opened(struct conn *conn)
{
	const struct options *options = conn_options(conn);

	if (options->begin == BEGIN_NOTHING) {
		conn_await_close(conn);
	} else if (options->every_ns == NS_NEVER) {
		send_part(conn, BEGINNING_BYTES - 1);
		conn_await_close(conn);
	} else {
		send_part(conn, 1);
		arm_next(conn);
	}
}

static void struck(struct conn *conn)
{
	uint64_t patience_ns = options_patience_ns(conn_options(conn));

	if (clock_ns() > clock_after(conn->opened_ns, patience_ns)) {
		conn_give_up(conn);
		return;
	}
	send_part(conn, 1);
	arm_next(conn);
}

static const struct script client = {.is_judged = true, .opened = opened, .struck = struck};

static const struct script *script(const struct options *options, bool is_server, uint32_t index)
{
	(void)options;
	(void)is_server;
	(void)index;
	return &client;
}

static struct due due(const struct conn *conn)
{
	return (struct due){conn->open_ns, conn->opened_ns};
}

static const char *check(const struct options *options)
{
	if (options->every_ns != NS_NEVER && options->begin == BEGIN_NOTHING) {
		return "--every needs --begin proxy or --begin tls: it is the time between two of "
		       "their bytes";
	}
	return NULL;
}

const struct scenario scenario_preface = {
	.name = "preface",
	.bit = SCENARIO_PREFACE,
	.is_absolute = true,
	.summary = "never complete the first bytes that a listener waits for",
	.description = "This tests a listener that reads the client's first bytes (a PROXY header, "
		       "or a TLS\n"
		       "ClientHello) before it connects to a server. Each connection sends "
		       "nothing, or with --begin\n"
		       "all of these bytes except the last, with --every one at a time. In each "
		       "case the close is\n"
		       "expected --expect T after the connect.\n",
	.check = check,
	.script = script,
	.due = due,
};
