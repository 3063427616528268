/* SPDX-License-Identifier: ISC */
/* Counts of TCP segments (TCP_INFO), from fields that the C library does not declare. */
#ifndef WEIR_TESTS_SEGMENTS_H
#define WEIR_TESTS_SEGMENTS_H

#include <stdint.h>

/** How many segments with bytes this TCP socket has received. */
uint32_t segments_of(int fd);

/** How many segments of any kind it has received: with bytes, with a FIN, or only an
 * acknowledgement. */
uint32_t segments_of_all_kinds(int fd);

#endif
