/* SPDX-License-Identifier: ISC */
#include "conf/prefix_files.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/file.h"
#include "conf/prefixes.h"
#include "conf/report.h"
#include "conf/source.h"

#define BLANKS " \t\r"

struct prefix_file {
	struct conf_prefixes list;
	bool is_borrowed; /* list.prefixes points into a tape */
	bool is_wrong;    /* it has errors, which were reported */
	struct prefix_file *next;
	char path[];
};

/* A file on a tape; its path with a NUL and its prefixes follow. */
struct head {
	uint32_t path_len;
	uint32_t n;
	uint8_t any;
	uint8_t unix_peers;
};

void prefix_files_fini(struct prefix_files *files)
{
	struct prefix_file *file = files->first;

	while (file != NULL) {
		struct prefix_file *next = file->next;

		if (!file->is_borrowed) {
			free(file->list.prefixes);
		}
		free(file);
		file = next;
	}
	table_fini(&files->by_path);
	*files = (struct prefix_files){0};
}

static bool is_at(const void *item, const void *path)
{
	return strcmp(((const struct prefix_file *)item)->path, path) == 0;
}

static uint64_t hash_of(const char *path)
{
	return hash_bytes(HASH_BEGIN, path, strlen(path));
}

/* Adds a file without prefixes; NULL: no memory. */
static struct prefix_file *add(struct prefix_files *files, const char *path)
{
	size_t len = strlen(path) + 1;
	struct prefix_file *file = calloc(1, sizeof(*file) + len);

	if (file == NULL) {
		return NULL;
	}
	memcpy(file->path, path, len);
	if (table_add(&files->by_path, hash_of(path), file) < 0) {
		free(file);
		return NULL;
	}
	file->next = files->first;
	files->first = file;
	return file;
}

/* ---- reading ---- */

/* The text of a line without comment and blanks; modifies the line. */
static char *strip(char *line)
{
	size_t len = strcspn(line, "#");

	while (len > 0 && strchr(BLANKS, line[len - 1]) != NULL) {
		len--;
	}
	line[len] = '\0';
	return line + strspn(line, BLANKS);
}

/* Reads a text that ends with a line feed, unless it is empty. */
static void read_lines(
	struct conf_reader *reader, struct prefix_file *file, const char *shown, char *text)
{
	char quoted[CONF_SHOWN_MAX];
	char why[PREFIX_WHY_MAX];
	unsigned line = 0;
	char *rest = text;
	char *next;

	while ((next = strsep(&rest, "\n")) != NULL && !reader->no_memory) {
		char *item = strip(next);
		int r;

		line++;
		if (*item == '\0') {
			continue;
		}
		r = conf_prefixes_add_text(&file->list, item, why);
		if (r == -ENOMEM) {
			reader->no_memory = true;
		} else if (r < 0) {
			conf_errors_add(reader->errors, file->path, line, shown, "%s: %s",
				conf_shown(item, quoted), why);
			file->is_wrong = true;
		}
	}
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct prefix));
}

/* Sorts the prefixes and drops duplicates, so that a process that reads the tape need not do it. */
static void sort(struct conf_prefixes *list)
{
	size_t n = 0;

	if (list->n > 0) {
		qsort(list->prefixes, list->n, sizeof(*list->prefixes), compare);
	}
	for (size_t i = 0; i < list->n; i++) {
		if (n == 0 || compare(&list->prefixes[n - 1], &list->prefixes[i]) != 0) {
			list->prefixes[n++] = list->prefixes[i];
		}
	}
	list->n = n;
}

/* Reads an open file; takes the fd. 0, or a negative errno, not yet reported. */
static int read_file(
	struct conf_reader *reader, struct prefix_file *file, const char *shown, int fd)
{
	char *text = NULL;
	size_t len = 0;
	int r = conf_file_read(fd, PREFIX_FILE_BYTES_MAX, &text, &len);
	unsigned line;

	(void)close(fd);
	if (r < 0) {
		return r;
	}
	line = conf_file_find_nul(text, len);
	if (line > 0 || conf_file_has_mark(text)) {
		conf_errors_add(reader->errors, file->path, line > 0 ? line : 1, shown, "%s",
			line > 0 ? "holds a NUL byte; write it as plain text"
				 : "the file begins with a byte order mark; save it as UTF-8 "
				   "without it");
		file->is_wrong = true;
	} else {
		read_lines(reader, file, shown, text);
		sort(&file->list);
	}
	free(text);
	return 0;
}

