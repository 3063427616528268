/* SPDX-License-Identifier: ISC */
/* The table of options, and what is printed from it: --help, and the options of a report. */
#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/options_private.h"
#include "load/scenario.h"

#define AT(field) offsetof(struct options, field)

enum {
	ALL = SCENARIO_CLIENTS,
	APART = SCENARIO_CONNECT | SCENARIO_PREFACE, /**< scenarios that reach no server */
	SERVED = ALL & ~APART, /**< scenarios in which weirload can be the server too */
	SILENT = SCENARIO_IDLE | SCENARIO_MIXED,
	PACED = SCENARIO_TRICKLE | SCENARIO_HALFCLOSE | SCENARIO_MIXED,
};

const struct option option_table[] = {
	{"target", "ADDR", KIND_TARGET, ALL, AT(target), 0, 0, NULL,
		"where to connect (the proxy): 127.0.0.1:80, [::1]:80, name:80, unix:PATH"},
	{"serve", "ADDR", KIND_LISTEN, SERVED, AT(serve), 0, 0, NULL,
		"also be the server behind the proxy, and report both ends"},
	{"serve", "ADDR", KIND_LISTEN, SCENARIO_SERVE, AT(serve), 0, 0, NULL,
		"where to listen: 0.0.0.0:9000, *:9000, unix:PATH"},
	{"remote", "ADDR", KIND_TARGET, SERVED, AT(remote), 0, 0, NULL,
		"the --control of a weirload serve on another host, which is then the server"},
	{"secret-file", "FILE", KIND_TEXT, SERVED, AT(secret_file), 0, 0, NULL,
		"the secret of the other weirload; for --remote"},
	{"secret-file", "FILE", KIND_TEXT, SCENARIO_SERVE, AT(secret_file), 0, 0, NULL,
		"serve the runs of callers that have this secret (--remote)"},
	{"control", "ADDR", KIND_LISTEN, SCENARIO_SERVE, AT(control), 0, 0, NULL,
		"where it takes these runs, with --secret-file (default 127.0.0.1:8470)"},
	{"mode", "read|echo|hold|stall", KIND_WORD, SCENARIO_SERVE, AT(mode), MODE_READ, 0,
		"read echo hold stall",
		"read (default); send it back; do not answer a FIN; do not read"},
	{"blackhole", "ADDR", KIND_LISTEN, SCENARIO_CONNECT, AT(blackhole), 0, 0, NULL,
		"be a server that answers no connect, on this TCP address"},
	{"source", "IP[,IP...]", KIND_SOURCE, ALL, AT(sources), 0, 0, NULL,
		"connect from these addresses in rotation; may be repeated"},
	{"connections", "N", KIND_COUNT, ALL, AT(n_connections), 1, OPTIONS_CONNECTIONS_MAX, NULL,
		"how many (default 100)"},
	{"ramp", "RATE", KIND_NUMBER, SERVED, AT(ramp), 0, 1000000, NULL,
		"connections opened per second (default 1000)"},
	{"rate", "RATE", KIND_NUMBER, APART, AT(ramp), 0, 1000000, NULL,
		"connections opened per second (default 1000)"},
	{"threads", "N", KIND_COUNT, ALL, AT(n_threads), 1, OPTIONS_THREADS_MAX, NULL,
		"threads, each with its own event loop (default 1)"},
	{"expect", "T", KIND_DURATION, ALL, AT(expect_ns), 0, 0, NULL,
		"the time until the expected close: 500ms, 5s, 10m; without it, the time is "
		"measured"},
	{"wait", "T", KIND_DURATION, ALL, AT(wait_ns), 0, 0, NULL,
		"how long to wait for a close after that time (default 10s; without --expect 10m)"},
	{"silent", NULL, KIND_FLAG, SCENARIO_IDLE, AT(silent), 0, 0, NULL,
		"send nothing at all; the time counts from the connect"},
	{"spread", "T", KIND_DURATION, SILENT, AT(spread_ns), 0, 0, NULL,
		"when all are open, send one more byte on each within T; 0s: all at the same "
		"moment"},
	{"every", "D", KIND_DURATION, SCENARIO_TRICKLE, AT(every_ns), 1, 0, NULL,
		"the time between two bytes; required"},
	{"every", "D", KIND_DURATION, SCENARIO_HALFCLOSE, AT(every_ns), 1, 0, NULL,
		"the other end sends a byte at this interval; needs --serve"},
	{"every", "D", KIND_DURATION, SCENARIO_MIXED, AT(every_ns), 1, 0, NULL,
		"the time between two messages of one connection (default 100ms)"},
	{"every", "D", KIND_DURATION, SCENARIO_ONESIDE, AT(every_ns), 1, 0, NULL,
		"the time between two bytes of the other end; required"},
	{"every", "D", KIND_DURATION, SCENARIO_LIFETIME, AT(every_ns), 1, 0, NULL,
		"the time between two bytes of an end; required"},
	{"every", "D", KIND_DURATION, SCENARIO_PREFACE, AT(every_ns), 1, 0, NULL,
		"send it byte by byte, with this time between two bytes"},
	{"every", "D", KIND_DURATION, SCENARIO_FIRSTBYTE, AT(every_ns), 1, 0, NULL,
		"the server sends a byte at this interval (default: only the greeting)"},
	{"every", "D", KIND_DURATION, SCENARIO_QUEUE, AT(every_ns), 1, 0, NULL,
		"the time between two bytes on each of the first connections (default 100ms)"},
	{"every", "D", KIND_DURATION, SCENARIO_DRAIN, AT(every_ns), 1, 0, NULL,
		"the time between two messages of one connection (default 100ms)"},
	{"begin", "nothing|proxy|tls", KIND_WORD, SCENARIO_PREFACE, AT(begin), BEGIN_NOTHING, 0,
		"nothing proxy tls",
		"send nothing (default), or all but the last byte of a PROXY header or "
		"ClientHello"},
	{"places", "N", KIND_COUNT, SCENARIO_QUEUE, AT(places), 1, OPTIONS_CONNECTIONS_MAX, NULL,
		"how many connections the proxy lets its only server have; required"},
	{"drain-command", "COMMAND", KIND_TEXT, SCENARIO_DRAIN, AT(drain_command), 0, 0, NULL,
		"the command that begins the drain, for /bin/sh; required"},
	{"after", "T", KIND_DURATION, SCENARIO_DRAIN, AT(after_ns), 0, 0, NULL,
		"how long after all are open the drain begins (default 1s)"},
	{"mute", NULL, KIND_FLAG, SCENARIO_ONESIDE, AT(mute), 0, 0, NULL,
		"the silent end sends nothing at all; the time counts from the connect"},
	{"for", "P", KIND_DURATION, SCENARIO_TRICKLE, AT(for_ns), 0, 0, NULL,
		"how long bytes are sent; required"},
	{"for", "P", KIND_DURATION, SCENARIO_DRAIN, AT(for_ns), 0, 0, NULL,
		"how long busy connections go on after the drain has begun (default 2s)"},
	{"for", "P", KIND_DURATION, SCENARIO_SERVE, AT(for_ns), 1, 0, NULL,
		"how long to serve (default: until Ctrl-C)"},
	{"direction", "up|down|both", KIND_WORD, SCENARIO_TRICKLE, AT(direction), DIRECTION_UP, 0,
		"up down both", "who sends: the client, the server, both (default up)"},
	{"side", "client|server", KIND_WORD, SCENARIO_HALFCLOSE, AT(side), SIDE_CLIENT, 0,
		"client server", "who sends FIN (default client); server needs --serve"},
	{"side", "client|server", KIND_WORD, SCENARIO_STALL, AT(side), SIDE_CLIENT, 0,
		"client server", "who stops reading (default client, which needs --serve)"},
	{"side", "client|server", KIND_WORD, SCENARIO_ONESIDE, AT(side), SIDE_CLIENT, 0,
		"client server", "who is silent (default client)"},
	{"busy", "PERCENT", KIND_NUMBER, SCENARIO_MIXED, AT(busy_share), 0, 100, NULL,
		"the share of connections that exchange messages (default 1)"},
	{"busy", "PERCENT", KIND_NUMBER, SCENARIO_FIRSTBYTE, AT(busy_share), 0, 100, NULL,
		"the share of connections that send a byte in time, and must stay open (default "
		"1)"},
	{"busy", "PERCENT", KIND_NUMBER, SCENARIO_DRAIN, AT(busy_share), 0, 100, NULL,
		"the share of connections that exchange messages (default 50)"},
	{"size", "BYTES", KIND_COUNT, SCENARIO_MIXED | SCENARIO_DRAIN, AT(message_bytes), 16, 65536,
		NULL, "the size of a message (default 64)"},
	{"by", "fin|rst", KIND_WORD, ALL, AT(by), BY_FIN, 0, "fin rst",
		"fail if one is closed in another way (default: both are accepted)"},
	{"max-late", "T", KIND_DURATION, ALL, AT(max_late_ns), 0, 0, NULL,
		"fail if a close is late by more than T (default 100ms, or 5 % of --expect if "
		"more)"},
	{"max-early", "N", KIND_COUNT, ALL, AT(max_early), 0, UINT32_MAX, NULL,
		"fail if more than N are closed early (default 0)"},
	{"max-failed", "N", KIND_COUNT, ALL, AT(max_failed), 0, UINT32_MAX, NULL,
		"fail if more than N cannot be opened (default 0)"},
	{"max-never", "N", KIND_COUNT, ALL, AT(max_never), 0, UINT32_MAX, NULL,
		"fail if more than N are never closed (default 0)"},
	{"max-lost", "BYTES", KIND_COUNT, SERVED & ~SCENARIO_STALL, AT(max_lost), 0, UINT32_MAX,
		NULL, "fail if more bytes are lost (default 0)"},
	{"max-unserved", "N", KIND_COUNT, SERVED, AT(max_unserved), 0, UINT32_MAX, NULL,
		"fail if the first bytes of more than N do not reach --serve (default 0)"},
	{"max-latency", "T", KIND_DURATION, SCENARIO_MIXED, AT(max_latency_ns), 0, 0, NULL,
		"fail if a message takes longer than T to come back (default: that of --max-late)"},
	{"progress", "T", KIND_DURATION, ALL | SCENARIO_SUITE, AT(progress_ns), NS_PER_S, 0, NULL,
		"write a line of progress every T (1s or more), even without a terminal"},
	{"json", NULL, KIND_FLAG, ALL | SCENARIO_SERVE | SCENARIO_SUITE, AT(json), 0, 0, NULL,
		"report in JSON; weirload(1) describes it"},
	{"csv", "FILE", KIND_PATH, ALL, AT(csv), 0, 0, NULL, "write one row for each connection"},
	{"junit", "FILE", KIND_PATH, ALL | SCENARIO_SUITE, AT(junit), 0, 0, NULL,
		"write the limits as test cases, in JUnit's XML"},
	{"html", "FILE", KIND_PATH, ALL | SCENARIO_SUITE, AT(html), 0, 0, NULL,
		"write a page for a browser or a printer"},
	{"help", NULL, KIND_HELP, ALL | SCENARIO_SERVE | SCENARIO_SUITE, 0, 0, 0, NULL,
		"print this, and exit"},
};

