/* SPDX-License-Identifier: ISC */
/* Makes the table of weir's own listening sockets (proxy/own.h): those of the config, and the
 * inherited ones. */
#ifndef WEIR_CREW_OWN_SOCKETS_H
#define WEIR_CREW_OWN_SOCKETS_H

struct conf;
struct inherited;
struct own;

/** Call it when all are bound; `conf` must outlive the table. NULL: no memory. */
struct own *own_sockets(const struct conf *conf, const struct inherited *inherited);

#endif
