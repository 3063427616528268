/* SPDX-License-Identifier: ISC */
#include "base/slice.h"

#include "base/buckets.h"

void slice_end(const struct slice *slice, struct buckets *counted)
{
	buckets_count(counted, clock_thread_ns() - slice->began_ns);
}
