/* SPDX-License-Identifier: ISC */
/*
 * weirctl --complete WORD ...: prints the words that may complete the last one, for shells
 * (completion/). Names come from the weir to which the other words refer; if it does not answer,
 * there are no names.
 */
#ifndef WEIR_CTL_COMPLETE_H
#define WEIR_CTL_COMPLETE_H

#include <stdio.h>

/**
 * Writes a line for each word that begins with the last of `words`. It leaves out words with
 * characters that are special to a shell, so that no name can run a command. The line ":files"
 * means that the name of a file may follow.
 */
void complete_run(int n, char **words, FILE *out);

#endif
