/* SPDX-License-Identifier: ISC */
/*
 * How many flows move when one of n nodes, or servers, leaves or comes back: the model of
 * bench/flows.
 *
 *	flow_moves FLOWS SEED leaves N
 *		The first one leaves, or the middle one, or the last one. Prints a line for each of
 *		these cases and each way: WAY MOVED NEEDLESSLY. MOVED counts the flows that are
 *		elsewhere afterwards, NEEDLESSLY those of them that the leaver did not have. The
 *		ways modulo, threshold and maglev have no memory: when the leaver is back, the same
 *		flows move back
 *	flow_moves FLOWS SEED returns N BUCKETS IDLE_S GAP_S FOR_S
 *		The middle one has left a resilient group of BUCKETS buckets, and is back. Prints a
 *		line: MOVED BUCKETS_OF_IT, the flows that move within FOR_S, and the buckets that
 *		the node then has. IDLE_S is the group's idle timer. Each flow sends a packet every
 *		GAP_S on average, at random times
 *
 * A flow is a client's address and port. SEED selects them, and all are different; the same numbers
 * give the same lines. Hash, table and keys are those of weir's rule "hash" (upstream/maglev.h).
 * The ways of routers use this hash, too, because those of routers are as good as random. The ways:
 *
 *	modulo		hash mod n
 *	threshold	hashes of 31 bits, divided into a range for each node, as Linux has it for a
 *			plain route of many ways, and for a next-hop group of type mpath (RFC 2992)
 *	resilient	a bucket by hash mod BUCKETS, which keeps its node until that leaves, or
 *			has more buckets than its part and the bucket is idle (Linux:
 *			Documentation/networking/nexthop-group-resilient.rst)
 *	maglev		weir's table, which is made anew for the nodes that are left
 */
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "upstream/maglev.h"

enum {
	FLOWS_MAX = 10 * 1000 * 1000,
	NODES_MAX = 10000,
	BUCKETS_MAX = UINT16_MAX, /**< the limit of Linux */
	BUCKETS = 16384,          /**< for "leaves" */
	NAME_SIZE = 24,
	HASH_BITS = 31, /**< as in Linux */
};

struct flows {
	size_t n;
	uint64_t *hashes;
	uint32_t *before; /**< the node of each flow, before one leaves */
	uint64_t random;  /**< the next state of random_next() */
};

static void must(bool good, const char *what)
{
	if (!good) {
		fprintf(stderr, "flow_moves: %s\n", what);
		exit(2);
	}
}

/** Returns numbers that are all different in 2^64 calls. */
static uint64_t random_next(uint64_t *state)
{
	*state += 1;
	return XXH64(state, sizeof(*state), 0);
}

/** Returns a random wait: 0 or more, and 1 on average. */
static double random_wait(uint64_t *state)
{
	return -log(((double)(random_next(state) >> 11) + 0.5) / (double)(1ULL << 53));
}

/** Returns the hash of flow i. The odd factor makes all flows different. */
static uint64_t hash_of_flow(uint64_t i, uint64_t seed)
{
	uint64_t bits = (i * 2654435761U + seed) & ((1ULL << 48) - 1);
	struct sockaddr_in client = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl((uint32_t)(bits >> 16)),
		.sin_port = htons((uint16_t)bits)};
	uint8_t key[MAGLEV_KEY_MAX];
	size_t n = maglev_key((const struct sockaddr *)(const void *)&client, true, key);

	return maglev_hash(key, n);
}

static void make_flows(struct flows *flows, size_t n, uint64_t seed)
{
	*flows = (struct flows){.n = n,
		.hashes = malloc(n * sizeof(*flows->hashes)),
		.before = malloc(n * sizeof(*flows->before)),
		.random = XXH64(&seed, sizeof(seed), 1)};
	must(flows->hashes != NULL && flows->before != NULL, "no memory");
	for (size_t i = 0; i < n; i++) {
		flows->hashes[i] = hash_of_flow(i, seed);
	}
}

/* ---- the resilient group ---- */

struct group {
	uint32_t n_buckets;
	uint32_t n;
	uint32_t *owners; /**< the node of each bucket */
	uint32_t *counts; /**< how many buckets each node has */
	uint32_t *wants;  /**< and how many it should have: its part */
};

static const uint32_t nobody = UINT32_MAX;

static void group_init(struct group *group, uint32_t n, uint32_t n_buckets)
{
	*group = (struct group){.n_buckets = n_buckets,
		.n = n,
		.owners = malloc(n_buckets * sizeof(*group->owners)),
		.counts = calloc(n, sizeof(*group->counts)),
		.wants = calloc(n, sizeof(*group->wants))};
	must(group->owners != NULL && group->counts != NULL && group->wants != NULL, "no memory");
	memset(group->owners, 0xff, n_buckets * sizeof(*group->owners));
}

static void group_fini(struct group *group)
{
	free(group->owners);
	free(group->counts);
	free(group->wants);
}

