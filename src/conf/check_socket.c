/* SPDX-License-Identifier: ISC */
/* Checks whether socket options are possible together, and for the addresses. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "conf/check.h"
#include "conf/conf.h"
#include "conf/report.h"
#include "conf/tree.h"

/* The `socket` group of one listener or upstream, or of the top level. */
struct group {
	struct conf_reader *reader;
	const struct setting *setting;
	char shown[64];
	const struct sockopts *options;
};

/* The setting of a key like "keepalive.idle" (NULL: not written), and its full name. */
static const struct setting *find(
	const struct group *group, const char *key, char shown[CONF_PATH_MAX])
{
	(void)snprintf(shown, CONF_PATH_MAX, "%s.%s", group->shown, key);
	return setting_at(group->setting, key);
}

/* Checks a duration that the kernel counts in whole units, up to a maximum. */
static void check_duration(const struct group *group, const char *key, uint64_t ns,
	uint64_t unit_ns, uint64_t max_ns, const char *remedy)
{
	char shown[CONF_PATH_MAX];
	const struct setting *setting = find(group, key, shown);
	char text[CONF_SHOWN_MAX];

	if (setting != NULL && (ns == 0 || ns % unit_ns != 0 || ns > max_ns)) {
		conf_reader_error(group->reader, setting, shown, "%s is not for the kernel; %s",
			conf_shown(setting_string(setting), text), remedy);
	}
}

static void check_keepalive(const struct group *group)
{
	static const char seconds[] = "write whole seconds, from \"1s\" to \"32767s\"";
	const uint64_t max_ns = (uint64_t)SOCKOPTS_KEEPALIVE_MAX_S * NS_PER_S;
	const struct sockopts *options = group->options;

	if (options->keepalive_idle_ns != NS_NEVER) {
		check_duration(group, "keepalive.idle", options->keepalive_idle_ns, NS_PER_S,
			max_ns, seconds);
	}
	check_duration(group, "keepalive.interval", options->keepalive_interval_ns, NS_PER_S,
		max_ns, seconds);
}

/* Reports options that are written although no socket is TCP, except `allowed`. */
static void check_unix(const struct group *group, const char *allowed, const char *of)
{
	for (size_t i = 0; i < group->setting->n; i++) {
		const struct setting *setting = group->setting->elements[i];
		const char *name = setting->name;
		char shown[CONF_PATH_MAX];

		if (strcmp(name, allowed) != 0) {
			(void)snprintf(shown, sizeof(shown), "%s.%.*s", group->shown,
				CONF_SHOWN_CHARS, name);
			conf_reader_error(group->reader, setting, shown,
				"is for TCP, and the %s only UNIX sockets; take it out", of);
		}
	}
}

static bool has_group(struct group *group, struct conf_reader *reader, const struct setting *list,
	const char *name, size_t i)
{
	group->reader = reader;
	group->setting = setting_member(list->elements[i], "socket");
	(void)snprintf(group->shown, sizeof(group->shown), "%s[%zu].socket", name, i);
	return group->setting != NULL && group->setting->type == SETTING_GROUP;
}

/* Reports options that the kernel does not have for Multipath TCP. */
static void check_mptcp(const struct group *group)
{
	char shown[CONF_PATH_MAX];
	const struct setting *setting = find(group, "mptcp", shown);

	if (!group->options->mptcp || group->options->user_timeout_ns == NS_NEVER) {
		return;
	}
	if (setting == NULL) {
		setting = find(group, "user_timeout", shown);
	}
	if (setting == NULL) {
		return; /* both are written at the top level, and that was reported */
	}
	conf_reader_error(group->reader, setting, shown,
		"Multipath TCP has no user_timeout; write user_timeout = \"none\", and "
		"timeouts.write_stall in its place, or mptcp = \"off\"");
}

static void check_group(const struct group *group)
{
	check_keepalive(group);
	check_mptcp(group);
	if (group->options->user_timeout_ns != NS_NEVER) {
		check_duration(group, "user_timeout", group->options->user_timeout_ns, NS_PER_MS,
			(uint64_t)INT32_MAX * NS_PER_MS, "write whole milliseconds, up to \"24d\"");
	}
}

void conf_check_socket(struct conf_reader *reader)
{
	struct group group = {
		.reader = reader,
		.setting = setting_member(reader->root, "socket"),
		.shown = "socket",
		.options = &reader->conf->socket,
	};

	if (group.setting != NULL && group.setting->type == SETTING_GROUP) {
		check_group(&group);
	}
}

static bool has_kind(const struct conf_listener *listener, bool (*is_one)(const struct addr *addr))
{
	for (size_t k = 0; k < listener->n_addresses; k++) {
		if (is_one(&listener->addresses[k])) {
			return true;
		}
	}
	return false;
}

static bool is_path(const struct addr *addr)
{
	return addr->kind == ADDR_UNIX && addr->sa.un.sun_path[0] != '\0';
}

