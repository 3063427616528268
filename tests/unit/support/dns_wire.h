/* SPDX-License-Identifier: ISC */
/*
 * Answers of a DNS server as bytes, from a text that says what is in them. Parts stand between ';':
 *
 *	60 10.0.0.1		an A record with its TTL; or AAAA, by the address
 *	60 SRV 0 5 80 a.test	priority, weight, port, target
 *	30 CNAME b.test		the records that follow are those of b.test
 *	OF c.test		the records that follow are those of c.test
 *	NODATA			no record; needs no other part
 *	NXDOMAIN SERVFAIL REFUSED NOTIMP
 *	30 SOA			the zone says so (in the authority, as the next)
 *	30 NS			others are to be asked
 *	CUT			the message says that it is truncated
 *	BROKEN			its last byte is missing
 */
#ifndef WEIR_TESTS_DNS_WIRE_H
#define WEIR_TESTS_DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "upstream/dns_message.h"

enum { DNS_WIRE_BYTES_MAX = 65535 };

/** The answer to a question, as text says; its size. `out` has DNS_WIRE_BYTES_MAX bytes. */
size_t dns_wire(const char *name, enum dns_type type, const char *text, uint8_t *out);

#endif
