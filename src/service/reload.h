/* SPDX-License-Identifier: ISC */
/*
 * Reloading the config while pairs are open: all of it or nothing.
 *
 *	request ──▶ trial (a child checks) ──▶ take, compare ──▶ bind what is new
 *	                 │                          │                 │
 *	                 └──── failed ◀─────────────┴─────────────────┤
 *	                         ▲                                    ▼
 *	                         └─ workers switch back ◀─ workers accept from what is new
 *	                                                              │
 *	                         done ◀── workers switch to the next generation
 *
 * Until the workers switch, what is in force has not changed. One reload runs at a time; all that
 * are asked for meanwhile are served by one more, which begins after it, and reads the file after
 * all of them were asked. While weir is stopping, and where there is no file, a reload is refused.
 *
 * systemd is told RELOADING=1 at the beginning, and READY=1 at the end, however it ended, before
 * anybody is answered (sd_notify(3)).
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
	RELOAD_SETTLE, /**< listeners that went at the last one are still drained, a moment */
	RELOAD_ACCEPT, /**< workers begin to accept from what is new */
	RELOAD_SWITCH,
};

/** What it works on, all borrowed. */
struct reload_opts {
	struct loop *loop; /**< the main one */
	const char *path;  /**< of the config; NULL: there is none to reload */
	struct proxy_shared *shared;
	struct crew *crew;
	struct sockets *sockets;
	const struct inherited *inherited;
	struct budget *budget;
	struct names *names;
	struct checks *checks;       /**< of the servers */
	struct finders *finders;     /**< of servers by DNS */
	struct ejections *ejections; /**< of servers; hears of each config */
	const struct stop *stop;
	struct spawner *spawner; /**< for the check */
	struct memory *memory;
	struct control *control; /**< is told when a config goes */
};

struct reload {
	struct reload_opts opts;
	enum reload_phase phase;
	struct list asking;  /* struct control_request::link; of the one that runs */
	struct list waiting; /* struct control_request::link; of the next one */
	bool again;          /**< one more is to follow */
	struct task begin;
	struct trial trial;
	struct timer settle;
	uint64_t settle_end_ns;
	const struct conf *conf; /**< loaded, not in force yet */
	struct generation *next;
	/** Until all workers have switched, so that it is the main thread that frees it: thousands
	 * of listeners take a while. */
	struct generation *before;
	struct budget budget;
	struct accept_order accept;
	struct switch_order switch_to; /**< the next generation, or back to the one in force */
	FILE *report;                  /**< to `text`: a line for each error */
	char *text;
	size_t n_text;
	char *warnings; /**< of the check, a line each; NULL: none */
	struct status_reload last;
	uint64_t n_ok;
	uint64_t n_failed;
	uint64_t generation; /**< 1, and one more for each good one */
	bool level_told;     /**< the log's level is not the config's any more */
};

/** Sets it up; opts are copied. 0 or -ENOMEM. */
int reload_open(struct reload *reload, const struct reload_opts *opts);

/** Gives up what is under way, when the workers have stopped. Idempotent, also on zeroed memory. */
void reload_close(struct reload *reload);

/** Call it once a second: lets go of listeners that have gone. */
void reload_tick(struct reload *reload);

/**
 * Asks for one; `request` NULL: without an answer. It is answered later, with a line for each
 * error; its memory stays the asker's.
 */
void reload_ask(struct reload *reload, struct control_request *request);

#endif
