/* SPDX-License-Identifier: ISC */
/*
 * Reads the fields of a result's JSON, and checks types and bounds. The first invalid field is
 * reported by its name. After that nothing is read any more, and each function returns a harmless
 * value. So the caller only has to check has_failed at the end.
 */
#ifndef WEIR_LOAD_RESULT_FIELDS_H
#define WEIR_LOAD_RESULT_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** No count or time of a real run exceeds this, and thousands of such numbers can be added up
 * without overflow. */
#define FIELDS_NUMBER_MAX ((int64_t)1 << 50)

enum { FIELDS_PATH_MAX = 96 };

struct fields_reader {
	char *why; /**< buffer of RESULT_WHY_MAX; written once */
	bool has_failed;
};

/** An object, and the prefix for the names of its fields in errors: "worst[3].client.". */
struct fields {
	struct fields_reader *reader;
	const json_t *object; /**< NULL: none */
	char path[FIELDS_PATH_MAX];
};

/** Reports what is wrong with a field, unless an error was reported before. */
__attribute__((format(printf, 3, 4))) void fields_refuse(
	const struct fields *fields, const char *name, const char *format, ...);

/** A number from 0 to FIELDS_NUMBER_MAX. The second function reads null as 0; the third allows
 * negative numbers. */
uint64_t fields_number(const struct fields *fields, const char *name);
uint64_t fields_number_or_none(const struct fields *fields, const char *name);
int64_t fields_signed(const struct fields *fields, const char *name);

bool fields_bool(const struct fields *fields, const char *name);

/** A text, valid as long as the JSON. The second function reads null as "". */
const char *fields_text(const struct fields *fields, const char *name);
const char *fields_text_or_none(const struct fields *fields, const char *name);

/** An object. The second function reads null as a struct fields whose object is NULL. */
struct fields fields_object(const struct fields *fields, const char *name);
struct fields fields_object_or_none(const struct fields *fields, const char *name);

/** An array with at most `max` elements, borrowed. NULL: it is invalid. */
const json_t *fields_array(const struct fields *fields, const char *name, size_t max);

/** The object at `index` in an array. */
struct fields fields_at(
	const struct fields *fields, const char *name, const json_t *array, size_t index);

#endif
