/* SPDX-License-Identifier: ISC */
/*
 * The fields of a result's JSON, each read with its type and its bounds. The first one that does
 * not fit is told by its name; after it nothing is read any more, and each read gives a value that
 * does no harm: so only the end has to ask.
 */
#ifndef WEIR_LOAD_RESULT_FIELDS_H
#define WEIR_LOAD_RESULT_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** What no count or time of a real run exceeds, and what thousands of can be added up. */
#define FIELDS_NUMBER_MAX ((int64_t)1 << 50)

enum { FIELDS_PATH_MAX = 96 };

struct fields_reader {
	char *why; /**< of RESULT_WHY_MAX; written once */
	bool has_failed;
};

/** An object, and what stands before the names of its fields: "worst[3].client.". */
struct fields {
	struct fields_reader *reader;
	const json_t *object; /**< NULL: none */
	char path[FIELDS_PATH_MAX];
};

/** Says what is wrong with a field, unless another one was wrong before. */
__attribute__((format(printf, 3, 4))) void fields_refuse(
	const struct fields *fields, const char *name, const char *format, ...);

/** 0 to FIELDS_NUMBER_MAX; of the second, null is 0; the third may be negative. */
uint64_t fields_number(const struct fields *fields, const char *name);
uint64_t fields_number_or_none(const struct fields *fields, const char *name);
int64_t fields_signed(const struct fields *fields, const char *name);

bool fields_bool(const struct fields *fields, const char *name);

/** A text, as long as the JSON; of the second, null is "". */
const char *fields_text(const struct fields *fields, const char *name);
const char *fields_text_or_none(const struct fields *fields, const char *name);

/** An object; of the second, null is one without an object. */
struct fields fields_object(const struct fields *fields, const char *name);
struct fields fields_object_or_none(const struct fields *fields, const char *name);

/** An array with at most `max` elements; NULL: wrong. Borrowed. */
const json_t *fields_array(const struct fields *fields, const char *name, size_t max);

/** An object in an array, by its place. */
struct fields fields_at(
	const struct fields *fields, const char *name, const json_t *array, size_t index);

#endif
