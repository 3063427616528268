/* SPDX-License-Identifier: ISC */
#include "upstream/finders.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "log/log.h"
#include "upstream/discover.h"
#include "upstream/dns.h"
#include "upstream/group.h"
#include "upstream/plan.h"

/** The search for one group. */
struct finder {
	struct list link; /* struct finders::all */
	struct finders *finders;
	struct group *group;              /**< a reference */
	struct group_plan *plan;          /**< the plan of the config: a reference */
	const struct conf_upstream *conf; /**< of the config in force: borrowed */
	struct discovery *discovery;      /**< NULL: there was no memory for it yet */
	bool is_followed;                 /**< by the config in force */
	bool is_short; /**< the servers found are not in force for lack of memory */
};

/* ---- servers that were found ---- */

static bool is_written(const struct group_plan *plan, const struct server *server)
{
	for (size_t i = 0; i < plan->n_members; i++) {
		if (plan->members[i]->server == server) {
			return true;
		}
	}
	return false;
}

static struct member *make_member(const struct finder *finder, const struct discovered *found)
{
	struct conf_server server = {
		.weight = found->weight,
		.max_pairs = finder->conf->discovery.max_pairs,
		.backup = found->backup,
		.check = finder->conf->check,
	};

	discovered_addr(found, &server.addr);
	addr_text(&server.addr, server.text);
	server.name = server.text;
	return member_new(
		&finder->group->groups->servers, finder->group, &server, &finder->plan->eject);
}

/** Makes a member of each server that is not in the config. Returns how many; -1: no memory. */
static ssize_t make_members(const struct finder *finder, const struct discovered *found, size_t n,
	struct member **members)
{
	size_t n_members = 0;

	for (size_t i = 0; i < n; i++) {
		struct member *member = make_member(finder, &found[i]);

		if (member == NULL) {
			while (n_members > 0) {
				member_unref(members[--n_members]);
			}
			return -1;
		}
		if (is_written(finder->plan, member->server)) {
			member_unref(member);
		} else {
			members[n_members++] = member;
		}
	}
	return (ssize_t)n_members;
}

/** The config's plan with the servers found so far; NULL: no memory. */
static struct group_plan *make_plan(const struct finder *finder)
{
	const struct discovered *found = NULL;
	struct group_plan *plan = NULL;
	struct member **members;
	ssize_t n_members;
	size_t n = 0;

	if (finder->discovery == NULL || !discovery_found(finder->discovery, &found, &n)) {
		return group_plan_ref(finder->plan);
	}
	members = calloc(n + 1, sizeof(struct member *));
	if (members == NULL) {
		return NULL;
	}
	n_members = make_members(finder, found, n, members);
	if (n_members >= 0) {
		plan = group_plan_with(finder->plan, members, (size_t)n_members);
		while (n_members > 0) {
			member_unref(members[--n_members]);
		}
	}
	free(members);
	return plan;
}

/** Puts the servers found so far in force. */
static void finder_apply(struct finder *finder)
{
	struct group_plan *plan = make_plan(finder);

	finder->is_short = plan == NULL;
	if (plan != NULL) {
		(void)group_install(finder->group, plan); /* if it fails, it is tried later */
		group_plan_unref(plan);
	} else {
		finder->finders->is_short = true;
	}
}

static void on_found(void *owner, const struct discovered *servers, size_t n)
{
	struct finder *finder = owner;
	struct finders *finders = finder->finders;

	(void)servers;
	(void)n;
	finder_apply(finder);
	if (finders->renewed != NULL) {
		finders->renewed(finders->owner, finder->group);
	}
}

/* ---- one finder ---- */

static void finder_look(struct finder *finder)
{
	struct finders *finders = finder->finders;
	struct discovery_opts opts = {
		.conf = &finder->conf->discovery,
		.upstream = finder->group->name,
		.found = on_found,
		.owner = finder,
	};

	if (finders->dns == NULL) {
		finders->dns = dns_open(finders->loop, &finders->conf->resolver, DNS_RESOLV_CONF);
	}
	opts.dns = finders->dns;
	finder->discovery = opts.dns == NULL ? NULL : discovery_open(&opts);
	if (finder->discovery == NULL) {
		finders->is_short = true;
	}
}

