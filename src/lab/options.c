/* SPDX-License-Identifier: ISC */
#include "lab/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** An option; one of the pointers is set. */
struct option {
	const char *name;
	const char **text;
	bool *is_on;
};

__attribute__((format(printf, 2, 3))) static int wrong(
	char error[OPTIONS_ERROR_MAX], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(error, OPTIONS_ERROR_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/** Parses a bool like Go's strconv.ParseBool(). -1: it is none. */
static int read_bool(const char *text)
{
	static const char *const words[] = {
		"0", "1", "f", "t", "F", "T", "false", "true", "FALSE", "TRUE", "False", "True"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], text) == 0) {
			return (int)(i & 1);
		}
	}
	return -1;
}

static int set_switch(const struct option *option, const char *value, char error[OPTIONS_ERROR_MAX])
{
	int is_on = value == NULL ? 1 : read_bool(value);

	if (is_on < 0) {
		return wrong(error, "-%s=%s: write true or false", option->name, value);
	}
	*option->is_on = is_on != 0;
	return 0;
}

/** Reads the option at argv[*i], and moves *i to its last word. */
static int read_one(
	const struct option *all, int argc, char **argv, int *i, char error[OPTIONS_ERROR_MAX])
{
	const char *name = argv[*i] + 1 + (argv[*i][1] == '-');
	const char *equals = strchr(name, '=');
	size_t n = equals == NULL ? strlen(name) : (size_t)(equals - name);
	const char *value = equals == NULL ? NULL : equals + 1;

	for (; all->name != NULL; all++) {
		if (strlen(all->name) != n || strncmp(all->name, name, n) != 0) {
			continue;
		}
		if (all->is_on != NULL) {
			return set_switch(all, value, error);
		}
		if (value == NULL && ++*i == argc) {
			return wrong(error, "-%s needs a value", all->name);
		}
		*all->text = value == NULL ? argv[*i] : value;
		return 0;
	}
	return wrong(error, "there is no option -%.*s", (int)n, name);
}

static int read_seed(struct options *options, const char *text, char error[OPTIONS_ERROR_MAX])
{
	char *end;

	errno = 0;
	options->seed = (uint64_t)strtoll(text, &end, 0);
	if (errno != 0 || *text == '\0' || *end != '\0') {
		return wrong(error, "-seed %s: write a whole number of 64 bits", text);
	}
	options->has_seed = true;
	return 0;
}

/** Checks which options go together. */
static int check(const struct options *options, char error[OPTIONS_ERROR_MAX])
{
	bool has_any = options->listen != NULL || options->upstream != NULL;
	bool has_both = options->listen != NULL && options->upstream != NULL;

	if (options->record != NULL && options->replay != NULL) {
		return wrong(error, "-record and -replay: write one of them");
	}
	if (options->record != NULL && !has_both) {
		return wrong(error, "-record needs -listen ADDRESS and -upstream ADDRESS, "
				    "between which it relays");
	}
	if (options->replay != NULL && !has_any) {
		return wrong(error, "-replay needs -listen ADDRESS, to be the server, or -upstream "
				    "ADDRESS, to be the client, or both");
	}
	if (options->replay != NULL && (options->run != NULL || options->config != NULL)) {
		return wrong(error, "-replay has no proxies: leave -run and -config out");
	}
	if (has_any && options->record == NULL && options->replay == NULL) {
		return wrong(error, "-listen and -upstream belong to -record or -replay; write "
				    "-config FILE for proxies");
	}
	return 0;
}

int options_read(struct options *options, int argc, char **argv, char error[OPTIONS_ERROR_MAX])
{
	const char *seed = NULL;
	const struct option all[] = {
		{.name = "host", .text = &options->host},
		{.name = "port", .text = &options->port},
		{.name = "config", .text = &options->config},
		{.name = "run", .text = &options->run},
		{.name = "record", .text = &options->record},
		{.name = "replay", .text = &options->replay},
		{.name = "listen", .text = &options->listen},
		{.name = "upstream", .text = &options->upstream},
		{.name = "seed", .text = &seed},
		{.name = "proxy-metrics", .is_on = &options->proxy_metrics},
		{.name = "runtime-metrics", .is_on = &options->runtime_metrics},
		{.name = "version", .is_on = &options->version},
		{.name = "help", .is_on = &options->help},
		{.name = "h", .is_on = &options->help},
		{0},
	};

	*options = (struct options){.host = "localhost", .port = "8474"};
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] != '-' || argv[i][1] == '\0') {
			return wrong(error, "%s: there are only options", argv[i]);
		}
		if (read_one(all, argc, argv, &i, error) < 0) {
			return -EINVAL;
		}
	}
	if (seed != NULL && read_seed(options, seed, error) < 0) {
		return -EINVAL;
	}
	return check(options, error);
}
