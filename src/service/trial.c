/* SPDX-License-Identifier: ISC */
/*
 * The child writes to a pipe, which is emptied as it fills. What it wrote is all in the pipe when
 * it has ended, so the last look at the pipe comes after the end.
 *
 * A child that cannot be started, or cannot be killed, because its file system hangs is not waited
 * for: the time of a trial begins with its order.
 */
#include "service/trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "service/failure.h"
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
static const char *trial_problem(struct trial *trial, int err, int status)
{
	if (err < 0) {
		(void)snprintf(trial->problem, sizeof(trial->problem),
			"the config cannot be checked: %s; %s", strerrordesc_np(-err),
			err == -ENOENT && access("/proc/self", F_OK) < 0
				? "mount /proc: weir runs itself from there"
				: failure_remedy(err));
		return trial->problem;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		return NULL;
	}
	return trial->n_text > 0 ? "" : "the check ended without a word; run weir --check by hand";
}

static void on_ended(void *owner, int err, int status)
{
	struct trial *trial = owner;

	trial->order = NULL;
	timer_arm(&trial->limit, NS_NEVER);
	trial_read(trial);
	trial->done(trial, trial_problem(trial, err, status));
}

static void on_limit(struct timer *timer)
{
	struct trial *trial = container_of(timer, struct trial, limit);
	bool has_begun = spawner_has_begun(trial->order);

	spawner_give_up(trial->spawner, trial->order);
	trial->order = NULL;
	trial_read(trial);
	trial->done(trial, has_begun ? "the check took longer than 10 s and was given up; is the "
				       "config a pipe, or its file system hanging?"
				     : "the check could not be started within 10 s; is the file "
				       "system of weir itself hanging?");
}

int trial_open(struct trial *trial, const struct trial_opts *opts)
{
	char *argv[] = {(char *)"weir", (char *)"--check", (char *)"-c", (char *)opts->path, NULL};
	struct spawner_opts order = {
		.program = opts->program != NULL ? opts->program : "/proc/self/exe",
		.argv = argv,
		.ended = on_ended,
		.owner = trial,
	};
	int fds[2];
	int r;

	*trial = (struct trial){
		.spawner = opts->spawner,
		.output_fd = -1,
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
	order.output_fd = fds[1];
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (r == 0) {
		r = timer_open(&trial->limit, opts->loop, on_limit);
	}
	if (r == 0) {
		r = loop_watch(opts->loop, trial->output_fd, &trial->output);
		if (r < 0) {
			timer_close(&trial->limit);
		}
	}
	if (r == 0) {
		trial->loop = opts->loop;
		r = spawner_run(trial->spawner, opts->loop, &order, &trial->order);
	}
	close(fds[1]);
	if (r < 0) {
		goto err;
	}
	timer_arm(&trial->limit, clock_after(clock_ns(), (uint64_t)TRIAL_LIMIT_S * NS_PER_S));
	return 0;
err:
	trial_close(trial);
	return r;
}

void trial_close(struct trial *trial)
{
	if (trial->order != NULL) {
		spawner_give_up(trial->spawner, trial->order);
		trial->order = NULL;
	}
	if (trial->loop != NULL) {
		loop_unwatch(trial->loop, trial->output_fd, &trial->output);
		timer_close(&trial->limit);
		trial->loop = NULL;
	}
	if (trial->text != NULL && trial->output_fd >= 0) {
		close(trial->output_fd);
	}
	free(trial->text);
	trial->text = NULL;
}
