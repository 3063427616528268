/* SPDX-License-Identifier: ISC */
#include "conf/forward.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/preset.h"
#include "conf/range.h"
#include "conf/report.h"
#include "conf/schema.h"
#include "conf/tree.h"

/* ---- listen ---- */

/* Reads the range that a string of `listen` stands for. If it is refused, its address is empty. */
static void read_range(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, struct conf_range *ret_range)
{
	const char *text = setting_string(setting);
	char why[CONF_WHY_MAX];

	*ret_range = (struct conf_range){.n = 1};
	if (text == NULL) {
		conf_report_type(reader, key, setting, shown);
	} else if (conf_range_parse(text, ret_range, why) < 0 ||
		   conf_range_check_listen(text, &ret_range->first, why) < 0) {
		conf_reader_error(reader, setting, shown, "%s", why);
		*ret_range = (struct conf_range){.n = 1};
	}
}

/* Sets the addresses of the listener to those of these ranges, and notes their ports. */
static void set_addresses(struct conf_reader *reader, struct conf_listener *listener,
	const struct conf_range *ranges, size_t n, size_t n_addresses)
{
	size_t k = 0;

	listener->addresses = calloc(n_addresses, sizeof(*listener->addresses));
	if (listener->addresses == NULL) {
		reader->no_memory = true;
		return;
	}
	listener->n_addresses = n_addresses;
	listener->has_range = n_addresses > n;
	listener->first_port = ranges[0].first.port;
	listener->n_ports = ranges[0].n;
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].n != listener->n_ports ||
			(ranges[i].first.port != listener->first_port && listener->has_range)) {
			listener->n_ports = 0;
		}
		for (uint32_t port = 0; port < ranges[i].n; port++) {
			listener->addresses[k++] = conf_range_at(&ranges[i], port);
		}
	}
}

void conf_read_listen(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object)
{
	bool several = setting->type == SETTING_ARRAY;
	size_t n = several ? conf_count_elements(reader, key, setting, shown) : 1;
	struct conf_range *ranges = n == 0 ? NULL : calloc(n, sizeof(*ranges));
	size_t n_addresses = 0;

	reader->no_memory |= n > 0 && ranges == NULL;
	for (size_t i = 0; i < n && !reader->no_memory; i++) {
		char element[CONF_PATH_MAX];

		conf_join_index(element, shown, i);
		read_range(reader, key, several ? setting->elements[i] : setting,
			several ? element : shown, &ranges[i]);
		n_addresses += ranges[i].n;
	}
	if (n_addresses > CONF_ELEMENTS_MAX) {
		conf_reader_error(reader, setting, shown,
			"has %zu addresses; write at most %d, or start a second weir", n_addresses,
			CONF_ELEMENTS_MAX);
	} else if (n > 0 && !reader->no_memory) {
		set_addresses(reader, object, ranges, n, n_addresses);
	}
	free(ranges);
}

size_t conf_listen_count(const struct setting *setting)
{
	const char *text = setting == NULL ? NULL : setting_string(setting);
	struct conf_range range;
	char why[CONF_WHY_MAX];

	return text == NULL || conf_range_parse(text, &range, why) < 0 ||
			       conf_range_check_listen(text, &range.first, why) < 0
		       ? 1
		       : range.n;
}

/* ---- the upstream ---- */

int conf_fill_upstream(const struct conf *conf, const char *name, const struct conf_range *servers,
	struct conf_upstream *upstream)
{
	conf_preset("upstreams[]", upstream);
	upstream->socket = conf->socket;
	upstream->socket.fastopen_queue = 0; /* this option is for listeners only */
	upstream->name = strdup(name);
	upstream->servers = calloc(servers->n, sizeof(*upstream->servers));
	if (upstream->name == NULL || upstream->servers == NULL) {
		return -ENOMEM;
	}
	upstream->n_servers = servers->n;
	for (uint32_t k = 0; k < servers->n; k++) {
		struct conf_server *server = &upstream->servers[k];

		conf_preset("upstreams[].servers[]", server);
		server->addr = conf_range_at(servers, k);
		(void)addr_text(&server->addr, server->text);
		server->name = server->text;
	}
	return 0;
}

/* Makes the upstream of one listener. With a range no other server can take the clients of a port,
 * so ejecting a server that fails would be useless. */
static int make(struct conf_reader *reader, const struct conf_listener *listener)
{
	struct conf *conf = reader->conf;
	struct conf_upstream *upstream = &conf->upstreams[conf->n_upstreams++];
	struct conf_range servers = {.n = 1};
	char why[CONF_WHY_MAX];
	int r;

	/* Cannot fail, because it was parsed before. */
	(void)conf_range_parse(listener->server, &servers, why);
	r = conf_fill_upstream(conf, listener->name, &servers, upstream);
	if (servers.n > 1) {
		upstream->balance = BALANCE_PORTS;
		upstream->first_port = listener->first_port;
		upstream->eject.on = false;
	}
	return r;
}

void conf_make_upstreams(struct conf_reader *reader)
{
	struct conf *conf = reader->conf;
	struct conf_upstream *upstreams;
	size_t n = 0;

	reader->n_written = conf->n_upstreams;
	for (size_t i = 0; i < conf->n_listeners; i++) {
		n += conf->listeners[i].server != NULL && conf->listeners[i].name != NULL;
	}
	if (n == 0 || reader->no_memory) {
		return;
	}
	upstreams = reallocarray(conf->upstreams, conf->n_upstreams + n, sizeof(*upstreams));
	if (upstreams == NULL) {
		reader->no_memory = true;
		return;
	}
	conf->upstreams = upstreams;
	memset(upstreams + conf->n_upstreams, 0, n * sizeof(*upstreams));
	reader->makers = calloc(n, sizeof(*reader->makers));
	reader->no_memory = reader->makers == NULL;
	for (size_t i = 0; i < conf->n_listeners && !reader->no_memory; i++) {
		if (conf->listeners[i].server != NULL && conf->listeners[i].name != NULL) {
			reader->makers[conf->n_upstreams - reader->n_written] = i;
			reader->no_memory = make(reader, &conf->listeners[i]) < 0;
		}
	}
}

/* ---- checks ---- */

void conf_check_forward(struct conf_reader *reader, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *group = reader->listeners->elements[i];
	const struct setting *setting = setting_member(group, "server");
	struct conf_range servers;
	char why[CONF_WHY_MAX];
	char shown[64];

	if (listener->server == NULL || conf_range_parse(listener->server, &servers, why) < 0) {
		return;
	}
	(void)snprintf(shown, sizeof(shown), "listeners[%zu].server", i);
	if (setting_member(group, "upstream") != NULL) {
		conf_reader_error(reader, setting, shown,
			"is used instead of upstream; take out one of the two");
	}
	if (servers.n == 1 || listener->n_addresses == 0) {
		return;
	}
	if (listener->n_ports == 0) {
		conf_reader_error(reader, setting, shown,
			"is a range, but the addresses of listen have different ports; write "
			"the same ports for all of them, or one server");
	} else if (listener->n_ports != servers.n) {
		conf_reader_error(reader, setting, shown,
			"has %" PRIu32 " ports, and listen has %" PRIu32
			"; write as many, or one for all",
			servers.n, listener->n_ports);
	}
}
