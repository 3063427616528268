/* SPDX-License-Identifier: ISC */
#include "example.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void example_start(struct example *example, const char *variable, const char *argument)
{
	const char *path = getenv(variable);
	int fds[2];

	ck_assert_ptr_nonnull(path);
	ck_assert_int_eq(pipe(fds), 0);
	example->pid = fork();
	ck_assert_int_ge(example->pid, 0);
	if (example->pid == 0) {
		(void)dup2(fds[1], STDOUT_FILENO);
		close(fds[0]);
		close(fds[1]);
		execl(path, path, argument, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	example->out = fds[0];
}

void example_line(const struct example *example, char line[64])
{
	size_t len = 0;

	while (len == 0 || line[len - 1] != '\n') {
		ck_assert_uint_lt(len, 63);
		ck_assert_int_eq(read(example->out, line + len, 1), 1);
		len++;
	}
	line[len - 1] = '\0';
}

in_port_t example_port(const struct example *example, const char *text)
{
	unsigned long port;
	char line[64];
	char *rest;

	example_line(example, line);
	ck_assert_msg(strncmp(line, text, strlen(text)) == 0, "%s", line);
	port = strtoul(line + strlen(text), &rest, 10);
	ck_assert_msg(*rest == '\0' && port > 0 && port <= UINT16_MAX, "%s", line);
	return (in_port_t)port;
}

int example_end(struct example *example, int signal)
{
	int status = 0;

	if (signal != 0) {
		ck_assert_int_eq(kill(example->pid, signal), 0);
	}
	ck_assert_int_eq(waitpid(example->pid, &status, 0), example->pid);
	example->pid = 0;
	return status;
}

void example_close(struct example *example)
{
	if (example->pid > 0) {
		(void)example_end(example, SIGKILL);
	}
	close(example->out);
	example->out = -1;
}

int example_call(in_port_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}
