/* SPDX-License-Identifier: ISC */
/*
 * The headers that most sources of every folder include and that take longest to compile. They are
 * precompiled with -Db_pch=true, under clang. Each file still includes everything that it uses.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* <netinet/tcp.h> cannot be included together with <linux/tcp.h>, and uv.h does not need it. */
#define _NETINET_TCP_H 1
#include <uv.h>
#undef _NETINET_TCP_H
