/* SPDX-License-Identifier: ISC */
/*
 * Reads the answer to one question for A, AAAA or SRV records from the bytes of a DNS message (RFC
 * 1035, 2782). c-ares sends the queries and matches the answers to them, but it does not return the
 * TTL of an SRV record. So all three types are read here, by the same rules:
 *
 *	- The records are those of the name that was asked for, or of the name that its CNAMEs (at
 *	  most 16) lead to. All other records are ignored.
 *	- The TTL is the smallest of these records and CNAMEs; above 2^31 - 1 it is 0 (RFC 2181).
 *	- An answer without such a record is empty. Its TTL is the smallest of its CNAMEs and its
 *	  SOA (RFC 2308), or 0 if it has neither.
 *	- A referral to other servers, which a resolver does not send, is not an answer.
 *
 * Every byte may be hostile: nothing beyond the message is read, and the steps to read a name are
 * bounded. Pure functions, which borrow the bytes.
 */
#ifndef WEIR_UPSTREAM_DNS_MESSAGE_H
#define WEIR_UPSTREAM_DNS_MESSAGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

enum {
	DNS_WIRE_MAX = 255, /**< a name in a message, with the final zero byte */
	DNS_NAME_MAX = 254, /**< a name as text, with its NUL */
};

struct dns_message {
	const uint8_t *bytes;
	size_t size;
	enum dns_type type;
	uint32_t ttl_s;
	size_t n_records;
	/* The state of dns_message_next(). */
	size_t at;
	unsigned n_left;             /**< how many records of any type are left */
	uint8_t owner[DNS_WIRE_MAX]; /**< the name of the wanted records, in lower case */
};

struct dns_record {
	struct in6_addr address; /**< A, AAAA; IPv4 as an IPv4-mapped address */
	/* SRV */
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	char target[DNS_NAME_MAX]; /**< in lower case, without a final dot; "": no target */
};

/** "A", "AAAA", "SRV". */
const char *dns_type_name(enum dns_type type);

/**
 * Reads a message. 0: it has `n_records` (1 or more) of the type; -ENODATA: it says that there are
 * none; -EREMOTEIO: the server failed or refused, or it is a referral; -EBADMSG: it is malformed or
 * truncated. Only 0 and -ENODATA write *ret_message.
 */
int dns_message_read(
	const void *bytes, size_t size, enum dns_type type, struct dns_message *ret_message);

/** Reads the next record of the answer; false: there is none left. */
bool dns_message_next(struct dns_message *message, struct dns_record *ret_record);

#endif