/** Sets the parts of all nodes but `gone`, which has none. */
static void group_divide(struct group *group, uint32_t gone)
{
	uint64_t total = group->n - (gone < group->n ? 1 : 0);
	uint64_t before = 0;
	uint64_t so_far = 0;

	for (uint32_t i = 0; i < group->n; i++) {
		uint64_t bound;

		so_far += i != gone;
		bound = (group->n_buckets * so_far + total / 2) / total;
		group->wants[i] = (uint32_t)(bound - before);
		before = bound;
	}
}

/** Gives the bucket to the first node that has less than its part. Returns false if none has. */
static bool group_move(struct group *group, uint32_t bucket)
{
	uint32_t owner = group->owners[bucket];
	uint32_t to = 0;

	while (to < group->n && group->counts[to] >= group->wants[to]) {
		to++;
	}
	if (to == group->n) {
		return false;
	}
	if (owner != nobody) {
		group->counts[owner]--;
	}
	group->counts[to]++;
	group->owners[bucket] = to;
	return true;
}

/** Removes `gone` from the group; its buckets go to other nodes at once. */
static void group_leave(struct group *group, uint32_t gone)
{
	group_divide(group, gone);
	for (uint32_t i = 0; i < group->n_buckets; i++) {
		if (group->owners[i] == gone) {
			group->owners[i] = nobody;
		}
	}
	if (gone < group->n) {
		group->counts[gone] = 0;
	}
	for (uint32_t i = 0; i < group->n_buckets; i++) {
		if (group->owners[i] == nobody) {
			(void)group_move(group, i);
		}
	}
}

static uint32_t bucket_of(uint64_t hash, uint32_t n_buckets)
{
	return (uint32_t)(hash >> (64 - HASH_BITS)) % n_buckets;
}

/* ---- the ways ---- */

/** A way to choose a node. `gone` is the one of n that has left, or n; the others keep their
 * numbers. */
struct way {
	const char *name;
	void (*prepare)(uint32_t n, uint32_t gone);
	uint32_t (*node)(uint64_t hash);
};

/* What prepare() has made, for one way at a time. */
static struct {
	uint32_t n_left;
	uint32_t gone;
	struct maglev *maglev;
	struct group group;
} at;

static uint32_t number(uint32_t left)
{
	return left < at.gone ? left : left + 1;
}

static void prepare_numbers(uint32_t n, uint32_t gone)
{
	at.n_left = n - (gone < n ? 1 : 0);
	at.gone = gone;
}

static uint32_t node_by_modulo(uint64_t hash)
{
	return number((uint32_t)(hash % at.n_left));
}

/** Returns the first node whose bound, rounded to the nearest and less 1, is not below the hash. */
static uint32_t node_by_threshold(uint64_t hash)
{
	uint64_t value = hash >> (64 - HASH_BITS);
	uint64_t left = value * at.n_left >> HASH_BITS;
	uint64_t bound = (((left + 1) << HASH_BITS) + at.n_left / 2) / at.n_left;
	uint64_t floor = ((left << HASH_BITS) + at.n_left / 2) / at.n_left;

	left += value >= bound ? 1 : 0;
	left -= value < floor ? 1 : 0;
	return number((uint32_t)left);
}

/** Makes a group if `gone` is n; otherwise `gone` leaves the group that was made before. */
static void prepare_resilient(uint32_t n, uint32_t gone)
{
	if (gone == n) {
		group_fini(&at.group);
		group_init(&at.group, n, BUCKETS);
	}
	group_leave(&at.group, gone);
}

static uint32_t node_by_resilient(uint64_t hash)
{
	return at.group.owners[bucket_of(hash, BUCKETS)];
}

static void prepare_maglev(uint32_t n, uint32_t gone)
{
	char(*names)[NAME_SIZE] = calloc(n, NAME_SIZE);
	struct maglev_server *servers = calloc(n, sizeof(*servers));
	uint32_t left = 0;

	must(names != NULL && servers != NULL, "no memory");
	prepare_numbers(n, gone);
	for (uint32_t i = 0; i < n; i++) {
		(void)snprintf(names[i], NAME_SIZE, "server-%u", i + 1);
		if (i != gone) {
			servers[left++] = (struct maglev_server){.name = names[i], .weight = 1};
		}
	}
	at.maglev = maglev_unref(at.maglev);
	at.maglev = maglev_new(servers, left);
	must(at.maglev != NULL, "no memory");
	free(servers);
	free(names);
}

static uint32_t node_by_maglev(uint64_t hash)
{
	return number(at.maglev->slots[hash % at.maglev->size]);
}

static const struct way ways[] = {
	{"modulo", prepare_numbers, node_by_modulo},
	{"threshold", prepare_numbers, node_by_threshold},
	{"resilient", prepare_resilient, node_by_resilient},
	{"maglev", prepare_maglev, node_by_maglev},
};

static void tell_leaving(struct flows *flows, const struct way *way, uint32_t n, uint32_t gone)
{
	size_t n_moved = 0;
	size_t n_needlessly = 0;

	way->prepare(n, n);
	for (size_t i = 0; i < flows->n; i++) {
		flows->before[i] = way->node(flows->hashes[i]);
	}
	way->prepare(n, gone);
	for (size_t i = 0; i < flows->n; i++) {
		bool moved = way->node(flows->hashes[i]) != flows->before[i];

		n_moved += moved;
		n_needlessly += moved && flows->before[i] != gone;
	}
	printf("%s %zu %zu\n", way->name, n_moved, n_needlessly);
}

