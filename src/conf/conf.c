/* SPDX-License-Identifier: ISC */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "conf/errors.h"
#include "conf/merge.h"
#include "conf/parse.h"
#include "conf/prefix_files.h"
#include "conf/read.h"
#include "conf/source.h"
#include "conf/tape.h"

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

/* Makes the model from a tape. 0, or a negative errno with errors (except for -ENOMEM). */
static int make(const struct conf_source *source, const struct conf_tape *tape,
	struct prefix_files *files, struct conf_errors *errors, const struct conf **ret_conf)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct conf_reader reader = {
		.conf = conf,
		.source = source,
		.files = files,
		.errors = errors,
		.lacks_part = source->lacks_part,
		.failed = source->lacks_part, /* and that was reported */
	};
	struct tree tree;
	size_t len;
	int r;

	if (conf == NULL) {
		return -ENOMEM;
	}
	r = tape_read(tape->bytes, tape->len, &tree, &len);
	if (r == 0) {
		r = prefix_files_take(files, tape->bytes + len, tape->len - len);
	}
	if (r == -EBADMSG) {
		conf_errors_add(errors, source->files[0], 0, NULL,
			"what the check hands on is not whole; try again");
	} else if (r == 0) {
		conf_merge_files(&reader, &tree);
		if (reader.no_memory || !conf_read(&reader, &tree.root)) {
			r = reader.no_memory ? -ENOMEM : -EINVAL;
		}
	}
	tree_fini(&tree);
	if (r < 0) {
		conf_free(conf);
		return r;
	}
	refs_init(&conf->refs);
	*ret_conf = conf;
	return 0;
}

int conf_load(const char *path, struct conf_errors *errors, struct conf_tape *ret_tape,
	const struct conf **ret_conf)
{
	struct conf_tape tape = {0};
	struct prefix_files files = {0};
	struct conf_source source;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_read(&source, path, errors);
	if (r == 0) {
		r = conf_parse(&source, errors, &tape);
		if (r == 0) {
			r = make(&source, &tape, &files, errors, ret_conf);
		}
		if (r == 0 && ret_tape != NULL) {
			r = prefix_files_write(&files, &tape);
			if (r < 0) {
				*ret_conf = conf_unref(*ret_conf);
			}
		}
		r = conf_errors_result(errors, path, r);
	}
	prefix_files_fini(&files);
	conf_source_fini(&source);
	if (r == 0 && ret_tape != NULL) {
		*ret_tape = tape;
	} else {
		free(tape.bytes);
	}
	return r;
}

int conf_take(const char *path, const struct conf_tape *tape, struct conf_errors *errors,
	const struct conf **ret_conf)
{
	struct prefix_files files = {.is_taken = true};
	struct conf_source source;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_name(&source, path);
	if (r == 0) {
		r = make(&source, tape, &files, errors, ret_conf);
	}
	prefix_files_fini(&files);
	conf_source_fini(&source);
	return conf_errors_result(errors, path, r);
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
