/* SPDX-License-Identifier: ISC */
#include "ctl/show.h"

#include <string.h>
#include <time.h>

#include "base/text.h"

void show_text(FILE *out, const char *text)
{
	char escape[TEXT_ESCAPE_MAX];

	for (text = text == NULL ? "-" : text; *text != '\0'; text++) {
		if (*text >= ' ' && *text <= '~') {
			(void)fputc(*text, out);
		} else {
			(void)fwrite(escape, 1, text_escape(*text, escape), out);
		}
	}
}

void show_quoted(FILE *out, const char *text)
{
	char escape[TEXT_ESCAPE_MAX];

	for (; *text != '\0'; text++) {
		if (text_is_plain(*text)) {
			(void)fputc(*text, out);
		} else {
			(void)fwrite(escape, 1, text_escape(*text, escape), out);
		}
	}
}

const char *show_time(json_int_t ms, char text[SHOW_TIME_MAX])
{
	json_int_t s = ms / 1000;

	if (s < 60) {
		(void)snprintf(text, SHOW_TIME_MAX, "%lld.%llds", s, ms % 1000 / 100);
	} else if (s < 3600) {
		(void)snprintf(text, SHOW_TIME_MAX, "%lldm%02llds", s / 60, s % 60);
	} else if (s < 86400) {
		(void)snprintf(text, SHOW_TIME_MAX, "%lldh%02lldm", s / 3600, s / 60 % 60);
	} else {
		(void)snprintf(text, SHOW_TIME_MAX, "%lldd%02lldh", s / 86400, s / 3600 % 24);
	}
	return text;
}

json_int_t show_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void show_value(FILE *out, const json_t *value)
{
	if (json_is_integer(value)) {
		fprintf(out, "%lld", json_integer_value(value));
	} else if (json_is_boolean(value)) {
		(void)fputs(json_is_true(value) ? "yes" : "no", out);
	} else {
		show_text(out, json_string_value(value));
	}
}

void show_member(FILE *out, const json_t *object, const char *key)
{
	show_value(out, json_object_get(object, key));
}

/** Writes " KEY VALUE" for each of these keys, up to NULL. */
static void show_members(FILE *out, const json_t *object, const char *const *keys)
{
	for (; *keys != NULL; keys++) {
		fprintf(out, "  %s ", *keys);
		show_member(out, object, *keys);
	}
}

/** "  KEY VALUE" of a maximum, where 0 stands for no limit. */
static void show_limit(FILE *out, const json_t *object, const char *key)
{
	fprintf(out, "  %s ", key);
	if (show_number(object, key) == 0) {
		(void)fputc('-', out);
	} else {
		show_member(out, object, key);
	}
}

/* ---- lists: a line for each, which begins with the name ---- */

/** Writes the reasons for which pairs have ended, with their counts; no line if there are none. */
static void show_ended(FILE *out, const json_t *ended)
{
	const char *before = "\nended";
	const char *reason;
	json_t *count;

	json_object_foreach((json_t *)ended, reason, count)
	{
		if (json_integer_value(count) > 0) {
			fprintf(out, "%s  ", before);
			show_text(out, reason);
			fprintf(out, " %lld", json_integer_value(count));
			before = "";
		}
	}
}

/** The same for a listener; also writes by whom the pairs ended. */
static void show_ended_by(FILE *out, const json_t *ended)
{
	size_t i;
	json_t *one;

	json_array_foreach(ended, i, one)
	{
		(void)fputs(i == 0 ? "  ended by " : ", ", out);
		show_member(out, one, "by");
		(void)fputc(' ', out);
		show_member(out, one, "reason");
		fprintf(out, " %lld", show_number(one, "pairs"));
	}
}

