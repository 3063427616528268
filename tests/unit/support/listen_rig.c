/* SPDX-License-Identifier: ISC */
#include "listen_rig.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

const struct file_access rig_access = {.mode = MODE};
char folder[] = "/tmp/weir-listen-XXXXXX";
static char *fds;

void rig_setup(void)
{
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	fds = fixture_fds();
}

/** Every test must leave its folder empty: otherwise rmdir(2) fails. */
void rig_teardown(void)
{
	char *now = fixture_fds();

	ck_assert_str_eq(now, fds);
	free(now);
	free(fds);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_msg(rmdir(folder) == 0, "%s: %s", folder, strerror(errno));
}

/* ---- helpers ---- */

struct addr tcp4(void)
{
	return (struct addr){.kind = ADDR_INET,
		.sa_len = sizeof(struct sockaddr_in),
		.sa.in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
}

struct addr tcp6(enum addr_kind kind)
{
	return (struct addr){.kind = kind,
		.sa_len = sizeof(struct sockaddr_in6),
		.sa.in6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any}};
}

struct addr unix_at(const char *path)
{
	struct addr addr = {.kind = ADDR_UNIX, .sa.un.sun_family = AF_UNIX};
	size_t len = strlen(path);

	ck_assert_uint_lt(len, sizeof(addr.sa.un.sun_path));
	memcpy(addr.sa.un.sun_path, path, len);
	addr.sa_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	return addr;
}

struct listen_socket must_open(const struct addr *addr)
{
	struct listen_socket socket = {.fd = -1};
	const char *why = "";

	ck_assert_int_eq(listen_open(addr, &rig_access, NULL, &socket, &why), 0);
	ck_assert_ptr_null(why);
	ck_assert_int_ge(socket.fd, 0);
	return socket;
}

/** Calls listen_open(), which must fail with `status` and the reason `text`, and leave the socket
 * unchanged. */
void must_fail(const struct addr *addr, int status, const char *text)
{
	struct listen_socket socket = {.fd = -1};
	const char *why = NULL;

	ck_assert_int_eq(listen_open(addr, &rig_access, NULL, &socket, &why), status);
	ck_assert_int_eq(socket.fd, -1);
	ck_assert_ptr_null(socket.claim);
	ck_assert_ptr_nonnull(why);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" does not say \"%s\"", why, text);
	ck_assert_int_eq(listen_open(addr, &rig_access, NULL, &socket, NULL), status);
}

union addr_sockaddr bound_name(int fd, socklen_t *ret_len)
{
	union addr_sockaddr sa;

	memset(&sa, 0, sizeof(sa));
	*ret_len = sizeof(sa);
	ck_assert_int_eq(getsockname(fd, &sa.any, ret_len), 0);
	return sa;
}

int connect_to(const struct sockaddr *sa, socklen_t len)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_msg(connect(fd, sa, len) == 0, "connect: %s", strerror(errno));
	return fd;
}

int flag_of(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

/** Makes a socket by plain system calls that is bound and does not listen. */
int bind_by_hand(const char *path, int type)
{
	struct addr addr = unix_at(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, &addr.sa.any, addr.sa_len), 0);
	return fd;
}

bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

void write_file(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	close(fd);
}
