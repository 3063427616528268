/* SPDX-License-Identifier: ISC */
#include "load/result.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/results.h"

static int refuse(char *why, const char *what, int error)
{
	(void)snprintf(why, RESULT_WHY_MAX, "%s", what);
	return error;
}

int result_of_run(const struct results *results, struct result **ret, char *ret_why)
{
	json_t *json = report_json_value(results);
	int r = json == NULL ? refuse(ret_why, "out of memory", -ENOMEM)
			     : result_read(json, ret, ret_why);

	json_decref(json);
	return r;
}

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
