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
extern unsigned crew_n_quiet; /**< how often quiet() was called */

/** For tcase_add_checked_fixture(): starts the workers, and stops them unless the test has. */
void crew_rig_setup(void);
void crew_rig_teardown(void);

/* ---- the parts of it, for tests that start the workers themselves ---- */

/** The first sets up the loop and the log (workers log). The second ends both, and checks that
 * nothing is left over. */
void crew_rig_begin(void);
void crew_rig_end(void);

/** Opens the crew, without starting workers. */
void crew_rig_open(void);

#endif
