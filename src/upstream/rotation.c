/* SPDX-License-Identifier: ISC */
#include "upstream/rotation.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/** The servers of one weight. The next pick is due at odd / (2 total). */
struct weight_class {
	uint64_t odd;
	/** The sum of its divided weights; products of two of them fit. */
	uint64_t total;
	const uint32_t *first; /**< the indices of its servers */
	uint32_t n;
	uint32_t at; /**< the index of the next one */
};

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static bool is_before(const struct weight_class *a, const struct weight_class *b)
{
	uint64_t left = a->odd * b->total;
	uint64_t right = b->odd * a->total;

	return left != right ? left < right : a->first[a->at] < b->first[b->at];
}

/* ---- a heap with the earliest first ---- */

static void sift_down(struct weight_class *classes, size_t n, size_t at)
{
	struct weight_class moved = classes[at];

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < n && is_before(&classes[child + 1], &classes[child])) {
			child++;
		}
		if (child >= n || !is_before(&classes[child], &moved)) {
			break;
		}
		classes[at] = classes[child];
		at = child;
	}
	classes[at] = moved;
}

/* ---- classes ---- */

struct server {
	uint32_t weight; /**< after the division */
	uint32_t index;
};

/** The memory that is needed while the order is made. */
struct work {
	struct server *servers; /**< those that have a weight */
	uint32_t *indices;      /**< their indices, class by class */
	struct weight_class *classes;
	size_t n_servers;
	size_t n_classes;
};

static int by_weight_and_index(const void *left, const void *right)
{
	const struct server *a = left;
	const struct server *b = right;

	if (a->weight != b->weight) {
		return a->weight < b->weight ? -1 : 1;
	}
	return (a->index > b->index) - (a->index < b->index);
}

static void make_classes(struct work *work)
{
	const struct server *servers = work->servers;

	qsort(work->servers, work->n_servers, sizeof(*servers), by_weight_and_index);
	for (size_t i = 0; i < work->n_servers; i++) {
		struct weight_class *last;

		work->indices[i] = servers[i].index;
		if (i == 0 || servers[i].weight != servers[i - 1].weight) {
			work->classes[work->n_classes++] =
				(struct weight_class){.odd = 1, .first = &work->indices[i]};
		}
		last = &work->classes[work->n_classes - 1];
		last->n++;
		last->total += servers[i].weight;
	}
}

static void fill(struct rotation *rotation, struct work *work)
{
	struct weight_class *classes = work->classes;

	make_classes(work);
	for (size_t i = work->n_classes / 2; i-- > 0;) {
		sift_down(classes, work->n_classes, i);
	}
	/* A class that has had its last pick comes after all that have not: its next one would be
	 * due after the end. */
	for (uint32_t i = 0; i < rotation->n; i++) {
		rotation->order[i] = classes->first[classes->at];
		classes->at = classes->at + 1 < classes->n ? classes->at + 1 : 0;
		classes->odd += 2;
		sift_down(classes, work->n_classes, 0);
	}
}

/** Allocates room for n servers. 0 or -ENOMEM; in both cases call work_fini(). */
static int work_init(struct work *work, size_t n)
{
	*work = (struct work){
		.servers = malloc(n * sizeof(*work->servers) + 1),
		.indices = malloc(n * sizeof(*work->indices) + 1),
		.classes = malloc(n * sizeof(*work->classes) + 1),
	};
	return work->servers != NULL && work->indices != NULL && work->classes != NULL ? 0
										       : -ENOMEM;
}

static void work_fini(struct work *work)
{
	free(work->servers);
	free(work->indices);
	free(work->classes);
}

struct rotation *rotation_new(const uint32_t *weights, size_t n)
{
	struct rotation *rotation = NULL;
	struct work work;
	uint32_t divisor = 0;
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += weights[i];
		divisor = gcd(weights[i], divisor);
	}
	if (sum > ROTATION_SUM_MAX || n > UINT32_MAX) {
		return NULL;
	}
	sum /= divisor > 0 ? divisor : 1;
	if (work_init(&work, n) == 0) {
		rotation = malloc(sizeof(*rotation) + (size_t)sum * sizeof(*rotation->order));
	}
	if (rotation != NULL) {
		rotation->n = (uint32_t)sum;
		for (uint32_t i = 0; i < n; i++) {
			if (weights[i] > 0) {
				work.servers[work.n_servers++] =
					(struct server){.index = i, .weight = weights[i] / divisor};
			}
		}
		fill(rotation, &work);
	}
	work_fini(&work);
	return rotation;
}