const size_t option_count = sizeof(option_table) / sizeof(option_table[0]);

bool options_can_serve(const struct scenario *scenario)
{
	return (scenario->bit & SERVED) != 0;
}

/* ---- --help ---- */

void options_help(const struct scenario *scenario, FILE *out)
{
	const char *usage = scenario_opens(scenario)          ? "--target ADDR"
			    : scenario->bit == SCENARIO_SUITE ? "FILE"
							      : "--serve ADDR";

	fprintf(out, "usage: weirload %s %s [OPTION ...]\n\n%s\n", scenario->name, usage,
		scenario->description);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		char head[64];

		if ((option->scenarios & scenario->bit) == 0) {
			continue;
		}
		(void)snprintf(head, sizeof(head), "--%s %s", option->name,
			option->value == NULL ? "" : option->value);
		fprintf(out, "  %-27s %s\n", head, option->help);
	}
	fprintf(out, "\nExit status: 0 if every limit holds, 1 if one does not, 2 if nothing was "
		     "tested, 130 after\nCtrl-C. See weirload(1).\n");
}

/* ---- the options of a run ---- */

/** The word for the value of a KIND_WORD; "": none was given. */
static void word_of(const struct option *option, uint64_t place, struct option_value *ret)
{
	const char *word = option->words;

	ret->text[0] = '\0';
	if (place < option->min) {
		return;
	}
	for (uint64_t i = option->min; i < place; i++) {
		word += strcspn(word, " ");
		word += strspn(word, " ");
	}
	(void)snprintf(ret->text, sizeof(ret->text), "%.*s", (int)strcspn(word, " "), word);
}

