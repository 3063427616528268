/* SPDX-License-Identifier: ISC */
/*
 * Writes numbers in the text format 0.0.4 of Prometheus. It knows the format, not the metrics.
 *
 *	exposition_family() ──▶ exposition_u64() and others, for each sample ──▶ the next family
 *
 * The value of a label may be any text; a text that is not UTF-8 is read as Latin-1.
 */
#ifndef WEIR_PROTO_EXPOSITION_H
#define WEIR_PROTO_EXPOSITION_H

#include <stdint.h>

struct buckets_read;
struct bytes;

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct exposition {
	struct bytes *to; /**< borrowed */
	const char *name; /**< of the family; borrowed. NULL: before the first family */
};

/** A label. In a list, one without a name marks the end. */
struct exposition_label {
	const char *name;
	const char *value;
};

/** Begins a family. `type` is "counter", "gauge" or "histogram"; `help` is one line without a
 * backslash. */
void exposition_family(
	struct exposition *exposition, const char *name, const char *type, const char *help);

/** Writes a sample of the family; labels may be NULL. */
void exposition_u64(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t value);

/** As exposition_u64(), for a duration, written in seconds. */
void exposition_seconds(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t ns);

/** Writes all samples of a histogram of durations, in seconds. */
void exposition_buckets(struct exposition *exposition, const struct exposition_label *labels,
	const struct buckets_read *buckets);

#endif
