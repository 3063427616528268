/* SPDX-License-Identifier: ISC */
#include "lookup.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "fault.h"
#include "stream/lookups.h"

enum { HOST_MAX = 256 };

struct script {
	struct lookup *lookup; /* NULL: free */
	char host[HOST_MAX];
};

static struct {
	bool on;
	bool refuses;
	unsigned n_begun;
	struct script lookups[LOOKUPS_MAX];
} script;

static struct script *find(const char *host)
{
	for (size_t i = 0; i < LOOKUPS_MAX; i++) {
		struct script *lookup = &script.lookups[i];

		if (lookup->lookup != NULL && strcmp(lookup->host, host) == 0) {
			return lookup;
		}
	}
	return NULL;
}

void lookup_script(void)
{
	memset(&script, 0, sizeof(script));
	script.on = true;
}

void lookup_unscript(void)
{
	script.on = false;
}

void lookup_refuse(bool refuses)
{
	script.refuses = refuses;
}

bool lookup_is_open(const char *host)
{
	return find(host) != NULL;
}

unsigned lookup_n_open(void)
{
	unsigned n = 0;

	for (size_t i = 0; i < LOOKUPS_MAX; i++) {
		n += script.lookups[i].lookup != NULL;
	}
	return n;
}

unsigned lookup_n_begun(void)
{
	return script.n_begun;
}

static struct addrinfo *make_address(const char *text)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_storage));
	struct sockaddr_in *in;
	struct sockaddr_in6 *in6;

	ck_assert_ptr_nonnull(ai);
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	in = (void *)ai->ai_addr;
	in6 = (void *)ai->ai_addr;
	if (strcmp(text, "unix") == 0) {
		ai->ai_family = AF_UNIX;
		ai->ai_addrlen = sizeof(sa_family_t);
	} else if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		ai->ai_family = AF_INET;
		ai->ai_addrlen = sizeof(*in);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		ai->ai_family = AF_INET6;
		ai->ai_addrlen = sizeof(*in6);
	}
	ai->ai_addr->sa_family = (sa_family_t)ai->ai_family;
	return ai;
}

static struct addrinfo *make_list(const char *addresses)
{
	char *texts = strdup(addresses);
	struct addrinfo *first = NULL;
	struct addrinfo **last = &first;
	char *rest = NULL;

	ck_assert_ptr_nonnull(texts);
	for (char *text = strtok_r(texts, " ", &rest); text != NULL;
		text = strtok_r(NULL, " ", &rest)) {
		*last = make_address(text);
		last = &(*last)->ai_next;
	}
	free(texts);
	return first;
}

void lookup_answer(const char *host, int status, const char *addresses)
{
	struct script *found = find(host);
	struct lookup *lookup;
	struct addrinfo *list = NULL;

	ck_assert_msg(found != NULL, "no lookup of %s is in flight", host);
	if (status == 0) {
		fault_suspend();
		list = make_list(addresses);
		fault_resume();
	}
	lookup = found->lookup;
	found->lookup = NULL;
	lookup->answered(lookup, status, list);
}

int __real_lookups_begin(struct lookups *lookups, struct lookup *lookup);
int __wrap_lookups_begin(struct lookups *lookups, struct lookup *lookup);
void __real_freeaddrinfo(struct addrinfo *list);
void __wrap_freeaddrinfo(struct addrinfo *list);

int __wrap_lookups_begin(struct lookups *lookups, struct lookup *lookup)
{
	if (!script.on) {
		return __real_lookups_begin(lookups, lookup);
	}
	if (script.refuses || lookup_n_open() == LOOKUPS_MAX) {
		return -EAGAIN;
	}
	script.n_begun++;
	ck_assert_msg(
		find(lookup->host) == NULL, "%s is looked up twice at the same time", lookup->host);
	for (size_t i = 0; i < LOOKUPS_MAX; i++) {
		struct script *free_one = &script.lookups[i];

		if (free_one->lookup == NULL) {
			free_one->lookup = lookup;
			ck_assert_uint_lt(strlen(lookup->host), HOST_MAX);
			strcpy(free_one->host, lookup->host);
			return 0;
		}
	}
	ck_abort_msg("too many lookups");
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
	if (!script.on) {
		__real_freeaddrinfo(list);
		return;
	}
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list);
		list = next;
	}
}