static void source_text(const struct options *options, struct option_value *ret)
{
	char text[ADDR_TEXT_MAX];
	size_t used = 0;

	ret->text[0] = '\0';
	for (uint64_t i = 0; i < options->n_sources && used < sizeof(ret->text); i++) {
		const struct addr *source = &options->sources[i];
		bool is_v4 = source->sa.any.sa_family == AF_INET;
		const void *from =
			is_v4 ? (const void *)&source->sa.in.sin_addr : &source->sa.in6.sin6_addr;

		(void)inet_ntop(source->sa.any.sa_family, from, text, sizeof(text));
		used += (size_t)snprintf(ret->text + used, sizeof(ret->text) - used, "%s%s",
			i == 0 ? "" : ",", text);
	}
}

/** Whether a row is the one to report for its name: that of the scenario, or else the first one. */
static bool is_told(const struct options *options, size_t index)
{
	const struct option *option = &option_table[index];

	if ((option->scenarios & options->scenario->bit) != 0) {
		return true;
	}
	for (size_t i = 0; i < option_count; i++) {
		bool applies = (option_table[i].scenarios & options->scenario->bit) != 0;

		if (strcmp(option_table[i].name, option->name) == 0 && (applies || i < index)) {
			return false;
		}
	}
	return true;
}

