/* SPDX-License-Identifier: ISC */
/* The table of all keys. */
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf/source.h"

#define NEVER NS_NEVER

/* For CONF_EITHER; the first word means true. */
static const char *const on_off[] = {"on", "off", NULL};
static const char *const auto_off[] = {"auto", "off", NULL};
static const char *const reset_fin[] = {"reset", "fin", NULL};
static const char *const end_keep[] = {"end", "keep", NULL};

static const char *const balances[] = {
	[BALANCE_ROUND_ROBIN] = "round_robin",
	[BALANCE_LEAST_PAIRS] = "least_pairs",
	[BALANCE_RANDOM] = "random",
	[BALANCE_HASH] = "hash",
	[BALANCE_FIRST] = "first",
	NULL,
};
static const char *const hash_keys[] = {
	[HASH_ON_CLIENT] = "client",
	[HASH_ON_CLIENT_PORT] = "client_port",
	[HASH_ON_SNI] = "sni",
	NULL,
};
static const char *const proxy_versions[] = {
	[SEND_PROXY_OFF] = "off",
	[SEND_PROXY_V1] = "v1",
	[SEND_PROXY_V2] = "v2",
	NULL,
};
/* For CONF_FLAGS; each word is a bit: enum conf_tlv, enum conf_apply. */
static const char *const tlvs[] = {"authority", "alpn", "unique_id", "crc32c", "received", NULL};
static const char *const applied[] = {"timeouts", "access", NULL};

/* The timeouts that the top level and a listener share; `drain` is only at the top level. */
#define SPAN(owner, prefix, name, least, most, text, meaning)                                      \
	{                                                                                          \
		.path = prefix "timeouts." #name, .type = CONF_DURATION, .preset = text,           \
		.example = text, .min = least, .max = most,                                        \
		.offset = offsetof(struct owner, timeouts.name##_ns), .help = meaning              \
	}
#define TIMEOUT(owner, prefix, name, text, meaning)                                                \
	SPAN(owner, prefix, name, 1, NEVER, text, meaning)
#define TIMEOUTS(owner, prefix)                                                                    \
	TIMEOUT(owner, prefix, connect, "5s", "one attempt to one address, or one lookup"),        \
		TIMEOUT(owner, prefix, idle, "10m", "no byte either way"),                         \
		TIMEOUT(owner, prefix, half_close, "30s",                                          \
			"no byte after the first end of input was passed on"),                     \
		TIMEOUT(owner, prefix, half_close_max, "none",                                     \
			"from the first end of input on, whatever moves"),                         \
		TIMEOUT(owner, prefix, write_stall, "5m",                                          \
			"bytes wait for a side that takes none"),                                  \
		TIMEOUT(owner, prefix, lifetime, "none", "from accept on, whatever moves"),        \
		SPAN(owner, prefix, lifetime_grace, 0, NEVER - 1, "0s",                            \
			"then, up to a quiet second"),                                             \
		SPAN(owner, prefix, lifetime_spread, 0, NEVER - 1, "0s",                           \
			"each pair lives for a share of it longer"),                               \
		TIMEOUT(owner, prefix, preface, "5s",                                              \
			"from accept on: PROXY header and ClientHello"),                           \
		TIMEOUT(owner, prefix, queue, "5s", "no server has room for one more pair"),       \
		TIMEOUT(owner, prefix, first_byte, "none", "no byte of the client yet"),           \
		TIMEOUT(owner, prefix, idle_client, "none", "no byte of the client"),              \
		TIMEOUT(owner, prefix, idle_upstream, "none", "no byte of the server")

/* Socket options that listeners and upstreams share; the top level sets them for both. */
#define SOCKET(owner, prefix, key, kind, ...)                                                      \
	{                                                                                          \
		.path = prefix "socket." key, .type = kind, __VA_ARGS__                            \
	}
#define OF(owner, member) .offset = offsetof(struct owner, socket.member)
#define SOCKETS(owner, prefix)                                                                     \
	SOCKET(owner, prefix, "nodelay", CONF_EITHER, .words = on_off, .preset = "on",             \
		.example = "off", OF(owner, nodelay),                                              \
		.help = "small segments go out at once: on or off"),                               \
		SOCKET(owner, prefix, "keepalive", CONF_GROUP, .help = "probes of silent peers"),  \
		SOCKET(owner, prefix, "keepalive.idle", CONF_DURATION, .preset = "none",           \
			.example = "1m", .min = 1, .max = NEVER, OF(owner, keepalive_idle_ns),     \
			.help = "silence before the first probe; none: no probes"),                \
		SOCKET(owner, prefix, "keepalive.interval", CONF_DURATION, .preset = "75s",        \
			.example = "10s", .max = NEVER, OF(owner, keepalive_interval_ns),          \
			.help = "time between two probes"),                                        \
		SOCKET(owner, prefix, "keepalive.count", CONF_INT, .example = "9", .min = 1,       \
			.max = SOCKOPTS_KEEPALIVE_MAX_N, OF(owner, keepalive_count),               \
			.help = "unanswered probes that end the pair; default: the kernel's, 9"),  \
		SOCKET(owner, prefix, "user_timeout", CONF_DURATION, .preset = "none",             \
			.example = "30s", .min = 1, .max = NEVER, OF(owner, user_timeout_ns),      \
			.help = "time without acknowledgement of sent bytes; none: the kernel's"), \
		SOCKET(owner, prefix, "send_buffer", CONF_SIZE, .example = "256k",                 \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, send_buffer),              \
			.help = "bytes sent but not acknowledged; default: the kernel tunes it"),  \
		SOCKET(owner, prefix, "receive_buffer", CONF_SIZE, .example = "256k",              \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, receive_buffer),           \
			.help = "bytes received but not read; default: the kernel tunes it"),      \
		SOCKET(owner, prefix, "notsent_lowat", CONF_SIZE, .example = "128k",               \
			.min = BUFFER_MIN, .max = BUFFER_MAX, OF(owner, notsent_lowat),            \
			.help = "this many bytes not sent yet make the socket full; default: "     \
				"the kernel's"),                                                   \
		SOCKET(owner, prefix, "mptcp", CONF_EITHER, .words = on_off, .preset = "off",      \
			.example = "on", OF(owner, mptcp), .help = "Multipath TCP: on or off")
