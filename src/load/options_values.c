/* SPDX-License-Identifier: ISC */
/* Parses the values of options. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/options_private.h"

int options_refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, OPTIONS_WHY_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

static int read_addr(const struct option *option, const char *value, struct addr *addr, char *why)
{
	const char *problem;

	if (addr_parse(value, addr, &problem) < 0) {
		return options_refuse(why, "%s", problem);
	}
	if (addr->kind == ADDR_INET && addr_now(addr, &addr->sa) < 0) {
		return options_refuse(why, "no interface of this machine has the name after "
					   "\"%%\"; write another one");
	}
	if (addr->kind == ADDR_SYSTEMD) {
		return options_refuse(why, "nothing is passed to weirload; write 127.0.0.1:80");
	}
	if (option->kind == KIND_TARGET && addr->kind == ADDR_ANY) {
		return options_refuse(
			why, "\"*\" is no address to connect to; write 127.0.0.1:%u", addr->port);
	}
	if (option->kind == KIND_LISTEN && addr->kind == ADDR_NAME) {
		return options_refuse(why, "a name cannot be listened on; write its address");
	}
	return 0;
}

static int add_source(struct options *options, const char *ip, char *why)
{
	struct addr *addr;

	if (options->n_sources == OPTIONS_SOURCES_MAX) {
		return options_refuse(why, "at most %d addresses", OPTIONS_SOURCES_MAX);
	}
	addr = &options->sources[options->n_sources];
	*addr = (struct addr){.kind = ADDR_INET};
	if (inet_pton(AF_INET, ip, &addr->sa.in.sin_addr) == 1) {
		addr->sa.in.sin_family = AF_INET;
		addr->sa_len = sizeof(addr->sa.in);
	} else if (inet_pton(AF_INET6, ip, &addr->sa.in6.sin6_addr) == 1) {
		addr->sa.in6.sin6_family = AF_INET6;
		addr->sa_len = sizeof(addr->sa.in6);
	} else {
		return options_refuse(why,
			"%.64s is not an IP address; write one of this machine's, without a port",
			ip);
	}
	options->n_sources++;
	return 0;
}

static int read_sources(struct options *options, const char *value, char *why)
{
	char *list = strdup(value);
	char *rest = list;
	int r = list == NULL ? options_refuse(why, "out of memory") : 0;

	while (r == 0 && rest != NULL) {
		r = add_source(options, strsep(&rest, ","), why);
	}
	free(list);
	return r;
}

static int read_count(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	uint64_t number = 0;
	size_t n = strspn(value, "0123456789");

	if (n == 0 || value[n] != '\0') {
		return options_refuse(why, "not a whole number; write one from %ju to %ju",
			(uintmax_t)option->min, (uintmax_t)option->max);
	}
	errno = 0;
	number = strtoull(value, NULL, 10);
	if (errno != 0 || number < option->min || number > option->max) {
		return options_refuse(why, "out of range; write a number from %ju to %ju",
			(uintmax_t)option->min, (uintmax_t)option->max);
	}
	*ret = number;
	return 0;
}

static int read_number(const struct option *option, const char *value, double *ret, char *why)
{
	char *end;
	double number = strtod(value, &end);

	if (value[strspn(value, "0123456789.")] != '\0' || end == value || *end != '\0' ||
		!(number > 0) || number > (double)option->max) {
		return options_refuse(
			why, "write a number above 0, at most %ju", (uintmax_t)option->max);
	}
	*ret = number;
	return 0;
}

static int read_duration(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	char text[DURATION_TEXT_MAX];
	const char *problem;
	uint64_t ns;

	if (parse_time(value, &ns, &problem) < 0) {
		return options_refuse(why, "%s", problem);
	}
	if (ns < option->min && option->min > 1) {
		return options_refuse(why, "write %s or more", format_duration(option->min, text));
	}
	if (ns < option->min) {
		return options_refuse(why, "write more than nothing, such as 100ms");
	}
	*ret = ns;
	return 0;
}

static int read_word(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	size_t len = strlen(value);
	uint64_t place = option->min;

	for (const char *word = option->words; *word != '\0'; place++) {
		size_t n = strcspn(word, " ");

		if (n == len && memcmp(word, value, n) == 0) {
			*ret = place;
			return 0;
		}
		word += n;
		word += strspn(word, " ");
	}
	return options_refuse(why, "write %s", option->value);
}

int options_read_value(
	struct options *options, const struct option *option, const char *value, char *why)
{
	void *field = (char *)options + option->offset;

	switch (option->kind) {
	case KIND_TARGET:
		return read_addr(option, value, field, why);
	case KIND_LISTEN:
		return read_addr(option, value, field, why);
	case KIND_SOURCE:
		return read_sources(options, value, why);
	case KIND_COUNT:
		return read_count(option, value, field, why);
	case KIND_NUMBER:
		return read_number(option, value, field, why);
	case KIND_DURATION:
		return read_duration(option, value, field, why);
	case KIND_WORD:
		return read_word(option, value, field, why);
	case KIND_TEXT:
	case KIND_PATH:
		*(const char **)field = value;
		return 0;
	case KIND_FLAG:
	case KIND_HELP:
		break;
	}
	*(bool *)field = true;
	return 0;
}
