/* SPDX-License-Identifier: ISC */
/* All types of toxics. Each family of types has its own file. */
#ifndef WEIR_LAB_TOXIC_TYPES_H
#define WEIR_LAB_TOXIC_TYPES_H

#include "lab/toxic.h"

/** The type with this name; NULL: there is none. */
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
/* gate.c: these have no move() */
extern const struct toxic_type toxic_refuse;
extern const struct toxic_type toxic_blackhole;
extern const struct toxic_type toxic_flap;
/* faults.c */
extern const struct toxic_type toxic_freeze;
extern const struct toxic_type toxic_cut;
extern const struct toxic_type toxic_half_close;
extern const struct toxic_type toxic_drip;
extern const struct toxic_type toxic_corrupt;

#endif
