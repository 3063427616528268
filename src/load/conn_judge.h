/* SPDX-License-Identifier: ISC */
/*
 * The verdict on an end of a connection: from when its close is counted, and what it was. For
 * conn.c; a scenario's due() takes conn_due_by_other().
 *
 * With --remote only one of the two ends is of this process, and the other has another clock. Then
 * each is judged by its own stamps alone: what it sent itself is exact, and what the other end sent
 * was sent before it was read here, so late counts from there. Early it is then only where it comes
 * sooner than a byte may be on its way; the end that sent it says so exactly.
 */
#ifndef WEIR_LOAD_CONN_JUDGE_H
#define WEIR_LOAD_CONN_JUDGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "load/scenario.h"
#include "load/verdict.h"

struct conn;

/** Whether its stamps are by the clock of this process. */
bool conn_is_seen(const struct conn *conn);

/** From when a close is counted by what the other end did, which was heard of at `heard_ns`. */
struct due conn_due_by_other(uint64_t heard_ns, const struct options *options);

/** What its close is counted from. */
struct due conn_from(const struct conn *conn);

/** Whether either end sent a byte so late that the close of the pair proves nothing. */
bool conn_is_void(const struct conn *conn);

/** The verdict on a close that was read at `now_ns`; notes how late it was. */
enum verdict conn_judge(struct conn *conn, uint64_t now_ns);

/** Of an end whose close is not expected: a reset before the time of the pair is early. */
enum verdict conn_guard(struct conn *conn, uint64_t now_ns);

/** Counts how late it was, in its lane. */
void conn_record(struct conn *conn);

static inline bool conn_flag(const _Atomic bool *flag)
{
	return atomic_load_explicit(flag, memory_order_acquire);
}

#endif
