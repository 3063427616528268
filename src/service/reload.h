/* SPDX-License-Identifier: ISC */
/*
 * Reloads the config while pairs are open. A reload takes effect as a whole or not at all.
 *
 *	request ──▶ trial (a child checks) ──▶ take, compare ──▶ bind new sockets
 *	                 │                          │                 │
 *	                 └──── failed ◀─────────────┴─────────────────┤
 *	                         ▲                                    ▼
 *	                         └─ workers switch back ◀─ workers accept from new sockets
 *	                                                              │
 *	                         done ◀── workers switch to the next generation
 *
 * Until the workers switch, the config in force is unchanged. Only one reload runs at a time. All
 * requests that arrive during a reload are served together by one more, which begins when the first
 * is over and so reads the file after all these requests were made. A request is refused while weir
 * is stopping, and if weir has no config file.
 *
 * RELOADING=1 is sent to systemd at the beginning, and READY=1 at the end, whether the reload
 * succeeded or not, before any request is answered (sd_notify(3)). If weir is stopping by then,
 * READY=1 is not sent.
 */
#ifndef WEIR_SERVICE_RELOAD_H
#define WEIR_SERVICE_RELOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/list.h"
#include "crew/orders.h"
#include "crew/sockets.h"
#include "service/budget.h"
#include "service/names.h"
#include "service/status.h"
#include "service/stop.h"
#include "service/trial.h"

struct checks;
struct control;
struct control_request;
struct crew;
struct ejections;
struct finders;
struct generation;
struct memory;
struct proxy_shared;

enum reload_phase {
	RELOAD_IDLE,
	RELOAD_TRIAL,
	/** For a moment, while listeners that the last reload removed still drain, or while a drain
	 * by hand changes the sockets. */
	RELOAD_SETTLE,
	RELOAD_ACCEPT, /**< the workers begin to accept from the new sockets */
	RELOAD_SWITCH,
};

/** What it works on, all borrowed. */
struct reload_opts {
	struct loop *loop; /**< the main one */
	const char *path;  /**< path of the config; NULL: there is no file to reload */
	struct proxy_shared *shared;
	struct crew *crew;
	struct sockets *sockets;
	const struct inherited *inherited;
	struct budget *budget;
	struct names *names;
	struct checks *checks;       /**< active checks of the servers */
	struct finders *finders;     /**< find servers by DNS */
	struct ejections *ejections; /**< end where the next config forbids them */
	const struct stop *stop;
	struct spawner *spawner; /**< starts the child that checks the config */
	struct memory *memory;
	struct control *control; /**< the control interface, whose doors follow the config */
};

struct reload {
	struct reload_opts opts;
	enum reload_phase phase;
	struct list asking;  /* struct control_request::link: requests for the reload that runs */
	struct list waiting; /* struct control_request::link: requests for the next one */
	bool again;          /**< one more reload is to follow */
	struct task begin;
	struct trial trial;
	struct timer settle;
	uint64_t settle_end_ns;
	const struct conf *conf; /**< the config that is loaded and not in force yet */
	struct generation *next;
	/** The previous generation, until all workers have switched. The reference makes sure that
	 * the main thread frees it, because that takes a while if there are thousands of
	 * listeners. */
	struct generation *before;
	struct budget budget;
	struct accept_order accept;
	struct switch_order switch_to; /**< to the next generation, or back to the one in force */
	FILE *report;                  /**< writes to `text`, a line for each error */
	char *text;
	size_t n_text;
	char *warnings; /**< from the check, one on each line; NULL: none */
	struct status_reload last;
	uint64_t n_ok;
	uint64_t n_failed;
	uint64_t generation; /**< 1 at the start, and 1 more after each successful reload */
	bool level_told; /**< the control interface has set another log level than the config's */
};

/** Sets it up; opts are copied. 0 or -ENOMEM. */
int reload_open(struct reload *reload, const struct reload_opts *opts);

/** Gives up a reload under way. The workers must have stopped. Idempotent, also on zeroed
 * memory. */
void reload_close(struct reload *reload);

/** Call it once a second: frees the sockets of removed listeners that have drained. */
void reload_tick(struct reload *reload);

/**
 * Requests a reload. The request is answered later, with a line for each error; the caller owns its
 * memory. `request` may be NULL: then there is no answer.
 */
void reload_ask(struct reload *reload, struct control_request *request);

#endif
