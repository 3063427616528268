/* SPDX-License-Identifier: ISC */
#include "ctl/terminal.h"

#include <assert.h>
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <term.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* These signals end the wait for a key, and are delivered only during it. */
static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
/* These signals, of bugs, end the process at once. */
static const int faults[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

enum { SEQUENCES_MAX = 128, N_ENDS = sizeof(ends) / sizeof(ends[0]) };
enum { N_FAULTS = sizeof(faults) / sizeof(faults[0]) };

static_assert(ERR == TERMINAL_TIME, "no key is no key");

static struct {
	SCREEN *screen;
	struct termios before;
	char sequences[SEQUENCES_MAX]; /* sequences that restore the screen and the cursor */
	size_t n_sequences;
	sigset_t waiting; /* the signal mask during the wait for a key */
	struct sigaction old_ends[N_ENDS];
	struct sigaction old_faults[N_FAULTS];
	volatile sig_atomic_t signal;
} terminal;

static void on_end(int number)
{
	terminal.signal = number;
}

/** Restores the terminal, with async-signal-safe calls only. The handler is reset, so the signal
 * then has its default action. */
static void on_fault(int number)
{
	(void)!write(STDOUT_FILENO, terminal.sequences, terminal.n_sequences);
	(void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
	(void)raise(number);
}

static void keep_sequence(const char *sequence)
{
	size_t room = SEQUENCES_MAX - terminal.n_sequences;
	size_t n = sequence == NULL ? room : strlen(sequence);

	if (n < room) {
		memcpy(terminal.sequences + terminal.n_sequences, sequence, n);
		terminal.n_sequences += n;
	}
}

static void take_signals(void)
{
	struct sigaction end = {.sa_handler = on_end};
	struct sigaction fault = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
	sigset_t held;

	(void)sigemptyset(&held);
	for (size_t i = 0; i < N_ENDS; i++) {
		(void)sigaction(ends[i], &end, &terminal.old_ends[i]);
		(void)sigaddset(&held, ends[i]);
	}
	(void)sigprocmask(SIG_BLOCK, &held, &terminal.waiting);
	for (size_t i = 0; i < N_ENDS; i++) {
		(void)sigdelset(&terminal.waiting, ends[i]);
	}
	for (size_t i = 0; i < N_FAULTS; i++) {
		(void)sigaction(faults[i], &fault, &terminal.old_faults[i]);
	}
}

static void give_signals_back(void)
{
	for (size_t i = 0; i < N_FAULTS; i++) {
		(void)sigaction(faults[i], &terminal.old_faults[i], NULL);
	}
	for (size_t i = 0; i < N_ENDS; i++) {
		(void)sigaction(ends[i], &terminal.old_ends[i], NULL);
	}
	(void)sigprocmask(SIG_SETMASK, &terminal.waiting, NULL);
}

/** Whether the type of the terminal is known. Checked first, because newterm(3) leaks memory if it
 * fails. */
static bool is_known(void)
{
	int status;
	bool known = setupterm(NULL, STDOUT_FILENO, &status) == OK;

	if (known) {
		(void)del_curterm(cur_term);
	}
	return known;
}

int terminal_open(void)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
		tcgetattr(STDIN_FILENO, &terminal.before) < 0) {
		return -ENOTTY;
	}
	if (!is_known()) {
		return -ENODEV;
	}
	terminal.signal = 0;
	terminal.n_sequences = 0;
	take_signals(); /* before curses takes them */
	terminal.screen = newterm(NULL, stdout, stdin);
	if (terminal.screen == NULL) {
		give_signals_back();
		return -ENODEV;
	}
	keep_sequence(exit_attribute_mode);
	keep_sequence(cursor_normal);
	keep_sequence(exit_ca_mode);
	(void)cbreak();
	(void)noecho();
	(void)set_escdelay(25);
	(void)keypad(stdscr, TRUE);
	(void)nodelay(stdscr, TRUE);
	(void)curs_set(0);
	return 0;
}

void terminal_close(void)
{
	if (terminal.screen == NULL) {
		return;
	}
	(void)endwin();
	delscreen(terminal.screen);
	terminal.screen = NULL;
	give_signals_back();
}

int terminal_key(uint64_t until_ns)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	int key = getch(); /* a key that curses has already, or a new size of the window */
	uint64_t now_ns = clock_ns();
	uint64_t left_ns = now_ns < until_ns ? until_ns - now_ns : 0;
	struct timespec left = {
		.tv_sec = (time_t)(left_ns / NS_PER_S), .tv_nsec = (long)(left_ns % NS_PER_S)};
	int r;

	if (key != ERR) {
		return key;
	}
	r = ppoll(&input, 1, &left, &terminal.waiting);
	if (terminal.signal != 0 || (r > 0 && (input.revents & (POLLHUP | POLLERR | POLLNVAL)))) {
		return TERMINAL_END;
	}
	if (r == 0) {
		return TERMINAL_TIME;
	}
	return getch(); /* ERR is TERMINAL_TIME: there is no key yet */
}

int terminal_signal(void)
{
	return (int)terminal.signal;
}
