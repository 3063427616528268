/* SPDX-License-Identifier: ISC */
/* The programs of bench/lab share this: an address of loopback, and an exit that says why. */
#ifndef WEIR_BENCH_LAB_LOOPBACK_H
#define WEIR_BENCH_LAB_LOOPBACK_H

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Prints what failed, and the error of errno, and ends the program. */
static inline _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
	exit(1);
}

static inline struct sockaddr_in loopback(const char *port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

#endif
