/* SPDX-License-Identifier: ISC */
/* The headers that most tests include and that take longest to compile: precompiled by
 * -Db_pch=true. Each file still includes what it uses. */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* uv.h does not need <netinet/tcp.h>, which conflicts with <linux/tcp.h>. */
#define _NETINET_TCP_H 1
#include <uv.h>
#undef _NETINET_TCP_H
