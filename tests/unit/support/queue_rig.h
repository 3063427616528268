/* SPDX-License-Identifier: ISC */
/* A group whose servers have few places, and clients that ask it; for tests of its queue. */
#ifndef WEIR_TESTS_QUEUE_RIG_H
#define WEIR_TESTS_QUEUE_RIG_H

#include "conf/conf.h"
#include "upstream/group.h"

enum {
	QUEUE_SERVERS_MAX = 3,
	QUEUE_CLIENTS_MAX = 8,
	QUEUE_WORKERS = 4,
};

/** Who asks, and what it was told last. */
struct client {
	struct group_waiter waiter;
	struct group_tried tried;
	enum group_answer said;
	struct member *member; /**< whose place it has */
	unsigned n_told;
};

extern struct groups groups;
extern struct group *group;
extern struct group_plan *plan; /**< in force */
extern struct client clients[QUEUE_CLIENTS_MAX];
extern char order[QUEUE_CLIENTS_MAX + 1]; /**< who was told first, as digits */

/** On test_loop, with the rule "first". */
void queue_rig_setup(void);

/** Nobody may wait. Gives back what the clients have; all places must be free then. */
void queue_rig_teardown(void);

/** From now on there are so many servers, each with so many places (0: no limit). */
void begin(size_t n_servers, uint32_t max_pairs, uint32_t queue_max);

/** Asks as a session does. */
enum group_answer client_ask(struct client *client);

/** Gives its place back. */
void give(struct client *client);

#endif
