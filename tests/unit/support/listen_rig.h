/* SPDX-License-Identifier: ISC */
/* What the tests of listening sockets stand on. */
#ifndef WEIR_TESTS_LISTEN_RIG_H
#define WEIR_TESTS_LISTEN_RIG_H

#include <stdbool.h>

#include "stream/listen.h"

enum { MODE = 0640, PATH_BYTES = 108 };

/** A mode alone. */
extern const struct file_access rig_access;

/** Where the test is. */
extern char folder[];

/** Each test runs in a folder of its own, which it leaves empty; as it leaves no fd. */
void rig_setup(void);
void rig_teardown(void);

/** Loopback, port 0. */
struct addr tcp4(void);

/** [::]:0, as ADDR_INET or ADDR_ANY. */
struct addr tcp6(enum addr_kind kind);
struct addr unix_at(const char *path);

/** listen_open() works, with nothing to explain. */
struct listen_socket must_open(const struct addr *addr);

/** listen_open() fails with `status`, says `text`, and leaves the socket alone. */
void must_fail(const struct addr *addr, int status, const char *text);
union addr_sockaddr bound_name(int fd, socklen_t *ret_len);
int connect_to(const struct sockaddr *sa, socklen_t len);

/** An integer option of a socket. */
int flag_of(int fd, int level, int option);

/** A socket of this type, bound and not listening. */
int bind_by_hand(const char *path, int type);
bool exists(const char *path);
void write_file(const char *path);

#endif
