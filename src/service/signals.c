/* SPDX-License-Identifier: ISC */
#include "service/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "service/exit_code.h"

enum { SIGNALS_A_READ = 16 };

/* The signals that stop weir. */
static const int stopping[] = {SIGTERM, SIGINT, SIGQUIT};

/*
 * Signals that are left alone: faults and abort(), which must end the process with a core dump;
 * those that stop and continue a process, which are for its user; those that end nothing; and
 * SIGPIPE, which weir's own writes cause and which is ignored.
 */
static const int not_ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, SIGABRT, SIGTSTP,
	SIGCONT, SIGCHLD, SIGURG, SIGWINCH, SIGPIPE};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/** Fills in the signals that weir handles: all that would end the process, or stop it for writing
 * to a terminal. */
static void fill(sigset_t *set, bool with_stopping)
{
	(void)sigfillset(set);
	for (size_t i = 0; i < N_OF(not_ours); i++) {
		(void)sigdelset(set, not_ours[i]);
	}
	for (size_t i = 0; i < N_OF(stopping) && !with_stopping; i++) {
		(void)sigdelset(set, stopping[i]);
	}
}

void signals_of_child(sigset_t *ret_blocked, sigset_t *ret_default)
{
	fill(ret_blocked, false);
	(void)sigemptyset(ret_default);
	(void)sigaddset(ret_default, SIGPIPE);
}

/* ---- the start ---- */

void signals_hold(sigset_t *ret_before)
{
	sigset_t set;

	fill(&set, true);
	(void)pthread_sigmask(SIG_SETMASK, &set, ret_before);
	(void)signal(SIGPIPE, SIG_IGN);
}

void signals_release(const sigset_t *before)
{
	(void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

/** Ends the process at once: nothing was started, so nothing must be undone. */
static void on_early_stop(int number)
{
	(void)number;
	_exit(EXIT_CODE_OK);
}

void signals_start(void)
{
	struct sigaction stop = {.sa_handler = on_early_stop};
	sigset_t set;

	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&stop.sa_mask);
	for (size_t i = 0; i < N_OF(stopping); i++) {
		(void)sigaction(stopping[i], &stop, NULL);
	}
	fill(&set, false);
	(void)pthread_sigmask(SIG_SETMASK, &set, NULL);
}

/* ---- as events ---- */

/** "USR1", "RTMIN+3". */
static const char *name_of(int number, char text[static SIGNALS_NAME_MAX])
{
	const char *name = sigabbrev_np(number);

	if (name != NULL) {
		return name;
	}
	(void)snprintf(text, SIGNALS_NAME_MAX, "RTMIN+%d", number - SIGRTMIN);
	return text;
}

/** Logs an ignored signal, at most once a second for each number. */
static void tell_ignored(struct signals *signals, const struct signalfd_siginfo *info)
{
	char name[SIGNALS_NAME_MAX];
	uint64_t now_ns = clock_ns();
	uint64_t *told_ns = &signals->told_ns[info->ssi_signo % SIGNALS_MAX];
	struct log_line line;

	if (*told_ns != 0 && now_ns - *told_ns < NS_PER_S) {
		return;
	}
	*told_ns = now_ns;
	if (log_begin(&line, LOG_LEVEL_WARN, "signal_ignored")) {
		log_str(&line, "signal", name_of((int)info->ssi_signo, name));
		log_u64(&line, "pid", info->ssi_pid);
		log_u64(&line, "uid", info->ssi_uid);
		log_str(&line, "remedy",
			"weir knows SIGHUP, which reloads, and SIGTERM, which stops; its log needs "
			"no signal after a rotation");
		log_end(&line);
	}
}

static bool is_handled(int number)
{
	bool handled = number == SIGHUP;

	for (size_t i = 0; i < N_OF(stopping); i++) {
		handled |= number == stopping[i];
	}
	return handled;
}

static void on_signal(struct watcher *watcher, uint32_t events)
{
	struct signals *signals = container_of(watcher, struct signals, watcher);
	struct signalfd_siginfo infos[SIGNALS_A_READ];
	ssize_t n;

	(void)events;
	n = read(signals->fd, infos, sizeof(infos));
	for (size_t i = 0; n > 0 && i < (size_t)n / sizeof(infos[0]); i++) {
		if (is_handled((int)infos[i].ssi_signo)) {
			signals->came(signals, (int)infos[i].ssi_signo);
		} else {
			tell_ignored(signals, &infos[i]);
		}
	}
}

int signals_open(struct signals *signals, struct loop *loop,
	void (*came)(struct signals *signals, int number))
{
	sigset_t set;
	int r;

	fill(&set, true);
	r = -pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (r < 0) {
		return r;
	}
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0) {
		return -errno;
	}
	signals->watcher.ready = on_signal;
	signals->came = came;
	/* Level-triggered: signals that one read leaves are read in the next turn, however fast
	 * they come. */
	r = loop_watch_listen(loop, signals->fd, &signals->watcher);
	if (r < 0) {
		close(signals->fd);
		return r;
	}
	signals->loop = loop;
	return 0;
}

void signals_close(struct signals *signals)
{
	if (signals->loop == NULL) {
		return;
	}
	close(signals->fd);
	loop_forget(signals->loop, &signals->watcher);
	signals->loop = NULL;
}
