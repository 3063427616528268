/* SPDX-License-Identifier: ISC */
/*
 * The lock on a UNIX socket's path, and the permissions of the socket file.
 *
 *	PATH.lock	flock: only its holder may check PATH, replace it, and listen there
 *	PATH		connect(2) tells whether somebody listens there who does not use the lock
 *
 * A weir that is about to end yields a path on which it still listens: it releases the flock and
 * holds another lock on the same file. From that the next weir knows that it may replace the socket
 * although it answers.
 *
 * The holder removes the lock file. A process that opened it before and locked it after that has a
 * file that no other process will find. So after locking, the path must still have the same inode;
 * otherwise the file is opened again.
 *
 * The socket file is kept open with O_PATH. The inode of an open file is not reused, so device and
 * inode tell for sure whether the path is still ours when it is to be removed.
 *
 * Mode and owner are set through that fd, never by path: anybody who may write to the folder can
 * put a link to any file there between two of our steps, and weir may run as root. The fd itself
 * comes from the bound socket (SIOCUNIXFILE), which needs CAP_NET_ADMIN. Without that it comes from
 * the path, and must then be a socket with only one name.
 */
#include "stream/listen_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* From <linux/un.h>, which cannot be included together with <sys/un.h>. */
#define SIOCUNIXFILE (SIOCPROTOPRIVATE + 0)

enum {
	LOCK_TRIES = 16, /* each failed since another process came and went */
	LOCK_MODE = 0600,
	ALL_BITS = 07777,
	PATH_MAX_BYTES = sizeof(((struct sockaddr_un *)NULL)->sun_path), /* with the NUL */
};

static const char lock_suffix[] = ".lock";

struct listen_claim {
	int lock_fd;
	bool yielded; /* the flock was released */
	int path_fd;  /* -1 before the path is bound */
	uid_t owner;  /* at creation */
	gid_t group;
	char path[PATH_MAX_BYTES];
	char lock_path[PATH_MAX_BYTES + sizeof(lock_suffix)];
};

/** Whether `path` itself, not the target of a link, is the file that is open as `fd`. */
static bool is_same_file(int fd, const char *path)
{
	struct stat open_file;
	struct stat named;

	return fstat(fd, &open_file) == 0 && lstat(path, &named) == 0 &&
	       open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino;
}

/* ---- the lock ---- */

static const char *lock_why(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENOTDIR:
		return "its folder does not exist; make it first";
	case -ELOOP:
		return "PATH.lock is a symbolic link; remove it";
	case -EISDIR:
	case -ENXIO:
		return "PATH.lock is not a plain file; remove it or choose another path";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return "PATH.lock cannot be written; the folder must be writable, the file our own";
	default:
		return NULL;
	}
}

static bool is_plain_file(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/** Tries once: 0, -EAGAIN if the file was removed while it was being locked, or another errno. */
static int lock_once(struct listen_claim *claim, const char **ret_why)
{
	int fd = open(claim->lock_path,
		O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, LOCK_MODE);
	int r;

	if (fd < 0) {
		r = -errno;
		*ret_why = lock_why(r);
		return r;
	}
	if (!is_plain_file(fd)) {
		*ret_why = lock_why(-ENXIO);
		close(fd);
		return -ENXIO;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
		*ret_why = r == -EADDRINUSE ? "another weir holds PATH.lock" : NULL;
		close(fd);
		return r;
	}
	if (!is_same_file(fd, claim->lock_path)) {
		close(fd);
		return -EAGAIN;
	}
	claim->lock_fd = fd;
	return 0;
}

/** Whether a process that is about to end, and still runs, has yielded the path. */
static bool is_yielded(int lock_fd)
{
	struct flock mark = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(lock_fd, F_OFD_GETLK, &mark) == 0 && mark.l_type != F_UNLCK;
}

static int lock_path(struct listen_claim *claim, const char **ret_why)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int r = lock_once(claim, ret_why);

		if (r != -EAGAIN) {
			return r;
		}
	}
	*ret_why = "PATH.lock is removed and made again all the time; who else uses this path?";
	return -EADDRINUSE;
}

