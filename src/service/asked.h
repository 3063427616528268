/* SPDX-License-Identifier: ISC */
/* The callbacks by which the control interface (control.h) queries and commands the process. */
#ifndef WEIR_SERVICE_ASKED_H
#define WEIR_SERVICE_ASKED_H

struct control_calls;

/** Their `owner` is the struct daemon. */
extern const struct control_calls asked_calls;

#endif
