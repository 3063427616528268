/* SPDX-License-Identifier: ISC */
/*
 * From answers to servers. Answers may be hostile: here the number of addresses is limited, and
 * addresses that no host can have and duplicates are removed. SRV records and addresses multiply:
 * 64 KiB can name 3,000 ports of a target with 512 addresses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "upstream/discover_private.h"
#include "upstream/weights.h"

/** The most candidates of one merge: the main thread sorts them in one go. */
enum { CANDIDATES_MAX = 64 * 1024 };

/** A server while the answers are merged. */
struct candidate {
	struct discovered server;
	size_t record; /**< the index of its record */
	uint16_t priority;
	bool in_force;
};

/* ---- addresses ---- */

void discovered_addr(const struct discovered *server, struct addr *ret_addr)
{
	*ret_addr = (struct addr){.kind = ADDR_INET, .port = server->port};
	if (IN6_IS_ADDR_V4MAPPED(&server->address)) {
		ret_addr->sa.in.sin_family = AF_INET;
		ret_addr->sa.in.sin_port = htons(server->port);
		memcpy(&ret_addr->sa.in.sin_addr, server->address.s6_addr + 12, 4);
		ret_addr->sa_len = sizeof(ret_addr->sa.in);
	} else {
		ret_addr->sa.in6.sin6_family = AF_INET6;
		ret_addr->sa.in6.sin6_port = htons(server->port);
		ret_addr->sa.in6.sin6_addr = server->address;
		ret_addr->sa_len = sizeof(ret_addr->sa.in6);
	}
}

static bool is_of_host(const struct in6_addr *address)
{
	uint32_t v4;

	if (!IN6_IS_ADDR_V4MAPPED(address)) {
		return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_MULTICAST(address);
	}
	memcpy(&v4, address->s6_addr + 12, sizeof(v4));
	v4 = ntohl(v4);
	return v4 != INADDR_ANY && v4 != INADDR_BROADCAST && !IN_MULTICAST(v4);
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct in6_addr));
}

static int compare_to_server(const void *address, const void *server)
{
	return compare_addresses(address, &((const struct discovered *)server)->address);
}

static bool is_in_force(const struct discovery *discovery, const struct in6_addr *address)
{
	return discovery->found.n > 0 &&
	       bsearch(address, discovery->found.servers, discovery->found.n,
		       sizeof(struct discovered), compare_to_server) != NULL;
}

/** Servers in force come first; apart from that the order, by address, stays. */
static int in_force_first(const void *a, const void *b, void *discovery)
{
	int of_a = is_in_force(discovery, a) ? 0 : 1;
	int of_b = is_in_force(discovery, b) ? 0 : 1;

	return of_a != of_b ? of_a - of_b : compare_addresses(a, b);
}

/** Sorts and removes duplicates. Returns how many are left. */
static size_t sort_addresses(struct in6_addr *addresses, size_t n)
{
	size_t n_kept = 0;

	qsort(addresses, n, sizeof(*addresses), compare_addresses);
	for (size_t i = 0; i < n; i++) {
		if (n_kept == 0 || compare_addresses(&addresses[n_kept - 1], &addresses[i]) != 0) {
			addresses[n_kept++] = addresses[i];
		}
	}
	return n_kept;
}

int discovery_take_addresses(struct question *question, struct dns_message *message)
{
	struct discovery *discovery = question->discovery;
	size_t max = discovery->conf.max_servers;
	struct in6_addr *addresses = malloc((message->n_records + 1) * sizeof(*addresses));
	struct in6_addr *shrunk;
	struct dns_record record;
	size_t n = 0;

	if (addresses == NULL) {
		return -ENOMEM;
	}
	while (dns_message_next(message, &record)) {
		if (is_of_host(&record.address)) {
			addresses[n++] = record.address;
		}
	}
	n = sort_addresses(addresses, n);
	if (discovery->conf.kind == DISCOVER_SRV && max > DISCOVER_OF_TARGET_MAX) {
		max = DISCOVER_OF_TARGET_MAX;
	}
	question->n_left_out = n > max ? n - max : 0;
	if (n > max) {
		qsort_r(addresses, n, sizeof(*addresses), in_force_first, discovery);
		n = max;
	}
	shrunk = realloc(addresses, (n + 1) * sizeof(*addresses));
	free(question->addresses);
	question->addresses = shrunk != NULL ? shrunk : addresses;
	question->n_addresses = n;
	return 0;
}

