/* SPDX-License-Identifier: ISC */
/*
 * Addresses as Go writes them, which is how toxiproxy's clients do: "localhost:6379", ":6379",
 * "0.0.0.0:0", "[::1]:80"; and "unix:/path" as weir does, for both sides. What is wrong is told in
 * Go's words.
 */
#ifndef WEIR_LAB_ADDRESS_H
#define WEIR_LAB_ADDRESS_H

#include <stdbool.h>

#include "base/addr.h"

enum { ADDRESS_ERROR_MAX = 512 };

/**
 * Where to listen: as a numeric address. No host, 0.0.0.0 and :: are all addresses of both
 * families; localhost is 127.0.0.1; another name is looked up now, which blocks: it is meant for
 * names of this host. Port 0 is one that the kernel picks. 0, or -EINVAL and the reason in
 * `error`.
 */
int address_listen(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX]);

/** Where to connect to; names stay names, no host is 127.0.0.1. */
int address_upstream(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX]);

/** Whether it is one of a UNIX socket. */
bool address_is_unix(const char *text);

/** Writes an address to listen on as Go does: "[::]:6379" of both families. Returns `text`. */
const char *address_text(const struct addr *addr, char text[ADDR_TEXT_MAX]);

/** The address that a listening socket really has. 0 or a negative errno. */
int address_of_fd(int fd, struct addr *addr);

#endif