#define FASTOPEN(owner, prefix, text, meaning)                                                     \
	SOCKET(owner, prefix, "fastopen", CONF_FASTOPEN, .words = on_off, .example = text,         \
		.min = 1, .max = UINT16_MAX, .offset = offsetof(struct owner, socket),             \
		.help = meaning)
/* Options of listening sockets. */
#define LISTENING(owner, prefix)                                                                   \
	SOCKET(owner, prefix, "backlog", CONF_INT, .example = "4096", .min = 1, .max = 1000000,    \
		OF(owner, backlog),                                                                \
		.help = "clients that may wait to be accepted; default: 4096, or systemd's"),      \
		SOCKET(owner, prefix, "freebind", CONF_EITHER, .words = on_off, .preset = "off",   \
			.example = "on", OF(owner, freebind),                                      \
			.help = "listen on an address that is not there yet: on or off")

enum { BUFFER_MIN = 4 * 1024, BUFFER_MAX = 1024 * 1024 * 1024 };

#define LIST(owner, member, element)                                                               \
	.type = CONF_LIST, .offset = offsetof(struct owner, member),                               \
	.count_offset = offsetof(struct owner, n_##member), .element_size = sizeof(struct element)

/* The keys that say who may use a UNIX socket. */
#define ACCESS(prefix, text, owner_struct, member)                                                 \
	{.path = prefix "mode",                                                                    \
		.type = CONF_MODE,                                                                 \
		.preset = text,                                                                    \
		.example = "0660",                                                                 \
		.max = 0777,                                                                       \
		.offset = offsetof(struct owner_struct, member.mode),                              \
		.help = "of UNIX sockets, in octal"},                                              \
		{.path = prefix "owner",                                                           \
			.type = CONF_OWNER,                                                        \
			.example = "root",                                                         \
			.offset = offsetof(struct owner_struct, member),                           \
			.help = "of UNIX sockets: a user; default: weir's own"},                   \
	{                                                                                          \
		.path = prefix "group", .type = CONF_TEAM, .example = "adm",                       \
		.offset = offsetof(struct owner_struct, member),                                   \
		.help = "of UNIX sockets: a group of users; default: weir's own"                   \
	}

/* Keys of a listener, and of a route of it. */
#define IN_LISTENER(name, kind, member, ...)                                                       \
	{                                                                                          \
		.path = "listeners[]." name, .type = kind,                                         \
		.offset = offsetof(struct conf_listener, member), __VA_ARGS__                      \
	}
#define IN_ROUTE(name, kind, most, ...)                                                            \
	{                                                                                          \
		.path = "listeners[].routes[]." #name, .type = kind, .max = most,                  \
		.offset = offsetof(struct conf_route, name),                                       \
		.count_offset = offsetof(struct conf_route, n_##name),                             \
		.element_size = sizeof(char *), __VA_ARGS__                                        \
	}
/* At least 100 bytes in 100 ms. */
#define BANDWIDTH_MIN 1024
#define BANDWIDTH_MAX (UINT64_C(1) << 40)

/* A key of a group of an upstream. */
#define MEMBER_CONF_INT(name)      name
#define MEMBER_CONF_DURATION(name) name##_ns
#define IN_UPSTREAM(group, name, kind, text, least, most, ...)                                     \
	{                                                                                          \
		.path = "upstreams[]." #group "." #name, .type = kind, .preset = text,             \
		.example = text, .min = least, .max = most,                                        \
		.offset = offsetof(struct conf_upstream, group.MEMBER_##kind(name)), __VA_ARGS__   \
	}

/* A key of a check, which is an object of its own. */
#define CHECK_KEY(prefix, name, kind, member, ...)                                                 \
	{                                                                                          \
		.path = prefix name, .type = kind, .apart = true,                                  \
		.offset = offsetof(struct conf_check, member), __VA_ARGS__                         \
	}
#define CHECK_KEYS(prefix)                                                                         \
	CHECK_KEY(prefix, "every", CONF_DURATION, every_ns, .preset = "2s", .example = "2s",       \
		.min = NS_PER_MS, .max = NEVER - 1, .help = "time from one check to the next"),    \
		CHECK_KEY(prefix, "every_down", CONF_DURATION, every_down_ns, .example = "2s",     \
			.min = NS_PER_MS, .max = NEVER - 1,                                        \
			.help = "the same while the server is down; default: that of every"),      \
		CHECK_KEY(prefix, "timeout", CONF_DURATION, timeout_ns, .preset = "1s",            \
			.example = "1s", .min = NS_PER_MS, .max = NEVER - 1,                       \
			.help = "how long one check may take"),                                    \
		CHECK_KEY(prefix, "rise", CONF_INT, rise, .preset = "2", .example = "2", .min = 1, \
			.max = 1000, .help = "good checks in a row that make it up"),              \
		CHECK_KEY(prefix, "fall", CONF_INT, fall, .preset = "3", .example = "3", .min = 1, \
			.max = 1000, .help = "bad checks in a row that make it down"),             \
		CHECK_KEY(prefix, "send", CONF_BYTES, send, .example = "PING\\r\\n",               \
			.max = CONF_SEND_MAX, .help = "what is sent; default: nothing"),           \
		CHECK_KEY(prefix, "expect", CONF_BYTES, expect, .example = "+PONG",                \
			.max = CONF_EXPECT_MAX,                                                    \
			.help = "a part of the answer's first 4 KiB; default: none")

const struct conf_key conf_schema[] = {
	{.path = "include",
		.type = CONF_INCLUDE,
		.max = CONF_PATTERNS_MAX,
		.example = "conf.d/*.conf",
		.help = "files with more listeners and upstreams"},
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
	SPAN(conf, "", drain, 0, NEVER, "30s", "from SIGTERM on, whatever moves"),
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
		.help = "then pairs end that are silent for this long"},
	{.path = "drain.spread",
		.type = CONF_DURATION,
		.preset = "5s",
		.example = "5s",
		.max = NEVER - 1,
		.offset = offsetof(struct conf, drain.spread_ns),
		.help = "at last, all other pairs end during this time"},
	{.path = "log", .type = CONF_GROUP, .help = "the log on stderr"},
	{.path = "log.level",
		.type = CONF_LEVEL,
		.preset = "info",
		.example = "info",
		.offset = offsetof(struct conf, log_level),
		.help = "error, warn, info or debug"},
	{.path = "log.tcp_info",
		.type = CONF_EITHER,
		.words = on_off,
		.preset = "off",
		.example = "on",
		.offset = offsetof(struct conf, log_tcp_info),
		.help = "closing lines have RTT and retransmits of both sides: on or off"},
	{.path = "node",
		.type = CONF_NAME,
		.example = "weir-1",
		.offset = offsetof(struct conf, node),
		.help = "name of this weir; default: that of its host"},
	{.path = "control", .type = CONF_GROUP, .help = "where weir is told what to do"},
	{.path = "control.listen",
		.type = CONF_PATH,
		.example = "unix:/run/weir/control",
		.offset = offsetof(struct conf, control.listen),
		.help = "a UNIX socket; default: control in $RUNTIME_DIRECTORY"},
	ACCESS("control.", "0600", conf, control.access),
	{.path = "http", .type = CONF_GROUP, .help = "where weir shows what it does"},
	{.path = "http.listen",
		.type = CONF_DOOR,
		.required = true,
		.example = "127.0.0.1:8404",
		.offset = offsetof(struct conf, http.listen),
		.help = "an address"},
	{.path = "http.allow",
		.type = CONF_PREFIXES,
		.example = "127.0.0.0/8",
		.offset = offsetof(struct conf, http.allow),
		.help = "who may ask; default: all"},
	{.path = "http.hosts",
		.type = CONF_HOSTS,
		.max = CONF_PROTOCOLS_MAX,
		.example = "weir.example.com",
		.offset = offsetof(struct conf, http.hosts),
		.count_offset = offsetof(struct conf, http.n_hosts),
		.element_size = sizeof(char *),
		.help = "host names with a dot that requests may use"},
	{.path = "relay", .type = CONF_GROUP, .help = "how bytes are relayed"},
	{.path = "relay.high_water_mark",
		.type = CONF_SIZE,
		.preset = "64k",
		.example = "64k",
		.min = 4 * 1024,
		.max = 16 * 1024 * 1024,
		.offset = offsetof(struct conf, high_water_mark),
		.help = "most bytes that may wait for one side"},
	{.path = "relay.splice",
		.type = CONF_EITHER,
		.words = auto_off,
		.preset = "auto",
		.example = "off",
		.offset = offsetof(struct conf, splice),
		.help = "bulk bytes are spliced, not copied, where possible: auto or off"},
	{.path = "reload", .type = CONF_GROUP, .help = "what a reload does"},
	{.path = "reload.apply_to_open_pairs",
		.type = CONF_FLAGS,
		.words = applied,
		.example = "timeouts",
		.offset = offsetof(struct conf, apply),
		.help = "what changes for open pairs too: timeouts, access, or nothing"},
	{.path = "socket", .type = CONF_GROUP, .help = "of all listeners and upstreams"},
	SOCKETS(conf, ""),
	LISTENING(conf, ""),
	FASTOPEN(conf, "", "256", "data in the SYN: a listener's queue, or on, towards servers"),
	{.path = "listeners",
		LIST(conf, listeners, conf_listener),
		.required = true,
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
		.count_offset = offsetof(struct conf_listener, n_addresses),
		.element_size = sizeof(struct addr),
		.help = "an address, a range of ports, or an array of these"},
	{.path = "listeners[].upstream",
		.type = CONF_REFERENCE,
		.example = "app",
		.offset = offsetof(struct conf_listener, upstream),
		.help = "an upstream, for the clients that no route takes"},
	IN_LISTENER("server", CONF_FORWARD, server, .example = "10.0.0.5:5432",
		.help = "a server in the place of an upstream"),
	IN_LISTENER("accept_proxy", CONF_PREFIXES, accept_proxy, .example = "10.0.0.0/8",
		.help = "clients that must begin with a PROXY header; default: none"),
	{.path = "listeners[].routes",
		LIST(conf_listener, routes, conf_route),
		.help = "other upstreams: a client goes to that of its first match"},
	IN_ROUTE(sni, CONF_SNI, CONF_ELEMENTS_MAX, .example = "a.test",
		.help = "names in the ClientHello; *. stands for one label or more"),
	IN_ROUTE(alpn, CONF_ALPN, CONF_PROTOCOLS_MAX, .example = "h2",
		.help = "protocols in the ClientHello"),
	{.path = "listeners[].routes[].from",
		.type = CONF_PREFIXES,
		.example = "192.0.2.0/24",
		.offset = offsetof(struct conf_route, from),
		.help = "where clients come from"},
	{.path = "listeners[].routes[].upstream",
		.type = CONF_REFERENCE,
		.required = true,
		.example = "app",
		.offset = offsetof(struct conf_route, upstream),
		.help = "the name of an upstream"},
	IN_LISTENER("allow", CONF_PREFIXES, allow, .example = "10.0.0.0/8",
		.help = "clients that are let in; if written, all others are denied"),
	IN_LISTENER("deny", CONF_PREFIXES, deny, .example = "10.9.0.0/16",
		.help = "clients that are not let in, even if allow has them"),
	IN_LISTENER("max_pairs_per_source", CONF_INT, max_pairs_per_source, .example = "100",
		.min = 1, .max = 10000000, .help = "pairs of one source; default: no limit"),
	{.path = "listeners[].source_prefix",
		.type = CONF_GROUP,
		.help = "bits of an address that make one source"},
	IN_LISTENER("source_prefix.v4", CONF_INT, source_prefix.v4, .preset = "32",
		.example = "32", .min = 1, .max = PREFIX_V4_BITS, .help = "of IPv4"),
	IN_LISTENER("source_prefix.v6", CONF_INT, source_prefix.v6, .preset = "64",
		.example = "64", .min = 1, .max = PREFIX_V6_BITS, .help = "of IPv6"),
	{.path = "listeners[].rate", .type = CONF_GROUP, .help = "limits per second"},
	IN_LISTENER("rate.accept", CONF_RATE, rate.accept, .example = "1000/s", .min = 1,
		.max = 10000000, .help = "clients of the listener; others wait"),
	IN_LISTENER("rate.accept_per_source", CONF_RATE, rate.accept_per_source,
		.example = "10/s", .min = 1, .max = 10000000,
		.help = "clients of one source; others are reset"),
	IN_LISTENER("rate.up", CONF_BANDWIDTH, rate.up, .example = "10M/s", .min = BANDWIDTH_MIN,
		.max = BANDWIDTH_MAX, .help = "bytes of one pair from its client"),
	IN_LISTENER("rate.down", CONF_BANDWIDTH, rate.down, .example = "10M/s",
		.min = BANDWIDTH_MIN, .max = BANDWIDTH_MAX, .help = "bytes of one pair to it"),
	{.path = "listeners[].max_pairs",
		.type = CONF_INT,
		.example = "1000",
		.min = 1,
		.max = 10000000,
		.offset = offsetof(struct conf_listener, max_pairs),
		.help = "pairs of this listener at a time; default: only the global limit"},
	{.path = "listeners[].on_idle",
		.type = CONF_EITHER,
		.words = reset_fin,
		.preset = "fin",
		.example = "reset",
		.offset = offsetof(struct conf_listener, idle_resets),
		.help = "what both sides see when timeouts.idle strikes: fin or reset"},
	ACCESS("listeners[].", "0666", conf_listener, access),
	{.path = "listeners[].timeouts",
		.type = CONF_GROUP,
		.help = "override those of the top level"},
	TIMEOUTS(conf_listener, "listeners[]."),
	{.path = "listeners[].socket",
		.type = CONF_GROUP,
		.help = "overrides that of the top level"},
	SOCKETS(conf_listener, "listeners[]."),
	LISTENING(conf_listener, "listeners[]."),
	FASTOPEN(conf_listener, "listeners[].", "256", "clients whose SYN has data that may wait"),
	{.path = "upstreams",
		LIST(conf, upstreams, conf_upstream),
		.help = "where pairs go"},
	{.path = "upstreams[].name",
		.type = CONF_NAME,
		.required = true,
		.example = "app",
		.offset = offsetof(struct conf_upstream, name),
		.help = "what listeners refer to"},
	{.path = "upstreams[].balance",
		.type = CONF_WORD,
		.words = balances,
		.preset = "round_robin",
		.example = "least_pairs",
		.offset = offsetof(struct conf_upstream, balance),
		.help = "the rule by which servers are chosen"},
	{.path = "upstreams[].hash_on",
		.type = CONF_WORD,
		.words = hash_keys,
		.preset = "client",
		.example = "client_port",
		.offset = offsetof(struct conf_upstream, hash_on),
		.help = "with balance = hash: client, client_port or sni"},
	{.path = "upstreams[].tries",
		.type = CONF_INT,
		.example = "3",
		.min = 1,
		.max = CONF_TRIES_MAX,
		.offset = offsetof(struct conf_upstream, tries),
		.help = "servers for one client; default: each usable one once, ten at most"},
	{.path = "upstreams[].discover",
		.type = CONF_DISCOVER,
		.example = "dns:app.example.com:9000",
		.offset = offsetof(struct conf_upstream, discovery),
		.help = "finds servers by DNS: dns:NAME:PORT or srv:NAME"},
	{.path = "upstreams[].discovery", .type = CONF_GROUP, .help = "how they are found"},
	IN_UPSTREAM(discovery, hold, CONF_DURATION, "30s", NS_PER_MS, NEVER,
		.help = "answers without servers count only after this time"),
	IN_UPSTREAM(discovery, ttl_min, CONF_DURATION, "1s", NS_PER_MS, NEVER - 1,
		.help = "the least time from lookup to lookup"),
	IN_UPSTREAM(discovery, ttl_max, CONF_DURATION, "5m", NS_PER_MS, NEVER - 1,
		.help = "the longest time from lookup to lookup"),
	IN_UPSTREAM(discovery, max_servers, CONF_INT, "256", 1, CONF_ELEMENTS_MAX,
		.help = "a larger answer is cut"),
	{.path = "upstreams[].discovery.max_pairs",
		.type = CONF_INT,
		.example = "100",
		.min = 1,
		.max = 10000000,
		.offset = offsetof(struct conf_upstream, discovery.max_pairs),
		.help = "pairs of each server found at a time; default: no limit"},
	{.path = "upstreams[].check",
		.type = CONF_CHECK,
		.offset = offsetof(struct conf_upstream, check),
		.help = "an active check of each server; default: none"},
	CHECK_KEYS("upstreams[].check."),
	{.path = "upstreams[].eject",
		.type = CONF_OPTION,
		.words = on_off,
		.preset = "on",
		.offset = offsetof(struct conf_upstream, eject.on),
		.help = "takes out servers to which connects fail"},
	IN_UPSTREAM(eject, failures, CONF_INT, "3", 1, 1000, .help = "failures in a row"),
	IN_UPSTREAM(eject, within, CONF_DURATION, "10s", NS_PER_MS, NEVER - 1,
		.help = "time within which they happen"),
	IN_UPSTREAM(eject, for, CONF_DURATION, "10s", NS_PER_MS, NEVER - 1,
		.help = "duration; doubled at each further ejection"),
	IN_UPSTREAM(eject, at_most, CONF_INT, "50", 1, 100,
		.help = "per cent of the servers, but always one"),
	{.path = "upstreams[].slow_start",
		.type = CONF_DURATION,
		.preset = "none",
		.example = "30s",
		.min = 1,
		.max = NEVER,
		.offset = offsetof(struct conf_upstream, slow_start_ns),
		.help = "time in which a server that comes up reaches its weight"},
	{.path = "upstreams[].on_down",
		.type = CONF_EITHER,
		.words = end_keep,
		.preset = "keep",
		.example = "end",
		.offset = offsetof(struct conf_upstream, ends_pairs),
		.help = "open pairs of a server that is down: keep or end"},
	{.path = "upstreams[].queue_max",
		.type = CONF_INT,
		.preset = "1000",
		.example = "1000",
		.max = 10000000,
		.offset = offsetof(struct conf_upstream, queue_max),
		.help = "clients that wait for a server with room; 0: none waits"},
	{.path = "upstreams[].retry_for",
		.type = CONF_DURATION,
		.preset = "none",
		.example = "none",
		.min = 1,
		.max = NEVER,
		.offset = offsetof(struct conf_upstream, retry_for_ns),
		.help = "how long a client waits for a server that is still starting"},
	{.path = "upstreams[].send_proxy",
		.type = CONF_WORD,
		.words = proxy_versions,
		.preset = "off",
		.example = "v2",
		.offset = offsetof(struct conf_upstream, send_proxy),
		.help = "the PROXY header that its servers get: off, v1 or v2"},
	{.path = "upstreams[].send_proxy_tlvs",
		.type = CONF_FLAGS,
		.words = tlvs,
		.example = "authority",
		.offset = offsetof(struct conf_upstream, send_proxy_tlvs),
		.help = "fields of a v2 header"},
	{.path = "upstreams[].socket",
		.type = CONF_GROUP,
		.help = "the same, of TCP connections to its servers"},
	SOCKETS(conf_upstream, "upstreams[]."),
	FASTOPEN(conf_upstream, "upstreams[].", "on",
		"what a client has sent already goes out in the SYN: on or off"),
	{.path = "upstreams[].socket.source",
		.type = CONF_SOURCE,
		.example = "192.0.2.1",
		.offset = offsetof(struct conf_upstream, source),
		.help = "source address of connections; default: the kernel picks it"},
	{.path = "upstreams[].servers",
		LIST(conf_upstream, servers, conf_server),
		.alone = "address",
		.help = "where to connect to"},
	{.path = "upstreams[].servers[].address",
		.type = CONF_SERVER,
		.required = true,
		.example = "127.0.0.1:9000",
		.help = "where to connect to"},
	{.path = "upstreams[].servers[].name",
		.type = CONF_NAME,
		.example = "a",
		.offset = offsetof(struct conf_server, name),
		.help = "for the log; default: its address"},
	{.path = "upstreams[].servers[].weight",
		.type = CONF_INT,
		.preset = "1",
		.example = "2",
		.max = CONF_WEIGHT_MAX,
		.offset = offsetof(struct conf_server, weight),
		.help = "its share of new pairs; 0: none"},
	{.path = "upstreams[].servers[].max_pairs",
		.type = CONF_INT,
		.example = "100",
		.min = 1,
		.max = 10000000,
		.offset = offsetof(struct conf_server, max_pairs),
		.help = "pairs of this server at a time; default: no limit"},
	{.path = "upstreams[].servers[].backup",
		.type = CONF_BOOL,
		.preset = "false",
		.example = "true",
		.offset = offsetof(struct conf_server, backup),
		.help = "used only while no other server is usable"},
	{.path = "upstreams[].servers[].check",
		.type = CONF_CHECK,
		.offset = offsetof(struct conf_server, check),
		.help = "its own check, with the upstream's values where it has none; or off"},
	{.path = "upstreams[].servers[].check.address",
		.type = CONF_TARGET,
		.apart = true,
		.example = "127.0.0.1:9001",
		.help = "where to check it; default: its own address"},
	CHECK_KEYS("upstreams[].servers[].check."),
	{.path = "resolver", .type = CONF_GROUP, .help = "DNS servers that discover asks"},
	{.path = "resolver.servers",
		.type = CONF_RESOLVERS,
		.example = "127.0.0.53:53",
		.offset = offsetof(struct conf, resolver.servers),
		.count_offset = offsetof(struct conf, resolver.n_servers),
		.element_size = sizeof(struct addr),
		.help = "addresses of DNS servers; default: those of /etc/resolv.conf"},
	{.path = "resolver.timeout",
		.type = CONF_DURATION,
		.preset = "2s",
		.example = "2s",
		.min = NS_PER_MS,
		.max = NEVER - 1,
		.offset = offsetof(struct conf, resolver.timeout_ns),
		.help = "for the first try; doubled at each further one"},
	{.path = "resolver.tries",
		.type = CONF_INT,
		.preset = "2",
		.example = "2",
		.min = 1,
		.max = 10,
		.offset = offsetof(struct conf, resolver.tries),
		.help = "attempts of one lookup"},
};

const size_t conf_schema_len = sizeof(conf_schema) / sizeof(conf_schema[0]);
