/* SPDX-License-Identifier: ISC */
#include "upstream/weights.h"

#include "conf/conf.h"

#define PARTS_MAX (UINT64_C(1) << 32)

static uint64_t common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void weights_scale(uint64_t *weights, size_t n)
{
	uint64_t divisor = 0;
	uint64_t max = 0;

	for (size_t i = 0; i < n; i++) {
		divisor = common_divisor(weights[i], divisor);
		max = weights[i] > max ? weights[i] : max;
	}
	for (size_t i = 0; i < n; i++) {
		if (max / divisor <= CONF_WEIGHT_MAX) {
			weights[i] /= divisor;
		} else {
			weights[i] = (weights[i] * CONF_WEIGHT_MAX + max / 2) / max;
		}
		weights[i] += weights[i] == 0;
	}
}

uint64_t weights_share(uint16_t weight, uint64_t parts, size_t n_addresses)
{
	return (weight > 0 ? weight : 1) * parts / n_addresses;
}

uint64_t weights_parts(uint64_t parts, size_t n_addresses)
{
	uint64_t multiple = parts / common_divisor(parts, n_addresses) * n_addresses;

	return multiple < PARTS_MAX ? multiple : PARTS_MAX - 1;
}
