/* SPDX-License-Identifier: ISC */
/* A program of examples/, run as its reader would, with its stdout in a pipe. */
#ifndef WEIR_TESTS_EXAMPLE_H
#define WEIR_TESTS_EXAMPLE_H

#include <netinet/in.h>
#include <sys/types.h>

struct example {
	pid_t pid; /**< 0: it has ended */
	int out;
};

/** Starts the program whose path `variable` of the environment says; `argument` may be NULL. */
void example_start(struct example *example, const char *variable, const char *argument);

/** Its next line, without the newline. */
void example_line(const struct example *example, char line[64]);

/** The port in its next line, which begins with `text`. */
in_port_t example_port(const struct example *example, const char *text);

/** Waits for its end, after a `signal` if that is not 0; the status of waitpid(2). */
int example_end(struct example *example, int signal);

/** Kills it, if it still runs. */
void example_close(struct example *example);

/** A connection to 127.0.0.1. */
int example_call(in_port_t port);

#endif
