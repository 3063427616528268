/* SPDX-License-Identifier: ISC */
/* What most sources of any folder include, and what takes longest to read: precompiled by
 * -Db_pch=true, with clang. Each file includes what it uses all the same. */
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
