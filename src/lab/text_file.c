/* SPDX-License-Identifier: ISC */
#include "lab/text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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
	text[n] = '\0';
	*ret_n = n;
	return text;
}