/* ---- SRV records ---- */

/** Backups come last. The other criteria make the order independent of that in the answer. */
static int by_priority(const void *a, const void *b)
{
	const struct dns_record *of_a = a;
	const struct dns_record *of_b = b;
	int r = (int)of_a->priority - (int)of_b->priority;

	r = r != 0 ? r : strcmp(of_a->target, of_b->target);
	r = r != 0 ? r : (int)of_a->port - (int)of_b->port;
	return r != 0 ? r : (int)of_b->weight - (int)of_a->weight;
}

struct dns_record *discovery_read_records(struct dns_message message, size_t *ret_n)
{
	struct dns_record *records = malloc((message.n_records + 1) * sizeof(*records));
	size_t n = 0;

	*ret_n = 0;
	if (records == NULL) {
		return NULL;
	}
	while (dns_message_next(&message, &records[n])) {
		/* "." is no host (RFC 2782), and port 0 cannot be connected to. */
		n += *records[n].target != '\0' && records[n].port != 0 ? 1 : 0;
	}
	qsort(records, n, sizeof(*records), by_priority);
	*ret_n = n;
	return records;
}

/* ---- servers ---- */

int discovered_compare(const void *a, const void *b)
{
	const struct discovered *of_a = a;
	const struct discovered *of_b = b;
	int r = compare_addresses(&of_a->address, &of_b->address);

	return r != 0 ? r : (int)of_a->port - (int)of_b->port;
}

/** If several records have the same server, the one with the lowest priority value comes first. */
static int by_server(const void *a, const void *b)
{
	const struct candidate *of_a = a;
	const struct candidate *of_b = b;
	int r = discovered_compare(&of_a->server, &of_b->server);

	if (r == 0) {
		r = (int)of_a->priority - (int)of_b->priority;
	}
	return r != 0 ? r : of_a->record < of_b->record ? -1 : 1;
}

/** Servers in force come first; backups last. */
static int by_force(const void *a, const void *b)
{
	const struct candidate *of_a = a;
	const struct candidate *of_b = b;
	int r = (int)of_b->in_force - (int)of_a->in_force;

	if (r == 0) {
		r = (int)of_a->priority - (int)of_b->priority;
	}
	return r != 0 ? r : by_server(a, b);
}

static size_t collect_of(const struct discovery *discovery, const struct question *question,
	size_t record, struct candidate *candidates)
{
	const struct srv_record *srv = &discovery->records[record];

	for (size_t i = 0; i < question->n_addresses; i++) {
		struct candidate *candidate = &candidates[i];

		*candidate = (struct candidate){
			.server = {.address = question->addresses[i], .port = srv->port},
			.record = record,
			.priority = srv->priority,
		};
		candidate->in_force =
			discovery->found.n > 0 &&
			bsearch(&candidate->server, discovery->found.servers, discovery->found.n,
				sizeof(struct discovered), discovered_compare) != NULL;
	}
	return question->n_addresses;
}

static size_t count_of(const struct discovery *discovery, size_t record)
{
	const struct host *host = discovery->records[record].host;

	return host->v4.n_addresses + host->v6.n_addresses;
}

static size_t count_all(const struct discovery *discovery)
{
	size_t n = 0;

	for (size_t i = 0; i < discovery->n_records; i++) {
		n += count_of(discovery, i);
	}
	return n;
}

static size_t count_left_out(const struct discovery *discovery)
{
	size_t n = discovery->n_records_left_out;

	for (size_t i = 0; i < discovery->n_hosts; i++) {
		n += discovery->hosts[i]->v4.n_left_out + discovery->hosts[i]->v6.n_left_out;
	}
	return n;
}

/**
 * Collects the servers of the first records, as many as have CANDIDATES_MAX addresses at most.
 * Returns how many there are; then they are sorted, without duplicates. *ret_n_taken: how many
 * addresses these records have.
 */
