/* SPDX-License-Identifier: ISC */
/*
 * What weir itself reads of a request: the target with its filters, if the first byte is a '/', or
 * else the body. A refusal has a reason, and what is read lies within its bounds.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/body.h"
#include "control/pairs_query.h"
#include "proto/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const struct http_target *target, const char *text)
{
	assert(text == NULL || (*text != '\0' && text >= target->text &&
				       text < target->text + sizeof(target->text)));
}

static bool has_filter(const struct pairs_filter *filter)
{
	return filter->listener != NULL || filter->upstream != NULL || filter->server != NULL ||
	       filter->state != NULL || filter->by_client || filter->idle_over_ns > 0 ||
	       filter->older_than_ns > 0;
}

static void check_query(const uint8_t *data, size_t size)
{
	static struct http_target target;
	struct pairs_query query;
	const char *why = NULL;
	const char *name = NULL;

	if (size > HTTP_TARGET_MAX ||
		http_target_parse((struct span){data, size}, &target, &why) < 0) {
		return;
	}
	why = pairs_query_read(&target, &query, &name);
	if (why != NULL) {
		assert(*why != '\0' && name != NULL);
		return;
	}
	check_text(&target, query.filter.listener);
	check_text(&target, query.filter.upstream);
	check_text(&target, query.filter.server);
	check_text(&target, query.filter.state);
	assert(query.limit > 0);
	/* A filter must leave pairs out, or a DELETE with it would end all. */
	assert(query.has_filter == has_filter(&query.filter));
}

static void check_body(const uint8_t *data, size_t size)
{
	static const char *const members[] = {"state", "weight", "grace", NULL};
	char why[BODY_WHY_MAX];
	json_t *json = body_read((const char *)data, size, members, why);

	if (json == NULL) {
		assert(*why != '\0' && strlen(why) < sizeof(why));
		return;
	}
	assert(json_is_object(json) && json_object_size(json) <= 3);
	json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0) {
		return 0;
	}
	if (data[0] == '/') {
		check_query(data, size);
	} else {
		check_body(data, size);
	}
	return 0;
}
