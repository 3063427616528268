/* SPDX-License-Identifier: ISC */
#include "dns_wire.h"

#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	uint8_t *out;
	size_t len;
	char owner[DNS_NAME_MAX];
};

static void put(struct writer *writer, const void *bytes, size_t n)
{
	ck_assert_uint_le(writer->len + n, DNS_WIRE_BYTES_MAX);
	memcpy(writer->out + writer->len, bytes, n);
	writer->len += n;
}

static void put_u16(struct writer *writer, unsigned value)
{
	put(writer, (uint8_t[2]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

static void put_name(struct writer *writer, const char *name)
{
	while (*name != '\0' && strcmp(name, ".") != 0) {
		size_t n = strcspn(name, ".");

		put(writer, (uint8_t[1]){(uint8_t)n}, 1);
		put(writer, name, n);
		name += n + (name[n] == '.');
	}
	put(writer, "", 1);
}

static void put_rr(struct writer *writer, unsigned type, uint32_t ttl, const void *data, size_t n)
{
	/* The name of the question, as servers write it: a pointer to the end of the header. */
	if (*writer->owner == '\0') {
		put_u16(writer, 0xc00c);
	} else {
		put_name(writer, writer->owner);
	}
	put_u16(writer, type);
	put_u16(writer, 1);
	put_u16(writer, ttl >> 16);
	put_u16(writer, ttl & 0xffff);
	put_u16(writer, (unsigned)n);
	put(writer, data, n);
}

static void put_part(struct writer *writer, unsigned long ttl, const char *what)
{
	uint8_t data[512];
	struct writer sub = {.out = data};
	char name[DNS_NAME_MAX];
	unsigned n[3];

	if (inet_pton(AF_INET, what, data) == 1) {
		put_rr(writer, DNS_A, (uint32_t)ttl, data, 4);
	} else if (inet_pton(AF_INET6, what, data) == 1) {
		put_rr(writer, DNS_AAAA, (uint32_t)ttl, data, 16);
	} else if (sscanf(what, "SRV %u %u %u %253s", &n[0], &n[1], &n[2], name) == 4) {
		for (int i = 0; i < 3; i++) {
			put_u16(&sub, n[i]);
		}
		put_name(&sub, name);
		put_rr(writer, DNS_SRV, (uint32_t)ttl, data, sub.len);
	} else if (sscanf(what, "CNAME %253s", name) == 1) {
		put_name(&sub, name);
		put_rr(writer, 5, (uint32_t)ttl, data, sub.len);
		strcpy(writer->owner, name);
	} else if (strcmp(what, "SOA") == 0) {
		put(&sub, "\2ns\0\2me\0", 8);
		memset(data + 8, 0, 16);
		sub.len += 16;
		put_u16(&sub, (unsigned)(ttl >> 16));
		put_u16(&sub, ttl & 0xffff);
		put_rr(writer, 6, (uint32_t)ttl, data, sub.len);
	} else if (strcmp(what, "NS") == 0) {
		put(&sub, "\2ns\0", 4);
		put_rr(writer, 2, (uint32_t)ttl, data, sub.len);
	} else {
		ck_abort_msg("what is \"%s\"?", what);
	}
}

size_t dns_wire(const char *name, enum dns_type type, const char *text, uint8_t *out)
{
	static const struct {
		const char *name;
		unsigned flags;
	} flags[] = {{"NODATA", 0}, {"NXDOMAIN", 3}, {"SERVFAIL", 2}, {"REFUSED", 5}, {"NOTIMP", 4},
		{"CUT", 0x0200}, {NULL, 0}};
	struct writer writer = {.out = out, .len = 12};
	char *parts = strdup(text);
	unsigned header[6] = {0, 0x8180, 1, 0, 0, 0};
	unsigned is_broken = 0;
	char *rest = NULL;

	put_name(&writer, name);
	put_u16(&writer, type);
	put_u16(&writer, 1);
	for (char *part = strtok_r(parts, ";", &rest); part != NULL;
		part = strtok_r(NULL, ";", &rest)) {
		unsigned long ttl;
		int i = 0;

		part += strspn(part, " ");
		for (; flags[i].name != NULL && strcmp(flags[i].name, part) != 0; i++) {
		}
		if (flags[i].name != NULL) {
			header[1] |= flags[i].flags;
		} else if (strcmp(part, "BROKEN") == 0) {
			is_broken = 1;
		} else if (strncmp(part, "OF ", 3) == 0) {
			strcpy(writer.owner, part + 3);
		} else {
			char *what;

			ttl = strtoul(part, &what, 10);
			put_part(&writer, ttl, what + 1);
			i = strcmp(what + 1, "SOA") == 0 || strcmp(what + 1, "NS") == 0 ? 4 : 3;
			header[i]++;
		}
	}
	free(parts);
	for (size_t i = 0; i < 6; i++) {
		out[2 * i] = (uint8_t)(header[i] >> 8);
		out[2 * i + 1] = (uint8_t)header[i];
	}
	return writer.len - is_broken;
}
