/* SPDX-License-Identifier: ISC */
#include "resolver_rig.h"

#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "fixture.h"
#include "lookup.h"

struct resolver *resolver;

/** How far the clock of the code under test is behind: so an answer is old when it is learned. */
_Thread_local uint64_t behind_ns;

uint64_t __real_clock_ns(void);
uint64_t __wrap_clock_ns(void);

uint64_t __wrap_clock_ns(void)
{
	return __real_clock_ns() - behind_ns;
}

/* ---- an asker ---- */

void on_answered(struct resolver_query *query, int status)
{
	struct asker *asker = container_of(query, struct asker, query);

	asker->status = status;
	asker->n_answered++;
	resolver_cancel(query); /* harmless by now */
	if (asker->asks_again) {
		asker->asks_again = false;
		ck_assert_int_eq(resolver_ask(resolver, test_loop, "again.example", query,
					 &asker->answer, on_answered),
			0);
	}
}

int ask(struct asker *asker, const char *host)
{
	memset(asker, 0, sizeof(*asker));
	asker->status = PENDING;
	return resolver_ask(resolver, test_loop, host, &asker->query, &asker->answer, on_answered);
}

void must_wait(struct asker *asker, const char *host)
{
	ck_assert_int_eq(ask(asker, host), 0);
	ck_assert_int_eq(asker->status, PENDING);
}

/** What is known of a name without waiting: "127.0.0.1 ::1". */
const char *addresses_of(const struct resolver_answer *answer)
{
	static char text[1024];

	text[0] = '\0';
	for (size_t i = 0; i < answer->n_addresses; i++) {
		const struct sockaddr *sa = &answer->addresses[i].sa.any;
		char one[INET6_ADDRSTRLEN];

		if (sa->sa_family == AF_INET) {
			inet_ntop(AF_INET, &answer->addresses[i].sa.in.sin_addr, one, sizeof(one));
		} else {
			inet_ntop(
				AF_INET6, &answer->addresses[i].sa.in6.sin6_addr, one, sizeof(one));
		}
		strcat(text, i > 0 ? " " : "");
		strcat(text, one);
	}
	return text;
}

void must_know(const struct asker *asker, const char *addresses)
{
	ck_assert_int_eq(asker->status, 0);
	ck_assert_uint_eq(asker->n_answered, 1);
	ck_assert_str_eq(addresses_of(&asker->answer), addresses);
}

/** The name gets an answer that is `age_ns` old. */
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
	resolver = resolver_new(test_loop);
	ck_assert_ptr_nonnull(resolver);
}

void rig_teardown(void)
{
	ck_assert_uint_eq(lookup_n_open(), 0);
	resolver = resolver_free(resolver);
	fixture_teardown();
}
