/* SPDX-License-Identifier: ISC */
/*
 * The command line of weirload. One table of options (options_table.c) is used for parsing,
 * checking, --help and the reports.
 *
 * An error is reported in one line, which says what to write instead.
 */
#ifndef WEIR_LOAD_OPTIONS_H
#define WEIR_LOAD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/addr.h"

struct scenario;

/** The exit status of weirload. */
enum load_exit {
	LOAD_EXIT_OK = 0,     /**< every limit holds */
	LOAD_EXIT_FAILED = 1, /**< a limit does not hold, or a report could not be written */
	/** Usage, budget, or a name that does not resolve: nothing was tried. Or the run has no
	 * result: the serving end was lost during it, or there was no memory. */
	LOAD_EXIT_USAGE = 2,
	LOAD_EXIT_SIGNAL = 128, /**< plus the number of the signal that ended the run */
};

/** The two ends of a pair, as the proxy sees them. */
enum load_side { SIDE_CLIENT, SIDE_SERVER };

/** Who sends in trickle. Bits: 1 << enum load_side. */
enum load_direction { DIRECTION_UP = 1, DIRECTION_DOWN = 2, DIRECTION_BOTH = 3 };

/** By what a close is expected. */
enum load_by { BY_EITHER = 0, BY_FIN = 1, BY_RST = 2 };

/** What preface begins to send, and never completes. */
enum load_begin { BEGIN_NOTHING, BEGIN_PROXY, BEGIN_TLS };

/** What `weirload serve` does with its connections. */
enum load_mode {
	MODE_READ,  /**< reads, and answers a FIN with its own */
	MODE_ECHO,  /**< sends back what it reads, and answers a FIN */
	MODE_HOLD,  /**< reads, and answers nothing */
	MODE_STALL, /**< does not read */
};

enum {
	OPTIONS_SOURCES_MAX = 256,
	OPTIONS_THREADS_MAX = 64,
	OPTIONS_CONNECTIONS_MAX = 10 * 1000 * 1000,
	OPTIONS_WHY_MAX = 512, /**< a line of text, with its NUL */
};

/** Durations are in ns; NS_NEVER: not given, and no default. */
struct options {
	const struct scenario *scenario;
	int argc; /**< the command line, borrowed */
	char **argv;
	struct addr target;      /**< after options_resolve() never a name */
	struct addr serve;       /**< sa_len 0: not given */
	struct addr remote;      /**< if has_remote; after options_resolve() never a name */
	struct addr control;     /**< for a server that obeys (obey.h): its control address */
	const char *secret_file; /**< borrowed; NULL: none */
	bool has_serve;          /**< the server ends are known: --serve or --remote was given */
	bool has_remote;
	bool is_apart;         /**< only one of the two ends is in this process */
	uint8_t nonce;         /**< for a server that obeys: run::nonce of the run; else unused */
	struct addr blackhole; /**< sa_len 0: not given */
	struct addr *sources;  /**< malloc'd; port 0 */
	uint64_t n_sources;
	uint64_t n_connections;
	uint64_t n_threads;
	double ramp;        /**< connections opened in a second */
	uint64_t expect_ns; /**< NS_NEVER: it is measured */
	uint64_t wait_ns;   /**< how long to wait for a close after its expected time */
	/** How long to wait for the answer to a connect. Scenarios connect and preface with
	 * --expect wait for options_patience_ns() instead. */
	uint64_t connect_wait_ns;
	uint64_t max_late_ns; /**< NS_NEVER: it is measured */
	uint64_t max_latency_ns;
	uint64_t max_lost; /**< bytes */
	uint64_t max_unserved;
	uint64_t by;   /**< enum load_by */
	uint64_t mode; /**< enum load_mode */
	uint64_t max_early;
	uint64_t max_failed;
	uint64_t max_never;
	bool mute; /**< oneside: the silent end sends nothing at all */
	bool silent;
	uint64_t spread_ns;
	uint64_t every_ns;
	uint64_t for_ns;
	uint64_t direction;        /**< enum load_direction */
	uint64_t side;             /**< enum load_side */
	uint64_t begin;            /**< enum load_begin */
	uint64_t places;           /**< queue: how many pairs the server takes */
	uint64_t after_ns;         /**< drain: how long after all are open the drain begins */
	const char *drain_command; /**< drain: borrowed; NULL: none */
	double busy_share;         /**< percent */
	uint64_t message_bytes;
	uint64_t progress_ns; /**< how often a line is written if stderr is no terminal */
	bool quiet;           /**< no line on a terminal, because other runs are in parallel */
	const char *label;    /**< in a suite: the prefix of such a line; NULL: none */
	const char *suite;    /**< `weirload suite`: the file */
	bool json;
	const char *csv; /**< a path; NULL: none; likewise the next ones */
	const char *junit;
	const char *html;
};

/** Sets the defaults of the scenario. 0, or -EINVAL and ret_why. The caller calls options_fini() in
 * any case. */
int options_begin(struct options *ret_options, const struct scenario *scenario, int argc,
	char **argv, char *ret_why);

/** Whether this process has the server ends of another process's run. */
bool options_obeys(const struct options *options);

/** Whether a scenario can have server ends of ours: whether it takes --serve and --remote. */
bool options_can_serve(const struct scenario *scenario);

/**
 * Parses `weirload SCENARIO OPTION ...`; `scenario` is the one that argv[1] names. 0: go on; 1:
 * --help was printed; -EINVAL: ret_why, of OPTIONS_WHY_MAX, says what is wrong. The caller calls
 * options_fini() in any case.
 */
int options_parse(const struct scenario *scenario, int argc, char **argv,
	struct options *ret_options, char *ret_why);
void options_fini(struct options *options);

/** Looks up the names of the target and the remote, which blocks, and checks the --source
 * addresses. 0 or -EINVAL and ret_why. */
int options_resolve(struct options *options, char *ret_why);

/**
 * How many of the connections last until the others are over: in mixed those that exchange
 * messages, in firstbyte those whose client sends a byte, in queue those that have a place; in
 * other scenarios 0.
 */
uint64_t options_busy(const struct options *options);

/** How many connections exchange messages: in mixed and drain the busy share, in other scenarios
 * 0. */
uint64_t options_live(const struct options *options);

/** Whether no time of a close is expected, so that it is only measured. */
bool options_measures(const struct options *options);

/** How long to wait for a close before the connection is given up, from when the close is counted:
 * --expect and --wait, or only --wait if no time is expected. */
uint64_t options_patience_ns(const struct options *options);

/** Prints the scenario's --help. */
void options_help(const struct scenario *scenario, FILE *out);

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_REAL, OPTION_DURATION, OPTION_FLAG };

/** An option as a report shows it, with the given value or the default. */
struct option_value {
	const char *name;
	enum option_type type;
	const char *word; /**< as people write it; "": not given, or not applicable */
	uint64_t number;  /**< OPTION_NUMBER, OPTION_DURATION (ns), OPTION_FLAG */
	double real;
	char text[OPTIONS_SOURCES_MAX * 48]; /**< memory for `word`, in most cases */
};

/** Iterates over all options, each name once; *index begins with 0. False: there are no more. */
bool options_value(const struct options *options, size_t *index, struct option_value *ret);

#endif
