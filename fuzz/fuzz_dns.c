/* SPDX-License-Identifier: ISC */
/*
 * Answers of DNS servers from any bytes. An answer that is accepted can be read to its end, and has
 * as many records as it says. The first byte picks the type that was asked for, the others are the
 * message.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "upstream/dns_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = {DNS_A, DNS_AAAA, DNS_SRV};
	struct dns_message message;
	struct dns_record record;
	size_t n_records = 0;
	int r;

	if (size == 0) {
		return 0;
	}
	r = dns_message_read(data + 1, size - 1, types[data[0] % 3], &message);
	if (r < 0 && r != -ENODATA) {
		assert(r == -EBADMSG || r == -EREMOTEIO);
		return 0;
	}
	assert(message.ttl_s <= INT32_MAX);
	while (dns_message_next(&message, &record)) {
		n_records++;
		assert(memchr(record.target, '\0', sizeof(record.target)) != NULL);
	}
	assert(n_records == message.n_records && (r == 0) == (n_records > 0));
	return 0;
}
