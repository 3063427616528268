/* SPDX-License-Identifier: ISC */
/* A crew of real workers under test_loop, with a config that has no listeners. */
#ifndef WEIR_TESTS_CREW_RIG_H
#define WEIR_TESTS_CREW_RIG_H

#include "conf/conf.h"
#include "crew/crew.h"
#include "proxy/proxy.h"

enum { CREW_WORKERS = 3 };

extern struct crew crew;
extern struct conf crew_conf;
extern struct proxy_shared crew_shared;
extern unsigned crew_n_quiet; /**< how often it was said that nothing is left */

/** For tcase_add_checked_fixture(): the workers run; and have stopped, if the test has not yet. */
void crew_rig_setup(void);
void crew_rig_teardown(void);

/* ---- the parts of it, for who starts the workers by himself ---- */

/** The loop, and the log, since workers log; and their end, which is held against the beginning. */
void crew_rig_begin(void);
void crew_rig_end(void);

/** The crew, of which nobody runs. */
void crew_rig_open(void);

#endif
