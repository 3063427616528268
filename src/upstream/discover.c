/* SPDX-License-Identifier: ISC */
/*
 * The questions of a discovery, and their schedule:
 *
 *	due ── ask ──▶ in progress ─▶ answered: stores the answer; due again after the TTL
 *	 ▲                 │    └───▶ failed: keeps the last one; due again after DISCOVER_AGAIN_NS
 *	 └─────────────────┴─ other DNS servers: all that are not in progress are due at once
 *
 * After an answer the discovery settles: when no question is in progress, or DISCOVER_SETTLE_NS
 * later, the answers are merged and compared with the servers in force. One timer is set to the
 * earliest of all these times.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/list.h"
#include "upstream/discover_private.h"

static void ask_due(struct discovery *discovery);

/* ---- questions ---- */

/** Calls a function for each question until it returns true; returns whether it did. */
static bool any_question(
	const struct discovery *discovery, bool (*is_it)(const struct question *question))
{
	bool found = discovery->conf.kind == DISCOVER_SRV && is_it(&discovery->srv);

	for (size_t i = 0; i < discovery->n_hosts && !found; i++) {
		found = is_it(&discovery->hosts[i]->v4) || is_it(&discovery->hosts[i]->v6);
	}
	return found;
}

static bool is_under_way(const struct question *question)
{
	return question->query.lookup != NULL;
}

static bool has_failed(const struct question *question)
{
	return question->has_failed;
}

/** Whether the question has no valid answer now: it was never answered, its last attempt has
 * failed, or it is in progress. */
static bool is_open(const struct question *question)
{
	return !question->is_known || question->has_failed || is_under_way(question);
}

static void question_init(struct question *question, struct discovery *discovery, struct host *host,
	enum dns_type type)
{
	*question = (struct question){.discovery = discovery, .host = host, .type = type};
}

static void question_fini(struct question *question)
{
	dns_cancel(&question->query);
	free(question->addresses);
}

/* ---- hosts ---- */

static struct host *host_new(struct discovery *discovery, const char *name)
{
	size_t size = strlen(name) + 1;
	struct host *host = calloc(1, sizeof(*host) + size);

	if (host != NULL) {
		question_init(&host->v4, discovery, host, DNS_A);
		question_init(&host->v6, discovery, host, DNS_AAAA);
		memcpy(host->name, name, size);
	}
	return host;
}

static void host_free(struct host *host)
{
	question_fini(&host->v4);
	question_fini(&host->v6);
	free(host);
}

static int by_name(const void *a, const void *b)
{
	const struct host *const *of_a = a;
	const struct host *const *of_b = b;

	return strcmp((*of_a)->name, (*of_b)->name);
}

static int name_to_host(const void *name, const void *host)
{
	return strcmp(name, (*(struct host *const *)host)->name);
}

/** The host of that name among `n` sorted ones; or NULL. */
static struct host *host_find(struct host *const *hosts, size_t n, const char *name)
{
	struct host *const *found =
		n > 0 ? bsearch(name, hosts, n, sizeof(struct host *), name_to_host) : NULL;

	return found != NULL ? *found : NULL;
}

/* ---- SRV records ---- */

/** The hosts of an SRV answer; it shares those that were known before. */
struct answer {
	struct host **hosts;
	size_t n_hosts;
	size_t n_known; /**< the first ones: those that were known before */
	struct srv_record *records;
	size_t n_records;
	size_t n_left_out;
};

/** Adds a record, unless its host would be one too many. 0 or -ENOMEM. */
static int answer_add(
	struct answer *answer, struct discovery *discovery, const struct dns_record *record)
{
	struct host *host = host_find(answer->hosts, answer->n_known, record->target);

	for (size_t i = answer->n_known; i < answer->n_hosts && host == NULL; i++) {
		if (strcmp(answer->hosts[i]->name, record->target) == 0) {
			host = answer->hosts[i];
		}
	}
	if (host == NULL && answer->n_hosts >= discovery->conf.max_servers) {
		answer->n_left_out++;
		return 0;
	}
	if (host == NULL) {
		host = host_new(discovery, record->target);
		if (host == NULL) {
			return -ENOMEM;
		}
		answer->hosts[answer->n_hosts++] = host;
	}
	answer->records[answer->n_records++] = (struct srv_record){
		.host = host,
		.priority = record->priority,
		.weight = record->weight,
		.port = record->port,
	};
	return 0;
}

