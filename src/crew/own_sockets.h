/* SPDX-License-Identifier: ISC */
/* The table of weir's own listening sockets (proxy/own.h): those of the config, and inherited. */
#ifndef WEIR_CREW_OWN_SOCKETS_H
#define WEIR_CREW_OWN_SOCKETS_H

struct conf;
struct inherited;
struct own;

/** When all are bound; `conf` must outlive it. NULL: no memory. */
struct own *own_sockets(const struct conf *conf, const struct inherited *inherited);

#endif
