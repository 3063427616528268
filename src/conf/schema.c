/* SPDX-License-Identifier: ISC */
#include "conf/schema.h"

#include <string.h>

#include "conf/conf.h"

#define NEVER NS_NEVER

/* The timeouts that the top level and a listener share; `drain` is the process's alone. */
#define TIMEOUT(owner, prefix, name, minimum, text, meaning)                                       \
	{                                                                                          \
		.path = prefix "timeouts." #name, .type = CONF_DURATION, .preset = text,           \
		.example = text, .min = minimum, .max = NEVER,                                     \
		.offset = offsetof(struct owner, timeouts.name##_ns), .help = meaning              \
	}
#define TIMEOUTS(owner, prefix)                                                                    \
	TIMEOUT(owner, prefix, connect, 1, "5s", "one attempt to one address, or one lookup"),     \
		TIMEOUT(owner, prefix, idle, 1, "10m", "no byte either way"),                      \
		TIMEOUT(owner, prefix, half_close, 1, "30s",                                       \
			"no byte after the first end of input was passed on"),                     \
		TIMEOUT(owner, prefix, half_close_max, 1, "none",                                  \
			"from the first end of input on, whatever moves"),                         \
		TIMEOUT(owner, prefix, write_stall, 1, "5m",                                       \
			"bytes wait for a side that takes none"),                                  \
		TIMEOUT(owner, prefix, lifetime, 1, "none", "from accept on, whatever moves")

/* What listeners and upstreams share of their sockets. */
#define SOCKET(owner, prefix, key, kind, ...)                                                      \
	{                                                                                          \
		.path = prefix "socket." key, .type = kind, __VA_ARGS__                            \
	}
#define OF(owner, member) .offset = offsetof(struct owner, socket.member)
#define SOCKETS(owner, prefix)                                                                     \
	SOCKET(owner, prefix, "nodelay", CONF_SWITCH, .preset = "on", .example = "off",            \
		OF(owner, nodelay), .help = "small segments go out at once: on or off"),           \
		SOCKET(owner, prefix, "keepalive", CONF_GROUP, .help = "probes of silent peers"),  \
		SOCKET(owner, prefix, "keepalive.idle", CONF_DURATION, .preset = "none",           \
			.example = "1m", .min = 1, .max = NEVER, OF(owner, keepalive_idle_ns),     \
			.help = "silence before the first probe; none: no probes"),                \
		SOCKET(owner, prefix, "keepalive.interval", CONF_DURATION, .preset = "75s",        \
			.example = "10s", .min = 1, .max = NEVER,                                  \
			OF(owner, keepalive_interval_ns), .help = "between probes"),               \
		SOCKET(owner, prefix, "keepalive.count", CONF_INT, .example = "9", .min = 1,       \
			.max = SOCKOPTS_KEEPALIVE_MAX_N, OF(owner, keepalive_count),               \
			.help = "unanswered probes that end it; default: the kernel's, 9"),        \
		SOCKET(owner, prefix, "user_timeout", CONF_DURATION, .preset = "none",             \
			.example = "30s", .min = 1, .max = NEVER, OF(owner, user_timeout_ns),      \
			.help = "sent bytes are not acknowledged; none: the kernel's"),            \
		SOCKET(owner, prefix, "send_buffer", CONF_SIZE, .example = "256k",                 \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, send_buffer),              \
			.help = "bytes sent but not acknowledged; default: the kernel tunes it"),  \
		SOCKET(owner, prefix, "receive_buffer", CONF_SIZE, .example = "256k",              \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, receive_buffer),           \
			.help = "bytes received but not read; default: the kernel tunes it"),      \
		SOCKET(owner, prefix, "notsent_lowat", CONF_SIZE, .example = "128k",               \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, notsent_lowat),            \
			.help = "bytes not sent yet from which on the socket is full; default: "   \
				"the kernel's")

enum { BUFFER_MIN = 4 * 1024, BUFFER_MAX = 1024 * 1024 * 1024 };

