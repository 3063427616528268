/* SPDX-License-Identifier: ISC */
#include "lab_rig.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lab/toxic_types.h"

static uint8_t pattern(uint64_t at)
{
	return (uint8_t)(at ^ (at >> 8) ^ (at >> 16));
}

static size_t on_room(struct chain *chain)
{
	return container_of(chain, struct lab_rig, chain)->room;
}

static size_t on_held(struct chain *chain)
{
	return container_of(chain, struct lab_rig, chain)->held;
}

static void on_out(struct chain *chain, const void *bytes, size_t n)
{
	struct lab_rig *rig = container_of(chain, struct lab_rig, chain);

	ck_assert_uint_lt(rig->n_pieces, LAB_PIECES_MAX);
	for (size_t i = 0; i < n; i++) {
		uint8_t byte = ((const uint8_t *)bytes)[i];

		if (rig->n_out + i < LAB_OUT_KEPT) {
			rig->out[rig->n_out + i] = byte;
		}
		rig->differs = rig->differs || byte != pattern(rig->n_out + i);
	}
	rig->n_out += n;
	rig->pieces[rig->n_pieces++] = (struct lab_piece){rig->now_ns, n};
}

void lab_open(struct lab_rig *rig, uint64_t key)
{
	static const struct chain_calls calls = {.room = on_room, .out = on_out, .held = on_held};

	rig->now_ns = NS_PER_S;
	rig->wake_ns = NS_NEVER;
	rig->room = SIZE_MAX;
	rig->held = 0;
	rig->n_out = 0;
	rig->differs = false;
	rig->n_pieces = 0;
	chain_init(&rig->chain, &calls, key);
}

void lab_close(struct lab_rig *rig)
{
	chain_fini(&rig->chain);
}

struct toxic *lab_add3(
	struct lab_rig *rig, const char *type, int64_t first, int64_t second, int64_t third)
{
	struct toxic *toxic = lab_add(rig, type, 1, first, second);

	toxic->values[2] = third;
	chain_update(&rig->chain, toxic, rig->now_ns);
	return toxic;
}

struct toxic *lab_add(
	struct lab_rig *rig, const char *type, double toxicity, int64_t first, int64_t second)
{
	struct toxic *toxic = toxic_new(toxic_type_find(type), type, DOWNSTREAM, toxicity);

	ck_assert_ptr_nonnull(toxic);
	toxic->values[0] = first;
	toxic->values[1] = second;
	ck_assert_int_eq(chain_add(&rig->chain, toxic, rig->now_ns), 0);
	return toxic;
}

void lab_put(struct lab_rig *rig, size_t n, size_t piece)
{
	uint8_t *bytes = malloc(piece);

	ck_assert_ptr_nonnull(bytes);
	while (n > 0) {
		size_t k = n < piece ? n : piece;

		for (size_t i = 0; i < k; i++) {
			bytes[i] = pattern(rig->chain.n_put + i);
		}
		chain_put(&rig->chain, bytes, k, rig->now_ns);
		n -= k;
	}
	free(bytes);
	lab_run(rig);
}

void lab_end(struct lab_rig *rig, enum chunk_kind kind)
{
	chain_end(&rig->chain, kind, rig->now_ns);
	lab_run(rig);
}

void lab_run(struct lab_rig *rig)
{
	uint64_t n_before;

	do { /* until nothing more is due at this time */
		n_before = rig->chain.n_moved;
		rig->wake_ns = chain_run(&rig->chain, rig->now_ns);
	} while (rig->wake_ns == rig->now_ns + 1 && rig->chain.n_moved != n_before);
	ck_assert(!rig->chain.failed);
	ck_assert_msg(rig->wake_ns > rig->now_ns, "it waits for what is past");
}

void lab_until(struct lab_rig *rig, uint64_t end_ns)
{
	while (rig->wake_ns <= end_ns) {
		rig->now_ns = rig->wake_ns;
		lab_run(rig);
	}
	rig->now_ns = end_ns;
	lab_run(rig);
}

bool lab_is_exact(const struct lab_rig *rig)
{
	return !rig->differs;
}
