/* SPDX-License-Identifier: ISC */
#include "conf/conf.h"

#include <stdlib.h>

/* Frees what a check does not share with another one, `from`. */
static void free_check(const struct conf_check *check, const struct conf_check *from)
{
	if (check == NULL || check == from) {
		return;
	}
	if (from == NULL || check->send.bytes != from->send.bytes) {
		free(check->send.bytes);
	}
	if (from == NULL || check->expect.bytes != from->expect.bytes) {
		free(check->expect.bytes);
	}
	free((struct conf_check *)check);
}

static void free_upstream(struct conf_upstream *upstream)
{
	for (size_t i = 0; i < upstream->n_servers; i++) {
		struct conf_server *server = &upstream->servers[i];

		free_check(server->check, upstream->check);
		if (server->name != server->text) {
			free(server->name);
		}
	}
	free_check(upstream->check, NULL);
	free(upstream->discovery.name);
	free(upstream->name);
	free(upstream->servers);
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(texts[i]);
	}
	free(texts);
}

static void free_listener(struct conf_listener *listener)
{
	for (size_t i = 0; i < listener->n_routes; i++) {
		free_texts(listener->routes[i].sni, listener->routes[i].n_sni);
		free_texts(listener->routes[i].alpn, listener->routes[i].n_alpn);
	}
	free(listener->routes);
	free(listener->name);
	free(listener->server);
	free(listener->addresses);
}

static void free_prefixes(struct conf_prefixes *list)
{
	while (list != NULL) {
		struct conf_prefixes *next = list->next;

		free(list->prefixes);
		free(list);
		list = next;
	}
}

/* Frees the model, also if it is only partly made. */
static void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->n_listeners; i++) {
		free_listener(&conf->listeners[i]);
	}
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		free_upstream(&conf->upstreams[i]);
	}
	free(conf->listeners);
	free(conf->upstreams);
	free(conf->resolver.servers);
	free_texts(conf->http.hosts, conf->http.n_hosts);
	free(conf->node);
	free_prefixes(conf->prefixes);
	free(conf);
}

/* The reference count is the only field that is written after the load. */
static struct refs *refs_of(const struct conf *conf)
{
	return &((struct conf *)conf)->refs;
}

const struct conf *conf_ref(const struct conf *conf)
{
	refs_ref(refs_of(conf));
	return conf;
}

const struct conf *conf_unref(const struct conf *conf)
{
	if (conf != NULL && refs_unref(refs_of(conf))) {
		conf_free((struct conf *)conf);
	}
	return NULL;
}