static void tell_all_leaving(struct flows *flows, uint32_t n)
{
	const uint32_t leavers[] = {0, n / 2, n - 1};

	for (size_t k = 0; k < sizeof(leavers) / sizeof(leavers[0]); k++) {
		for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			tell_leaving(flows, &ways[i], n, leavers[k]);
		}
	}
	group_fini(&at.group);
	at.maglev = maglev_unref(at.maglev);
}

/* ---- coming back to a resilient group ---- */

struct idle_bucket {
	double at_s; /**< the time from which it may move */
	uint32_t bucket;
	uint32_t n_flows;
};

struct pace {
	double idle_s;
	double gap_s;
	double for_s;
};

/** Returns when a bucket of n_flows has had no packet for idle_s; a time after for_s means: not
 * within for_s. The model takes it that no wait is over 50 times the average. */
static double idle_from(struct flows *flows, uint32_t n_flows, const struct pace *pace)
{
	double average_s = n_flows > 0 ? pace->gap_s / n_flows : INFINITY;
	double passed_s; /* the time since the last packet */
	double last_s;   /* when the last packet came */

	if (n_flows == 0) {
		return 0;
	}
	if (pace->idle_s > 50 * average_s) {
		return INFINITY;
	}
	passed_s = average_s * random_wait(&flows->random);
	if (passed_s >= pace->idle_s) {
		return 0;
	}
	last_s = -passed_s;
	while (last_s < pace->for_s) {
		double next_s = average_s * random_wait(&flows->random);

		if (last_s < 0) {
			next_s += passed_s; /* the wait has no memory: it begins anew */
		}
		if (next_s >= pace->idle_s) {
			return last_s + pace->idle_s;
		}
		last_s += next_s;
	}
	return INFINITY;
}

static int by_time(const void *left, const void *right)
{
	const struct idle_bucket *a = left;
	const struct idle_bucket *b = right;

	if (a->at_s != b->at_s) {
		return a->at_s < b->at_s ? -1 : 1;
	}
	return (a->bucket > b->bucket) - (a->bucket < b->bucket);
}

static void tell_returning(
	struct flows *flows, uint32_t n, uint32_t n_buckets, const struct pace *pace)
{
	struct idle_bucket *buckets = calloc(n_buckets, sizeof(*buckets));
	struct group group;
	size_t n_moved = 0;

	must(buckets != NULL, "no memory");
	group_init(&group, n, n_buckets);
	group_leave(&group, n);
	group_leave(&group, n / 2);
	group_divide(&group, n);
	for (size_t i = 0; i < flows->n; i++) {
		buckets[bucket_of(flows->hashes[i], n_buckets)].n_flows++;
	}
	for (uint32_t i = 0; i < n_buckets; i++) {
		buckets[i].bucket = i;
		buckets[i].at_s = idle_from(flows, buckets[i].n_flows, pace);
	}
	qsort(buckets, n_buckets, sizeof(*buckets), by_time);
	for (uint32_t i = 0; i < n_buckets && buckets[i].at_s <= pace->for_s; i++) {
		uint32_t owner = group.owners[buckets[i].bucket];

		if (group.counts[owner] > group.wants[owner] &&
			group_move(&group, buckets[i].bucket)) {
			n_moved += buckets[i].n_flows;
		}
	}
	printf("%zu %u\n", n_moved, group.counts[n / 2]);
	group_fini(&group);
	free(buckets);
}

/* ---- the command line ---- */

static uint64_t read_number(const char *word, uint64_t least, uint64_t most)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(word, &end, 10);
	must(errno == 0 && end != word && *end == '\0' && value >= least && value <= most,
		"a number is wrong, too small or too great; the head of flow_moves.c says which");
	return value;
}

int main(int argc, char **argv)
{
	bool leaves = argc == 5 && strcmp(argv[3], "leaves") == 0;
	bool returns = argc == 9 && strcmp(argv[3], "returns") == 0;
	struct flows flows;
	uint32_t n;

	must(leaves || returns, "write FLOWS SEED leaves N, or "
				"FLOWS SEED returns N BUCKETS IDLE_S GAP_S FOR_S");
	n = (uint32_t)read_number(argv[4], 2, NODES_MAX);
	make_flows(&flows, read_number(argv[1], 1, FLOWS_MAX), read_number(argv[2], 0, UINT32_MAX));
	if (leaves) {
		tell_all_leaving(&flows, n);
	} else {
		const struct pace pace = {
			.idle_s = (double)read_number(argv[6], 0, UINT32_MAX),
			.gap_s = (double)read_number(argv[7], 1, UINT32_MAX),
			.for_s = (double)read_number(argv[8], 0, UINT32_MAX),
		};

		tell_returning(&flows, n, (uint32_t)read_number(argv[5], n, BUCKETS_MAX), &pace);
	}
	free(flows.hashes);
	free(flows.before);
	return fflush(stdout) == 0 ? 0 : 1;
}
