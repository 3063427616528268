/* SPDX-License-Identifier: ISC */
/* Where and when a run took place, for reports. */
#ifndef WEIR_LOAD_ABOUT_H
#define WEIR_LOAD_ABOUT_H

#include <sys/utsname.h>

enum { ABOUT_DATE_MAX = sizeof("9999-12-31T23:59:59Z") };

struct about {
	char date[ABOUT_DATE_MAX]; /**< when the run began, UTC */
	struct utsname system;     /**< host, kernel, machine */
	unsigned n_processors;     /**< processors that this process may use; 0: unknown */
	const char *library;       /**< the version of libuv; constant */
};

/** Fills it in, for this host and this moment. */
void about_take(struct about *ret);

#endif
