/* SPDX-License-Identifier: ISC */
#include "conf/conf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "conf/errors.h"
#include "conf/grammar.h"
#include "conf/read.h"
#include "conf/source.h"

/* Half-built ones too. */
static void conf_free(struct conf *conf)
{
	for (size_t i = 0; i < conf->n_listeners; i++) {
		free(conf->listeners[i].name);
		free(conf->listeners[i].addresses);
	}
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		free(conf->upstreams[i].name);
		free(conf->upstreams[i].servers);
	}
	free(conf->listeners);
	free(conf->upstreams);
	free(conf);
}

/* Text to tree to model. 0, or a negative errno and, but for -ENOMEM, errors. */
static int parse(const struct conf_source *source, struct conf_errors *errors, struct conf *conf)
{
	struct conf_reader reader = {.conf = conf, .source = source, .errors = errors};
	struct tree tree;
	int r = conf_parse(source, errors, &tree);

	if (r == 0 && !conf_read(&reader, &tree.root)) {
		r = reader.no_memory ? -ENOMEM : -EINVAL;
	}
	tree_fini(&tree);
	return r;
}

static int load(
	const char *path, bool may_wait, struct conf_errors *errors, const struct conf **ret_conf)
{
	struct conf_source source;
	struct conf *conf = NULL;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_read(&source, path, may_wait, errors);
	if (r < 0) {
		goto out;
	}
	conf = calloc(1, sizeof(*conf));
	r = conf == NULL ? -ENOMEM : parse(&source, errors, conf);
	if (r == -ENOMEM) {
		conf_errors_add(errors, path, 0, NULL, "out of memory; free some and try again");
	}
	if (r < 0) {
		goto out;
	}
	conf->refs = 1;
	*ret_conf = conf;
	conf = NULL;
out:
	if (conf != NULL) {
		conf_free(conf);
	}
	conf_source_fini(&source);
	return r;
}

int conf_load(const char *path, struct conf_errors *errors, const struct conf **ret_conf)
{
	return load(path, true, errors, ret_conf);
}

int conf_load_regular(const char *path, struct conf_errors *errors, const struct conf **ret_conf)
{
	return load(path, false, errors, ret_conf);
}

/* The count is the one field that is written after the load; the rest stays const for everybody. */
static unsigned *refs(const struct conf *conf)
{
	return &((struct conf *)conf)->refs;
}

const struct conf *conf_ref(const struct conf *conf)
{
	unsigned before = __atomic_fetch_add(refs(conf), 1, __ATOMIC_RELAXED);

	assert(before > 0);
	return conf;
}

const struct conf *conf_unref(const struct conf *conf)
{
	unsigned before;

	if (conf == NULL) {
		return NULL;
	}
	/* Whoever gives back the last one must see all that the others did before. */
	before = __atomic_fetch_sub(refs(conf), 1, __ATOMIC_ACQ_REL);
	assert(before > 0);
	if (before == 1) {
		conf_free((struct conf *)conf);
	}
	return NULL;
}
