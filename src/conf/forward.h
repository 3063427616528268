/* SPDX-License-Identifier: ISC */
/*
 * Listeners that name a server instead of an upstream: server = "10.0.0.5:5432". Private to conf.
 *
 * Each gets an upstream with the listener's name, which follows the written upstreams in the model.
 * If the server has a range of ports, the i-th port of the listener leads to the i-th server
 * (BALANCE_PORTS).
 */
#ifndef WEIR_CONF_FORWARD_H
#define WEIR_CONF_FORWARD_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/reader.h"

struct conf_key;
struct conf_range;
struct conf_upstream;

/** Reads `listen` of a listener, and adds each address of its ranges to the listener. */
void conf_read_listen(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object);

/** How many addresses one string of `listen` stands for; 1 if it was refused or is missing. */
size_t conf_listen_count(const struct setting *setting);

/** Fills in such an upstream, which is zeroed. 0 or -ENOMEM. */
int conf_fill_upstream(const struct conf *conf, const char *name, const struct conf_range *servers,
	struct conf_upstream *upstream);

/** Makes the upstreams of all listeners that name a server. */
void conf_make_upstreams(struct conf_reader *reader);

/** Checks `server` of a listener. */
void conf_check_forward(struct conf_reader *reader, size_t i);

#endif
