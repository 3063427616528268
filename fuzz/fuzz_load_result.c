/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a report of weirload. An error has a text. A report that is right can be written as
 * JUnit XML and as HTML. If it can be compared with itself, the comparison finds it the same.
 */
#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/compare.h"
#include "load/html.h"
#include "load/junit.h"
#include "load/result.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_reports(const struct result *result)
{
	const struct result *both[] = {result, result};

	assert(junit_write("/dev/null", result->title, both, 2) == 0);
	assert(html_write("/dev/null", result->title, both, 2) == 0);
}

static void check_comparison(const struct result *result)
{
	const struct comparison same = {result, result, 0, 0};
	char why[RESULT_WHY_MAX];
	char *rows = NULL;
	size_t n;
	FILE *out;

	why[0] = '\0';
	if (compare_check(&same, why) < 0) {
		assert(*why != '\0');
		return;
	}
	out = open_memstream(&rows, &n);
	assert(out != NULL);
	assert(compare_results(&same, out) == COMPARE_SAME);
	(void)fclose(out);
	free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct result *result = NULL;
	char why[RESULT_WHY_MAX];

	memset(why, 0, sizeof(why));
	if (json == NULL) {
		return 0;
	}
	if (result_read(json, &result, why) < 0) {
		assert(result == NULL && *why != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
	} else {
		check_reports(result);
		check_comparison(result);
		(void)result_free(result);
	}
	json_decref(json);
	return 0;
}