#define LIST(owner, member, element)                                                               \
	.type = CONF_LIST, .required = true, .offset = offsetof(struct owner, member),             \
	.count_offset = offsetof(struct owner, n_##member), .element_size = sizeof(struct element)

const struct conf_key conf_schema[] = {
	{.path = "workers",
		.type = CONF_INT,
		.example = "4",
		.min = 1,
		.max = 1024,
		.offset = offsetof(struct conf, workers),
		.help = "threads; default: one per CPU that the process may use"},
	{.path = "max_pairs",
		.type = CONF_INT,
		.example = "10000",
		.min = 1,
		.max = 10000000,
		.offset = offsetof(struct conf, max_pairs),
		.help = "pairs at a time; default: what the limit of open files allows"},
	{.path = "timeouts", .type = CONF_GROUP, .help = "what ends a pair by the clock"},
	TIMEOUTS(conf, ""),
	TIMEOUT(conf, "", drain, 0, "30s", "from SIGTERM on, whatever moves"),
	{.path = "drain", .type = CONF_GROUP, .help = "the order within timeouts.drain"},
	{.path = "drain.grace",
		.type = CONF_DURATION,
		.preset = "0s",
		.example = "0s",
		.max = NEVER - 1,
		.offset = offsetof(struct conf, drain.grace_ns),
		.help = "first, clients are still accepted"},
	{.path = "drain.idle_first",
		.type = CONF_DURATION,
		.preset = "1s",
		.example = "1s",
		.min = 1,
		.max = NEVER,
		.offset = offsetof(struct conf, drain.idle_first_ns),
		.help = "then pairs end in which no byte moves for so long"},
	{.path = "drain.spread",
		.type = CONF_DURATION,
		.preset = "5s",
		.example = "5s",
		.max = NEVER - 1,
		.offset = offsetof(struct conf, drain.spread_ns),
		.help = "at last, all others end in the course of this"},
	{.path = "log", .type = CONF_GROUP, .help = "the log on stderr"},
	{.path = "log.level",
		.type = CONF_LEVEL,
		.preset = "info",
		.example = "info",
		.offset = offsetof(struct conf, log_level),
		.help = "error, warn, info or debug"},
	{.path = "relay", .type = CONF_GROUP, .help = "how bytes are relayed"},
	{.path = "relay.high_water_mark",
		.type = CONF_SIZE,
		.preset = "64k",
		.example = "64k",
		.min = 4 * 1024,
		.max = 16 * 1024 * 1024,
		.offset = offsetof(struct conf, high_water_mark),
		.help = "bytes that wait for one side at most"},
	{.path = "relay.splice",
		.type = CONF_AUTO,
		.preset = "auto",
		.example = "off",
		.offset = offsetof(struct conf, splice),
		.help = "bulk bytes go past user space where the kernel lets them: auto or off"},
	{.path = "reload", .type = CONF_GROUP, .help = "what a reload does"},
	{.path = "reload.apply_to_open_pairs",
		.type = CONF_APPLY,
		.example = "timeouts",
		.offset = offsetof(struct conf, apply_timeouts),
		.help = "what changes for open pairs too: timeouts, or nothing"},
	{.path = "listeners",
		LIST(conf, listeners, conf_listener),
		.help = "where clients come in"},
	{.path = "listeners[].name",
		.type = CONF_NAME,
		.required = true,
		.example = "web",
		.offset = offsetof(struct conf_listener, name),
		.help = "for the log"},
	{.path = "listeners[].listen",
		.type = CONF_LISTEN,
		.required = true,
		.example = "127.0.0.1:8080",
		.offset = offsetof(struct conf_listener, addresses),
		.help = "an address, or an array of addresses"},
	{.path = "listeners[].upstream",
		.type = CONF_REFERENCE,
		.required = true,
		.example = "app",
		.offset = offsetof(struct conf_listener, upstream),
		.help = "the name of an upstream"},
	{.path = "listeners[].max_pairs",
		.type = CONF_INT,
		.example = "1000",
		.min = 1,
		.max = 10000000,
		.offset = offsetof(struct conf_listener, max_pairs),
		.help = "pairs of this listener at a time; default: only the global limit"},
	{.path = "listeners[].on_idle",
		.type = CONF_CLOSE,
		.preset = "fin",
		.example = "reset",
		.offset = offsetof(struct conf_listener, idle_resets),
		.help = "what both sides see when timeouts.idle strikes: fin or reset"},
	{.path = "listeners[].mode",
		.type = CONF_MODE,
		.preset = "0666",
		.example = "0660",
		.max = 0777,
		.offset = offsetof(struct conf_listener, access.mode),
		.help = "of UNIX sockets, in octal"},
	{.path = "listeners[].owner",
		.type = CONF_OWNER,
		.example = "root",
		.offset = offsetof(struct conf_listener, access),
		.help = "of UNIX sockets: a user; default: weir's own"},
	{.path = "listeners[].group",
		.type = CONF_TEAM,
		.example = "adm",
		.offset = offsetof(struct conf_listener, access),
		.help = "of UNIX sockets: a group of users; default: weir's own"},
	{.path = "listeners[].timeouts",
		.type = CONF_GROUP,
		.help = "override those of the top level"},
	TIMEOUTS(conf_listener, "listeners[]."),
	{.path = "listeners[].socket",
		.type = CONF_GROUP,
		.help = "of its TCP sockets; connections inherit it"},
	SOCKETS(conf_listener, "listeners[]."),
	SOCKET(conf_listener, "listeners[].", "backlog", CONF_INT, .example = "4096", .min = 1,
		.max = 1000000, OF(conf_listener, backlog),
		.help = "clients that may wait to be accepted; default: 4096, or systemd's"),
	SOCKET(conf_listener, "listeners[].", "freebind", CONF_SWITCH, .preset = "off",
		.example = "on", OF(conf_listener, freebind),
		.help = "listen on an address that is not there yet: on or off"),
	{.path = "upstreams", LIST(conf, upstreams, conf_upstream), .help = "where pairs go"},
	{.path = "upstreams[].name",
		.type = CONF_NAME,
		.required = true,
		.example = "app",
		.offset = offsetof(struct conf_upstream, name),
		.help = "what listeners refer to"},
	{.path = "upstreams[].retry_for",
		.type = CONF_DURATION,
		.preset = "none",
		.example = "none",
		.min = 1,
		.max = NEVER,
		.offset = offsetof(struct conf_upstream, retry_for_ns),
		.help = "how long a client waits for a server that is still starting"},
	{.path = "upstreams[].socket",
		.type = CONF_GROUP,
		.help = "of TCP connections to its servers"},
	SOCKETS(conf_upstream, "upstreams[]."),
	{.path = "upstreams[].socket.source",
		.type = CONF_SOURCE,
		.example = "192.0.2.1",
		.offset = offsetof(struct conf_upstream, source),
		.help = "the address they come from; default: the kernel picks it"},
	{.path = "upstreams[].servers",
		LIST(conf_upstream, servers, conf_server),
		.help = "tried in this order until one connects"},
	{.path = "upstreams[].servers[].address",
		.type = CONF_SERVER,
		.required = true,
		.example = "127.0.0.1:9000",
		.help = "where to connect to"},
};

const size_t conf_schema_len = sizeof(conf_schema) / sizeof(conf_schema[0]);

/* The part of the path behind "parent."; NULL when it does not begin so. */
static const char *path_behind(const char *path, const char *parent)
{
	size_t len = 0;

	if (*parent == '\0') {
		return path;
	}
	/* By hand: most differ at once, and each key of a large file comes by here. */
	while (parent[len] != '\0' && path[len] == parent[len]) {
		len++;
	}
	return parent[len] == '\0' && path[len] == '.' ? path + len + 1 : NULL;
}

const char *conf_schema_child(const struct conf_key *key, const char *parent)
{
	const char *name = path_behind(key->path, parent);

	return name != NULL && strchr(name, '.') == NULL ? name : NULL;
}

bool conf_schema_within(const struct conf_key *key, const char *parent)
{
	const char *name = path_behind(key->path, parent);

	return name != NULL && strchr(name, '[') == NULL;
}

const struct conf_key *conf_schema_find(const char *parent, const char *name)
{
	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *child = conf_schema_child(&conf_schema[i], parent);

		if (child != NULL && strcmp(child, name) == 0) {
			return &conf_schema[i];
		}
	}
	return NULL;
}

const struct conf_key *conf_schema_elsewhere(const char *name)
{
	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *dot = strrchr(conf_schema[i].path, '.');

		if (strcmp(dot == NULL ? conf_schema[i].path : dot + 1, name) == 0) {
			return &conf_schema[i];
		}
	}
	return NULL;
}

const char *conf_schema_nearest(const char *parent, const char *name)
{
	size_t third = strnlen(name, CONF_NAME_MAX) / 3;
	size_t fewest = (third > 2 ? third : 2) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *child = conf_schema_child(&conf_schema[i], parent);
		size_t edits = child == NULL ? SIZE_MAX : conf_edits(child, name);

		if (edits < fewest) {
			nearest = child;
			fewest = edits;
		}
	}
	return nearest;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t min = a < b ? a : b;

	return min < c ? min : c;
}

/* Wagner and Fischer, one row of the table at a time. */
size_t conf_edits(const char *a, const char *b)
{
	size_t row[CONF_NAME_MAX + 1];
	size_t a_len = strnlen(a, CONF_NAME_MAX);
	size_t b_len = strnlen(b, CONF_NAME_MAX);

	for (size_t j = 0; j <= b_len; j++) {
		row[j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[b_len];
}
