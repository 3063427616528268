/* SPDX-License-Identifier: ISC */
/*
 * Escapes text for XML and HTML, in the content of an element or between the quotes of an
 * attribute. The text is hostile: names and addresses may contain anything.
 */
#ifndef WEIR_LOAD_MARKUP_H
#define WEIR_LOAD_MARKUP_H

#include <stdio.h>

/**
 * Writes the text in UTF-8, escaped. Characters that XML or HTML cannot contain, characters that
 * change the direction of the text after them, and bytes that are not UTF-8 become \xNN or \uNNNN.
 */
void markup_text(FILE *out, const char *text);

#endif
