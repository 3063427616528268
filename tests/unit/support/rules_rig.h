/* SPDX-License-Identifier: ISC */
/* Fixture for the balancing rules: a group of servers a, b, c, ..., and checks which are picked in
 * which sequence. */
#ifndef WEIR_TESTS_RULES_RIG_H
#define WEIR_TESTS_RULES_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "conf/conf.h"
#include "upstream/group.h"

enum { SERVERS_MAX = 128, PICKS_MAX = 64, CHOOSERS = 4 };

extern struct groups groups; /* for CHOOSERS workers */
extern struct conf_server servers[SERVERS_MAX];
extern struct conf_upstream conf;
extern struct group_plan *plan; /* that of the last make() */

/* The plan with which clients began; NULL: the one in force. */
extern const struct group_plan *plan_asked;
extern uint16_t port_asked;    /* the port of a range to which clients connected; 0: none */
extern const char *name_asked; /* the server name in the hello of clients; NULL: none */

void rules_setup(void);
void rules_teardown(void);

/* ---- a group ---- */

/** Fills `conf` and `servers`, with the names a, b, c, ...; after 26 of them s26, s27, ... */
void have_servers(size_t n, const uint32_t *weights);

/** The same with weight 1 for all. */
void have_equal_servers(size_t n);

/** Puts `conf` in force. drop() must follow. */
void make(enum conf_balance balance);
void drop(void);

void set_down(size_t i, bool is_down);

/** Gives server `i` a max_pairs of 1, and takes that place; or gives it back. */
void fill(size_t i, bool is_full);

/** An IPv4 client; valid until the next call. */
const struct sockaddr *client_of(uint32_t address, uint16_t port);

/* ---- asking for servers ---- */

/**
 * Returns the next server; its place stays taken until give(). '-': there is none; '!': all are
 * full. Adds the server to `tried`; NULL: a round without earlier attempts.
 */
char take(const struct sockaddr *client, struct group_tried *tried);
void give(char name);

/** Expects these picks, for pairs that end at once. */
void expect_picks(const struct sockaddr *client, const char *expected);

/** Expects these picks in one round, in which each server fails. */
void expect_round(const struct sockaddr *client, const char *expected);

#endif
