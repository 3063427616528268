/* SPDX-License-Identifier: ISC */
/*
 * CRC32c, the checksum of a PROXY header: RFC 4960, Appendix B (docs/decisions/0190). A pure
 * function.
 */
#ifndef WEIR_PROTO_CRC32C_H
#define WEIR_PROTO_CRC32C_H

#include <stddef.h>
#include <stdint.h>

enum { CRC32C_BEGIN = 0 };

/** Extends the checksum `crc` (CRC32C_BEGIN: of no bytes) by these bytes. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
