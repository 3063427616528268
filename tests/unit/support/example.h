/* SPDX-License-Identifier: ISC */
/* Runs a program of examples/ as somebody who tries it would. Its stdout is a pipe. */
#ifndef WEIR_TESTS_EXAMPLE_H
#define WEIR_TESTS_EXAMPLE_H

#include <netinet/in.h>
#include <sys/types.h>

struct example {
	pid_t pid; /**< 0: it has ended */
	int out;
};

/** Starts the program whose path is in the environment variable `variable`. `argument` may be
 * NULL. */
void example_start(struct example *example, const char *variable, const char *argument);

/** Reads its next line, without the newline. */
void example_line(const struct example *example, char line[64]);

/** Reads its next line, which must begin with `text`, and returns the port in it. */
in_port_t example_port(const struct example *example, const char *text);

/** Sends `signal`, if that is not 0, and waits for its end. Returns the status of waitpid(2). */
int example_end(struct example *example, int signal);

/** Kills it if it still runs. */
void example_close(struct example *example);

/** Connects to this port of 127.0.0.1. Returns the fd. */
int example_call(in_port_t port);

#endif