/* ---- what is at the path ---- */

/**
 * Connects to the socket at the path: 0: somebody listens, -ECONNREFUSED: nobody, -ENOENT: it is
 * gone, others: unknown.
 */
static int ask_path(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = 0;

	if (fd < 0) {
		return -errno;
	}
	memcpy(sa.sun_path, path, strlen(path));
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
	}
	close(fd);
	/* A full queue, or a socket of another type: somebody listens. */
	return r == -EAGAIN || r == -EPROTOTYPE ? 0 : r;
}

/** Makes sure that nothing is at the path; 0 or a negative errno. */
static int clear_path(const char *path, int lock_fd, const char **ret_why)
{
	struct stat st;
	int r;

	if (lstat(path, &st) < 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(st.st_mode)) {
		*ret_why = "what is there is not a socket; remove it or choose another path";
		return -EEXIST;
	}
	r = ask_path(path);
	if (r == -ENOENT) {
		return 0;
	}
	if (r == 0 && !is_yielded(lock_fd)) {
		*ret_why = "another process listens there";
		return -EADDRINUSE;
	}
	if (r != 0 && r != -ECONNREFUSED) {
		*ret_why = "it cannot be found out whether a process listens there; remove it if "
			   "none does";
		return r;
	}
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

/* ---- the lock and the file ---- */

int listen_claim_new(const char *path, struct listen_claim **ret_claim, const char **ret_why)
{
	struct listen_claim *claim = calloc(1, sizeof(*claim));
	int r;

	assert(strnlen(path, PATH_MAX_BYTES) < PATH_MAX_BYTES); /* addr_parse() has checked it */
	if (claim == NULL) {
		return -ENOMEM;
	}
	claim->lock_fd = -1;
	claim->path_fd = -1;
	memcpy(claim->path, path, strlen(path));
	(void)snprintf(
		claim->lock_path, sizeof(claim->lock_path), "%s%s", claim->path, lock_suffix);
	r = lock_path(claim, ret_why);
	if (r == 0) {
		r = clear_path(claim->path, claim->lock_fd, ret_why);
	}
	if (r < 0) {
		listen_claim_free(claim);
		return r;
	}
	*ret_claim = claim;
	return 0;
}

/* ---- permissions ---- */

static const char *owner_why(int err)
{
	switch (err) {
	case -EPERM:  /* a system call filter, or no permission to give it */
	case -EINVAL: /* a user namespace without these ids */
		return "weir may not give its socket away: for a group use the shipped drop-in "
		       "socket-group.conf (SupplementaryGroups=, PrivateUsers=no, "
		       "SystemCallFilter=@chown), or SocketGroup= in a socket unit; an owner "
		       "takes CAP_CHOWN, or SocketUser= in a socket unit";
	default:
		return NULL;
	}
}

/**
 * Changes only what differs: if new files get the folder's group, this makes no system call, which
 * a service might be forbidden to make.
 */
static int set_owner(const struct listen_claim *claim, const struct stat *now,
	const struct file_access *access, const char **ret_why)
{
	uid_t owner = access->sets_owner ? access->owner : claim->owner;
	gid_t group = access->sets_group ? access->group : claim->group;
	int r;

	if (owner == now->st_uid && group == now->st_gid) {
		return 0;
	}
	if (fchownat(claim->path_fd, "", owner == now->st_uid ? (uid_t)-1 : owner,
		    group == now->st_gid ? (gid_t)-1 : group, AT_EMPTY_PATH) < 0) {
		r = -errno;
		*ret_why = owner_why(r);
		return r;
	}
	return 0;
}

/** Uses a path in /proc, since fchmod(2) does not accept an O_PATH fd. */
static int set_mode(const struct listen_claim *claim, mode_t mode, const char **ret_why)
{
	char path[sizeof("/proc/self/fd/-2147483648")];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", claim->path_fd);
	if (chmod(path, mode) < 0) {
		r = -errno;
		*ret_why = r == -ENOENT ? "the mode of a socket can be changed only where /proc is "
					  "mounted: mount it, or restart weir"
					: NULL;
		return r;
	}
	return 0;
}

static int set_access(
	const struct listen_claim *claim, const struct file_access *access, const char **ret_why)
{
	struct stat now;
	int r;

	if (fstat(claim->path_fd, &now) < 0) {
		return -errno; /* UNTESTED: fstat() of an open file does not fail on Linux */
	}
	r = set_owner(claim, &now, access, ret_why);
	if (r == 0 && (now.st_mode & ALL_BITS) != access->mode) {
		r = set_mode(claim, access->mode, ret_why);
	}
	return r;
}

static const char taken_away[] =
	"somebody has taken the path away: let nobody but weir write its folder, and restart weir";

/** Opens the file that `fd` was bound to, with O_PATH. */
static int hold_path(struct listen_claim *claim, int fd, const char **ret_why)
{
	struct stat st;
	int r;

	claim->path_fd = ioctl(fd, SIOCUNIXFILE);
	if (claim->path_fd < 0) {
		claim->path_fd = open(claim->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (claim->path_fd < 0) {
		r = -errno;
		/* We bound the path a moment ago, under the lock, so it is ours, even without an fd
		 * of it. */
		(void)unlink(claim->path);
		return r;
	}
	if (fstat(claim->path_fd, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_nlink != 1 ||
		!is_same_file(claim->path_fd, claim->path)) {
		close(claim->path_fd);
		claim->path_fd = -1;
		*ret_why = taken_away;
		return -ENOENT;
	}
	claim->owner = st.st_uid;
	claim->group = st.st_gid;
	return 0;
}

int listen_claim_bind(
	struct listen_claim *claim, int fd, const struct file_access *access, const char **ret_why)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	mode_t umask_before;
	int r = 0;

	memcpy(sa.sun_path, claim->path, sizeof(sa.sun_path));
	/* The file gets the mode of the socket, less the umask (unix_bind() in net/unix/af_unix.c),
	 * so it never has another mode, and /proc is not needed. The umask belongs to all threads;
	 * none of ours makes a file without setting its mode. */
	if (fchmod(fd, access->mode) < 0) {
		return -errno;
	}
	umask_before = umask(0);
	if (bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		*ret_why = r == -EADDRINUSE ? "another process listens there" : NULL;
	}
	(void)umask(umask_before);
	if (r == 0) {
		r = hold_path(claim, fd, ret_why);
	}
	/* Nobody can connect before listen(2). */
	return r == 0 ? set_access(claim, access, ret_why) : r;
}

int listen_claim_set_access(
	const struct listen_claim *claim, const struct file_access *access, const char **ret_why)
{
	if (claim->path_fd < 0 || !is_same_file(claim->path_fd, claim->path)) {
		*ret_why = taken_away;
		return -ENOENT;
	}
	return set_access(claim, access, ret_why);
}

bool listen_claim_is_lost(const struct listen_claim *claim)
{
	return claim->path_fd < 0 || !is_same_file(claim->path_fd, claim->path);
}

void listen_claim_yield(struct listen_claim *claim)
{
	struct flock mark = {.l_type = F_RDLCK, .l_whence = SEEK_SET};

	if (!claim->yielded && fcntl(claim->lock_fd, F_OFD_SETLK, &mark) == 0) {
		claim->yielded = flock(claim->lock_fd, LOCK_UN) == 0;
	}
}

struct listen_claim *listen_claim_free(struct listen_claim *claim)
{
	bool ours;

	if (claim == NULL) {
		return NULL;
	}
	/* A path that was yielded may belong to another process by now. */
	ours = !claim->yielded || flock(claim->lock_fd, LOCK_EX | LOCK_NB) == 0;
	if (claim->path_fd >= 0) {
		if (ours && is_same_file(claim->path_fd, claim->path)) {
			(void)unlink(claim->path);
		}
		close(claim->path_fd);
	}
	if (claim->lock_fd >= 0) {
		if (ours && is_same_file(claim->lock_fd, claim->lock_path)) {
			(void)unlink(claim->lock_path);
		}
		close(claim->lock_fd);
	}
	free(claim);
	return NULL;
}