/* Opens and reads a file, and reports errors. */
static void load(struct conf_reader *reader, struct prefix_file *file,
	const struct setting *setting, const char *shown)
{
	struct prefix_files *files = reader->files;
	struct stat st;
	int fd = conf_file_open(file->path, false, &st);
	int r = fd < 0 ? fd : read_file(reader, file, shown, fd);

	if (r == -ENOMEM) {
		reader->no_memory = true;
	} else if (r < 0) {
		conf_reader_error(reader, setting, shown, "\"%s\" cannot be read: %s; %s",
			file->path, r == -EFBIG ? "It holds more than 32 MiB" : conf_file_reason(r),
			r == -EFBIG ? "write each prefix once, and without comments"
				    : conf_file_remedy(r));
		file->is_wrong = true;
	}
	files->n_prefixes += file->list.n;
	if (!file->is_wrong && files->n_prefixes > CONF_PREFIXES_MAX) {
		conf_reader_error(reader, setting, shown,
			"\"%s\" is too large: the files of prefixes together hold more than %d; "
			"write wider ones in place of many",
			file->path, CONF_PREFIXES_MAX);
		file->is_wrong = true;
	}
	reader->failed |= file->is_wrong;
}

/* Opens a file that was not used before. NULL: no memory, or it is not on the tape. */
static struct prefix_file *open_new(struct conf_reader *reader, const struct setting *setting,
	const char *shown, const char *path)
{
	struct prefix_file *file;

	if (reader->files->is_taken) {
		conf_reader_error(
			reader, setting, shown, "what the check hands on is not whole; try again");
		return NULL;
	}
	file = add(reader->files, path);
	if (file == NULL) {
		reader->no_memory = true;
	} else {
		load(reader, file, setting, shown);
	}
	return file;
}

const struct conf_prefixes *prefix_files_get(struct conf_reader *reader,
	const struct setting *setting, const char *shown, const char *name)
{
	char *path = conf_source_path(reader->source, name);
	const struct prefix_file *file;

	if (path == NULL) {
		reader->no_memory = true;
		return NULL;
	}
	file = table_find(&reader->files->by_path, hash_of(path), is_at, path);
	if (file == NULL) {
		file = open_new(reader, setting, shown, path);
	}
	free(path);
	return file == NULL || file->is_wrong ? NULL : &file->list;
}

/* ---- the tape ---- */

static char *put(char *to, const void *bytes, size_t len)
{
	if (len > 0) {
		memcpy(to, bytes, len);
	}
	return to + len;
}

int prefix_files_write(const struct prefix_files *files, struct conf_tape *tape)
{
	size_t len = tape->len;
	char *bytes;
	char *to;

	for (const struct prefix_file *file = files->first; file != NULL; file = file->next) {
		len += sizeof(struct head) + strlen(file->path) + 1 +
		       file->list.n * sizeof(struct prefix);
	}
	bytes = realloc(tape->bytes, len);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	to = bytes + tape->len;
	for (const struct prefix_file *file = files->first; file != NULL; file = file->next) {
		struct head head = {
			.path_len = (uint32_t)strlen(file->path),
			.n = (uint32_t)file->list.n,
			.any = file->list.any,
			.unix_peers = file->list.unix_peers,
		};

		to = put(to, &head, sizeof(head));
		to = put(to, file->path, head.path_len + 1);
		to = put(to, file->list.prefixes, file->list.n * sizeof(struct prefix));
	}
	*tape = (struct conf_tape){.bytes = bytes, .len = len};
	return 0;
}

/* Whether bytes are n valid prefixes: like all input they are not trusted. */
static bool are_prefixes(const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *prefix = bytes + i * sizeof(struct prefix);
		uint8_t bits = (uint8_t)prefix[offsetof(struct prefix, bits)];
		uint8_t is_v6 = (uint8_t)prefix[offsetof(struct prefix, is_v6)];

		if (is_v6 > 1 || bits > (is_v6 == 1 ? PREFIX_V6_BITS : PREFIX_V4_BITS)) {
			return false;
		}
	}
	return true;
}

int prefix_files_take(struct prefix_files *files, const char *bytes, size_t len)
{
	const char *end = bytes + len;

	while (bytes < end) {
		struct prefix_file *file;
		struct head head;

		if ((size_t)(end - bytes) < sizeof(head)) {
			return -EBADMSG;
		}
		memcpy(&head, bytes, sizeof(head));
		bytes += sizeof(head);
		if ((size_t)(end - bytes) <= head.path_len || bytes[head.path_len] != '\0' ||
			strlen(bytes) != head.path_len || head.any > 1 || head.unix_peers > 1) {
			return -EBADMSG;
		}
		file = add(files, bytes);
		if (file == NULL) {
			return -ENOMEM;
		}
		bytes += head.path_len + 1;
		if ((size_t)(end - bytes) / sizeof(struct prefix) < head.n ||
			!are_prefixes(bytes, head.n)) {
			return -EBADMSG;
		}
		file->is_borrowed = true;
		file->list = (struct conf_prefixes){
			.prefixes = (struct prefix *)bytes, /* it needs no alignment */
			.n = head.n,
			.any = head.any == 1,
			.unix_peers = head.unix_peers == 1,
		};
		bytes += head.n * sizeof(struct prefix);
	}
	return 0;
}
