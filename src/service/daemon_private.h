/* SPDX-License-Identifier: ISC */
/* Shared by daemon.c, which handles what happens while weir runs, and start.c, which has its start
 * and its end. */
#ifndef WEIR_SERVICE_DAEMON_PRIVATE_H
#define WEIR_SERVICE_DAEMON_PRIVATE_H

#include <uv.h>

#include "control/control.h"
#include "crew/crew.h"
#include "crew/inherited.h"
#include "crew/lateness.h"
#include "crew/sockets.h"
#include "crew/watchdog.h"
#include "proxy/proxy.h"
#include "service/budget.h"
#include "service/drain.h"
#include "service/exit_idle.h"
#include "service/memory.h"
#include "service/names.h"
#include "service/reload.h"
#include "service/signals.h"
#include "service/spawner.h"
#include "service/status.h"
#include "service/stop.h"
#include "stream/timer.h"
#include "upstream/checks.h"
#include "upstream/eject.h"
#include "upstream/finders.h"

struct daemon {
	const struct conf *conf; /**< during the start; afterwards see daemon_conf() */
	uv_loop_t host;          /**< the libuv loop that the main thread runs */
	struct loop *loop;       /**< hosted by `host`, which must outlive it */
	char *conf_warnings;     /**< from reading it; NULL: none */
	const char *conf_path;   /**< NULL: there is no file */
	struct inherited inherited;
	struct sockets sockets;
	struct names names;
	struct budget budget;
	struct proxy_shared shared;
	size_t n_workers;
	struct crew crew;
	struct checks checks;
	struct end_pairs_order end_pairs;
	struct finders finders;
	struct ejections ejections;
	struct signals signals;
	struct stop stop;
	struct drain drain;
	struct exit_idle exit_idle;
	struct timer tick;
	struct memory memory;
	struct lateness lateness;
	struct status status;
	struct reload reload;
	struct spawner spawner;
	struct control control;
	struct watchdog watchdog;
	uint64_t ready_ns; /**< when it became ready */
};

/* ---- start.c ---- */

/** Sets up everything that weir needs. 0, or a negative errno, already logged with its remedy. */
int daemon_start(struct daemon *daemon);

/**
 * Undoes daemon_start(), also one that failed half-way. False: a thread hangs and must be left
 * running, either in a lookup, which needs the loop, or in the start of a child.
 */
bool daemon_fini(struct daemon *daemon);

/* ---- daemon.c: callbacks while weir runs; their `owner` is the daemon ---- */

void daemon_on_tick(struct timer *timer);
void daemon_on_signal(struct signals *signals, int number);
void daemon_on_drain(struct stop *stop);
void daemon_on_stop_over(struct stop *stop);
void daemon_on_idle_over(struct exit_idle *exit_idle);
void daemon_on_crew_quiet(void *owner);
void daemon_on_crew_refuses(void *owner);
void daemon_on_pairs_to_end(void *owner);
void daemon_on_servers_found(void *owner, struct group *group);
void daemon_on_pairs_ending(struct order *order, int status);

/** The facts for the STATUS= line. */
struct status_facts daemon_facts(struct daemon *daemon);

#endif
