/* SPDX-License-Identifier: ISC */
/*
 * Numbers and addresses from any bytes. A refusal has a reason, and writes nothing. What is
 * accepted can be written out and read back as the same.
 */
#include <assert.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/timespan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNTOUCHED UINT64_C(0x5e5e5e5e5e5e5e5e)

static void check_duration(const char *text)
{
	const char *why = NULL;
	uint64_t again = 0;
	uint64_t ns = UNTOUCHED;
	char shown[DURATION_TEXT_MAX];
	int r = parse_duration(text, &ns, &why);

	if (r < 0) {
		assert(ns == UNTOUCHED && why != NULL);
		return;
	}
	assert(ns == NS_NEVER || ns <= UINT64_C(864000000) * NS_PER_S);
	r = parse_duration(format_duration(ns, shown), &again, &why);
	assert(r == 0 && again == ns);
}

static void check_timespan(const char *text)
{
	const char *why = NULL;
	uint64_t again = 0;
	uint64_t ns = UNTOUCHED;
	char shown[32];
	int r = parse_timespan(text, &ns, &why);

	if (r < 0) {
		assert(ns == UNTOUCHED && why != NULL);
		return;
	}
	(void)snprintf(shown, sizeof(shown), "%" PRIu64 "us", ns / NS_PER_US);
	r = ns == NS_NEVER ? 0 : parse_timespan(shown, &again, &why);
	assert(r == 0 && (ns == NS_NEVER || again == ns));
}

static void check_size(const char *text)
{
	const char *why = NULL;
	uint64_t again = 0;
	uint64_t bytes = UNTOUCHED;
	char shown[32];
	int r = parse_size(text, &bytes, &why);

	if (r < 0) {
		assert(bytes == UNTOUCHED && why != NULL);
		return;
	}
	(void)snprintf(shown, sizeof(shown), "%" PRIu64, bytes);
	r = parse_size(shown, &again, &why);
	assert(r == 0 && again == bytes);
}

static void check_shown(const char *text)
{
	assert(memchr(text, '\0', ADDR_TEXT_MAX) != NULL);
	for (; *text != '\0'; text++) {
		assert((unsigned char)*text >= ' ' && *text != '\x7f');
	}
}

static void check_addr(const char *text)
{
	const char *why = NULL;
	char shown[ADDR_TEXT_MAX];
	struct addr again;
	struct addr addr;
	int r;

	memset(&addr, 0x5e, sizeof(addr));
	again = addr;
	r = addr_parse(text, &addr, &why);
	if (r < 0) {
		assert(memcmp(&addr, &again, sizeof(addr)) == 0 && why != NULL);
		return;
	}
	assert(addr.sa_len <= sizeof(addr.sa));
	check_shown(addr_text(&addr, shown));
	r = addr_parse(shown, &again, &why);
	assert(r == 0 && addr_equal(&addr, &again));
}

/* The bytes as an address that the kernel hands out, of each family and of any length. */
static void check_format(const uint8_t *data, size_t size)
{
	static const sa_family_t families[] = {AF_INET, AF_INET6, AF_UNIX};
	char shown[ADDR_TEXT_MAX];
	sa_family_t *sa = malloc(sizeof(*sa) + size);

	assert(sa != NULL);
	memcpy(sa + 1, data, size);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		*sa = families[i];
		check_shown(addr_format((const struct sockaddr *)(void *)sa,
			(socklen_t)(sizeof(*sa) + size), shown));
	}
	free(sa);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	assert(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_duration(text);
	check_timespan(text);
	check_size(text);
	check_addr(text);
	check_format(data, size);
	free(text);
	return 0;
}
