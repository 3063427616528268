/* SPDX-License-Identifier: ISC */
/* Makes a model without a file. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "conf/forward.h"
#include "conf/preset.h"
#include "conf/range.h"

static int fill_listener(struct conf *conf, const struct conf_relay *relay)
{
	struct conf_listener *listener = conf->listeners;
	size_t n_bytes = relay->n_addresses * sizeof(*relay->addresses);

	conf_preset("listeners[]", listener);
	listener->timeouts = conf->timeouts;
	listener->socket = conf->socket;
	listener->upstream = conf->upstreams;
	listener->name = strdup(relay->name);
	listener->addresses = malloc(n_bytes);
	if (listener->name == NULL || listener->addresses == NULL) {
		return -ENOMEM;
	}
	memcpy(listener->addresses, relay->addresses, n_bytes);
	listener->n_addresses = relay->n_addresses;
	listener->max_pairs = relay->max_pairs;
	return 0;
}

int conf_new_relay(const struct conf_relay *relay, const struct conf **ret_conf)
{
	const struct conf_range server = {.first = *relay->server, .n = 1};
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL) {
		return -ENOMEM;
	}
	refs_init(&conf->refs);
	conf_preset("", conf);
	conf->timeouts.idle_ns = NS_NEVER;
	conf->timeouts.write_stall_ns = NS_NEVER;
	conf->listeners = calloc(1, sizeof(*conf->listeners));
	conf->upstreams = calloc(1, sizeof(*conf->upstreams));
	if (conf->listeners == NULL || conf->upstreams == NULL) {
		goto err_unref;
	}
	conf->n_listeners = 1;
	conf->n_upstreams = 1;
	if (fill_listener(conf, relay) < 0 ||
		conf_fill_upstream(conf, relay->name, &server, conf->upstreams) < 0) {
		goto err_unref;
	}
	*ret_conf = conf;
	return 0;
err_unref:
	(void)conf_unref(conf);
	return -ENOMEM;
}
