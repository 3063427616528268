/* SPDX-License-Identifier: ISC */
/*
 * What a large list of prefixes costs (base/prefixes.h): reads and compiles a text of 100,000
 * lines, half of them of IPv6, and then looks random addresses up.
 *
 *	prefixes [ROUNDS]
 *
 * docs/PERFORMANCE.md has the figures.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/prefixes.h"

enum { N = 100000, N_QUESTIONS = 1 << 16, ROUNDS = 5 };

static char texts[N][PREFIX_TEXT_MAX];
static struct sockaddr_in6 questions[N_QUESTIONS];

/** Returns pseudo-random numbers (xorshift), the same in each run. */
static uint64_t next(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/** Processor time, not that of the clock, because the machine may be busy. */
static uint64_t used_ns(void)
{
	struct timespec used;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
}

static void make(void)
{
	for (size_t i = 0; i < N; i++) {
		uint64_t words[2] = {next(), next()};
		struct sockaddr_storage storage = {
			.ss_family = (sa_family_t)(i % 2 == 0 ? AF_INET : AF_INET6)};
		struct prefix prefix;

		memcpy(i % 2 == 0 ? (void *)&((struct sockaddr_in *)&storage)->sin_addr
				  : (void *)&((struct sockaddr_in6 *)&storage)->sin6_addr,
			words, i % 2 == 0 ? 4 : 16);
		(void)prefix_of((struct sockaddr *)&storage, (uint8_t)(20 + next() % 13),
			(uint8_t)(32 + next() % 97), &prefix);
		(void)prefix_text(&prefix, texts[i]);
	}
	for (size_t i = 0; i < N_QUESTIONS; i++) {
		uint64_t words[2] = {next(), next()};

		questions[i].sin6_family = AF_INET6;
		memcpy(&questions[i].sin6_addr, words, 16);
		if (i % 2 == 0) { /* mapped IPv4 */
			memset(&questions[i].sin6_addr, 0, 10);
			memset(questions[i].sin6_addr.s6_addr + 10, 0xff, 2);
		}
	}
}

static struct prefixes *load(void)
{
	struct prefix *list = calloc(N, sizeof(*list));
	struct prefixes *set = NULL;
	char why[PREFIX_WHY_MAX];

	for (size_t i = 0; list != NULL && i < N; i++) {
		if (prefix_parse(texts[i], &list[i], why) < 0) {
			fprintf(stderr, "prefixes: %s: %s\n", texts[i], why);
			exit(1);
		}
	}
	if (list != NULL) {
		set = prefixes_new(list, N);
	}
	free(list);
	if (set == NULL) {
		fprintf(stderr, "prefixes: no memory\n");
		exit(1);
	}
	return set;
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : ROUNDS;

	make();
	for (long i = 0; i < rounds; i++) {
		uint64_t begin_ns = used_ns();
		struct prefixes *set = load();
		uint64_t loaded_ns = used_ns();
		size_t n_in = 0;

		for (size_t j = 0; j < N_QUESTIONS; j++) {
			n_in += prefixes_has(set, (const struct sockaddr *)&questions[j]);
		}
		printf("loaded in %.1f ms, %zu bytes; an answer in %.1f ns (%zu of %d are in it)\n",
			(double)(loaded_ns - begin_ns) / 1e6, malloc_usable_size(set),
			(double)(used_ns() - loaded_ns) / N_QUESTIONS, n_in, N_QUESTIONS);
		prefixes_free(set);
	}
	return 0;
}
