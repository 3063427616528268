/* SPDX-License-Identifier: ISC */
/*
 * Replays inputs through a fuzz target, so that what a fuzzer once found stays a test, with any
 * compiler: replay FILE|FOLDER ... (the files of a folder, not of the folders in it).
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static _Noreturn void fail(const char *what, int err)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerror(err));
	exit(1);
}

static void replay_file(const char *path, size_t size)
{
	FILE *file = fopen(path, "rbe");
	/* Exactly the input's size: a read beyond it is one that a sanitizer sees. */
	uint8_t *data = malloc(size > 0 ? size : 1);

	if (file == NULL || data == NULL || fread(data, 1, size, file) != size) {
		fail(path, errno);
	}
	(void)fclose(file);
	/* Before the target runs: if it crashes, this is the culprit. */
	(void)printf("%s\n", path);
	(void)fflush(stdout);
	(void)LLVMFuzzerTestOneInput(data, size);
	free(data);
}

static unsigned int replay_folder(const char *path)
{
	struct dirent **entries;
	unsigned int n_files = 0;
	int n = scandir(path, &entries, NULL, alphasort);

	if (n < 0) {
		fail(path, errno);
	}
	for (int i = 0; i < n; i++) {
		char *name;
		struct stat st;

		if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0) {
			fail(path, ENOMEM);
		}
		if (stat(name, &st) < 0) {
			fail(name, errno);
		}
		if (S_ISREG(st.st_mode)) {
			replay_file(name, (size_t)st.st_size);
			n_files++;
		}
		free(name);
		free(entries[i]);
	}
	free(entries);
	return n_files;
}

int main(int argc, char **argv)
{
	unsigned int n_files = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;

		if (stat(argv[i], &st) < 0) {
			fail(argv[i], errno);
		}
		if (S_ISDIR(st.st_mode)) {
			n_files += replay_folder(argv[i]);
		} else {
			replay_file(argv[i], (size_t)st.st_size);
			n_files++;
		}
	}
	(void)printf("%u inputs replayed\n", n_files);
	/* A corpus that is not there must not look like one that passes. */
	return n_files > 0 ? 0 : 1;
}
