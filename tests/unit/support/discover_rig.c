/* SPDX-License-Identifier: ISC */
#include "discover_rig.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/addr.h"
#include "dns_wire.h"
#include "fault.h"
#include "fixture.h"
#include "vtime.h"

enum { SAYS = 16 };

/* ---- the servers, which answer in the next turn, or in say_now() ---- */

static struct {
	struct task task;
	struct {
		char name[64];
		enum dns_type type;
		const char *text; /* "HANG", "FAIL", or as dns_wire.h says */
		unsigned n_asked;
		uint64_t asked_ns; /* last */
		struct dns_query *waits;
	} says[SAYS];
	size_t n_says;
	bool no_memory; /* refuse() */
} world;

static size_t find(const char *name, enum dns_type type)
{
	size_t i = 0;

	while (i < world.n_says &&
		(world.says[i].type != type || strcmp(world.says[i].name, name) != 0)) {
		i++;
	}
	if (i == world.n_says) {
		ck_assert_uint_lt(i, SAYS);
		(void)snprintf(world.says[i].name, sizeof(world.says[i].name), "%s", name);
		world.says[i].type = type;
		world.says[i].text = "NXDOMAIN";
		world.n_says++;
	}
	return i;
}

static void tell(size_t i)
{
	static uint8_t bytes[DNS_WIRE_BYTES_MAX];
	struct dns_query *query = world.says[i].waits;
	struct dns_answer answer = {.status = -ETIMEDOUT, .why = "no answer in time"};
	struct dns_message message;

	world.says[i].waits = NULL;
	query->lookup = NULL;
	fault_suspend();
	if (strcmp(world.says[i].text, "FAIL") != 0) {
		size_t n =
			dns_wire(world.says[i].name, world.says[i].type, world.says[i].text, bytes);

		answer.status = dns_message_read(bytes, n, world.says[i].type, &message);
		ck_assert(answer.status == 0 || answer.status == -ENODATA);
		answer.message = &message;
		answer.why = NULL;
	}
	fault_resume();
	query->answered(query, &answer);
}

static void on_task(struct task *task)
{
	(void)task;
	for (size_t i = 0; i < world.n_says; i++) {
		if (world.says[i].waits != NULL && strcmp(world.says[i].text, "HANG") != 0) {
			tell(i);
		}
	}
}

int __wrap_dns_ask(struct dns *dns, struct dns_query *query, const char *name, enum dns_type type,
	void (*answered)(struct dns_query *query, const struct dns_answer *answer));
void __wrap_dns_cancel(struct dns_query *query);
struct loop *__wrap_dns_loop(const struct dns *dns);

int __wrap_dns_ask(struct dns *dns, struct dns_query *query, const char *name, enum dns_type type,
	void (*answered)(struct dns_query *query, const struct dns_answer *answer))
{
	size_t i;

	(void)dns;
	if (world.no_memory || fault_strikes("dns_ask", FAULT_MEMORY, ENOMEM)) {
		return -ENOMEM;
	}
	fault_suspend();
	i = find(name, type);
	ck_assert_ptr_null(query->lookup);
	ck_assert_ptr_null(world.says[i].waits);
	world.says[i].waits = query;
	world.says[i].n_asked++;
	world.says[i].asked_ns = clock_ns();
	query->lookup = (struct dns_lookup *)&world;
	query->answered = answered;
	loop_next(test_loop, &world.task);
	fault_resume();
	return 0;
}

void __wrap_dns_cancel(struct dns_query *query)
{
	for (size_t i = 0; i < world.n_says && query->lookup != NULL; i++) {
		if (world.says[i].waits == query) {
			world.says[i].waits = NULL;
			query->lookup = NULL;
		}
	}
}

struct loop *__wrap_dns_loop(const struct dns *dns)
{
	(void)dns;
	return test_loop;
}

void say(const char *name, enum dns_type type, const char *text)
{
	world.says[find(name, type)].text = text;
}

void say_now(const char *name, enum dns_type type, const char *text)
{
	say(name, type, text);
	loop_next(test_loop, &world.task);
	loop_settle();
}

unsigned asked(const char *name, enum dns_type type)
{
	return world.says[find(name, type)].n_asked;
}

void refuse(bool refuses)
{
	world.no_memory = refuses;
}

/* ---- the owner ---- */

struct discovery *discovery;
struct conf_discovery conf;
char found[65536];
unsigned n_found;

static void on_found(void *owner, const struct discovered *servers, size_t n)
{
	size_t len = 0;

	fault_suspend();
	ck_assert_ptr_eq(owner, &conf);
	n_found++;
	found[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char text[ADDR_TEXT_MAX];
		struct addr addr;

		discovered_addr(&servers[i], &addr);
		len += (size_t)sprintf(
			found + len, "%s%s", len > 0 ? " " : "", addr_text(&addr, text));
		if (servers[i].weight != 1) {
			len += (size_t)sprintf(found + len, "*%u", servers[i].weight);
		}
		len += (size_t)sprintf(found + len, "%s", servers[i].backup ? "b" : "");
		ck_assert_uint_lt(len, sizeof(found) - 100);
	}
	fault_resume();
}

static char name_dns[] = "www.test";
char name_srv[] = "_x._tcp.test";

void discover_set_up(void)
{
	fixture_setup();
	vtime_freeze();
	memset(&world, 0, sizeof(world));
	task_init(&world.task, on_task);
	n_found = 0;
	(void)strcpy(found, "?");
	conf = (struct conf_discovery){.kind = DISCOVER_DNS,
		.name = name_dns,
		.port = 80,
		.hold_ns = 30 * S,
		.ttl_min_ns = S,
		.ttl_max_ns = 300 * S,
		.max_servers = 256};
}

void discover_tear_down(void)
{
	discovery = discovery_close(discovery);
	loop_cancel(test_loop, &world.task);
	fixture_teardown();
}

const struct discovery_opts discover_opts = {
	.conf = &conf, .upstream = "app", .found = on_found, .owner = &conf};

void begin(void)
{
	discovery = discovery_open(&discover_opts);
	ck_assert_ptr_nonnull(discovery);
	ck_assert_uint_eq(n_found, 0); /* the start does not wait */
	loop_settle();
}

void begin_srv(const char *text)
{
	conf.kind = DISCOVER_SRV;
	conf.name = name_srv;
	conf.port = 0;
	say(name_srv, DNS_SRV, text);
	begin();
}

void pass_slowly(uint64_t ns)
{
	for (uint64_t gone = 0; gone < ns; gone += S / 4) {
		vtime_pass(S / 4);
	}
}
