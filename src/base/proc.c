/* SPDX-License-Identifier: ISC */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int proc_read_line(const char *path, char ret_line[PROC_LINE_MAX])
{
	char line[PROC_LINE_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int err;

	if (fd < 0) {
		return -errno;
	}
	n = read(fd, line,
		sizeof(line) - 1); /* one read(2) gets all of such a file, or fills the buffer */
	err = n < 0 ? -errno : n == 0 ? -ENODATA : 0;
	close(fd);
	if (err < 0) {
		return err;
	}
	line[n] = '\0';
	line[strcspn(line, "\n")] = '\0';
	strcpy(ret_line, line);
	return 0;
}

int proc_read_numbers(const char *path, uint64_t *ret_numbers, size_t n)
{
	char line[PROC_LINE_MAX];
	char *rest = line;
	int r = proc_read_line(path, line);
	size_t i;

	if (r < 0) {
		return r;
	}
	for (i = 0; i < n; i++) {
		uint64_t number;

		rest += strspn(rest, " \t");
		if (*rest < '0' || *rest > '9') {
			break;
		}
		errno = 0;
		number = strtoull(rest, &rest, 10);
		if (errno != 0) {
			break;
		}
		ret_numbers[i] = number;
	}
	return (int)i;
}
