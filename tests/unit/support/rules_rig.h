/* SPDX-License-Identifier: ISC */
/* A group of servers a, b, c, ..., what is picked of it, and in which order. */
#ifndef WEIR_TESTS_RULES_RIG_H
#define WEIR_TESTS_RULES_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "upstream/group.h"

enum { SERVERS_MAX = 128, PICKS_MAX = 64, CHOOSERS = 4 };

extern struct groups groups; /* for so many workers as CHOOSERS */
extern struct conf_server servers[SERVERS_MAX];
extern struct conf_upstream conf;
extern struct group_plan *plan; /* of the last make() */

extern const struct group_plan *plan_asked; /* with which clients began; NULL: that in force */
extern uint16_t port_asked;                 /* by which clients came, of a range; 0: none */
extern const char *name_asked;              /* by clients in their hello; NULL: by none */

void rules_setup(void);
void rules_teardown(void);

/* ---- a group ---- */

/** Fills `conf` and `servers`: a, b, c, ...; behind 26 of them s26, s27, ... */
void have_servers(size_t n, const uint32_t *weights);

/** Of weight 1. */
void have_equal_servers(size_t n);

/** Puts what they say in force; then drop(). */
void make(enum conf_balance balance);
void drop(void);

void set_down(size_t i, bool is_down);

/** Gives the server max_pairs of 1, and takes that place, or gives it back. */
void fill(size_t i, bool is_full);

/** An IPv4 client; valid until the next call. */
const struct sockaddr *client_of(uint32_t address, uint16_t port);

/* ---- what comes of asking ---- */

/**
 * The next server, whose place stays taken until give(); '-': none, '!': all are full. `tried` has
 * one more from then on; NULL: a round of its own.
 */
char take(const struct sockaddr *client, struct group_tried *tried);
void give(char name);

/** Expects these picks, each of which ends at once. */
void expect_picks(const struct sockaddr *client, const char *expected);

/** Expects these picks of one round, in which each fails. */
void expect_round(const struct sockaddr *client, const char *expected);

#endif
