/* SPDX-License-Identifier: ISC */
#include "proxy/admit.h"

#include <errno.h>

#include "base/clock.h"
#include "proxy/access.h"
#include "proxy/offer.h"
#include "proxy/session_peer.h"
#include "proxy/source.h"

bool admit_client(const struct terms *terms, const union session_peer *client,
	struct source **ret_source, struct end *ret_end)
{
	const struct offer *offer = terms->offer;

	if (!access_admits(&terms->access, client)) {
		*ret_end = end_by_weir(END_DENIED);
		return false;
	}
	*ret_source = NULL;
	if (offer->sources == NULL) {
		return true;
	}
	switch (sources_take(offer->sources, &offer->source_rules, (const struct sockaddr *)client,
		clock_ns(), ret_source)) {
	case SOURCE_FULL:
		*ret_end = end_by_weir(END_SOURCE_LIMIT);
		return false;
	case SOURCE_TOO_FAST:
		*ret_end = end_by_weir(END_RATE);
		return false;
	case SOURCE_NO_MEMORY:
		*ret_end = end_by_failure(SIDE_CLIENT, -ENOMEM);
		return false;
	case SOURCE_TAKEN:
		break;
	}
	return true;
}
