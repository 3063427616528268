/* SPDX-License-Identifier: ISC */
/*
 * The web page at "/": one file with HTML, style and script, which the build makes from the files
 * in page/. It sends requests only to this weir. Its Content-Security-Policy lets the browser run
 * no script but its own. Private to control/.
 */
#ifndef WEIR_CONTROL_PAGE_H
#define WEIR_CONTROL_PAGE_H

#include <stddef.h>

/* ---- made by page/embed.py ---- */

extern const unsigned char page_bytes[];
extern const size_t page_n_bytes;
extern const char page_policy[]; /**< the value of Content-Security-Policy */

#endif
