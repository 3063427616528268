/* SPDX-License-Identifier: ISC */
/* The rule "first": the servers in the order of the config, the next only when the one before would
 * not connect. Pure. */
#ifndef WEIR_UPSTREAM_FIRST_H
#define WEIR_UPSTREAM_FIRST_H

struct group_set;
struct group_tried;
struct server;

/** As group_next(). */
struct server *first_next(const struct group_set *set, const struct group_tried *tried);

#endif
