/* SPDX-License-Identifier: ISC */
/* What the control interface asks the process, and lets it do (control.h). */
#ifndef WEIR_SERVICE_ASKED_H
#define WEIR_SERVICE_ASKED_H

struct control_calls;

/** The owner of the calls is the struct daemon. */
extern const struct control_calls asked_calls;

#endif
