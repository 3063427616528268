/* SPDX-License-Identifier: ISC */
/* Writes headers of both versions. */
#include "proto/proxy_header_private.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "proto/crc32c.h"

/** The family of both addresses, as far as one header can express them. */
static unsigned int common_family(const struct proxy_header *header)
{
	sa_family_t source = header->source.sa.any.sa_family;
	sa_family_t destination = header->destination.sa.any.sa_family;

	if (header->source.len == 0 || header->destination.len == 0) {
		return PROXY_HEADER_FAMILY_UNSPEC;
	}
	if (source == AF_UNIX && destination == AF_UNIX) {
		return PROXY_HEADER_FAMILY_UNIX;
	}
	if (source == AF_UNIX || destination == AF_UNIX) {
		return PROXY_HEADER_FAMILY_UNSPEC;
	}
	return source == AF_INET && destination == AF_INET ? PROXY_HEADER_FAMILY_INET
							   : PROXY_HEADER_FAMILY_INET6;
}

static struct in6_addr as_inet6(const struct proxy_address *address)
{
	struct in6_addr in6 = {0};

	if (address->sa.any.sa_family == AF_INET6) {
		return address->sa.in6.sin6_addr;
	}
	in6.s6_addr[10] = 0xff;
	in6.s6_addr[11] = 0xff;
	memcpy(in6.s6_addr + 12, &address->sa.in.sin_addr, 4);
	return in6;
}

static in_port_t port_of(const struct proxy_address *address)
{
	return address->sa.any.sa_family == AF_INET ? address->sa.in.sin_port
						    : address->sa.in6.sin6_port;
}

/* ---- version 1 ---- */

/**
 * Writes an address. An IPv6 address gets no dots, which inet_ntop(3) writes if its end looks like
 * IPv4, but which 2.1 does not allow.
 */
static void write_address(
	const struct proxy_address *address, unsigned int family, char text[INET6_ADDRSTRLEN])
{
	struct in6_addr in6;
	const char *s;

	if (family == PROXY_HEADER_FAMILY_INET) {
		s = inet_ntop(AF_INET, &address->sa.in.sin_addr, text, INET6_ADDRSTRLEN);
		assert(s != NULL);
		return;
	}
	in6 = as_inet6(address);
	s = inet_ntop(AF_INET6, &in6, text, INET6_ADDRSTRLEN);
	assert(s != NULL);
	if (strchr(text, '.') != NULL) {
		(void)snprintf(text, INET6_ADDRSTRLEN, "::%s%x:%x",
			IN6_IS_ADDR_V4MAPPED(&in6) ? "ffff:" : "",
			in6.s6_addr[12] << 8 | in6.s6_addr[13],
			in6.s6_addr[14] << 8 | in6.s6_addr[15]);
	}
}

static int build_v1(const struct proxy_header *header, void *out, size_t size)
{
	unsigned int family = common_family(header);
	char source[INET6_ADDRSTRLEN];
	char destination[INET6_ADDRSTRLEN];
	char line[128] = "PROXY UNKNOWN\r\n"; /* so long that no compiler warns */
	size_t len;

	if (header->who != PROXY_HEADER_UNSPEC &&
		(family == PROXY_HEADER_FAMILY_INET || family == PROXY_HEADER_FAMILY_INET6)) {
		write_address(&header->source, family, source);
		write_address(&header->destination, family, destination);
		(void)snprintf(line, sizeof(line), "PROXY %s %s %s %u %u\r\n",
			family == PROXY_HEADER_FAMILY_INET ? "TCP4" : "TCP6", source, destination,
			(unsigned int)ntohs(port_of(&header->source)),
			(unsigned int)ntohs(port_of(&header->destination)));
	}
	len = strlen(line);
	if (len > size) {
		return -EMSGSIZE;
	}
	memcpy(out, line, len);
	return (int)len;
}

/* ---- version 2 ---- */

/** The buffer, and whether there was room. */
struct writer {
	uint8_t *bytes;
	size_t size;
	size_t len;
	bool is_full;
};

static void write_bytes(struct writer *writer, const void *bytes, size_t n)
{
	if (writer->is_full || writer->size - writer->len < n) {
		writer->is_full = true;
		return;
	}
	if (n > 0) {
		memcpy(writer->bytes + writer->len, bytes, n);
	}
	writer->len += n;
}

static void write_tlv(struct writer *writer, unsigned int type, struct span value)
{
	uint8_t head[3] = {(uint8_t)type, (uint8_t)(value.n >> 8), (uint8_t)value.n};

	if (value.bytes == NULL) {
		return;
	}
	writer->is_full |= value.n > UINT16_MAX;
	write_bytes(writer, head, sizeof(head));
	write_bytes(writer, value.bytes, value.n);
}

static void write_unix(struct writer *writer, const struct proxy_address *address)
{
	size_t n = address->len - offsetof(struct sockaddr_un, sun_path);
	char path[PROXY_HEADER_UNIX_PATH] = {0};

	/* The length from the kernel may exceed the room that there was (accept(2)). */
	memcpy(path, address->sa.un.sun_path, n < sizeof(path) ? n : sizeof(path));
	write_bytes(writer, path, sizeof(path));
}

