/* SPDX-License-Identifier: ISC */
/*
 * Linked with this file, weir becomes weir-stick (tests/meson.build), for tests of the watchdog: a
 * client that connects to a listener named "stick" makes a worker enter a callback that does not
 * return. The linker replaces session_open() by the function here (--wrap).
 */
#include <string.h>
#include <unistd.h>

#include "proxy/offer.h"
#include "proxy/session.h"

void __wrap_session_open(const struct session_opts *opts);
void __real_session_open(const struct session_opts *opts);

void __wrap_session_open(const struct session_opts *opts)
{
	while (strcmp(opts->terms->offer->name, "stick") == 0) {
		(void)pause();
	}
	__real_session_open(opts);
}
