/* SPDX-License-Identifier: ISC */
/* The log lines of a discovery: for each change, and when it begins or stops failing. */
#include "base/list.h"
#include "log/log.h"
#include "upstream/discover_private.h"

static bool begin(const struct discovery *discovery, struct log_line *line, enum log_level level,
	const char *event)
{
	if (!log_begin(line, level, event)) {
		return false;
	}
	log_str(line, "upstream", discovery->opts.upstream);
	log_str(line, "name", discovery->name);
	return true;
}

void discovery_log_failed(
	const struct discovery *discovery, const struct question *question, const char *why)
{
	struct log_line line;

	if (begin(discovery, &line, LOG_LEVEL_WARN, "discover_failed")) {
		log_str(&line, "asked",
			question->host == NULL ? discovery->name : question->host->name);
		log_str(&line, "type", dns_type_name(question->type));
		log_str(&line, "error", why);
		log_u64(&line, "servers", discovery->found.n);
		log_end(&line);
	}
}

void discovery_log_well(const struct discovery *discovery)
{
	struct log_line line;

	if (begin(discovery, &line, LOG_LEVEL_INFO, "discover_well")) {
		log_u64(&line, "servers", discovery->found.n);
		log_end(&line);
	}
}

void discovery_log_empty(const struct discovery *discovery)
{
	struct log_line line;

	if (begin(discovery, &line, LOG_LEVEL_WARN, "discover_empty")) {
		log_u64(&line, "servers", discovery->found.n);
		if (discovery->conf.hold_ns != NS_NEVER) {
			log_ms(&line, "hold_ms", discovery->conf.hold_ns);
		}
		log_end(&line);
	}
}

void discovery_log_change(const struct discovery *discovery, const struct discovered_set *set)
{
	const struct discovered_set *before = &discovery->found;
	bool is_cut = set->n_left_out > 0;
	struct log_line line;
	size_t n_common = 0;
	size_t n_backups = 0;

	if (!begin(discovery, &line, is_cut ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "discovered")) {
		return;
	}
	for (size_t i = 0, k = 0; i < set->n; i++) {
		while (k < before->n &&
			discovered_compare(&before->servers[k], &set->servers[i]) < 0) {
			k++;
		}
		if (k < before->n &&
			discovered_compare(&before->servers[k], &set->servers[i]) == 0) {
			n_common++;
		}
		n_backups += set->servers[i].backup ? 1 : 0;
	}
	log_u64(&line, "servers", set->n);
	if (n_backups > 0) {
		log_u64(&line, "backups", n_backups);
	}
	log_u64(&line, "added", set->n - n_common);
	log_u64(&line, "removed", before->n - n_common);
	if (is_cut) {
		log_u64(&line, "left_out", set->n_left_out);
		log_str(&line, "remedy",
			"raise discovery.max_servers, or let the name have fewer addresses");
	}
	log_end(&line);
}
