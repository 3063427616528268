/* SPDX-License-Identifier: ISC */
/*
 * Makes the bytes of a DNS answer from a text. The parts of the text are separated by ';':
 *
 *	60 10.0.0.1		an A record with its TTL; AAAA if the address is IPv6
 *	60 SRV 0 5 80 a.test	priority, weight, port, target
 *	30 CNAME b.test		the records that follow are those of b.test
 *	OF c.test		the records that follow are those of c.test
 *	NODATA			no record; needs no other part
 *	NXDOMAIN SERVFAIL REFUSED NOTIMP
 *	30 SOA			an SOA record, in the authority section: a negative answer
 *	30 NS			an NS record, in the authority section: a referral
 *	CUT			the message has the flag "truncated"
 *	BROKEN			its last byte is missing
 */
#ifndef WEIR_TESTS_DNS_WIRE_H
#define WEIR_TESTS_DNS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "upstream/dns_message.h"

enum { DNS_WIRE_BYTES_MAX = 65535 };

/** Makes the answer to a question from `text`. Returns its size. `out` has DNS_WIRE_BYTES_MAX
 * bytes. */
size_t dns_wire(const char *name, enum dns_type type, const char *text, uint8_t *out);

#endif
