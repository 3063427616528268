/* SPDX-License-Identifier: ISC */
/* All types of toxics, each family of which has a file. */
#ifndef WEIR_LAB_TOXIC_TYPES_H
#define WEIR_LAB_TOXIC_TYPES_H

#include "lab/toxic.h"

/** NULL: there is none of this name. */
const struct toxic_type *toxic_type_find(const char *name);

/* delay.c */
extern const struct toxic_type toxic_latency;
extern const struct toxic_type toxic_slow_close;
/* rate.c */
extern const struct toxic_type toxic_bandwidth;
/* slices.c */
extern const struct toxic_type toxic_slicer;
/* ends.c */
extern const struct toxic_type toxic_timeout;
extern const struct toxic_type toxic_reset_peer;
extern const struct toxic_type toxic_limit_data;

#endif
