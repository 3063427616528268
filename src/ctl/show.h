/* SPDX-License-Identifier: ISC */
/* How answers are shown to people. What comes from weir is escaped: no name drives a terminal. */
#ifndef WEIR_CTL_SHOW_H
#define WEIR_CTL_SHOW_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

/** Writes a text, each byte of it that is not printable ASCII as \xNN. NULL is "-". */
void show_text(FILE *out, const char *text);

/** The same as it stands between double quotes (text.h). */
void show_quoted(FILE *out, const char *text);

enum { SHOW_TIME_MAX = 40 };

/** "12.3s", "5m20s", "3h05m" or "2d04h". */
const char *show_time(json_int_t ms, char text[SHOW_TIME_MAX]);

/** The string, the number or yes and no behind `key`; "-" for null and for what is not there. */
void show_member(FILE *out, const json_t *object, const char *key);

/** The number behind `key`; 0 for null and for what is not there. */
json_int_t show_number(const json_t *object, const char *key);

/** The timer of a pair that is due first, and its time left; NULL: none runs. */
const char *show_next_timer(const json_t *pair, json_int_t *ret_left_ms);

/** What weir answers to GET /v1/status, .../listeners, .../upstreams and .../pairs. */
void show_status(FILE *out, const json_t *json);
void show_listeners(FILE *out, const json_t *json);
void show_upstreams(FILE *out, const json_t *json);
void show_pairs(FILE *out, const json_t *json);

/** One pair, and in words which timer will end it, when and why. */
void show_pair(FILE *out, const json_t *pair);

#endif
