/* SPDX-License-Identifier: ISC */
/*
 * Checks the lines of a message's head, without their line ends, for what the parser accepts and
 * weir refuses. RFC 9112, 3 to 5. Pure functions; private to proto/http.
 */
#ifndef WEIR_PROTO_HTTP_LINE_H
#define WEIR_PROTO_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Whether names and methods may contain this byte: RFC 9110, 5.6.2. */
bool http_is_token(uint8_t c);

/** What is wrong with a request line, or with the status line of an answer; NULL: nothing. */
const char *http_line_first(const char *line, size_t n, bool is_answer);

/** What is wrong with a header field; NULL: nothing. `n` is not 0. */
const char *http_line_field(const char *line, size_t n);

#endif
