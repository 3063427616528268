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

/** All of a file, for free(3); NULL and ret_why. */
static char *read_file(const char *path, size_t *ret_n, char *ret_why)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL) {
		(void)refuse(ret_why, strerror(errno), 0);
		return NULL;
	}
	text = malloc(RESULT_FILE_MAX + 1);
	n = text == NULL ? 0 : fread(text, 1, RESULT_FILE_MAX + 1, file);
	if (text == NULL || ferror(file) != 0) {
		(void)refuse(ret_why, strerror(errno), 0);
		free(text);
		text = NULL;
	} else if (n > RESULT_FILE_MAX) {
		(void)refuse(ret_why, "longer than 16 MiB: no report of weirload", 0);
		free(text);
		text = NULL;
	}
	if (file != stdin) {
		(void)fclose(file);
	}
	*ret_n = n;
	return text;
}

int result_load(const char *path, struct result **ret, char *ret_why)
{
	size_t n;
	char *text = read_file(path, &n, ret_why);
	json_error_t error;
	json_t *json;
	int r;

	if (text == NULL) {
		return -EINVAL;
	}
	json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
	free(text);
	if (json == NULL) {
		(void)snprintf(ret_why, RESULT_WHY_MAX, "line %d, column %d: %s", error.line,
			error.column, error.text);
		return -EINVAL;
	}
	r = result_read(json, ret, ret_why);
	json_decref(json);
	return r;
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
