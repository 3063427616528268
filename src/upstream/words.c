/* SPDX-License-Identifier: ISC */
#include "upstream/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "log/log.h"
#include "upstream/server.h"

struct word {
	struct list link; /**< struct words::all */
	enum server_state told;
	bool has_weight;
	uint32_t weight;
	struct addr addr;
	char upstream[];
};

struct key {
	const char *upstream;
	const struct addr *addr;
};

static bool is_it(const void *item, const void *key)
{
	const struct word *word = item;
	const struct key *wanted = key;

	return addr_equal(&word->addr, wanted->addr) &&
	       strcmp(word->upstream, wanted->upstream) == 0;
}

static uint64_t hash_of(const char *upstream, const struct addr *addr)
{
	return hash_bytes(addr_hash(addr), upstream, strlen(upstream));
}

static struct word *find(const struct words *words, const char *upstream, const struct addr *addr)
{
	struct key key = {.upstream = upstream, .addr = addr};

	/* The table has pointers to const; our items may be changed. */
	return (struct word *)table_find(&words->table, hash_of(upstream, addr), is_it, &key);
}

/** NULL: no memory. */
static struct word *word_new(struct words *words, const char *upstream, const struct addr *addr)
{
	size_t size = strlen(upstream) + 1;
	struct word *word = calloc(1, sizeof(*word) + size);

	if (word == NULL) {
		return NULL;
	}
	word->addr = *addr;
	memcpy(word->upstream, upstream, size);
	if (table_add(&words->table, hash_of(upstream, addr), word) < 0) {
		free(word);
		return NULL;
	}
	list_append(&words->all, &word->link);
	return word;
}

static void word_free(struct words *words, struct word *word)
{
	table_remove(&words->table, hash_of(word->upstream, &word->addr), word);
	list_remove(&word->link);
	free(word);
}

void words_init(struct words *words)
{
	*words = (struct words){0};
	list_init(&words->all);
}

void words_fini(struct words *words)
{
	while (words->table.n > 0) {
		word_free(words, container_of(words->all.next, struct word, link));
	}
	table_fini(&words->table);
}

int words_keep(struct words *words, const char *upstream, const struct addr *addr,
	const struct server_states *states)
{
	struct word *word = find(words, upstream, addr);

	if (states->told == SERVER_AUTO && !states->has_weight) {
		if (word != NULL) {
			word_free(words, word);
		}
		return 0;
	}
	if (word == NULL) {
		word = word_new(words, upstream, addr);
	}
	if (word == NULL) {
		return -ENOMEM;
	}
	word->told = states->told;
	word->has_weight = states->has_weight;
	word->weight = states->weight;
	return 0;
}

bool words_recall(const struct words *words, const char *upstream, const struct addr *addr,
	struct server_states *states)
{
	const struct word *word = words->table.n == 0 ? NULL : find(words, upstream, addr);

	if (word == NULL || (states->told == word->told && states->has_weight == word->has_weight &&
				    states->weight == word->weight)) {
		return false;
	}
	states->told = word->told;
	states->has_weight = word->has_weight;
	states->weight = word->weight;
	return true;
}

void words_log(const char *upstream, const struct member *member, const char *why)
{
	const struct server_states *states = &member->server->states;
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "server_told")) {
		member_log(member, upstream, &line);
		log_str(&line, "state", server_state_name(states->told));
		log_u64(&line, "weight", states->has_weight ? states->weight : member->weight);
		if (why != NULL) {
			log_str(&line, "why", why);
		}
		log_end(&line);
	}
}
