/* SPDX-License-Identifier: ISC */
/*
 * Checks what a listener says about its clients: their targets, and what must be looked at to find
 * them; and gives warnings for settings that are valid but probably not meant.
 */
#include <stdio.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/report.h"
#include "conf/tree.h"

enum {
	LOOK_MIN = 16 * 1024, /* the least receive buffer where first bytes are looked at */
	/* What such a listener gets at least. A PROXY header (4 KiB) and a ClientHello (16 KiB)
	 * must fit with room to spare: bytes that are looked at keep the window shut, and if only a
	 * few bytes then are missing, the kernel does not open it for them (RFC 1122, 4.2.3.3). */
	LOOK_BUFFER = 32 * 1024,
};

/* One listener, as read and as written. */
struct edge {
	struct conf_reader *reader;
	const struct conf_listener *conf;
	const struct setting *group;
	size_t i;
};

/* The full name of a key of the listener. */
static const char *shown_of(const struct edge *edge, const char *path, char shown[CONF_PATH_MAX])
{
	(void)snprintf(shown, CONF_PATH_MAX, "listeners[%zu].%s", edge->i, path);
	return shown;
}

/* Reports an error at a key, or at the listener if the key is not written. */
static void refuse(const struct edge *edge, const char *path, const char *why)
{
	const struct setting *setting = setting_at(edge->group, path);
	char shown[CONF_PATH_MAX];

	conf_reader_error(edge->reader, setting == NULL ? edge->group : setting,
		shown_of(edge, path, shown), "%s", why);
}

static void warn(const struct edge *edge, const char *path, const char *why)
{
	char shown[CONF_PATH_MAX];

	conf_reader_warning(edge->reader, setting_at(edge->group, path),
		shown_of(edge, path, shown), "%s", why);
}

/* Whether a list contains no client. */
static bool is_nobody(const struct conf_prefixes *list)
{
	return list->n == 0 && !list->any && !list->unix_peers;
}

static bool hashes_name(const struct conf_upstream *upstream)
{
	return upstream != NULL && upstream->balance == BALANCE_HASH &&
	       upstream->hash_on == HASH_ON_SNI;
}

/* Whether sessions may wait for a ClientHello. */
static bool wants_hello(const struct conf_listener *conf)
{
	bool wants = hashes_name(conf->upstream);

	for (size_t r = 0; r < conf->n_routes && !wants; r++) {
		const struct conf_route *route = &conf->routes[r];

		wants = route->n_sni > 0 || route->n_alpn > 0 || hashes_name(route->upstream);
	}
	return wants;
}

/* Reports a receive buffer that is too small for a look, at the place where it is written: in the
 * listener, or at the top level. The latter is reported once for all listeners. */
static void refuse_buffer(const struct edge *edge)
{
	static const char key[] = "socket.receive_buffer";
	struct conf_reader *reader = edge->reader;

	if (setting_at(edge->group, key) != NULL) {
		refuse(edge, key,
			"is less than the first bytes of a client that this listener looks at may "
			"be; write at least \"16k\", or take it out");
	} else if (!conf_errors_have(reader->errors, "socket.receive_buffer: ")) {
		conf_reader_error(reader, setting_at(reader->root, key), key,
			"is less than the first bytes of a client that listeners[%zu] looks at may "
			"be; write at least \"16k\", or another one in that listener",
			edge->i);
	}
}

/* Refuses a receive buffer that is too small for a look, and raises one that has little room to
 * spare. */
static void check_buffer(const struct edge *edge)
{
	size_t *buffer = &edge->reader->conf->listeners[edge->i].socket.receive_buffer;
	size_t size = *buffer;
	bool looks = wants_hello(edge->conf) ||
		     (edge->conf->accept_proxy != NULL && !is_nobody(edge->conf->accept_proxy));

	if (size > 0 && size < LOOK_MIN && looks) {
		refuse_buffer(edge);
	} else if (size > 0 && size < LOOK_BUFFER && looks) {
		*buffer = LOOK_BUFFER;
	}
}

static struct edge edge_of(struct conf_reader *reader, size_t i)
{
	return (struct edge){
		.reader = reader,
		.conf = &reader->conf->listeners[i],
		.group = reader->listeners->elements[i],
		.i = i,
	};
}