/** Adds the hosts that were known before and are in the answer; so they come before new ones. */
static void keep_known(struct answer *answer, struct discovery *discovery,
	const struct dns_record *records, size_t n)
{
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		discovery->hosts[i]->is_wanted = false;
	}
	for (size_t i = 0; i < n; i++) {
		struct host *host =
			host_find(discovery->hosts, discovery->n_hosts, records[i].target);

		if (host != NULL) {
			host->is_wanted = true;
		}
	}
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		struct host *host = discovery->hosts[i];

		host->is_wanted = host->is_wanted && answer->n_hosts < discovery->conf.max_servers;
		if (host->is_wanted) {
			answer->hosts[answer->n_hosts++] = host;
		}
	}
	answer->n_known = answer->n_hosts;
}

/** Frees what only the answer has. */
static void answer_drop(struct answer *answer)
{
	for (size_t i = answer->n_known; i < answer->n_hosts; i++) {
		host_free(answer->hosts[i]);
	}
	free(answer->hosts);
	free(answer->records);
}

/** Replaces the old hosts and records by the answer. */
static void answer_take(struct answer *answer, struct discovery *discovery)
{
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		if (!discovery->hosts[i]->is_wanted) {
			host_free(discovery->hosts[i]);
		}
	}
	free(discovery->hosts);
	free(discovery->records);
	qsort(answer->hosts, answer->n_hosts, sizeof(*answer->hosts), by_name);
	discovery->hosts = answer->hosts;
	discovery->n_hosts = answer->n_hosts;
	discovery->records = answer->records;
	discovery->n_records = answer->n_records;
	discovery->n_records_left_out = answer->n_left_out;
}

/** 0 or -ENOMEM; then nothing has changed. */
static int take_records(struct discovery *discovery, const struct dns_message *message)
{
	size_t n;
	struct dns_record *records = discovery_read_records(*message, &n);
	struct answer answer = {
		.hosts = calloc(discovery->n_hosts + n + 1, sizeof(struct host *)),
		.records = calloc(n + 1, sizeof(struct srv_record)),
	};
	int r = records == NULL || answer.hosts == NULL || answer.records == NULL ? -ENOMEM : 0;

	if (r == 0) {
		keep_known(&answer, discovery, records, n);
	}
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = answer_add(&answer, discovery, &records[i]);
	}
	free(records);
	if (r < 0) {
		answer_drop(&answer);
		return r;
	}
	answer_take(&answer, discovery);
	return 0;
}

/* ---- the servers in force ---- */

static bool is_same_set(const struct discovered_set *a, const struct discovered_set *b)
{
	bool same = a->n == b->n && (a->n_left_out > 0) == (b->n_left_out > 0);

	for (size_t i = 0; i < a->n && same; i++) {
		const struct discovered *of_a = &a->servers[i];
		const struct discovered *of_b = &b->servers[i];

		same = discovered_compare(of_a, of_b) == 0 && of_a->weight == of_b->weight &&
		       of_a->backup == of_b->backup;
	}
	return same;
}

/** Puts a set in force and calls found(). Must be the last statement. */
static void put_in_force(struct discovery *discovery, struct discovered_set *set)
{
	discovery_log_change(discovery, set);
	free(discovery->found.servers);
	discovery->found = *set;
	discovery->is_known = true;
	discovery->opts.found(discovery->opts.owner, set->servers, set->n);
}

/** When an empty answer removes the servers. */
static uint64_t empty_until_ns(const struct discovery *discovery)
{
	return clock_after(discovery->empty_since_ns, discovery->conf.hold_ns);
}

static void note_failing(
	struct discovery *discovery, const struct question *question, const char *why)
{
	bool is_failing = any_question(discovery, has_failed);

	if (is_failing && !discovery->is_failing && why != NULL) {
		discovery->is_failing = true;
		discovery_log_failed(discovery, question, why);
	} else if (!is_failing && discovery->is_failing && !any_question(discovery, is_open)) {
		discovery->is_failing = false;
		discovery_log_well(discovery);
	}
}

/* ---- the schedule ---- */

/** When the timer must strike: the earliest due time of all questions, or the time to merge the
 * answers. */
static uint64_t next_due_ns(const struct discovery *discovery)
{
	uint64_t due_ns = discovery->settle_ns;

	if (discovery->conf.kind == DISCOVER_SRV) {
		due_ns = clock_earlier(due_ns, discovery->srv.due_ns);
	}
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		due_ns = clock_earlier(due_ns, discovery->hosts[i]->v4.due_ns);
		due_ns = clock_earlier(due_ns, discovery->hosts[i]->v6.due_ns);
	}
	return due_ns;
}

