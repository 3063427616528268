/* SPDX-License-Identifier: ISC */
/*
 * Parses addresses as Go writes them, because toxiproxy's clients do: "localhost:6379", ":6379",
 * "0.0.0.0:0", "[::1]:80". Also takes weir's "unix:/path", for both sides. Errors have Go's
 * wording.
 */
#ifndef WEIR_LAB_ADDRESS_H
#define WEIR_LAB_ADDRESS_H

#include <stdbool.h>

#include "base/addr.h"

enum { ADDRESS_ERROR_MAX = 512 };

/**
 * Parses an address to listen on into a numeric one. No host, 0.0.0.0 and :: mean all addresses of
 * both families; localhost is 127.0.0.1. Any other name is looked up at once, which blocks: names
 * are meant to be those of this host. With port 0 the kernel picks a port. 0, or -EINVAL and the
 * reason in `error`.
 */
int address_listen(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX]);

/** Parses an address to connect to. Names are not looked up; no host means 127.0.0.1. Returns like
 * address_listen(). */
int address_upstream(const char *text, struct addr *ret_addr, char error[ADDRESS_ERROR_MAX]);

/** Whether it is the address of a UNIX socket. */
bool address_is_unix(const char *text);

/** Writes an address to listen on as Go does: "[::]:6379" for both families. Returns `text`. */
const char *address_text(const struct addr *addr, char text[ADDR_TEXT_MAX]);

/**
 * Changes the address that `fd` was told to listen on to the one to which it is bound, with the
 * port that the kernel has picked. The address of a UNIX socket stays as it is. 0 or a negative
 * errno.
 */
int address_of_fd(int fd, struct addr *addr);

#endif
