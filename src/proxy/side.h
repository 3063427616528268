/* SPDX-License-Identifier: ISC */
/* The two sides of a session: an index for what exists once for each side. */
#ifndef WEIR_PROXY_SIDE_H
#define WEIR_PROXY_SIDE_H

enum pair_side {
	SIDE_CLIENT,
	SIDE_UPSTREAM,
	SIDES,
};

static inline enum pair_side side_opposite(enum pair_side side)
{
	return side == SIDE_CLIENT ? SIDE_UPSTREAM : SIDE_CLIENT;
}

#endif
