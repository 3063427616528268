/* SPDX-License-Identifier: ISC */
/* What the kernel tells of segments (TCP_INFO), beyond what the C library knows of it. */
#ifndef WEIR_TESTS_SEGMENTS_H
#define WEIR_TESTS_SEGMENTS_H

#include <stdint.h>

/** How many segments with bytes have come to this TCP socket. */
uint32_t segments_of(int fd);

/** How many of any kind: with bytes, with a FIN, or an acknowledgement alone. */
uint32_t segments_of_all_kinds(int fd);

#endif