static void write_addresses(
	struct writer *writer, const struct proxy_header *header, unsigned int family)
{
	const struct proxy_address *both[] = {&header->source, &header->destination};
	in_port_t port;

	for (size_t i = 0; i < 2; i++) {
		if (family == PROXY_HEADER_FAMILY_UNIX) {
			write_unix(writer, both[i]);
		} else if (family == PROXY_HEADER_FAMILY_INET) {
			write_bytes(writer, &both[i]->sa.in.sin_addr, 4);
		} else if (family == PROXY_HEADER_FAMILY_INET6) {
			struct in6_addr in6 = as_inet6(both[i]);

			write_bytes(writer, &in6, sizeof(in6));
		}
	}
	for (size_t i = 0; i < 2; i++) {
		if (family == PROXY_HEADER_FAMILY_INET || family == PROXY_HEADER_FAMILY_INET6) {
			port = port_of(both[i]);
			write_bytes(writer, &port, sizeof(port));
		}
	}
}

/**
 * Whether a TLV of `tlvs` is copied: not a checksum, and not if the struct has one of the same
 * type.
 */
static bool is_kept(const struct proxy_header *header, uint32_t type)
{
	switch (type) {
	case PROXY_HEADER_TLV_CRC32C:
		return false;
	case PROXY_HEADER_TLV_AUTHORITY:
		return header->authority.bytes == NULL;
	case PROXY_HEADER_TLV_ALPN:
		return header->alpn.bytes == NULL;
	case PROXY_HEADER_TLV_UNIQUE_ID:
		return header->unique_id.bytes == NULL;
	default:
		return true;
	}
}

static void write_tlvs(struct writer *writer, const struct proxy_header *header)
{
	struct span tlvs = header->tlvs;
	struct span value;
	uint32_t type;

	write_tlv(writer, PROXY_HEADER_TLV_AUTHORITY, header->authority);
	write_tlv(writer, PROXY_HEADER_TLV_ALPN, header->alpn);
	write_tlv(writer, PROXY_HEADER_TLV_UNIQUE_ID, header->unique_id);
	while (span_take_number(&tlvs, 1, &type) && span_take_vector(&tlvs, 2, &value)) {
		if (is_kept(header, type)) {
			write_tlv(writer, type, value);
		}
	}
}

static void write_number(uint8_t *at, uint32_t number, size_t n_bytes)
{
	while (n_bytes-- > 0) {
		at[n_bytes] = (uint8_t)number;
		number >>= 8;
	}
}

static int build_v2(const struct proxy_header *header, void *out, size_t size)
{
	static const uint8_t zeros[PROXY_HEADER_CRC32C_BYTES];
	bool is_local = header->who == PROXY_HEADER_LOCAL;
	unsigned int family = header->who == PROXY_HEADER_CLIENT ? common_family(header)
								 : PROXY_HEADER_FAMILY_UNSPEC;
	uint8_t fixed[PROXY_HEADER_V2_FIXED] = PROXY_HEADER_SIGNATURE;
	struct writer writer = {.bytes = out, .size = size};

	fixed[12] = PROXY_HEADER_VERSION_2 |
		    (is_local ? PROXY_HEADER_COMMAND_LOCAL : PROXY_HEADER_COMMAND_PROXY);
	fixed[13] = family == PROXY_HEADER_FAMILY_UNSPEC
			    ? 0
			    : (uint8_t)(family << 4 | PROXY_HEADER_PROTOCOL_STREAM);
	if (size > PROXY_HEADER_V2_MAX) {
		writer.size = PROXY_HEADER_V2_MAX;
	}
	write_bytes(&writer, fixed, sizeof(fixed));
	if (!is_local) {
		write_addresses(&writer, header, family);
		write_tlvs(&writer, header);
		if (header->has_checksum) {
			write_tlv(&writer, PROXY_HEADER_TLV_CRC32C,
				(struct span){zeros, sizeof(zeros)});
		}
	}
	if (writer.is_full) {
		return -EMSGSIZE;
	}
	write_number(writer.bytes + 14, (uint32_t)(writer.len - PROXY_HEADER_V2_FIXED), 2);
	if (!is_local && header->has_checksum) {
		write_number(writer.bytes + writer.len - sizeof(zeros),
			crc32c(CRC32C_BEGIN, writer.bytes, writer.len), sizeof(zeros));
	}
	return (int)writer.len;
}

/** A socket for both families returns IPv4 addresses as IPv4-mapped ones. */
static void unmap(struct proxy_address *address)
{
	struct in6_addr in6 = address->sa.in6.sin6_addr;

	if (address->len > 0 && address->sa.any.sa_family == AF_INET6) {
		proxy_address_set_inet6(address, &in6, address->sa.in6.sin6_port);
	}
}

int proxy_header_build(const struct proxy_header *header, void *out, size_t size)
{
	struct proxy_header plain = *header;

	assert(header->version == 1 || header->version == 2);
	unmap(&plain.source);
	unmap(&plain.destination);
	return plain.version == 1 ? build_v1(&plain, out, size) : build_v2(&plain, out, size);
}
