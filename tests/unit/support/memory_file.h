/* SPDX-License-Identifier: ISC */
/* An fd in memory, to which writes never block, and which can be read from its start: for logs. */
#ifndef WEIR_TESTS_MEMORY_FILE_H
#define WEIR_TESTS_MEMORY_FILE_H

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/** Opens the fd; memory_close() must follow. */
static inline int memory_open(void)
{
	int fd = memfd_create("memory", MFD_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

/** Closes the fd. Returns all that was written to it, as a string that the caller frees. */
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

/** Checks that a text ends with `end`. */
static inline void expect_end(const char *text, const char *end)
{
	size_t len = strlen(text);

	ck_assert_uint_ge(len, strlen(end));
	ck_assert_str_eq(text + len - strlen(end), end);
}

#endif
