/* SPDX-License-Identifier: ISC */
/* Prints answers for people. Texts from weir are escaped, so that no name can control the
 * terminal. */
#ifndef WEIR_CTL_SHOW_H
#define WEIR_CTL_SHOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/** Writes a text; bytes that are not printable ASCII become \xNN, and NULL becomes "-". */
void show_text(FILE *out, const char *text);

/** Writes the text as it may stand between double quotes (base/text.h). */
void show_quoted(FILE *out, const char *text);

enum { SHOW_TIME_MAX = 40 };

/** "12.3s", "5m20s", "3h05m" or "2d04h". */
const char *show_time(json_int_t ms, char text[SHOW_TIME_MAX]);

/** Writes the string, the number, or yes or no that `key` has; "-" if it is null or missing. */
void show_member(FILE *out, const json_t *object, const char *key);

/** The number that `key` has; 0 if it is null or missing. */
json_int_t show_number(const json_t *object, const char *key);

/** The timer of a pair that is due next, and the time left; NULL: none runs. */
const char *show_next_timer(const json_t *pair, json_int_t *ret_left_ms);

/** Print the answers to GET /v1/status, .../listeners, .../upstreams and .../pairs. */
void show_status(FILE *out, const json_t *json);
void show_listeners(FILE *out, const json_t *json);
void show_upstreams(FILE *out, const json_t *json);
void show_pairs(FILE *out, const json_t *json);

/** Prints one pair, and in words which timer will end it, when and why. */
void show_pair(FILE *out, const json_t *pair);

#endif
