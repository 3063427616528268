/* SPDX-License-Identifier: ISC */
/* Weights of any size as those of a group: 1 to CONF_WEIGHT_MAX, in the same proportions. Pure. */
#ifndef WEIR_UPSTREAM_WEIGHTS_H
#define WEIR_UPSTREAM_WEIGHTS_H

#include <stddef.h>
#include <stdint.h>

/**
 * Scales all of them in place; each is at least 1 and below 2^48. What has a common divisor that
 * brings it below CONF_WEIGHT_MAX keeps its proportions exactly (10, 20, 30 are 1, 2, 3); else the
 * greatest becomes CONF_WEIGHT_MAX, and the others are rounded, never below 1.
 */
void weights_scale(uint64_t *weights, size_t n);

/**
 * The share of a weight of 0 to 65535 that one of `n_addresses` has, when all of them together have
 * it; 0 counts as 1. `parts`: a multiple of n_addresses, the same for all weights that are to be
 * compared, below 2^32.
 */
uint64_t weights_share(uint16_t weight, uint64_t parts, size_t n_addresses);

/** A number of parts for one more: a multiple of both, or, where that is too large, of neither. */
uint64_t weights_parts(uint64_t parts, size_t n_addresses);

#endif
