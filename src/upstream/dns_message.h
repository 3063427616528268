/* SPDX-License-Identifier: ISC */
/*
 * The answer to one question for A, AAAA or SRV records, read from the bytes of a DNS message
 * (RFC 1035, 2782). c-ares moves the messages and pairs them with what was asked; it does not give
 * the TTL of an SRV record, and so all three are read here, by the same rules:
 *
 *	the records are those of the name that was asked for, or of the one that its CNAMEs lead to,
 *	at most CNAMES_MAX of them; all others are passed over
 *	the TTL is the smallest of these records and CNAMEs; above 2^31 - 1 it is 0 (RFC 2181)
 *	an answer without such a record is empty: its TTL is what its SOA says (RFC 2308), or 0
 *	a referral to other servers, which a resolver does not give, is no answer
 *
 * Every byte is hostile: nothing beyond the message is read, and a name takes a bounded number of
 * steps. Pure; borrows the bytes.
 */
#ifndef WEIR_UPSTREAM_DNS_MESSAGE_H
#define WEIR_UPSTREAM_DNS_MESSAGE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

enum {
	DNS_WIRE_MAX = 255, /**< a name in a message, with its last NUL */
	DNS_NAME_MAX = 254, /**< a name as text, with its NUL */
};

struct dns_message {
	const uint8_t *bytes;
	size_t size;
	enum dns_type type;
	uint32_t ttl_s;
	size_t n_records;
	/* Where dns_message_next() goes on. */
	size_t at;
	unsigned n_left;             /**< records of any kind */
	uint8_t owner[DNS_WIRE_MAX]; /**< of the records, in lower case */
};

struct dns_record {
	struct in6_addr address; /**< A, AAAA; IPv4 is mapped */
	/* SRV */
	uint16_t priority;
	uint16_t weight;
	uint16_t port;
	char target
		[DNS_NAME_MAX]; /**< in lower case, without a dot at its end; "": there is none */
};

/** "A", "AAAA", "SRV". */
const char *dns_type_name(enum dns_type type);

/**
 * Reads a message. 0: it has `n_records` of the type, one at least; -ENODATA: it says that there is
 * none; -EREMOTEIO: the server failed or refused; -EBADMSG: it is malformed. The first two write
 * *ret_message.
 */
int dns_message_read(
	const void *bytes, size_t size, enum dns_type type, struct dns_message *ret_message);

/** The next record of the answer; false: there is none left. */
bool dns_message_next(struct dns_message *message, struct dns_record *ret_record);

#endif