static void arm(struct discovery *discovery)
{
	(void)timer_arm(&discovery->timer, next_due_ns(discovery));
}

/** All questions that are not in progress are asked at `at_ns` at the latest. */
static void ask_by(struct discovery *discovery, uint64_t at_ns)
{
	discovery->srv.due_ns = clock_earlier(
		discovery->srv.due_ns, is_under_way(&discovery->srv) ? NS_NEVER : at_ns);
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		struct host *host = discovery->hosts[i];

		host->v4.due_ns =
			clock_earlier(host->v4.due_ns, is_under_way(&host->v4) ? NS_NEVER : at_ns);
		host->v6.due_ns =
			clock_earlier(host->v6.due_ns, is_under_way(&host->v6) ? NS_NEVER : at_ns);
	}
	arm(discovery);
}

/**
 * The answers contain no address. The servers in force stay until every question has such an
 * answer, and then for `hold`. At the end of that, all questions are asked once more; if the
 * answers are still empty, the servers are removed.
 */
static void settle_empty(struct discovery *discovery, struct discovered_set *set)
{
	uint64_t now_ns = clock_ns();

	if (any_question(discovery, is_open)) {
		free(set->servers);
		return;
	}
	if (discovery->empty_since_ns == NS_NEVER) {
		discovery->empty_since_ns = now_ns;
		if (discovery->found.n > 0 && discovery->conf.hold_ns > 0) {
			discovery_log_empty(discovery);
		}
	}
	if (discovery->found.n > 0 && now_ns < empty_until_ns(discovery)) {
		free(set->servers);
		ask_by(discovery, empty_until_ns(discovery));
	} else if (discovery->found.n > 0 || !discovery->is_known) {
		put_in_force(discovery, set);
	} else {
		free(set->servers);
	}
}

/** Merges the answers. Must be the last statement of its caller. */
static void settle(struct discovery *discovery)
{
	struct discovered_set set;

	discovery->settle_ns = NS_NEVER;
	if (discovery_merge(discovery, &set) < 0) {
		/* Without memory nothing changes, and this is tried again. */
		discovery->settle_ns = clock_ns() + DISCOVER_AGAIN_NS;
		arm(discovery);
		return;
	}
	if (set.n == 0) {
		arm(discovery);
		settle_empty(discovery, &set);
		return;
	}
	discovery->empty_since_ns = NS_NEVER;
	arm(discovery);
	if (is_same_set(&discovery->found, &set)) {
		free(set.servers);
	} else {
		put_in_force(discovery, &set);
	}
}

static void settle_soon(struct discovery *discovery)
{
	discovery->settle_ns = clock_earlier(discovery->settle_ns, clock_ns() + DISCOVER_SETTLE_NS);
	if (!any_question(discovery, is_under_way)) {
		settle(discovery);
	} else {
		arm(discovery);
	}
}

/* ---- asking ---- */

static void question_failed(struct question *question, const char *why)
{
	question->has_failed = true;
	question->due_ns = clock_ns() + DISCOVER_AGAIN_NS;
	note_failing(question->discovery, question, why);
}

static uint64_t bounded_ttl_ns(const struct conf_discovery *conf, uint32_t ttl_s)
{
	uint64_t ttl_ns = (uint64_t)ttl_s * NS_PER_S;

	return clock_later(conf->ttl_min_ns, clock_earlier(conf->ttl_max_ns, ttl_ns));
}

/** Stores an answer; 0 or -ENOMEM. */
static int question_take(struct question *question, const struct dns_answer *answer)
{
	return question->host != NULL ? discovery_take_addresses(question, answer->message)
				      : take_records(question->discovery, answer->message);
}

static void on_answered(struct dns_query *query, const struct dns_answer *answer)
{
	struct question *question = container_of(query, struct question, query);
	struct discovery *discovery = question->discovery;
	const char *why = answer->why;

	if (why == NULL && question_take(question, answer) < 0) {
		why = "out of memory";
	}
	if (why != NULL) {
		question_failed(question, why);
	} else {
		question->is_known = true;
		question->has_failed = false;
		question->due_ns = clock_after(
			clock_ns(), bounded_ttl_ns(&discovery->conf, answer->message->ttl_s));
		note_failing(discovery, question, NULL);
	}
	if (question->host == NULL) {
		ask_due(discovery);
	}
	settle_soon(discovery);
}

