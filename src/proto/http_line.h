/* SPDX-License-Identifier: ISC */
/*
 * The lines of a message's head, without their line ends: what the parser lets through and weir
 * does not want is found here. RFC 9112, 3 to 5. Pure; private to proto/http.
 */
#ifndef WEIR_PROTO_HTTP_LINE_H
#define WEIR_PROTO_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether a name or a method may have this byte: RFC 9110, 5.6.2. */
bool http_is_token(uint8_t c);

/** What is wrong with a request line, or the status line of an answer; NULL: nothing. */
const char *http_line_first(const char *line, size_t n, bool is_answer);

/** What is wrong with a field; NULL: nothing. `n` is not 0. */
const char *http_line_field(const char *line, size_t n);

#endif
