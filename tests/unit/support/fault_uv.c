/* SPDX-License-Identifier: ISC */
/* The faults of libuv's calls. They are not in fault.c because some tests do not link libuv. */
#include <errno.h>
#include <uv.h>

#include "fault.h"

FAULT_WRAP(int, uv_loop_init, FAULT_LOOP, EMFILE, UV_EMFILE, (uv_loop_t * loop), (loop))
FAULT_WRAP(int, uv_async_init, FAULT_LOOP, EMFILE, UV_EMFILE,
	(uv_loop_t * loop, uv_async_t *handle, uv_async_cb cb), (loop, handle, cb))
FAULT_WRAP(int, uv_poll_init, FAULT_LOOP, ENOSPC, UV_ENOSPC,
	(uv_loop_t * loop, uv_poll_t *handle, int fd), (loop, handle, fd))
FAULT_WRAP(int, uv_signal_init, FAULT_LOOP, EMFILE, UV_EMFILE,
	(uv_loop_t * loop, uv_signal_t *handle), (loop, handle))
FAULT_WRAP(int, uv_signal_start, FAULT_LOOP, ENOMEM, UV_ENOMEM,
	(uv_signal_t * handle, uv_signal_cb cb, int number), (handle, cb, number))
FAULT_WRAP(int, uv_queue_work, FAULT_LOOP, ENOMEM, UV_ENOMEM,
	(uv_loop_t * loop, uv_work_t *req, uv_work_cb work, uv_after_work_cb after),
	(loop, req, work, after))
