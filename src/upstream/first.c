/* SPDX-License-Identifier: ISC */
#include "upstream/first.h"

#include <stddef.h>

#include "upstream/set.h"

struct server *first_next(const struct group_set *set, const struct group_tried *tried)
{
	return tried->n < set->n_servers ? set->servers[tried->n] : NULL;
}
