/* SPDX-License-Identifier: ISC */
/*
 * The config. Whatever the file holds, conf_load() returns a model, or errors of one line each.
 * What libconfig accepts has the same values in weir's tree, and what it refuses gets a message of
 * weir's own.
 *
 * The input is the main file. It may include "100" (right) and "101" (wrong, and includes itself),
 * and have prefixes from "file:103"; paths of more than one part are broken, so that nothing
 * outside of the process is read.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf_reference.h"

enum { RIGHT_FD = 100, WRONG_FD, MAIN_FD, PREFIXES_FD };

static const char right[] = "{ name = \"a\"; listen = \"*:80\"; upstream = \"u\"; }";
static const char wrong[] = "x = 1; log = \"\n\"; @include\n@include \"101\"\n{";

static const char prefixes[] = "10.0.0.0/8 # ten\n\nunix\r\n::1\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An unnamed file at a descriptor of our choice, whose path is then known. */
static void fill(int fd, const char *text, size_t len)
{
	int file = memfd_create("conf", MFD_CLOEXEC);

	if (file < 0 || dup2(file, fd) != fd || close(file) < 0 ||
		write(fd, text, len) != (ssize_t)len) {
		abort();
	}
}

/* Breaks the paths behind a word, to the end of their line. */
static void keep_inside(char *text, size_t len, const char *word)
{
	char *end = text + len;

	for (char *pos = text; (pos = memmem(pos, (size_t)(end - pos), word, strlen(word)));) {
		for (; pos < end && *pos != '\n'; pos++) {
			if (*pos == '/') {
				*pos = '_';
			}
		}
	}
}

static void check_errors(const struct conf_errors *errors)
{
	char *text = NULL;
	size_t len = 0;
	size_t n_lines = 0;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL) {
		abort();
	}
	conf_errors_print(errors, "", out);
	if (fclose(out) != 0) {
		abort();
	}
	for (size_t i = 0; i < len; i++) {
		n_lines += text[i] == '\n';
		assert(text[i] == '\n' || (unsigned char)text[i] >= ' ');
	}
	assert(n_lines == errors->n_errors + (errors->n_dropped > 0));
	free(text);
}

/* Compares the parsers, if the file and its includes can be read. */
static void compare_with_libconfig(const char *path)
{
	struct conf_source source;
	struct conf_errors errors;

	conf_errors_init(&errors);
	if (conf_source_read(&source, path, &errors) == 0) {
		(void)reference_compare(&source);
	}
	conf_source_fini(&source);
	conf_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct conf *conf = NULL;
	struct conf_errors errors;
	char *text = malloc(size + 1);
	char path[32];
	int r;

	if (text == NULL) {
		abort();
	}
	memcpy(text, data, size);
	keep_inside(text, size, "include");
	keep_inside(text, size, "file:");
	fill(RIGHT_FD, right, sizeof(right) - 1);
	fill(WRONG_FD, wrong, sizeof(wrong) - 1);
	fill(MAIN_FD, text, size);
	fill(PREFIXES_FD, prefixes, sizeof(prefixes) - 1);
	free(text);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", MAIN_FD);
	conf_errors_init(&errors);
	r = conf_load(path, &errors, NULL, &conf);
	assert((r == 0) == (conf != NULL) && (r == 0 || errors.n_errors > 0)); /* else warnings */
	check_errors(&errors);
	conf_errors_fini(&errors);
	(void)conf_unref(conf);
	compare_with_libconfig(path);
	return 0;
}
