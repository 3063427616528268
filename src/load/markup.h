/* SPDX-License-Identifier: ISC */
/*
 * Text within XML and HTML, in the content of an element or between the quotes of an attribute. It
 * is hostile: names and addresses may hold anything.
 */
#ifndef WEIR_LOAD_MARKUP_H
#define WEIR_LOAD_MARKUP_H

#include <stdio.h>

/**
 * Writes text in UTF-8, so that it is that text and nothing else. What neither XML nor HTML can
 * hold, what changes the direction of the text behind it, and what is no UTF-8, is \xNN or \uNNNN.
 */
void markup_text(FILE *out, const char *text);

#endif
