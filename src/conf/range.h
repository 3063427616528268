/* SPDX-License-Identifier: ISC */
/*
 * A range of ports: "*:8000-8009". A single address is a range of one. Private to conf.
 *
 * A listener has an address for each port of its range, an upstream a server for each.
 */
#ifndef WEIR_CONF_RANGE_H
#define WEIR_CONF_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "conf/errors.h"

enum { CONF_RANGE_MAX = 1024 };

struct conf_range {
	struct addr first;
	uint32_t n; /**< 1 to CONF_RANGE_MAX */
};

/** Parses a range. 0; or -EINVAL with `why`, as conf_value_set() says. */
int conf_range_parse(const char *text, struct conf_range *ret_range, char why[CONF_WHY_MAX]);

/** The i-th address of the range. */
struct addr conf_range_at(const struct conf_range *range, uint32_t i);

/** Check whether weir can listen on an address of a range, or connect to one. 0, or -EINVAL with
 * `why`. */
int conf_range_check_listen(const char *text, const struct addr *addr, char why[CONF_WHY_MAX]);
int conf_range_check_server(const char *text, const struct addr *addr, char why[CONF_WHY_MAX]);

#endif