static void ask(struct question *question)
{
	struct discovery *discovery = question->discovery;
	const char *name = question->host != NULL ? question->host->name : discovery->name;

	question->due_ns = NS_NEVER;
	if (dns_ask(discovery->opts.dns, &question->query, name, question->type, on_answered) < 0) {
		question_failed(question, "out of memory");
	}
}

static void ask_due(struct discovery *discovery)
{
	uint64_t now_ns = clock_ns();

	if (discovery->conf.kind == DISCOVER_SRV && discovery->srv.due_ns <= now_ns) {
		ask(&discovery->srv);
	}
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		struct host *host = discovery->hosts[i];

		if (host->v4.due_ns <= now_ns) {
			ask(&host->v4);
		}
		if (host->v6.due_ns <= now_ns) {
			ask(&host->v6);
		}
	}
}

static void on_timer(struct timer *timer)
{
	struct discovery *discovery = container_of(timer, struct discovery, timer);

	ask_due(discovery);
	if (discovery->settle_ns <= clock_ns()) {
		settle(discovery);
	} else {
		arm(discovery);
	}
}

/* ---- life ---- */

/** For a name with addresses: one host, and one record that stands for the name. */
static int open_host(struct discovery *discovery)
{
	discovery->hosts = calloc(1, sizeof(struct host *));
	discovery->records = calloc(1, sizeof(struct srv_record));
	if (discovery->hosts == NULL || discovery->records == NULL) {
		return -ENOMEM;
	}
	discovery->hosts[0] = host_new(discovery, discovery->name);
	if (discovery->hosts[0] == NULL) {
		return -ENOMEM;
	}
	discovery->n_hosts = 1;
	discovery->records[0] = (struct srv_record){
		.host = discovery->hosts[0],
		.port = discovery->conf.port,
	};
	discovery->n_records = 1;
	return 0;
}

struct discovery *discovery_open(const struct discovery_opts *opts)
{
	size_t size = strlen(opts->conf->name) + 1;
	struct discovery *discovery = calloc(1, sizeof(*discovery) + size);

	assert(opts->conf->kind != DISCOVER_NONE);
	if (discovery == NULL) {
		return NULL;
	}
	memcpy(discovery->name, opts->conf->name, size);
	discovery->opts = *opts;
	discovery->opts.conf = NULL;
	discovery->conf = *opts->conf;
	discovery->conf.name = discovery->name;
	discovery->empty_since_ns = NS_NEVER;
	discovery->settle_ns = NS_NEVER;
	question_init(&discovery->srv, discovery, NULL, DNS_SRV);
	if (timer_open(&discovery->timer, dns_loop(opts->dns), on_timer) < 0 ||
		(discovery->conf.kind == DISCOVER_DNS && open_host(discovery) < 0)) {
		return discovery_close(discovery);
	}
	ask_by(discovery, clock_ns());
	return discovery;
}

struct discovery *discovery_close(struct discovery *discovery)
{
	if (discovery == NULL) {
		return NULL;
	}
	timer_close(&discovery->timer);
	question_fini(&discovery->srv);
	for (size_t i = 0; i < discovery->n_hosts; i++) {
		host_free(discovery->hosts[i]);
	}
	free(discovery->hosts);
	free(discovery->records);
	free(discovery->found.servers);
	free(discovery);
	return NULL;
}

void discovery_ask(struct discovery *discovery)
{
	ask_by(discovery, clock_ns());
}

bool discovery_found(
	const struct discovery *discovery, const struct discovered **ret_servers, size_t *ret_n)
{
	*ret_servers = discovery->found.servers;
	*ret_n = discovery->found.n;
	return discovery->is_known;
}

bool discovery_is_well(const struct discovery *discovery)
{
	return !discovery->is_failing;
}

bool discovery_is_for(const struct discovery *discovery, const struct conf_discovery *conf)
{
	return discovery->conf.kind == conf->kind && discovery->conf.port == conf->port &&
	       strcasecmp(discovery->name, conf->name) == 0;
}

void discovery_set(struct discovery *discovery, const struct conf_discovery *conf)
{
	struct conf_discovery *mine = &discovery->conf;
	bool is_same = mine->hold_ns == conf->hold_ns && mine->ttl_min_ns == conf->ttl_min_ns &&
		       mine->ttl_max_ns == conf->ttl_max_ns &&
		       mine->max_servers == conf->max_servers;

	assert(discovery_is_for(discovery, conf));
	discovery->conf = *conf;
	discovery->conf.name = discovery->name;
	if (!is_same) {
		discovery_ask(discovery);
	}
}
