/* SPDX-License-Identifier: ISC */
/*
 * Converts weights of any size to weights of a group: 1 to CONF_WEIGHT_MAX, in the same
 * proportions. Pure functions.
 */
#ifndef WEIR_UPSTREAM_WEIGHTS_H
#define WEIR_UPSTREAM_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

/**
 * Scales all weights in place; each must be at least 1 and below 2^48. If dividing them by a common
 * divisor brings them to at most CONF_WEIGHT_MAX, the proportions stay exact (10, 20, 30 become 1,
 * 2, 3). Otherwise the greatest becomes CONF_WEIGHT_MAX, and the others are rounded, but not below
 * 1.
 */
void weights_scale(uint64_t *weights, size_t n);

/**
 * What one address gets of a weight (0 to 65535; 0 counts as 1) that `n_addresses` share. A weight
 * of 1 has `parts` parts, and the result is a number of them. `parts` comes from weights_parts(),
 * and must be the same for all weights that are compared.
 */
uint64_t weights_share(uint16_t weight, uint64_t parts, size_t n_addresses);

/**
 * How many parts a weight of 1 must have, so that each weight can be divided evenly. Begin with 1
 * part, and call it for each weight, with the number of addresses that share it. Returns a
 * common multiple of both arguments, or 2^32 - 1 if that multiple is too large.
 */
uint64_t weights_parts(uint64_t parts, size_t n_addresses);

#endif
