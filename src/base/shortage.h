/* SPDX-License-Identifier: ISC */
/* Which errors mean that this process or machine lacks resources. They say nothing about a peer. */
#ifndef WEIR_BASE_SHORTAGE_H
#define WEIR_BASE_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>

/** Whether the negative errno `err` means a lack of fds or memory. */
static inline bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

#endif
