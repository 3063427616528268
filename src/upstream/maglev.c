/* SPDX-License-Identifier: ISC */
#include "upstream/maglev.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

enum { SEED_OFFSET, SEED_SKIP, SEED_KEY };

#define FREE UINT32_MAX

struct maglev_of {
	uint64_t offset; /**< a hash of the name: gives the first slot of its row */
	uint64_t skip;   /**< another hash of the name: gives row::skip */
	uint32_t weight;
};

/** A server while the table is filled. */
struct row {
	const char *name;
	uint64_t target; /**< t w_max, which p w must have reached */
	uint32_t slot;   /**< the next slot of its row */
	uint32_t skip;
	uint32_t weight;
	uint32_t index;
};

/* ---- filling ---- */

static int by_name(const void *left, const void *right)
{
	const struct row *a = left;
	const struct row *b = right;
	int order = strcmp(a->name, b->name);

	return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static struct maglev_of of_server(const struct maglev_server *server)
{
	size_t n = strlen(server->name);

	return (struct maglev_of){
		.offset = XXH64(server->name, n, SEED_OFFSET),
		.skip = XXH64(server->name, n, SEED_SKIP),
		.weight = server->weight,
	};
}

/** Makes the rows of the servers that have a weight, by name; returns how many. */
static size_t make_rows(const struct maglev *maglev, const struct maglev_server *servers,
	struct row *rows, uint32_t *ret_weight_max)
{
	size_t n = 0;

	*ret_weight_max = 0;
	for (size_t i = 0; i < maglev->n; i++) {
		const struct maglev_of *of = &maglev->of[i];

		if (of->weight == 0) {
			continue;
		}
		rows[n++] = (struct row){
			.name = servers[i].name,
			.slot = (uint32_t)(of->offset % maglev->size),
			.skip = (uint32_t)(1 + of->skip % (maglev->size - 1)),
			.weight = of->weight,
			.index = (uint32_t)i,
		};
		if (of->weight > *ret_weight_max) {
			*ret_weight_max = of->weight;
		}
	}
	qsort(rows, n, sizeof(*rows), by_name);
	return n;
}

static void take_slot(struct maglev *maglev, struct row *row)
{
	while (maglev->slots[row->slot] != FREE) {
		row->slot += row->skip;
		if (row->slot >= maglev->size) {
			row->slot -= maglev->size;
		}
	}
	maglev->slots[row->slot] = row->index;
}

static void fill(struct maglev *maglev, const struct maglev_server *servers, struct row *rows)
{
	uint32_t weight_max;
	size_t n = make_rows(maglev, servers, rows, &weight_max);
	uint32_t n_free = maglev->size;

	memset(maglev->slots, 0xff, maglev->size * sizeof(*maglev->slots));
	for (uint64_t pass = 1; n_free > 0; pass++) {
		for (size_t i = 0; i < n && n_free > 0; i++) {
			if (pass * rows[i].weight >= rows[i].target) {
				rows[i].target += weight_max;
				take_slot(maglev, &rows[i]);
				n_free--;
			}
		}
	}
}

static uint32_t size_for(const struct maglev_server *servers, size_t n)
{
	size_t n_weighted = 0;

	for (size_t i = 0; i < n; i++) {
		n_weighted += servers[i].weight > 0;
	}
	if (n_weighted == 0) {
		return 0;
	}
	return n_weighted > MAGLEV_MANY ? MAGLEV_SIZE_LARGE : MAGLEV_SIZE;
}

struct maglev *maglev_new(const struct maglev_server *servers, size_t n)
{
	uint32_t size = size_for(servers, n);
	struct maglev *maglev;
	struct row *rows;

	maglev = malloc(sizeof(*maglev) + size * sizeof(*maglev->slots));
	rows = malloc(n * sizeof(*rows) + 1);
	if (maglev == NULL || rows == NULL) {
		goto no_memory;
	}
	maglev->of = malloc(n * sizeof(*maglev->of) + 1);
	if (maglev->of == NULL) {
		goto no_memory;
	}
	refs_init(&maglev->refs);
	maglev->size = size;
	maglev->n = n;
	for (size_t i = 0; i < n; i++) {
		maglev->of[i] = of_server(&servers[i]);
	}
	fill(maglev, servers, rows);
	free(rows);
	return maglev;

no_memory:
	free(rows);
	free(maglev);
	return NULL;
}

bool maglev_is_of(const struct maglev *maglev, const struct maglev_server *servers, size_t n)
{
	if (maglev->n != n) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		struct maglev_of of = of_server(&servers[i]);

		if (of.offset != maglev->of[i].offset || of.skip != maglev->of[i].skip ||
			of.weight != maglev->of[i].weight) {
			return false;
		}
	}
	return true;
}

struct maglev *maglev_ref(struct maglev *maglev)
{
	refs_ref(&maglev->refs);
	return maglev;
}

struct maglev *maglev_unref(struct maglev *maglev)
{
	if (maglev != NULL && refs_unref(&maglev->refs)) {
		free(maglev->of);
		free(maglev);
	}
	return NULL;
}

/* ---- keys ---- */

size_t maglev_key(const struct sockaddr *client, bool with_port, uint8_t key[MAGLEV_KEY_MAX])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)client;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)client;
	size_t n;
	in_port_t port;

	if (client != NULL && client->sa_family == AF_INET) {
		n = 4;
		memcpy(key, &in->sin_addr, n);
		port = in->sin_port;
	} else if (client != NULL && client->sa_family == AF_INET6) {
		bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

		n = is_mapped ? 4 : 8;
		memcpy(key, in6->sin6_addr.s6_addr + (is_mapped ? 12 : 0), n);
		port = in6->sin6_port;
	} else {
		return 0;
	}
	if (with_port) {
		memcpy(key + n, &port, sizeof(port));
		n += sizeof(port);
	}
	return n;
}

uint64_t maglev_hash(const uint8_t *key, size_t n)
{
	return XXH64(key, n, SEED_KEY);
}
