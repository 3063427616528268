/* SPDX-License-Identifier: ISC */
/*
 * Which server a session is to try: the one place that chooses.
 */
#ifndef WEIR_PROXY_UPSTREAM_H
#define WEIR_PROXY_UPSTREAM_H

#include <stddef.h>

#include "conf/conf.h"

/**
 * The server for a session that has tried `n_tried` of them in vain, or NULL when there is none
 * left. In the order of the config.
 */
const struct conf_server *upstream_choose(const struct conf_upstream *upstream, size_t n_tried);

#endif
