/* SPDX-License-Identifier: ISC */
#include "resolver_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "fixture.h"
#include "lookup.h"

enum { NAMES_MAX = 64 };

struct resolver *resolver;

/** How far the clock of the code under test is set back, so that an answer can be old when it
 * arrives. */
_Thread_local uint64_t behind_ns;

uint64_t __real_clock_ns(void);
uint64_t __wrap_clock_ns(void);

uint64_t __wrap_clock_ns(void)
{
	return __real_clock_ns() - behind_ns;
}

/* ---- handles ---- */

static struct resolver_name *held[NAMES_MAX];
static unsigned n_held;

struct resolver_name *name_of(const char *host)
{
	struct resolver_name *name = resolver_name_get(resolver, host);

	ck_assert_ptr_nonnull(name);
	for (unsigned i = 0; i < n_held; i++) {
		if (held[i] == name) {
			(void)resolver_name_unref(name);
			return name;
		}
	}
	ck_assert_uint_lt(n_held, NAMES_MAX);
	held[n_held++] = name;
	return name;
}

void rig_forget(void)
{
	while (n_held > 0) {
		ck_assert_ptr_null(resolver_name_unref(held[--n_held]));
	}
}

/* ---- an asker ---- */

/** Records the answer that the asker got, and gives it back. */
static void note_answer(struct asker *asker)
{
	const struct resolver_answer *answer = asker->query.answer;

	asker->n_addresses = answer->n_addresses;
	asker->addresses[0] = '\0';
	for (unsigned i = 0; i < answer->n_addresses; i++) {
		const union resolver_address *address = &answer->addresses[i];
		char one[INET6_ADDRSTRLEN];

		ck_assert_uint_eq(address->in.sin_port, 0);
		if (address->any.sa_family == AF_INET) {
			inet_ntop(AF_INET, &address->in.sin_addr, one, sizeof(one));
		} else {
			inet_ntop(AF_INET6, &address->in6.sin6_addr, one, sizeof(one));
		}
		strcat(asker->addresses, i > 0 ? " " : "");
		strcat(asker->addresses, one);
	}
	asker->query.answer = resolver_answer_unref(answer);
}

void on_answered(struct resolver_query *query, int status)
{
	struct asker *asker = container_of(query, struct asker, query);

	asker->status = status;
	asker->n_answered++;
	ck_assert((status == 0) == (query->answer != NULL));
	if (status == 0) {
		note_answer(asker);
	}
	resolver_cancel(query); /* harmless by now */
	if (asker->asks_again) {
		asker->asks_again = false;
		ck_assert_int_eq(
			resolver_ask(name_of("again.example"), test_loop, query, on_answered), 0);
	}
}

int ask(struct asker *asker, const char *host)
{
	int r;

	memset(asker, 0, sizeof(*asker));
	asker->status = PENDING;
	r = resolver_ask(name_of(host), test_loop, &asker->query, on_answered);
	if (r == 1) {
		note_answer(asker);
	}
	return r;
}

void must_wait(struct asker *asker, const char *host)
{
	ck_assert_int_eq(ask(asker, host), 0);
	ck_assert_int_eq(asker->status, PENDING);
}

void must_know(const struct asker *asker, const char *addresses)
{
	ck_assert_int_eq(asker->status, 0);
	ck_assert_uint_eq(asker->n_answered, 1);
	ck_assert_str_eq(asker->addresses, addresses);
}

/** Gives the name an answer that is `age_ns` old. */
void teach(const char *host, const char *addresses, uint64_t age_ns)
{
	struct asker asker;

	must_wait(&asker, host);
	loop_until(lookup_is_open(host));
	behind_ns = age_ns;
	lookup_answer(host, 0, addresses);
	behind_ns = 0;
	loop_until(asker.status == 0);
}

void rig_setup(void)
{
	fixture_setup();
	lookup_script();
	behind_ns = 0;
	resolver = resolver_new(test_loop, NULL);
	ck_assert_ptr_nonnull(resolver);
}

void rig_teardown(void)
{
	ck_assert_uint_eq(lookup_n_open(), 0);
	rig_forget();
	resolver = resolver_free(resolver);
	fixture_teardown();
}
