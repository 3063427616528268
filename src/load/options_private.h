/* SPDX-License-Identifier: ISC */
/*
 * The table of options, for parsing (options.c, options_values.c), --help and the reports
 * (options_table.c), and the keys of suites (suite_keys.h). Several rows may have the same name,
 * each for other scenarios. Private to these.
 */
#ifndef WEIR_LOAD_OPTIONS_PRIVATE_H
#define WEIR_LOAD_OPTIONS_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "load/options.h"

enum kind {
	KIND_TARGET,   /* struct addr */
	KIND_LISTEN,   /* struct addr to listen on; absent while its sa_len is 0 */
	KIND_SOURCE,   /* adds to sources: IP addresses with commas between them */
	KIND_COUNT,    /* uint64_t, min to max */
	KIND_NUMBER,   /* double, above 0, to max */
	KIND_DURATION, /* uint64_t; min is 1 where 0s makes no sense */
	KIND_WORD,     /* uint64_t: the place in `words`, from min on */
	KIND_FLAG,     /* bool, without a value */
	KIND_TEXT,     /* const char * */
	KIND_PATH,     /* const char *, the path of a report */
	KIND_HELP,
};

struct option {
	const char *name;
	const char *value; /**< the name of its value in --help */
	enum kind kind;
	unsigned scenarios; /**< enum scenario_bit */
	size_t offset;      /**< in struct options */
	uint64_t min;
	uint64_t max;
	const char *words; /**< "up down both" */
	const char *help;
};

extern const struct option option_table[];
extern const size_t option_count;

/** Writes what is wrong to `why` (of OPTIONS_WHY_MAX). Always returns -EINVAL. */
__attribute__((format(printf, 2, 3))) int options_refuse(char *why, const char *format, ...);

/**
 * Parses the value of an option (NULL for a flag) into *options. 0; or -EINVAL and `why`: what is
 * wrong, and what to write instead.
 */
int options_read_value(
	struct options *options, const struct option *option, const char *value, char *why);

/** Call it when all options were parsed: checks them as a whole, and sets what follows from them.
 * 0; or -EINVAL and `why`. */
int options_finish(struct options *options, char *why);

#endif
