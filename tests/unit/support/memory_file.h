/* SPDX-License-Identifier: ISC */
/* A fd that takes everything at once and can be read from its start: a log that never blocks. */
#ifndef WEIR_TESTS_MEMORY_FILE_H
#define WEIR_TESTS_MEMORY_FILE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** The fd; for memory_close(). */
static inline int memory_open(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/** Closes the fd; all that was written to it, as a string to free(). */
static inline char *memory_close(int fd)
{
	struct stat st;
	char *text;
	ssize_t n;

	ck_assert_int_eq(fstat(fd, &st), 0);
	text = malloc((size_t)st.st_size + 1);
	ck_assert_ptr_nonnull(text);
	n = pread(fd, text, (size_t)st.st_size, 0);
	ck_assert_int_eq(n, st.st_size);
	text[n] = '\0';
	(void)close(fd);
	return text;
}

/** Whether a text ends so. */
static inline void expect_end(const char *text, const char *end)
{
	size_t len = strlen(text);

	ck_assert_uint_ge(len, strlen(end));
	ck_assert_str_eq(text + len - strlen(end), end);
}

#endif
