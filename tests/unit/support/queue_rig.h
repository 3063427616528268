/* SPDX-License-Identifier: ISC */
/* Fixture for the tests of the queue: a group whose servers have few places, and clients that ask
 * for one. */
#ifndef WEIR_TESTS_QUEUE_RIG_H
#define WEIR_TESTS_QUEUE_RIG_H

#include "conf/conf.h"
#include "upstream/group.h"

enum {
	QUEUE_SERVERS_MAX = 3,
	QUEUE_CLIENTS_MAX = 8,
	QUEUE_WORKERS = 4,
};

/** A client that asks for a place, and the last answer that it got. */
struct client {
	struct group_waiter waiter;
	struct group_tried tried;
	enum group_answer said;
	struct member *member; /**< the server of which it has a place */
	unsigned n_told;
};

extern struct groups groups;
extern struct group *group;
extern struct group_plan *plan; /**< the plan in force */
extern struct client clients[QUEUE_CLIENTS_MAX];
/** The clients in the sequence of their answers, as digits. */
extern char order[QUEUE_CLIENTS_MAX + 1];

/** Sets up on test_loop, with the rule "first". */
void queue_rig_setup(void);

/** Gives back the clients' places, and checks that all places are free. No client may be
 * waiting. */
void queue_rig_teardown(void);

/** Puts `n_servers` servers in force, each with `max_pairs` places (0: no limit). */
void begin(size_t n_servers, uint32_t max_pairs, uint32_t queue_max);

/** Asks for a place as a session does. */
enum group_answer client_ask(struct client *client);

/** Gives the client's place back. */
void give(struct client *client);

#endif