void show_status(FILE *out, const json_t *json)
{
	static const char *const servers_keys[] = {"usable", "all", NULL};
	static const char *const pairs_keys[] = {"open", "max", "half_closed", "accepted", NULL};
	static const char *const reload_keys[] = {"at", "ok", NULL};
	static const char *const last_keys[] = {
		"workers", "listeners", "timers_p99_us", "log_level", NULL};
	const json_t *pairs = json_object_get(json, "pairs");
	char text[SHOW_TIME_MAX];

	(void)fputs("weir ", out);
	show_member(out, json, "version");
	(void)fputs(" on ", out);
	show_member(out, json, "node");
	(void)fputs(": ", out);
	show_member(out, json, "state");
	if (json_is_integer(json_object_get(json, "left_ms"))) {
		fprintf(out, ", %s left", show_time(show_number(json, "left_ms"), text));
	}
	fprintf(out, ", generation %lld, up %s\n", show_number(json, "generation"),
		show_time(show_number(json, "uptime_ms"), text));
	(void)fputs("pairs", out);
	show_members(out, pairs, pairs_keys);
	show_ended(out, json_object_get(pairs, "ended"));
	(void)fputs("\nservers", out);
	show_members(out, json_object_get(json, "servers"), servers_keys);
	(void)fputs("\nreload", out);
	show_members(out, json_object_get(json, "reload"), reload_keys);
	(void)fputs("\nprocess", out);
	show_members(out, json, last_keys);
	(void)fputc('\n', out);
}

void show_listeners(FILE *out, const json_t *json)
{
	static const char *const open_keys[] = {"open", NULL};
	static const char *const accepted_keys[] = {"accepted", NULL};
	size_t i;
	size_t j;
	json_t *listener;
	json_t *address;

	json_array_foreach(json_object_get(json, "listeners"), i, listener)
	{
		show_member(out, listener, "name");
		(void)fputs("  upstream ", out);
		show_member(out, listener, "upstream");
		show_members(out, json_object_get(listener, "pairs"), open_keys);
		show_limit(out, json_object_get(listener, "pairs"), "max");
		show_members(out, json_object_get(listener, "pairs"), accepted_keys);
		json_array_foreach(json_object_get(listener, "listen"), j, address)
		{
			(void)fputs(j == 0 ? "  listen " : " ", out);
			show_value(out, address);
		}
		show_ended_by(out, json_object_get(listener, "ended"));
		(void)fputc('\n', out);
	}
}

void show_upstreams(FILE *out, const json_t *json)
{
	static const char *const keys[] = {
		"address", "usable", "told", "check", "ejected", "weight", "pairs", NULL};
	static const char *const failed_keys[] = {"connects_failed", NULL};
	size_t i;
	size_t j;
	json_t *upstream;
	json_t *server;

	json_array_foreach(json_object_get(json, "upstreams"), i, upstream)
	{
		json_array_foreach(json_object_get(upstream, "servers"), j, server)
		{
			show_member(out, upstream, "name");
			(void)fputc('/', out);
			show_member(out, server, "name");
			show_members(out, server, keys);
			show_limit(out, server, "max_pairs");
			show_members(out, server, failed_keys);
			(void)fputc('\n', out);
		}
	}
}

const char *show_next_timer(const json_t *pair, json_int_t *ret_left_ms)
{
	const char *next = NULL;
	const char *name;
	json_t *timer;

	json_object_foreach(json_object_get(pair, "timers"), name, timer)
	{
		json_int_t left_ms = show_number(timer, "left_ms");

		if (next == NULL || left_ms < *ret_left_ms) {
			next = name;
			*ret_left_ms = left_ms;
		}
	}
	return next;
}

/** Writes the server of a pair: its address, and its name if the config gives it one. */
static void show_server(FILE *out, const json_t *pair)
{
	static const char *const keys[] = {"server", NULL};
	static const char *const named_keys[] = {"server", "server_name", NULL};

	show_members(out, pair,
		json_is_string(json_object_get(pair, "server_name")) ? named_keys : keys);
}

void show_pairs(FILE *out, const json_t *json)
{
	static const char *const keys[] = {"listener", "client", NULL};
	static const char *const state_keys[] = {"state", NULL};
	char text[SHOW_TIME_MAX];
	json_int_t left_ms = 0;
	const char *timer;
	size_t i;
	json_t *pair;

	json_array_foreach(json_object_get(json, "pairs"), i, pair)
	{
		fprintf(out, "%lld", show_number(pair, "id"));
		show_members(out, pair, keys);
		show_server(out, pair);
		show_members(out, pair, state_keys);
		fprintf(out, "  age %s", show_time(show_number(pair, "age_ms"), text));
		fprintf(out, "  up %lld  down %lld",
			show_number(json_object_get(pair, "up"), "bytes"),
			show_number(json_object_get(pair, "down"), "bytes"));
		timer = show_next_timer(pair, &left_ms);
		if (timer != NULL) {
			(void)fputs("  ", out);
			show_text(out, timer);
			fprintf(out, " in %s", show_time(left_ms, text));
		}
		(void)fputc('\n', out);
	}
}

