/* SPDX-License-Identifier: ISC */
#include "proxy/upstream.h"

const struct conf_server *upstream_choose(const struct conf_upstream *upstream, size_t n_tried)
{
	return n_tried < upstream->n_servers ? &upstream->servers[n_tried] : NULL;
}
