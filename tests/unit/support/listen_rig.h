/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of listening sockets. */
#ifndef WEIR_TESTS_LISTEN_RIG_H
#define WEIR_TESTS_LISTEN_RIG_H

#include <stdbool.h>

#include "stream/listen.h"

enum { MODE = 0640, PATH_BYTES = 108 };

/** A mode, without owner and group. */
extern const struct file_access rig_access;

/** The folder of the current test. */
extern char folder[];

/** Each test runs in a folder of its own. At its end the folder must be empty and no fd left
 * open. */
void rig_setup(void);
void rig_teardown(void);

/** Loopback, port 0. */
struct addr tcp4(void);

/** [::]:0, as ADDR_INET or ADDR_ANY. */
struct addr tcp6(enum addr_kind kind);
struct addr unix_at(const char *path);

/** Calls listen_open(), which must succeed. */
struct listen_socket must_open(const struct addr *addr);

/** Calls listen_open(), which must fail with `status` and the reason `text`, and leave the socket
 * unchanged. */
void must_fail(const struct addr *addr, int status, const char *text);
union addr_sockaddr bound_name(int fd, socklen_t *ret_len);
int connect_to(const struct sockaddr *sa, socklen_t len);

/** The value of an integer option of a socket. */
int flag_of(int fd, int level, int option);

/** Makes a socket of this type that is bound and does not listen. */
int bind_by_hand(const char *path, int type);
bool exists(const char *path);
void write_file(const char *path);

#endif