/* ---- one pair ---- */

/** What each timer waits for: weir.conf(5), "TIMEOUTS". */
static const struct meaning {
	const char *timer;
	const char *words;
} meanings[] = {
	{"connect", "the server has not answered the connect by then; the next one is tried, if "
		    "there is one"},
	{"preface", "the client's PROXY header or ClientHello is not whole by then"},
	{"queue", "no server has room for it by then"},
	{"write_stall", "the side that bytes wait for takes none of them until then"},
	{"half_close", "one side has ended its input, and no byte moves until then"},
	{"half_close_max", "one side has ended its input, and the other one does not by then"},
	{"first_byte", "the client has not said a byte, and says none until then"},
	{"idle_client", "the client says nothing until then"},
	{"idle_upstream", "the server says nothing until then"},
	{"idle", "no byte moves on either side until then"},
	{"lifetime", "it was accepted long enough ago then, whatever moves"},
	{"drain", "weir is stopping or drained by hand, and waits no longer for it"},
};

static const char *meaning_of(const char *timer)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (strcmp(meanings[i].timer, timer) == 0) {
			return meanings[i].words;
		}
	}
	return "weir.conf(5) has what it waits for";
}

static void show_end(FILE *out, const json_t *pair)
{
	char text[SHOW_TIME_MAX];
	char at[32] = "";
	json_int_t left_ms = 0;
	const char *timer = show_next_timer(pair, &left_ms);
	time_t when = time(NULL) + (time_t)(left_ms / 1000);
	struct tm tm;

	if (timer == NULL) {
		(void)fputs("No timer runs: only its peers end it, a reload or stop, or "
			    "weirctl kill.\n",
			out);
		return;
	}
	if (gmtime_r(&when, &tm) != NULL) {
		(void)strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	}
	(void)fputs("It ends by ", out);
	show_text(out, timer);
	fprintf(out, " in %s, at %s, because: %s.\n", show_time(left_ms, text), at,
		meaning_of(timer));
}

static void show_way(FILE *out, const json_t *pair, const char *way)
{
	static const char *const keys[] = {
		"bytes", "bytes_per_s", "quiet_ms", "waiting", "spliced", NULL};
	const json_t *json = json_object_get(pair, way);
	const char *held_by = json_string_value(json_object_get(json, "held_by"));

	(void)fputs(way, out);
	show_members(out, json, keys);
	if (held_by != NULL) {
		(void)fputs("  held by the ", out);
		show_text(out, held_by);
		(void)fputs(", which does not take what waits", out);
	}
	(void)fputc('\n', out);
}

/** Writes the TCP_INFO of a connection; no line for a UNIX socket. */
static void show_tcp(FILE *out, const char *side, const json_t *tcp)
{
	static const char *const keys[] = {"rtt_us", "retransmits", NULL};

	if (json_is_object(tcp)) {
		(void)fputs(side, out);
		show_members(out, tcp, keys);
		(void)fputc('\n', out);
	}
}

void show_pair(FILE *out, const json_t *pair)
{
	static const char *const keys[] = {"listener", "client", "upstream", NULL};
	static const char *const state_keys[] = {"state", NULL};
	char text[SHOW_TIME_MAX];
	const char *name;
	json_t *timer;

	fprintf(out, "pair %lld", show_number(pair, "id"));
	show_members(out, pair, keys);
	show_server(out, pair);
	show_members(out, pair, state_keys);
	fprintf(out, "  age %s\n", show_time(show_number(pair, "age_ms"), text));
	show_way(out, pair, "up");
	show_way(out, pair, "down");
	show_tcp(out, "client", json_object_get(pair, "client_tcp"));
	show_tcp(out, "server", json_object_get(pair, "server_tcp"));
	json_object_foreach(json_object_get(pair, "timers"), name, timer)
	{
		(void)fputs("timer ", out);
		show_text(out, name);
		fprintf(out, "  in %s\n", show_time(show_number(timer, "left_ms"), text));
	}
	show_end(out, pair);
}
