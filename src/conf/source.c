/* SPDX-License-Identifier: ISC */
#include "conf/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for n + 1 elements: arrays double at each power of two. */
static int grow(void *array, size_t n, size_t size)
{
	void *old;
	void *new;

	if ((n & (n - 1)) != 0) {
		return 0;
	}
	memcpy(&old, array, sizeof(old));
	new = realloc(old, (n == 0 ? 1 : 2 * n) * size);
	if (new == NULL) {
		return -ENOMEM;
	}
	memcpy(array, &new, sizeof(new));
	return 0;
}

int conf_source_append(struct conf_source *source, const char *text, size_t len)
{
	if (source->room - source->len <= len) {
		size_t room = source->len + len + 1 + source->room;
		char *new = realloc(source->text, room);

		if (new == NULL) {
			return -ENOMEM;
		}
		source->text = new;
		source->room = room;
	}
	for (size_t i = 0; i < len; i++) {
		source->line += text[i] == '\n';
	}
	memcpy(source->text + source->len, text, len);
	source->len += len;
	source->text[source->len] = '\0';
	return 0;
}

int conf_source_begin_segment(struct conf_source *source, const char *file, unsigned file_line)
{
	if (grow(&source->segments, source->n_segments, sizeof(*source->segments)) < 0) {
		return -ENOMEM;
	}
	source->segments[source->n_segments++] =
		(struct conf_segment){.line = source->line, .file = file, .file_line = file_line};
	return 0;
}

const char *conf_source_keep_path(struct conf_source *source, char *path)
{
	if (path == NULL || grow(&source->files, source->n_files, sizeof(*source->files)) < 0) {
		free(path);
		return NULL;
	}
	source->files[source->n_files++] = path;
	return path;
}

void conf_source_fini(struct conf_source *source)
{
	for (size_t i = 0; i < source->n_files; i++) {
		free(source->files[i]);
	}
	free(source->files);
	free(source->segments);
	free(source->more);
	free(source->text);
	*source = (struct conf_source){0};
}

int conf_source_begin_part(struct conf_source *source)
{
	if (conf_source_append(source, "", 0) < 0 ||
		grow(&source->more, source->n_more, sizeof(*source->more)) < 0) {
		return -ENOMEM;
	}
	source->len++; /* the NUL stays */
	source->more[source->n_more++] =
		(struct conf_part){.begin = source->len, .line = source->line};
	return conf_source_append(source, "", 0);
}

struct conf_part conf_source_part(const struct conf_source *source, size_t i)
{
	struct conf_part part = {.line = 1};
	size_t end = i < source->n_more ? source->more[i].begin - 1 : source->len;

	if (i > 0) {
		part = source->more[i - 1];
	}
	part.len = end - part.begin;
	return part;
}

size_t conf_source_folder_len(const struct conf_source *source, const char *path)
{
	const char *slash = strrchr(source->files[0], '/');

	return slash == NULL || *path == '/' ? 0 : (size_t)(slash - source->files[0]) + 1;
}

char *conf_source_path(const struct conf_source *source, const char *path)
{
	size_t folder_len = conf_source_folder_len(source, path);
	char *whole = malloc(folder_len + strlen(path) + 1);

	if (whole == NULL) {
		return NULL;
	}
	memcpy(whole, source->files[0], folder_len);
	(void)strcpy(whole + folder_len, path);
	return whole;
}

int conf_source_name(struct conf_source *source, const char *path)
{
	*source = (struct conf_source){.line = 1};
	return conf_source_keep_path(source, strdup(path)) == NULL ? -ENOMEM : 0;
}

void conf_source_place(const struct conf_source *source, unsigned line, const char **ret_file,
	unsigned *ret_file_line)
{
	size_t i = source->n_segments - 1;

	if (source->n_segments == 0) {
		*ret_file = source->files[0];
		*ret_file_line = 0;
		return;
	}
	/* A segment without a line of its own (an include that is the whole line) begins where the
	 * next one begins. */
	while (i > 0 && source->segments[i].line > line) {
		i--;
	}
	*ret_file = source->segments[i].file;
	*ret_file_line = source->segments[i].file_line + (line - source->segments[i].line);
}
