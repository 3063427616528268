/* SPDX-License-Identifier: ISC */
#include "lab/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/** Removes the CR of each CRLF. Returns the new length. */
static size_t drop_crs(char *text, size_t n)
{
	size_t n_kept = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] != '\r' || i + 1 == n || text[i + 1] != '\n') {
			text[n_kept++] = text[i];
		}
	}
	return n_kept;
}

char *text_file_read(const char *path, size_t *ret_n)
{
	FILE *file = fopen(path, "re");
	char *text = file == NULL ? NULL : malloc(TEXT_FILE_MAX + 1);
	int err = errno;
	size_t n = 0;

	if (text != NULL) {
		n = fread(text, 1, TEXT_FILE_MAX + 1, file);
		err = ferror(file) ? errno : n > TEXT_FILE_MAX ? EFBIG : 0;
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	if (text == NULL || err != 0) {
		free(text);
		errno = err;
		return NULL;
	}
	n = drop_crs(text, n);
	text[n] = '\0';
	*ret_n = n;
	return text;
}
