/* SPDX-License-Identifier: ISC */
/*
 * The page at "/": one file of HTML, style and script, which is put together out of page/ when weir
 * is built, and asks this weir alone. Its policy lets nothing run but these bytes. Private to
 * control/.
 */
#ifndef WEIR_CONTROL_PAGE_H
#define WEIR_CONTROL_PAGE_H

#include <stddef.h>

/* ---- made by page/embed.py ---- */

extern const unsigned char page_bytes[];
extern const size_t page_n_bytes;
extern const char page_policy[]; /**< the value of Content-Security-Policy */

#endif
