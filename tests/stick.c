/* SPDX-License-Identifier: ISC */
/*
 * What makes weir-stick of weir (tests/meson.build), for tests of the watchdog: who connects to a
 * listener named "stick" ends up in a callback that does not return. The linker puts this before
 * session_open() (--wrap).
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
