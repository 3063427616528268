/* SPDX-License-Identifier: ISC */
/*
 * Fixture for the tests of discovery: virtual time, an owner that records what was found, and a
 * dns_ask() whose answers each test defines (link with discover_link_args).
 *
 *	say("www.test", DNS_A, "60 10.0.0.1");	see dns_wire.h
 *	say("www.test", DNS_AAAA, "FAIL");	the lookup fails
 *	say("www.test", DNS_AAAA, "HANG");	no answer until say_now()
 *	begin();
 *	ck_assert_str_eq(found, "10.0.0.1:80");
 *	vtime_pass(60 * S);
 *
 * All other questions are answered NXDOMAIN.
 */
#ifndef WEIR_TESTS_DISCOVER_RIG_H
#define WEIR_TESTS_DISCOVER_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "upstream/discover.h"
#include "upstream/dns.h"
#include "vtime.h"

#define S ((uint64_t)NS_PER_S)

extern struct discovery *discovery; /**< closed at the end of the test */
extern struct conf_discovery conf;  /**< www.test:80, hold 30 s, TTL 1 s to 300 s, 256 servers */
extern char found[65536]; /**< the last result: "10.0.0.1:80 10.0.0.2:80*WEIGHT 10.0.0.3:80b" */
extern unsigned n_found;  /**< how often a result was reported */
extern char name_srv[];   /**< the name of begin_srv() */
extern const struct discovery_opts discover_opts;

void discover_set_up(void);
void discover_tear_down(void);

/** Set the answer to a question from now on. say_now() also answers at once if the question already
 * hangs. */
void say(const char *name, enum dns_type type, const char *text);
void say_now(const char *name, enum dns_type type, const char *text);

/** From now on dns_ask() fails for lack of memory, or works again. */
void refuse(bool refuses);

/** How often this question was asked. */
unsigned asked(const char *name, enum dns_type type);

/** Start discovery of `conf`, or of SRV records with this answer, and let the answers arrive. */
void begin(void);
void begin_srv(const char *text);

/** vtime_pass() in small steps, so that everything that is due meanwhile is done on time. */
void pass_slowly(uint64_t ns);

#endif
