/* SPDX-License-Identifier: ISC */
/*
 * Listeners that name a server in place of an upstream: server = "10.0.0.5:5432". Private to conf.
 *
 * Each makes an upstream of its own name, which stands behind those that are written. A range of
 * servers goes with the ports of the listener (BALANCE_PORTS), the i-th to the i-th.
 */
#ifndef WEIR_CONF_FORWARD_H
#define WEIR_CONF_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/read.h"

struct conf_range;
struct conf_upstream;

/** Reads what a listener listens on, each address of its ranges, into the listener. */
void conf_read_listen(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object);

/** How many addresses one string of `listen` stands for; 1 of what was refused, or is missing. */
size_t conf_listen_count(const struct setting *setting);

/** An upstream of its own: fills in a zeroed one. 0 or -ENOMEM. */
int conf_fill_upstream(const struct conf *conf, const char *name, const struct conf_range *servers,
	struct conf_upstream *upstream);

/** Makes the upstreams of all listeners that name a server. */
void conf_make_upstreams(struct conf_reader *reader);

/** Checks what a listener says of its server. */
void conf_check_forward(struct conf_reader *reader, size_t i);

#endif
