/* SPDX-License-Identifier: ISC */
#include "conf/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_STEP = 16 * 1024 };

int conf_file_open(const char *path, bool any_kind, struct stat *ret_st)
{
	int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
	int fd;
	int r;

	fd = open(path, any_kind ? flags : flags | O_NONBLOCK);
	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, ret_st) < 0) {
		r = -errno; /* UNTESTED: fstat() of an open file does not fail on Linux */
	} else if (S_ISDIR(ret_st->st_mode)) {
		r = -EISDIR;
	} else if (!any_kind && !S_ISREG(ret_st->st_mode)) {
		r = -EINVAL;
	} else {
		return fd;
	}
	(void)close(fd);
	return r;
}

int conf_file_read(int fd, size_t max, char **ret_text, size_t *ret_len)
{
	char *text = NULL;
	size_t room = 0;
	size_t len = 0;
	int r = 0;

	for (;;) {
		ssize_t n;

		if (room - len < READ_STEP) {
			char *new = realloc(text, 2 * room + 2 * READ_STEP);

			if (new == NULL) {
				r = -ENOMEM;
				goto err_free;
			}
			text = new;
			room = 2 * room + 2 * READ_STEP;
		}
		n = read(fd, text + len, room - len - 2);
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			r = -errno;
			goto err_free;
		}
		if (n == 0) {
			break;
		}
		len += (size_t)n;
		if (len > max) {
			r = -EFBIG;
			goto err_free;
		}
	}
	if (len > 0 && text[len - 1] != '\n') {
		text[len++] = '\n';
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;

err_free:
	free(text);
	return r;
}

unsigned conf_file_find_nul(const char *text, size_t len)
{
	const char *nul = memchr(text, '\0', len);
	unsigned line = 1;

	for (const char *pos = text; nul != NULL && pos < nul; pos++) {
		line += *pos == '\n';
	}
	return nul == NULL ? 0 : line;
}

bool conf_file_has_mark(const char *text)
{
	return strncmp(text, "\xef\xbb\xbf", 3) == 0;
}

const char *conf_file_reason(int err)
{
	return err == -EINVAL ? "Not a regular file" : strerrordesc_np(-err);
}

const char *conf_file_remedy(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return "name a file that exists";
	case -EACCES:
	case -EPERM:
		return "let the user that weir runs as read it";
	case -EISDIR:
		return "name a file in it";
	default:
		return "name a regular file that can be read";
	}
}
