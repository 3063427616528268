/* SPDX-License-Identifier: ISC */
/* What most tests include, and what takes longest to read: precompiled by -Db_pch=true. Each file
 * includes what it uses all the same. */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What uv.h does not need, and what cannot stand beside <linux/tcp.h>. */
#define _NETINET_TCP_H 1
#include <uv.h>
#undef _NETINET_TCP_H