static bool is_systemd(const struct addr *addr)
{
	return addr->kind == ADDR_SYSTEMD;
}

static bool is_tcp(const struct addr *addr)
{
	return addr->kind == ADDR_INET || addr->kind == ADDR_ANY;
}

/* The owner of an inherited socket is set in its socket unit. */
void conf_check_owner(struct conf_reader *reader, size_t i)
{
	static const char *const keys[][2] = {
		{"owner", "write SocketUser= in its socket unit"},
		{"group", "write SocketGroup= in its socket unit"},
	};
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *element = reader->listeners->elements[i];

	for (size_t k = 0; k < 2; k++) {
		const struct setting *setting = setting_member(element, keys[k][0]);
		char shown[CONF_PATH_MAX];

		if (setting == NULL || !has_kind(listener, is_systemd) ||
			has_kind(listener, is_path)) {
			continue;
		}
		(void)snprintf(shown, sizeof(shown), "listeners[%zu].%s", i, keys[k][0]);
		conf_reader_error(reader, setting, shown,
			"is for sockets that weir binds, and systemd binds these; %s", keys[k][1]);
	}
}

void conf_check_owner_unwritten(struct conf_reader *reader, size_t i)
{
	static const char *const keys[] = {"mode", "owner", "group"};
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *element = reader->listeners->elements[i];
	bool of_systemd = has_kind(listener, is_systemd);

	for (size_t k = 0; k < 3 && !has_kind(listener, is_path); k++) {
		const struct setting *setting = setting_member(element, keys[k]);
		char shown[CONF_PATH_MAX];

		if (setting == NULL) {
			continue;
		}
		(void)snprintf(shown, sizeof(shown), "listeners[%zu].%s", i, keys[k]);
		conf_reader_hint(reader, setting, shown, "%s",
			of_systemd ? "is for sockets that weir binds, and systemd binds these; "
				     "write SocketMode= in its socket unit"
				   : "is for UNIX sockets with a path, and the listener has none; "
				     "take it out");
	}
}

/* Reports options that an inherited socket cannot have, because it is bound already. */
static void check_bound(const struct group *group, const struct conf_listener *listener)
{
	static const char *const keys[][2] = {
		{"freebind", "write FreeBind=yes in the socket unit"},
		{"mptcp", "take it out"},
	};

	for (size_t k = 0; k < 2; k++) {
		char shown[CONF_PATH_MAX];
		const struct setting *setting = find(group, keys[k][0], shown);

		if (setting != NULL && has_kind(listener, is_systemd) &&
			!has_kind(listener, is_tcp)) {
			conf_reader_error(group->reader, setting, shown,
				"is for sockets that weir binds, and systemd binds these; %s",
				keys[k][1]);
		}
	}
}

void conf_check_listener_socket(struct conf_reader *reader, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	bool only_unix = listener->n_addresses > 0;
	struct group group = {.options = &listener->socket};

	if (!has_group(&group, reader, reader->listeners, "listeners", i)) {
		return;
	}
	check_group(&group);
	for (size_t k = 0; k < listener->n_addresses; k++) {
		only_unix = only_unix && listener->addresses[k].kind == ADDR_UNIX;
	}
	if (only_unix) {
		check_unix(&group, "backlog", "listener has");
	} else {
		check_bound(&group, listener);
	}
}

/* The kernel connects from an address only to one of the same family. A name may have both
 * families. */
static void check_source(const struct group *group, const struct conf_upstream *upstream)
{
	char shown[CONF_PATH_MAX];
	const struct setting *setting = find(group, "source", shown);
	sa_family_t family = upstream->source.sa.any.sa_family;

	for (size_t k = 0; upstream->source.sa_len > 0 && k < upstream->n_servers; k++) {
		const struct conf_server *server = &upstream->servers[k];

		if (server->addr.kind == ADDR_INET && server->addr.sa.any.sa_family != family) {
			conf_reader_error(group->reader, setting, shown,
				"%s cannot be reached from an %s address; write an %s one, or "
				"another upstream for it",
				server->text, family == AF_INET ? "IPv4" : "IPv6",
				family == AF_INET ? "IPv6" : "IPv4");
			return;
		}
	}
}

void conf_check_upstream_socket(struct conf_reader *reader, size_t i)
{
	const struct conf_upstream *upstream = &reader->conf->upstreams[i];
	bool only_unix = upstream->n_servers > 0 && upstream->discovery.kind == DISCOVER_NONE;
	struct group group = {.options = &upstream->socket};

	if (!has_group(&group, reader, reader->upstreams, "upstreams", i)) {
		return;
	}
	check_group(&group);
	check_source(&group, upstream);
	for (size_t k = 0; k < upstream->n_servers; k++) {
		only_unix = only_unix && upstream->servers[k].addr.kind == ADDR_UNIX;
	}
	if (only_unix) {
		check_unix(&group, "", "upstream has");
	}
}
