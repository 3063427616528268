/* SPDX-License-Identifier: ISC */
/* The answer for a name: the addresses and their order, and the text of an error. */
#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "stream/lookups.h"
#include "stream/resolver_private.h"

struct resolver_answer *resolver_answer_new(const struct addrinfo *list)
{
	struct resolver_answer *answer;
	unsigned n = 0;

	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		n += ai->ai_family == AF_INET || ai->ai_family == AF_INET6;
	}
	if (n > RESOLVER_ADDRESSES_MAX) {
		n = RESOLVER_ADDRESSES_MAX;
	}
	answer = calloc(1, sizeof(*answer) + n * sizeof(answer->addresses[0]));
	if (answer == NULL) {
		return NULL;
	}
	refs_init(&answer->refs);
	for (const struct addrinfo *ai = list; ai != NULL; ai = ai->ai_next) {
		if (ai->ai_family != AF_INET && ai->ai_family != AF_INET6) {
			continue;
		}
		if (answer->n_addresses == n) {
			answer->n_left_out++;
			continue;
		}
		assert(ai->ai_addrlen <= sizeof(answer->addresses[0]));
		memcpy(&answer->addresses[answer->n_addresses++], ai->ai_addr, ai->ai_addrlen);
	}
	return answer;
}

const struct resolver_answer *resolver_answer_ref(struct resolver_answer *answer)
{
	refs_ref(&answer->refs);
	return answer;
}

const struct resolver_answer *resolver_answer_unref(const struct resolver_answer *answer)
{
	/* Immutable, except the reference count. */
	struct resolver_answer *counted = (struct resolver_answer *)answer;

	if (counted != NULL && refs_unref(&counted->refs)) {
		free(counted);
	}
	return NULL;
}

/** The k-th address that is of `family`, or that is not. */
static const union resolver_address *find_address(
	const struct resolver_answer *answer, sa_family_t family, bool is, unsigned k)
{
	for (unsigned i = 0; i < answer->n_addresses; i++) {
		if ((answer->addresses[i].any.sa_family == family) == is && k-- == 0) {
			return &answer->addresses[i];
		}
	}
	return NULL;
}

const union resolver_address *resolver_address(
	const struct resolver_answer *answer, sa_family_t first, unsigned k)
{
	unsigned n_first = 0;
	unsigned n_both;

	if (k >= answer->n_addresses) {
		return NULL;
	}
	for (unsigned i = 0; i < answer->n_addresses; i++) {
		n_first += answer->addresses[i].any.sa_family == first;
	}
	n_both = answer->n_addresses - n_first;
	n_both = n_first < n_both ? n_first : n_both;
	if (k < 2 * n_both) {
		return find_address(answer, first, k % 2 == 0, k / 2);
	}
	return find_address(answer, first, n_first > n_both, k - n_both);
}

socklen_t resolver_address_len(const union resolver_address *address)
{
	return address->any.sa_family == AF_INET ? sizeof(address->in) : sizeof(address->in6);
}

const char *resolver_strerror(int status)
{
	int eai = lookup_eai(status);
	const char *text;

	if (eai != 0) {
		return gai_strerror(eai);
	}
	text = strerrordesc_np(-status);
	return text != NULL ? text : "Unknown error";
}