static void finder_free(struct finder *finder)
{
	list_remove(&finder->link);
	finder->group->finder = NULL;
	(void)discovery_close(finder->discovery);
	group_plan_unref(finder->plan);
	group_unref(finder->group);
	free(finder);
}

static struct finder *finder_new(struct finders *finders, struct group *group)
{
	struct finder *finder = calloc(1, sizeof(*finder));

	if (finder != NULL) {
		finder->finders = finders;
		finder->group = group_ref(group);
		group->finder = finder;
		list_append(&finders->all, &finder->link);
	}
	return finder;
}

static void log_not_followed(const struct group *group)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "discover_failed")) {
		log_str(&line, "upstream", group->name);
		log_str(&line, "error", "out of memory");
		log_str(&line, "remedy", "reload when there is memory again");
		log_end(&line);
	}
}

/* ---- all of them ---- */

void finders_open(struct finders *finders, struct loop *loop)
{
	*finders = (struct finders){.loop = loop};
	list_init(&finders->all);
}

void finders_close(struct finders *finders)
{
	if (finders->loop == NULL) {
		return;
	}
	while (!list_empty(&finders->all)) {
		finder_free(container_of(finders->all.next, struct finder, link));
	}
	finders->dns = dns_close(finders->dns);
}

void finders_begin(struct finders *finders, const struct conf *conf)
{
	finders->conf = conf;
	finders->asks_anew = finders->dns != NULL && dns_set(finders->dns, &conf->resolver) > 0;
	list_for_each (link, &finders->all) {
		container_of(link, struct finder, link)->is_followed = false;
	}
}

void finders_follow(
	struct finders *finders, struct group_plan *plan, const struct conf_upstream *conf)
{
	struct finder *finder = plan->group->finder;

	if (finder == NULL) {
		finder = finder_new(finders, plan->group);
	}
	if (finder == NULL) {
		(void)group_install(plan->group, plan);
		log_not_followed(plan->group);
		return;
	}
	(void)group_plan_ref(plan);
	group_plan_unref(finder->plan);
	finder->plan = plan;
	finder->conf = conf;
	finder->is_followed = true;
	if (finder->discovery != NULL && !discovery_is_for(finder->discovery, &conf->discovery)) {
		finder->discovery = discovery_close(finder->discovery);
	}
	if (finder->discovery == NULL) {
		finder_look(finder);
	} else {
		discovery_set(finder->discovery, &conf->discovery);
		if (finders->asks_anew) {
			discovery_ask(finder->discovery);
		}
	}
	finder_apply(finder);
}

/** No answer of DNS will come for the group, so nobody must wait for one. */
static void end_waiting(struct group *group)
{
	struct group_plan *plan =
		group->plan->is_awaited ? group_plan_with(group->plan, NULL, 0) : NULL;

	if (plan != NULL) {
		(void)group_install(group, plan);
		group_plan_unref(plan);
	}
}

void finders_end(struct finders *finders)
{
	list_for_each (link, &finders->all) {
		struct finder *finder = container_of(link, struct finder, link);

		if (!finder->is_followed) {
			end_waiting(finder->group);
			finder_free(finder);
		}
	}
	if (list_empty(&finders->all)) {
		finders->dns = dns_close(finders->dns);
	}
}

void finders_tick(struct finders *finders)
{
	bool asks_anew = finders->dns != NULL && dns_look(finders->dns);
	bool was_short = finders->is_short;

	finders->is_short = false;
	for (struct list *link = finders->all.next; link != &finders->all; link = link->next) {
		struct finder *finder = container_of(link, struct finder, link);

		if (asks_anew && finder->discovery != NULL) {
			discovery_ask(finder->discovery);
		}
		if (was_short && finder->discovery == NULL) {
			finder_look(finder);
		}
		if (was_short && finder->is_short) {
			on_found(finder, NULL, 0);
		}
	}
}

bool finder_is_well(const struct finder *finder)
{
	return finder->discovery != NULL && discovery_is_well(finder->discovery);
}