static size_t collect(
	const struct discovery *discovery, struct candidate *candidates, size_t *ret_n_taken)
{
	size_t n_kept = 0;
	size_t n = 0;

	for (size_t i = 0; i < discovery->n_records; i++) {
		const struct host *host = discovery->records[i].host;

		if (n + count_of(discovery, i) > CANDIDATES_MAX) {
			break;
		}
		n += collect_of(discovery, &host->v4, i, candidates + n);
		n += collect_of(discovery, &host->v6, i, candidates + n);
	}
	*ret_n_taken = n;
	qsort(candidates, n, sizeof(*candidates), by_server);
	for (size_t i = 0; i < n; i++) {
		if (n_kept == 0 || discovered_compare(&candidates[n_kept - 1].server,
					   &candidates[i].server) != 0) {
			candidates[n_kept++] = candidates[i];
		}
	}
	return n_kept;
}

/** Computes the weights of the main servers, or of the backups; each kind is scaled by itself. */
static void weigh(const struct discovery *discovery, struct candidate *candidates, size_t n,
	bool backups, const size_t *n_of_record, uint64_t *weights)
{
	uint64_t parts = 1;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (candidates[i].server.backup == backups) {
			parts = weights_parts(parts, n_of_record[candidates[i].record]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (candidates[i].server.backup == backups) {
			size_t record = candidates[i].record;

			weights[k++] = weights_share(
				discovery->records[record].weight, parts, n_of_record[record]);
		}
	}
	weights_scale(weights, k);
	k = 0;
	for (size_t i = 0; i < n; i++) {
		if (candidates[i].server.backup == backups) {
			candidates[i].server.weight = (uint16_t)weights[k++];
		}
	}
}

/** Decides which servers are backups, and computes the weights. 0 or -ENOMEM. */
static int rank(const struct discovery *discovery, struct candidate *candidates, size_t n)
{
	size_t *n_of_record = calloc(discovery->n_records + 1, sizeof(*n_of_record));
	uint64_t *weights = calloc(n + 1, sizeof(*weights));
	uint16_t lowest = UINT16_MAX;

	if (n_of_record == NULL || weights == NULL) {
		free(n_of_record);
		free(weights);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		n_of_record[candidates[i].record]++;
	}
	for (size_t i = 0; i < discovery->n_records; i++) {
		uint16_t priority = discovery->records[i].priority;

		lowest = priority < lowest ? priority : lowest;
	}
	for (size_t i = 0; i < n; i++) {
		candidates[i].server.backup = candidates[i].priority > lowest;
	}
	weigh(discovery, candidates, n, false, n_of_record, weights);
	weigh(discovery, candidates, n, true, n_of_record, weights);
	free(n_of_record);
	free(weights);
	return 0;
}

int discovery_merge(const struct discovery *discovery, struct discovered_set *ret_set)
{
	size_t max = discovery->conf.max_servers;
	size_t n_all = count_all(discovery);
	size_t n_taken;
	struct candidate *candidates =
		calloc((n_all < CANDIDATES_MAX ? n_all : CANDIDATES_MAX) + 1, sizeof(*candidates));
	struct discovered_set set = {.n_left_out = count_left_out(discovery)};
	int r = -ENOMEM;

	if (candidates == NULL) {
		return r;
	}
	set.n = collect(discovery, candidates, &n_taken);
	set.n_left_out += n_all - n_taken;
	if (set.n > max) {
		set.n_left_out += set.n - max;
		qsort(candidates, set.n, sizeof(*candidates), by_force);
		set.n = max;
		qsort(candidates, set.n, sizeof(*candidates), by_server);
	}
	set.servers = malloc((set.n + 1) * sizeof(*set.servers));
	if (set.servers != NULL) {
		r = rank(discovery, candidates, set.n);
	}
	if (r < 0) {
		free(set.servers);
	} else {
		for (size_t i = 0; i < set.n; i++) {
			set.servers[i] = candidates[i].server;
		}
		*ret_set = set;
	}
	free(candidates);
	return r;
}
