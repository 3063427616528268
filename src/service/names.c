/* SPDX-License-Identifier: ISC */
#include "service/names.h"

#include <errno.h>
#include <stdlib.h>

#include "log/log.h"
#include "stream/resolver.h"

struct name_probe {
	struct resolver_query query;
	struct resolver_name *name; /**< a handle */
	const struct conf_upstream *upstream;
	const struct conf_server *server;
};

static void on_answered(struct resolver_query *query, int status)
{
	struct name_probe *probe = container_of(query, struct name_probe, query);
	struct log_line line;

	query->answer = resolver_answer_unref(query->answer);
	if (status < 0 && log_begin(&line, LOG_LEVEL_WARN, "name_unknown")) {
		log_str(&line, "upstream", probe->upstream->name);
		log_str(&line, "server", probe->server->text);
		log_str(&line, "error", resolver_strerror(status));
		log_str(&line, "remedy", "check the name; it is looked up again for each pair");
		log_end(&line);
	}
}

/** Logs a warning if no interface has the name of the zone now. */
static void check_zone(const struct conf_upstream *upstream, const struct addr *addr)
{
	union addr_sockaddr sa;
	struct log_line line;
	char text[ADDR_TEXT_MAX];

	if (addr_now(addr, &sa) < 0 && log_begin(&line, LOG_LEVEL_WARN, "zone_unknown")) {
		log_str(&line, "upstream", upstream->name);
		log_str(&line, "address", addr_text(addr, text));
		log_str(&line, "zone", addr->host);
		log_str(&line, "remedy",
			"no interface has this name now; it is looked up again for each pair");
		log_end(&line);
	}
}

static size_t count_servers(const struct conf *conf)
{
	size_t n = 0;

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		n += conf->upstreams[i].n_servers;
	}
	return n;
}

static int probe_upstream(struct names *names, struct loop *loop, struct resolver *resolver,
	const struct conf_upstream *upstream)
{
	if (upstream->source.sa_len > 0) {
		check_zone(upstream, &upstream->source);
	}
	for (size_t i = 0; i < upstream->n_servers; i++) {
		const struct conf_server *server = &upstream->servers[i];
		struct name_probe *probe = &names->probes[names->n];
		int r;

		if (server->addr.kind == ADDR_INET) {
			check_zone(upstream, &server->addr);
		}
		if (server->addr.kind != ADDR_NAME) {
			continue;
		}
		probe->upstream = upstream;
		probe->server = server;
		probe->name = resolver_name_get(resolver, server->addr.host);
		if (probe->name == NULL) {
			return -ENOMEM;
		}
		names->n++;
		r = resolver_ask(probe->name, loop, &probe->query, on_answered);
		if (r < 0) {
			return r;
		}
		probe->query.answer = resolver_answer_unref(probe->query.answer);
	}
	return 0;
}

int names_open(
	struct names *names, struct loop *loop, struct resolver *resolver, const struct conf *conf)
{
	int r = 0;

	names->n = 0;
	names->probes = calloc(count_servers(conf), sizeof(*names->probes));
	if (names->probes == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < conf->n_upstreams && r == 0; i++) {
		r = probe_upstream(names, loop, resolver, &conf->upstreams[i]);
	}
	if (r < 0) {
		names_close(names);
	}
	return r;
}

void names_close(struct names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		resolver_cancel(&names->probes[i].query);
		(void)resolver_name_unref(names->probes[i].name);
	}
	free(names->probes);
	*names = (struct names){0};
}
