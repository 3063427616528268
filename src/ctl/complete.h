/* SPDX-License-Identifier: ISC */
/*
 * weirctl --complete WORD ...: what may stand in place of the last word, for shells (completion/).
 * Names come from the weir that the words before it mean; where that does not answer, there are
 * none.
 */
#ifndef WEIR_CTL_COMPLETE_H
#define WEIR_CTL_COMPLETE_H

#include <stdio.h>

/**
 * Writes a line for each word that may come, as far as the last of `words` goes: only such that a
 * shell takes as they are, so that no name runs anything. ":files": the name of a file.
 */
void complete_run(int n, char **words, FILE *out);

#endif
