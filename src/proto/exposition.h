/* SPDX-License-Identifier: ISC */
/*
 * Numbers as Prometheus reads them: its text format 0.0.4, whatever their families are.
 *
 *	exposition_family() ──▶ exposition_u64() and the like, one a sample ──▶ the next family
 *
 * A value of a label may be any text; what is no UTF-8 is taken for Latin-1.
 */
#ifndef WEIR_PROTO_EXPOSITION_H
#define WEIR_PROTO_EXPOSITION_H

#include <stdint.h>

struct buckets_read;
struct bytes;

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
	struct bytes *to; /**< borrowed */
	const char *name; /**< of the family; borrowed. NULL: none has begun */
};

/** The end of a list of them has no name. */
struct exposition_label {
	const char *name;
	const char *value;
};

/** `type` is "counter", "gauge" or "histogram"; `help` is one line. */
void exposition_family(
	struct exposition *exposition, const char *name, const char *type, const char *help);

/** A sample of the family; labels may be NULL. */
void exposition_u64(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t value);

/** The same of a duration, in seconds. */
void exposition_seconds(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t ns);

/** All samples of a histogram of durations, in seconds. */
void exposition_buckets(struct exposition *exposition, const struct exposition_label *labels,
	const struct buckets_read *buckets);

#endif
