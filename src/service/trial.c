/* SPDX-License-Identifier: ISC */
/*
 * The child writes to a pipe, which is emptied as it fills; its pidfd becomes readable when it
 * ends. What it wrote is all in the pipe by then, so the last look at the pipe comes after the end.
 */
#include "service/trial.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/spawner.h"

/** Reads what the child has said so far; what is too much is thrown away. */
static void trial_read(struct trial *trial)
{
	char waste[4096];
	ssize_t n;

	do {
		size_t room = TRIAL_OUTPUT_MAX - trial->n_text;

		n = read(trial->output_fd, room > 0 ? trial->text + trial->n_text : waste,
			room > 0 ? room : sizeof(waste));
		if (n > 0 && room > 0) {
			trial->n_text += (size_t)n;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
	trial->text[trial->n_text] = '\0';
}

static void on_output(struct watcher *watcher, uint32_t events)
{
	(void)events;
	trial_read(container_of(watcher, struct trial, output));
}

/** How the child has ended, as done() tells it. */
static const char *trial_problem(const struct trial *trial, const siginfo_t *info)
{
	if (trial->timed_out) {
		return "the check took longer than 10 s and was given up; is the config a "
		       "pipe, or its file system hanging?";
	}
	if (info->si_code == CLD_EXITED && info->si_status == 0) {
		return NULL;
	}
	return trial->n_text > 0 ? "" : "the check ended without a word; run weir --check by hand";
}

static void on_exit_of_child(struct watcher *watcher, uint32_t events)
{
	struct trial *trial = container_of(watcher, struct trial, exit);
	siginfo_t info = {.si_pid = 0};

	(void)events;
	if (waitid(P_PIDFD, (id_t)trial->exit_fd, &info, WEXITED | WNOHANG) < 0 ||
		info.si_pid == 0) {
		return;
	}
	trial->pid = 0;
	trial_read(trial);
	trial->done(trial, trial_problem(trial, &info));
}

static void on_limit(struct timer *timer)
{
	struct trial *trial = container_of(timer, struct trial, limit);

	/* Its end comes as an event. */
	trial->timed_out = true;
	(void)kill(trial->pid, SIGKILL);
}

/** 0 or a negative errno. */
static int trial_spawn(
	struct trial *trial, struct spawner *spawner, const char *program, const char *path, int fd)
{
	char *argv[] = {(char *)"weir", (char *)"--check", (char *)"-c", (char *)path, NULL};

	return spawner_run(
		spawner, program != NULL ? program : "/proc/self/exe", argv, fd, &trial->pid);
}

static int trial_watch(struct trial *trial)
{
	int r;

	trial->exit_fd = pidfd_open(trial->pid, 0);
	if (trial->exit_fd < 0) {
		return -errno;
	}
	r = loop_watch(trial->loop, trial->output_fd, &trial->output);
	if (r < 0) {
		return r;
	}
	r = loop_watch(trial->loop, trial->exit_fd, &trial->exit);
	if (r < 0) {
		loop_unwatch(trial->loop, trial->output_fd, &trial->output);
		return r;
	}
	timer_arm(&trial->limit, clock_after(clock_ns(), (uint64_t)TRIAL_LIMIT_S * NS_PER_S));
	return 0;
}

int trial_open(struct trial *trial, const struct trial_opts *opts)
{
	int fds[2];
	int r;

	*trial = (struct trial){
		.exit_fd = -1,
		.output_fd = -1,
		.exit.ready = on_exit_of_child,
		.output.ready = on_output,
		.done = opts->done,
	};
	trial->text = malloc(TRIAL_OUTPUT_MAX + 1);
	if (trial->text == NULL) {
		return -ENOMEM;
	}
	if (pipe2(fds, O_CLOEXEC) < 0) {
		r = -errno;
		goto err;
	}
	trial->output_fd = fds[0];
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0
		    ? -errno
		    : trial_spawn(trial, opts->spawner, opts->program, opts->path, fds[1]);
	close(fds[1]);
	if (r == 0) {
		r = timer_open(&trial->limit, opts->loop, on_limit);
	}
	if (r < 0) {
		goto err;
	}
	trial->loop = opts->loop;
	r = trial_watch(trial);
	if (r < 0) {
		trial->loop = NULL;
		timer_close(&trial->limit);
		goto err;
	}
	return 0;
err:
	trial_close(trial);
	return r;
}

void trial_close(struct trial *trial)
{
	if (trial->pid > 0) {
		(void)kill(trial->pid, SIGKILL);
		(void)waitpid(trial->pid, NULL, 0);
		trial->pid = 0;
	}
	if (trial->loop != NULL) {
		loop_unwatch(trial->loop, trial->exit_fd, &trial->exit);
		loop_unwatch(trial->loop, trial->output_fd, &trial->output);
		timer_close(&trial->limit);
		trial->loop = NULL;
	}
	if (trial->text != NULL) {
		if (trial->exit_fd >= 0) {
			close(trial->exit_fd);
		}
		if (trial->output_fd >= 0) {
			close(trial->output_fd);
		}
	}
	free(trial->text);
	trial->text = NULL;
}
