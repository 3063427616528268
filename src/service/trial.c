/* SPDX-License-Identifier: ISC */
/*
 * The child writes to two pipes, which are read as they fill. When the child has ended, everything
 * that it wrote is in them, so they are read once more after its end.
 *
 * The time of a trial begins with its order, so the trial also ends if the child can be neither
 * started nor killed because a file system hangs.
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
#include "log/failure.h"
#include "service/spawner.h"

enum { OUTPUT_ROOM = 16 * 1024 };

/* ---- what the child writes ---- */

/** Makes room for more bytes. False: the maximum is reached, or there is no memory. */
static bool output_grow(struct trial_output *output)
{
	size_t room = output->room == 0 ? OUTPUT_ROOM : 2 * output->room;
	char *bytes;

	if (room > output->max) {
		room = output->max;
	}
	bytes = room == output->room ? NULL : realloc(output->bytes, room);
	if (bytes == NULL) {
		return false;
	}
	output->bytes = bytes;
	output->room = room;
	return true;
}

/** Reads what is there now; bytes beyond the maximum are discarded. */
static void output_read(struct trial_output *output)
{
	char waste[4096];
	ssize_t n;

	do {
		bool fits = output->len < output->room || output_grow(output);

		n = read(output->fd, fits ? output->bytes + output->len : waste,
			fits ? output->room - output->len : sizeof(waste));
		if (n > 0 && fits) {
			output->len += (size_t)n;
		} else if (n > 0) {
			output->is_cut = true;
		}
	} while (n > 0 || (n < 0 && errno == EINTR));
}

static void on_output(struct watcher *watcher, uint32_t events)
{
	(void)events;
	output_read(container_of(watcher, struct trial_output, watcher));
}

/** Watches a new pipe. Returns its write end, or a negative errno. */
static int output_open(struct trial_output *output, struct loop *loop)
{
	int fds[2];
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -errno;
	}
	output->watcher.ready = on_output;
	r = fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno
						   : loop_watch(loop, fds[0], &output->watcher);
	if (r < 0) {
		close(fds[0]);
		close(fds[1]);
		return r;
	}
	output->fd = fds[0];
	return fds[1];
}

static void output_close(struct trial_output *output, struct loop *loop)
{
	if (output->fd >= 0) {
		loop_unwatch(loop, output->fd, &output->watcher);
		close(output->fd);
		output->fd = -1;
	}
	free(output->bytes);
	output->bytes = NULL;
}

/* ---- the end ---- */

static const char *tape_problem(const struct trial_output *tape)
{
	return tape->len == tape->max
		       ? "the config is longer than 64 MiB, its prefix files included; shorten them"
		       : "out of memory; free some and try again";
}

/** The `problem` for done(), from how the child has ended. */
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
		return trial->tape.is_cut ? tape_problem(&trial->tape) : NULL;
	}
	return trial->words.len > 0 ? ""
				    : "the check ended without a word; run weir --check by hand";
}

static void on_ended(void *owner, int err, int status)
{
	struct trial *trial = owner;

	trial->order = NULL;
	timer_arm(&trial->limit, NS_NEVER);
	output_read(&trial->tape);
	output_read(&trial->words);
	trial->done(trial, trial_problem(trial, err, status));
}

static void on_limit(struct timer *timer)
{
	struct trial *trial = container_of(timer, struct trial, limit);
	bool has_begun = spawner_has_begun(trial->order);

	spawner_give_up(trial->spawner, trial->order);
	trial->order = NULL;
	output_read(&trial->words);
	trial->done(trial, has_begun ? "the check took longer than 10 s and was given up; is the "
				       "config a pipe, or its file system hanging?"
				     : "the check could not be started within 10 s; is the file "
				       "system of weir itself hanging?");
}

int trial_open(struct trial *trial, const struct trial_opts *opts)
{
	char *argv[] = {(char *)"weir", (char *)"--check", (char *)"--hand-on", (char *)"-c",
		(char *)opts->path, NULL};
	struct spawner_opts order = {
		.program = opts->program != NULL ? opts->program : "/proc/self/exe",
		.argv = argv,
		.output_fd = -1,
		.error_fd = -1,
		.ended = on_ended,
		.owner = trial,
	};
	int r;

	*trial = (struct trial){
		.spawner = opts->spawner,
		.tape = {.fd = -1, .max = TRIAL_TAPE_MAX},
		.words = {.fd = -1, .max = TRIAL_WORDS_MAX},
		.done = opts->done,
	};
	r = timer_open(&trial->limit, opts->loop, on_limit);
	if (r < 0) {
		return r;
	}
	trial->loop = opts->loop;
	r = order.output_fd = output_open(&trial->tape, opts->loop);
	if (r >= 0) {
		r = order.error_fd = output_open(&trial->words, opts->loop);
	}
	if (r >= 0) {
		r = spawner_run(trial->spawner, opts->loop, &order, &trial->order);
	}
	if (order.output_fd >= 0) {
		close(order.output_fd);
	}
	if (order.error_fd >= 0) {
		close(order.error_fd);
	}
	if (r < 0) {
		trial_close(trial);
		return r;
	}
	timer_arm(&trial->limit, clock_after(clock_ns(), (uint64_t)TRIAL_LIMIT_S * NS_PER_S));
	return 0;
}

void trial_close(struct trial *trial)
{
	if (trial->loop == NULL) {
		return;
	}
	if (trial->order != NULL) {
		spawner_give_up(trial->spawner, trial->order);
		trial->order = NULL;
	}
	output_close(&trial->tape, trial->loop);
	output_close(&trial->words, trial->loop);
	timer_close(&trial->limit);
	trial->loop = NULL;
}
