/* SPDX-License-Identifier: ISC */
#include "base/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { FILE_MODE = 0666 };

/** Opens `path`, or a new file beside it. The fd or a negative errno. */
static int open_place(struct whole_file *file)
{
	struct stat status;
	int fd;

	if (stat(file->path, &status) == 0 && !S_ISREG(status.st_mode)) {
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

	*file = (struct whole_file){.path = realpath(path, NULL)};
	if (file->path == NULL) {
		file->path = strdup(path); /* it is new, or the error is told when it is opened */
	}
	fd = file->path == NULL ? -ENOMEM : open_place(file);
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
		r = -errno; /* says more than that there was one */
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
