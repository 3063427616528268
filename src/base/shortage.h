/* SPDX-License-Identifier: ISC */
/*
 * Which errors say that this process or this machine is short of something. They are not about a
 * peer.
 */
#ifndef WEIR_BASE_SHORTAGE_H
#define WEIR_BASE_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>

/** Whether the negative errno `err` means that fds or memory are lacking. */
static inline bool is_shortage(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

#endif