static void read_field(
	const struct option *option, const struct options *options, struct option_value *ret)
{
	const void *field = (const char *)options + option->offset;

	switch (option->kind) {
	case KIND_TARGET:
	case KIND_LISTEN:
		if (((const struct addr *)field)->sa_len != 0) {
			(void)addr_text(field, ret->text);
		}
		break;
	case KIND_SOURCE:
		source_text(options, ret);
		break;
	case KIND_COUNT:
		ret->number = *(const uint64_t *)field;
		(void)snprintf(ret->text, sizeof(ret->text), "%ju", (uintmax_t)ret->number);
		break;
	case KIND_NUMBER:
		ret->real = *(const double *)field;
		(void)snprintf(ret->text, sizeof(ret->text), "%g", ret->real);
		break;
	case KIND_DURATION:
		ret->number = *(const uint64_t *)field;
		if (ret->number != NS_NEVER) {
			(void)format_duration(ret->number, ret->text);
		}
		break;
	case KIND_WORD:
		word_of(option, *(const uint64_t *)field, ret);
		break;
	case KIND_FLAG:
		ret->number = *(const bool *)field;
		(void)snprintf(ret->text, sizeof(ret->text), "%s", ret->number ? "yes" : "");
		break;
	case KIND_TEXT:
	case KIND_PATH:
		ret->word = *(const char *const *)field;
		break;
	case KIND_HELP:
		break;
	}
}

bool options_value(const struct options *options, size_t *index, struct option_value *ret)
{
	static const enum option_type types[] = {
		[KIND_COUNT] = OPTION_NUMBER,
		[KIND_NUMBER] = OPTION_REAL,
		[KIND_DURATION] = OPTION_DURATION,
		[KIND_FLAG] = OPTION_FLAG,
		[KIND_HELP] = OPTION_TEXT,
	};
	const struct option *option;

	while (*index < option_count &&
		(option_table[*index].kind == KIND_HELP || !is_told(options, *index))) {
		++*index;
	}
	if (*index == option_count) {
		return false;
	}
	option = &option_table[(*index)++];
	ret->name = option->name;
	ret->type = types[option->kind];
	ret->text[0] = '\0';
	ret->word = ret->text;
	ret->number = 0;
	ret->real = 0;
	if ((option->scenarios & options->scenario->bit) != 0) {
		read_field(option, options, ret);
	}
	if (ret->word == NULL) {
		ret->word = ret->text;
	}
	return true;
}
