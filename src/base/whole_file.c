/* SPDX-License-Identifier: ISC */
#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { FILE_MODE = 0666 };

/**
 * Finds the real path of a file that exists or will be made; for a symbolic link to a file, the
 * path of that file. Free it with free(3). NULL and errno on failure.
 */
static char *find_place(const char *path)
{
	char *place = realpath(path, NULL);
	const char *slash = strrchr(path, '/');
	const char *name = slash == NULL ? path : slash + 1;
	char *written;
	char *folder;

	if (place != NULL) {
		return place;
	}
	if (asprintf(&written, "%.*s.", (int)(name - path), path) < 0) {
		return NULL;
	}
	folder = realpath(written, NULL);
	free(written);
	if (folder != NULL && asprintf(&place, "%s/%s", folder, name) < 0) {
		place = NULL;
	}
	free(folder);
	return place;
}

static bool is_special(const char *place)
{
	struct stat status;

	return stat(place, &status) == 0 && !S_ISREG(status.st_mode);
}

/** Opens `path`, or a new file beside it. The fd or a negative errno. */
static int open_place(struct whole_file *file)
{
	int fd;

	if (is_special(file->path)) {
		fd = open(file->path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (asprintf(&file->beside, "%s.%jx", file->path, (uintmax_t)clock_ns()) < 0) {
		file->beside = NULL;
		return -ENOMEM;
	}
	fd = open(file->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	return fd < 0 ? -errno : fd;
}

int whole_file_open(struct whole_file *file, const char *path)
{
	int fd;
	int r;

	*file = (struct whole_file){.path = find_place(path)};
	fd = file->path == NULL ? -errno : open_place(file);
	if (fd >= 0) {
		file->out = fdopen(fd, "w");
		if (file->out != NULL) {
			return 0;
		}
		r = -errno;
		close(fd);
		if (file->beside != NULL) {
			(void)unlink(file->beside);
		}
	} else {
		r = fd;
	}
	free(file->beside);
	free(file->path);
	return r;
}

static void forget(struct whole_file *file)
{
	free(file->beside);
	free(file->path);
	*file = (struct whole_file){0};
}

int whole_file_close(struct whole_file *file)
{
	int r = ferror(file->out) != 0 ? -EIO : 0;

	if (fflush(file->out) != 0) {
		r = -errno; /* more precise than -EIO */
	}
	if (fclose(file->out) != 0 && r == 0) {
		r = -errno;
	}
	if (file->beside != NULL && r == 0 && rename(file->beside, file->path) != 0) {
		r = -errno;
	}
	if (file->beside != NULL && r < 0) {
		(void)unlink(file->beside);
	}
	forget(file);
	return r;
}

void whole_file_abandon(struct whole_file *file)
{
	(void)fclose(file->out);
	if (file->beside != NULL) {
		(void)unlink(file->beside);
	}
	forget(file);
}

int whole_file_try(const char *path)
{
	struct whole_file file;
	struct stat status;
	int r;

	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
		return S_ISDIR(status.st_mode)                            ? -EISDIR
		       : faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) != 0 ? -errno
									  : 0;
	}
	r = whole_file_open(&file, path);
	if (r == 0) {
		whole_file_abandon(&file);
	}
	return r;
}

bool whole_file_is_same(const char *a, const char *b)
{
	char *places[] = {find_place(a), find_place(b)};
	bool is_same = places[0] != NULL && places[1] != NULL &&
		       strcmp(places[0], places[1]) == 0 && !is_special(places[0]);

	free(places[0]);
	free(places[1]);
	return is_same;
}
