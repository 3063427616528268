/* SPDX-License-Identifier: ISC */
/*
 * What the tests of discovery stand on: virtual time, an owner that writes down what was found, and
 * dns_ask(), which answers as each test says (link with discover_link_args).
 *
 *	say("www.test", DNS_A, "60 10.0.0.1");	see dns_wire.h
 *	say("www.test", DNS_AAAA, "FAIL");	nobody knows
 *	say("www.test", DNS_AAAA, "HANG");	until say_now() says more
 *	begin();
 *	ck_assert_str_eq(found, "10.0.0.1:80");
 *	vtime_pass(60 * S);
 *
 * What nobody said is NXDOMAIN.
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

extern struct discovery *discovery; /**< closed with the test */
extern struct conf_discovery conf;  /**< www.test:80, hold 30 s, TTL 1 s to 300 s, 256 servers */
extern char found[65536];           /**< "10.0.0.1:80 10.0.0.2:80*WEIGHT 10.0.0.3:80b", last */
extern unsigned n_found;            /**< how often something was */
extern char name_srv[];             /**< the name of begin_srv() */
extern const struct discovery_opts discover_opts;

void discover_set_up(void);
void discover_tear_down(void);

/** What is answered from now on; and at once, to a question that hangs. */
void say(const char *name, enum dns_type type, const char *text);
void say_now(const char *name, enum dns_type type, const char *text);

/** From now on nothing can be asked, for want of memory. */
void refuse(bool refuses);

/** How often that was asked for. */
unsigned asked(const char *name, enum dns_type type);

/** Begins to look for `conf`, or for SRV records that are answered so, and lets answers come. */
void begin(void);
void begin_srv(const char *text);

/** vtime_pass() in small steps, so that what is due in it is done when it is due. */
void pass_slowly(uint64_t ns);

#endif