void conf_check_edge(struct conf_reader *reader, size_t i)
{
	struct edge edge = edge_of(reader, i);

	if (edge.group->type != SETTING_GROUP) {
		return; /* and that was reported */
	}
	if (setting_member(edge.group, "upstream") == NULL &&
		setting_member(edge.group, "server") == NULL &&
		setting_member(edge.group, "routes") == NULL) {
		refuse(&edge, "upstream",
			"is missing; write upstream = \"app\", server = \"10.0.0.5:5432\", or "
			"routes = ( { ... } )");
	}
	check_buffer(&edge);
	conf_check_routes(reader, i, false);
}

/* ---- warnings for valid settings that are probably not meant ---- */

static void warn_of_lists(const struct edge *edge)
{
	const struct conf_listener *conf = edge->conf;

	if (conf->accept_proxy != NULL && conf->accept_proxy->any && conf->allow != NULL) {
		warn(edge, "accept_proxy",
			"believes anybody who says that it comes from an address of allow; write "
			"the addresses of those who may say so");
	}
	if (conf->allow != NULL && is_nobody(conf->allow)) {
		warn(edge, "allow",
			"has nobody in it, so all clients are denied; write who may in");
	}
}

static void warn_of_limits(const struct edge *edge)
{
	if (setting_member(edge->group, "source_prefix") != NULL &&
		edge->conf->max_pairs_per_source == 0 && edge->conf->rate.accept_per_source == 0) {
		warn(edge, "source_prefix",
			"is for limits of a source, and there are none; write "
			"max_pairs_per_source or rate.accept_per_source, or take it out");
	}
}

/* Warns about settings that need a lifetime if there is none. */
static void warn_of_lifetime(const struct edge *edge)
{
	const struct conf_timeouts *timeouts = &edge->conf->timeouts;
	const uint64_t spans_ns[] = {timeouts->lifetime_grace_ns, timeouts->lifetime_spread_ns};
	static const char *const paths[] = {"timeouts.lifetime_grace", "timeouts.lifetime_spread"};

	for (size_t k = 0; k < 2 && timeouts->lifetime_ns == NS_NEVER; k++) {
		if (spans_ns[k] > 0 && setting_at(edge->group, paths[k]) != NULL) {
			warn(edge, paths[k],
				"goes with timeouts.lifetime, and that is \"none\"; write a "
				"lifetime, or take it out");
		}
	}
}

/* A receiver's kernel opens its window in steps of 128 KiB and more, and sends no acknowledgement
 * between them. With a write_stall below 1 s a steady receiver of 128 KiB/s would count as
 * stuck. */
static void warn_of_short_stall(struct conf_reader *reader, const struct conf_timeouts *timeouts,
	const struct setting *group, const char *shown)
{
	const struct setting *setting = setting_at(group, "timeouts.write_stall");

	if (setting != NULL && timeouts->write_stall_ns < NS_PER_S) {
		conf_reader_warning(reader, setting, shown,
			"is too short to tell a slow receiver from a stuck one, because kernels "
			"tell in steps what they take; write at least \"1s\"");
	}
}

static void warn_of_default(const struct edge *edge)
{
	size_t n = edge->conf->n_routes;
	const struct conf_route *last = n == 0 ? NULL : &edge->conf->routes[n - 1];

	if (last != NULL && edge->conf->upstream != NULL && last->n_sni == 0 && last->n_alpn == 0 &&
		(last->from == NULL || last->from->any)) {
		warn(edge, edge->conf->server == NULL ? "upstream" : "server",
			"gets no client, since the last route takes everybody; take out one of "
			"the two");
	}
}

void conf_check_timeouts_unwritten(struct conf_reader *reader)
{
	warn_of_short_stall(reader, &reader->conf->timeouts, reader->root, "timeouts.write_stall");
}

void conf_check_edge_unwritten(struct conf_reader *reader, size_t i)
{
	struct edge edge = edge_of(reader, i);
	const char *path = edge.conf->n_routes > 0 ? "routes" : "upstream";
	char shown[CONF_PATH_MAX];

	warn_of_lists(&edge);
	warn_of_limits(&edge);
	warn_of_lifetime(&edge);
	warn_of_default(&edge);
	warn_of_short_stall(reader, &edge.conf->timeouts, edge.group,
		shown_of(&edge, "timeouts.write_stall", shown));
	conf_check_routes(reader, i, true);
	if (wants_hello(edge.conf)) {
		conf_reader_hint(reader, setting_member(edge.group, path),
			shown_of(&edge, path, shown),
			"waits for a client's first bytes, and resets one that sends none for "
			"timeouts.preface; for protocols in which the server speaks first, write "
			"a listener of their own");
	}
}
