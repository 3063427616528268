/* SPDX-License-Identifier: ISC */
#include "control/words.h"

#include <stdio.h>

const char *words_list(const char *const *words, char *text, size_t size)
{
	size_t n = 0;

	*text = '\0';
	for (size_t i = 0; words[i] != NULL && n < size; i++) {
		n += (size_t)snprintf(text + n, size - n, "%s%s",
			i == 0                 ? ""
			: words[i + 1] == NULL ? " and "
					       : ", ",
			words[i]);
	}
	return text;
}
