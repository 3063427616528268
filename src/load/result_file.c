/* SPDX-License-Identifier: ISC */
#include "load/result_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load/result_fields.h"
#include "load/suite.h"

static void refuse(char *why, const char *what)
{
	(void)snprintf(why, RESULT_WHY_MAX, "%s", what);
}

/** Reads a whole file, malloc'd; NULL and ret_why. */
static char *read_file(const char *path, size_t *ret_n, char *ret_why)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text;
	size_t n;

	if (file == NULL) {
		refuse(ret_why, strerror(errno));
		return NULL;
	}
	text = malloc(RESULT_FILE_MAX + 1);
	n = text == NULL ? 0 : fread(text, 1, RESULT_FILE_MAX + 1, file);
	if (text == NULL || ferror(file) != 0) {
		refuse(ret_why, strerror(errno));
		free(text);
		text = NULL;
	} else if (n > RESULT_FILE_MAX) {
		refuse(ret_why, "longer than 64 MiB: no report of weirload");
		free(text);
		text = NULL;
	}
	if (file != stdin) {
		(void)fclose(file);
	}
	*ret_n = n;
	return text;
}

static json_t *read_json(const char *text, size_t n, char *ret_why)
{
	json_error_t error;
	json_t *json = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);

	if (json == NULL) {
		(void)snprintf(ret_why, RESULT_WHY_MAX, "line %d, column %d: %s", error.line,
			error.column, error.text);
	}
	return json;
}

/** Checks that a name is as short as those in the file of a suite. */
static void check_length(const struct fields *fields, const char *name, const char *text)
{
	if (strlen(text) >= SUITE_NAME_MAX) {
		fields_refuse(fields, name, "has more than %d bytes", SUITE_NAME_MAX - 1);
	}
}

/** Checks that the names of each row are unique, because they identify it in another report. */
static void check_names(const struct fields *fields, const struct result_file *file)
{
	const struct result_row *row = &file->rows[file->n_rows];

	check_length(fields, "name", row->name);
	check_length(fields, "proxy", row->proxy);
	if (result_file_find(file, row->name, row->proxy) != NULL) {
		fields_refuse(fields, "name", "\"%s\" through \"%s\" is there twice", row->name,
			row->proxy);
	}
}

static void read_row(const struct fields *fields, struct result_file *file)
{
	struct result_row *row = &file->rows[file->n_rows];
	json_t *report = json_object_get(fields->object, "report");
	char why[RESULT_WHY_MAX];

	*row = (struct result_row){
		.name = fields_text(fields, "name"), .proxy = fields_text(fields, "proxy")};
	if (fields->reader->has_failed) {
		return;
	}
	check_names(fields, file);
	if (!json_is_null(report) && !fields->reader->has_failed &&
		result_read(report, &row->result, why) < 0) {
		fields_refuse(fields, "report", "%s", why);
	}
	file->n_rows++;
}

static void read_suite(const struct fields *report, struct result_file *ret)
{
	uint64_t schema = fields_number(report, "schema");
	const json_t *rows = fields_array(report, "rows", SUITE_ROWS_MAX);

	if (schema != RESULT_SCHEMA) {
		fields_refuse(
			report, "schema", RESULT_SCHEMA_OTHER, (uintmax_t)schema, RESULT_SCHEMA);
	}
	ret->suite = fields_text(report, "suite");
	ret->rows = calloc(json_array_size(rows) + 1, sizeof(*ret->rows));
	if (ret->rows == NULL) {
		fields_refuse(report, "rows", "out of memory");
	}
	for (size_t i = 0; i < json_array_size(rows) && !report->reader->has_failed; i++) {
		struct fields row = fields_at(report, "rows", rows, i);

		read_row(&row, ret);
	}
}

static int read_any(struct result_file *ret, char *ret_why)
{
	struct fields_reader reader = {.why = ret_why};
	struct fields report = {.reader = &reader, .object = ret->json};

	if (json_object_get(ret->json, "suite") != NULL) {
		read_suite(&report, ret);
		return reader.has_failed ? -EINVAL : 0;
	}
	ret->rows = calloc(1, sizeof(*ret->rows));
	if (ret->rows == NULL) {
		refuse(ret_why, "out of memory");
		return -ENOMEM;
	}
	ret->n_rows = 1;
	return result_read(ret->json, &ret->rows[0].result, ret_why);
}

int result_file_load(struct result_file *ret, const char *path, char *ret_why)
{
	size_t n;
	char *text = read_file(path, &n, ret_why);
	int r;

	*ret = (struct result_file){0};
	r = text == NULL ? -EINVAL : result_file_read(ret, text, n, ret_why);
	free(text);
	return r;
}

int result_file_read(struct result_file *ret, const char *text, size_t n, char *ret_why)
{
	int r;

	*ret = (struct result_file){.json = read_json(text, n, ret_why)};
	r = ret->json == NULL ? -EINVAL : read_any(ret, ret_why);
	if (r < 0) {
		result_file_fini(ret);
	}
	return r;
}

const struct result_row *result_file_find(
	const struct result_file *file, const char *name, const char *proxy)
{
	for (size_t i = 0; i < file->n_rows; i++) {
		const struct result_row *row = &file->rows[i];

		if (strcmp(row->name, name) == 0 && strcmp(row->proxy, proxy) == 0) {
			return row;
		}
	}
	return NULL;
}

void result_file_fini(struct result_file *file)
{
	for (size_t i = 0; i < file->n_rows; i++) {
		(void)result_free(file->rows[i].result);
	}
	free(file->rows);
	json_decref(file->json);
	*file = (struct result_file){0};
}
