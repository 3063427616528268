/* SPDX-License-Identifier: ISC */
#include "load/result.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct result *result_free(struct result *result)
{
	if (result == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < result->n_options; i++) {
		free((char *)result->options[i].text);
	}
	free(result->sides[SIDE_CLIENT].deviation.buckets);
	free(result->sides[SIDE_SERVER].deviation.buckets);
	free(result->latency_all.buckets);
	json_decref(result->json);
	free(result);
	return NULL;
}

const char *result_option(const struct result *result, const char *name)
{
	for (size_t i = 0; i < result->n_options; i++) {
		if (strcmp(result->options[i].name, name) == 0) {
			return result->options[i].text;
		}
	}
	return "";
}

int64_t result_percentile(const struct result_distribution *distribution, double percent)
{
	double wanted = (double)distribution->count * percent / 100;
	uint64_t sum = 0;

	for (size_t i = 0; i < distribution->n_buckets; i++) {
		sum += distribution->buckets[i].count;
		if ((double)sum >= wanted) {
			return distribution->buckets[i].greatest;
		}
	}
	return distribution->n_buckets == 0
		       ? 0
		       : distribution->buckets[distribution->n_buckets - 1].greatest;
}
