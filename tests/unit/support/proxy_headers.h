/* SPDX-License-Identifier: ISC */
/* The parts of PROXY headers, as string literals. */
#ifndef WEIR_TESTS_PROXY_HEADERS_H
#define WEIR_TESTS_PROXY_HEADERS_H

#include "proto/span.h"

#define BYTES(literal)                                                                             \
	{                                                                                          \
		(const uint8_t *)(literal), sizeof(literal) - 1                                    \
	}

#define SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define PROXY_COMMAND SIGNATURE "\x21"
#define LOCAL_COMMAND SIGNATURE "\x20"
#define INET          "\x0a\0\0\1\x0a\0\0\2\0\x50\x01\xbb"
#define INET6                                                                                      \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\x50\x01"   \
	"\xbb"
#define MAPPED                                                                                     \
	"\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\x50\x01"   \
	"\xbb"
#define NULS_100                                                                                   \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"         \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"         \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define UNIX "/run/a.s" NULS_100 "\0abstrac" NULS_100

#endif
