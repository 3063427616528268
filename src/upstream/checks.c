/* SPDX-License-Identifier: ISC */
#include "upstream/checks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "log/log.h"
#include "stream/resolver.h"
#include "upstream/check.h"
#include "upstream/group.h"
#include "upstream/set.h"
#include "upstream/weight.h"

/** The least time between two log lines about checks that weir could not make. */
#define UNJUDGED_EVERY_NS ((uint64_t)60 * NS_PER_S)

/** A group in force. */
struct checked_group {
	struct list link; /**< struct checks::groups */
	struct checks *checks;
	struct group *group;              /**< a reference */
	struct group_plan *plan;          /**< a reference: the members that were checked last */
	const struct conf_upstream *conf; /**< its config in force: borrowed */
	/** How many members of `plan`, the first ones, come from the config. */
	size_t n_written;
	bool ends_pairs;     /**< the config says on_down = "end" */
	struct list servers; /* struct checked_server::link */
	bool is_followed;
};

/** A member of the group that has a check. */
struct checked_server {
	struct list link; /**< struct checked_group::servers */
	struct checked_group *in;
	struct member *member; /**< a reference */
	/** For a check with an address of its own that is a name; else NULL. */
	struct resolver_name *name;
	struct check *check;
	uint32_t phase;
	bool is_wanted;
};

/* ---- results ---- */

static void log_answer(struct log_line *line, const struct probe_outcome *outcome)
{
	enum { SHOWN_MAX = 64 };
	char text[SHOWN_MAX + 1];
	size_t n = outcome->n_answer < SHOWN_MAX ? outcome->n_answer : SHOWN_MAX;

	if (n > 0) {
		memcpy(text, outcome->answer, n);
		text[n] = '\0';
		log_str(line, "answer", text);
	}
}

/** Logs the result of the last check or, if the change has no outcome, that the check was
 * removed. */
static void log_why(struct log_line *line, const struct check_change *change)
{
	const struct probe_outcome *outcome = change->outcome;

	if (outcome == NULL) {
		log_str(line, "why", "no_check");
		return;
	}
	log_str(line, "why", probe_result_name(outcome->result));
	if (outcome->err != 0 && strerrorname_np(-outcome->err) != NULL) {
		log_errno(line, outcome->err);
	} else if (outcome->err != 0) {
		log_str(line, "error", resolver_strerror(outcome->err));
	}
	log_answer(line, outcome);
	log_u64(line, "checks", change->n_checks);
}

static void log_change(const struct checked_server *checked, const struct check_change *change)
{
	const struct member *member = checked->member;
	struct log_line line;
	bool is_up = change->is_up;

	if (log_begin(&line, is_up ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		    is_up ? "server_up" : "server_down")) {
		member_log(member, checked->in->group->name, &line);
		log_why(&line, change);
		log_ms(&line, "lasted_ms", change->lasted_ns);
		log_end(&line);
	}
}

/** Decides whether the server's open pairs must end: by its states and by on_down. */
static void settle_pairs(const struct checked_group *in, struct server *server)
{
	const struct server_states *states = &server->states;
	bool is_down = states->told == SERVER_DOWN ||
		       (states->is_down && states->told != SERVER_UP) || !states->is_member;

	group_end_pairs(in->group, server, is_down && in->ends_pairs);
}

void checks_settle_pairs(const struct group *group, struct server *server)
{
	if (group->checked != NULL) {
		settle_pairs(group->checked, server);
	}
}

static void on_changed(void *owner, const struct check_change *change)
{
	struct checked_server *checked = owner;
	struct server *server = checked->member->server;
	uint32_t before = weight_of(checked->member);

	log_change(checked, change);
	server->states.is_down = !change->is_up;
	settle_pairs(checked->in, server);
	if (before == 0 && weight_of(checked->member) > 0) {
		group_refresh_slowly(checked->in->group, server);
	} else {
		group_refresh(checked->in->group);
	}
}

static void on_judged(void *owner, bool passed)
{
	const struct checked_server *checked = owner;
	struct server_checks *counts = &checked->member->server->checks;

	counts->n++;
	counts->n_failed += !passed;
}

static void on_unjudged(void *owner, int err)
{
	const struct checked_server *checked = owner;
	struct checks *checks = checked->in->checks;
	uint64_t now_ns = clock_ns();
	struct log_line line;

	checked->member->server->checks.n_unjudged++;
	checks->n_unjudged++;
	if (checks->unjudged_ns != 0 && now_ns - checks->unjudged_ns < UNJUDGED_EVERY_NS) {
		return;
	}
	checks->unjudged_ns = now_ns;
	if (log_begin(&line, LOG_LEVEL_WARN, "not_checked")) {
		log_str(&line, "upstream", checked->in->group->name);
		log_str(&line, "server", checked->member->text);
		log_errno(&line, err);
		log_u64(&line, "checks", checks->n_unjudged);
		log_str(&line, "remedy",
			"weir is short of file descriptors, memory, ports or threads for lookups: "
			"its servers are as they were; raise LimitNOFILE= or MemoryMax= in the "
			"unit");
		log_end(&line);
	}
	checks->n_unjudged = 0;
}

/* ---- the check of one server ---- */

static const struct addr *target_of(const struct conf_check *conf, const struct server *server)
{
	return conf->text[0] != '\0' ? &conf->addr : &server->addr;
}

/** The settings from the config, without the name, which the caller adds. */
static struct check_opts make_opts(struct checked_server *checked, const struct conf_check *conf)
{
	struct checks *checks = checked->in->checks;
	const struct group_plan *plan = checked->in->plan;
	/* A separate address may belong to another service, so its check sends no PROXY header, as
	 * in HAProxy. */
	bool is_own = conf->text[0] == '\0';

	return (struct check_opts){
		.question =
			{
				.loop = checks->loop,
				.addr = target_of(conf, checked->member->server),
				.source = plan->source.sa_len > 0 ? &plan->source : NULL,
				.options = &plan->socket,
				.fds = &checks->fds,
				.send_proxy = is_own ? plan->send_proxy : SEND_PROXY_OFF,
				.send = conf->send.bytes,
				.n_send = conf->send.n,
				.expect = conf->expect.bytes,
				.n_expect = conf->expect.n,
			},
		.every_ns = conf->every_ns,
		.every_down_ns = conf->every_down_ns,
		.timeout_ns = conf->timeout_ns,
		.rise = conf->rise,
		.fall = conf->fall,
		.phase = checked->phase,
		.owner = checked,
		.judged = on_judged,
		.changed = on_changed,
		.unjudged = on_unjudged,
	};
}

/** Opens the server's check, or changes its settings. 0 or -ENOMEM; then nothing has changed. */
static int set_check(struct checked_server *checked, const struct conf_check *conf)
{
	struct checks *checks = checked->in->checks;
	struct check_opts opts = make_opts(checked, conf);
	struct resolver_name *name = NULL;
	int r = 0;

	if (conf->text[0] == '\0') {
		opts.question.name = checked->member->server->name;
	} else if (conf->addr.kind == ADDR_NAME) {
		name = resolver_name_get(checks->resolver, conf->addr.host);
		if (name == NULL) {
			return -ENOMEM;
		}
		opts.question.name = name;
	}
	if (checked->check != NULL) {
		r = check_set(checked->check, &opts);
	} else {
		checked->check = check_open(&opts);
		r = checked->check == NULL ? -ENOMEM : 0;
	}
	if (r < 0) {
		(void)resolver_name_unref(name);
		return r;
	}
	(void)resolver_name_unref(checked->name);
	checked->name = name;
	return 0;
}

static void checked_server_free(struct checked_server *checked)
{
	struct server *server = checked->member->server;

	(void)check_close(checked->check);
	(void)resolver_name_unref(checked->name);
	server->check = NULL;
	list_remove(&checked->link);
	member_unref(checked->member);
	free(checked);
}

/**
 * Removes the server's check: the server is up, like one that never had a check. Returns whether it
 * was down. Nothing is logged if it is no member any more.
 */
static bool uncheck(struct checked_server *checked)
{
	struct server *server = checked->member->server;
	bool was_down = server->states.is_down;

	if (was_down) {
		struct check_change change = {
			.is_up = true,
			.lasted_ns = clock_ns() - check_since_ns(checked->check),
		};

		server->states.is_down = false;
		if (server->states.is_member) {
			log_change(checked, &change);
			settle_pairs(checked->in, server);
		}
	}
	checked_server_free(checked);
	return was_down;
}

static struct checked_server *checked_server_new(struct checked_group *in, struct member *member)
{
	struct checked_server *checked = calloc(1, sizeof(*checked));

	if (checked != NULL) {
		checked->in = in;
		checked->member = member_ref(member);
		checked->phase = check_phase(in->checks->n_opened++);
		member->server->check = checked;
		list_append(&in->servers, &checked->link);
	}
	return checked;
}

/** Makes sure that the member has this check. 0 or -ENOMEM. */
static int want(struct checked_group *in, struct member *member, const struct conf_check *conf)
{
	struct checked_server *checked = member->server->check;
	int r;

	if (checked == NULL) {
		checked = checked_server_new(in, member);
		if (checked == NULL) {
			return -ENOMEM;
		}
	} else if (checked->member != member) {
		member_unref(checked->member);
		checked->member = member_ref(member);
	}
	r = set_check(checked, conf);
	checked->is_wanted = checked->check != NULL; /* without memory it keeps its old check */
	return r;
}

/* ---- the checks of a group ---- */

/** The check of a member: that of a server in the config, else that for servers from DNS. */
static const struct conf_check *check_of(
	const struct conf_upstream *conf, const struct member *member, size_t i)
{
	return i < conf->n_servers && addr_equal(&conf->servers[i].addr, &member->server->addr)
		       ? conf->servers[i].check
		       : conf->check;
}

/** Opens the checks that members need, and closes all others. */
static void renew(struct checked_group *in)
{
	const struct group_plan *plan = in->plan;
	bool came_up = false;

	list_for_each (link, &in->servers) {
		container_of(link, struct checked_server, link)->is_wanted = false;
	}
	for (size_t i = 0; plan != NULL && i < plan->n_members; i++) {
		struct member *member = plan->members[i];
		const struct conf_check *conf = check_of(in->conf, member, i);

		if (conf != NULL && want(in, member, conf) < 0) {
			in->checks->is_incomplete = true;
		}
	}
	list_for_each (link, &in->servers) {
		struct checked_server *checked = container_of(link, struct checked_server, link);

		if (!checked->is_wanted) {
			came_up |= uncheck(checked);
		}
	}
	if (came_up) {
		group_refresh(in->group);
	}
}

/** Marks the present members, and decides for them, and for servers that the config has no more,
 * whether their open pairs must end. */
static void look_at_members(struct checked_group *in, const struct group_plan *before)
{
	const struct group_plan *now = in->plan;

	for (size_t i = 0; before != NULL && i < before->n_members; i++) {
		before->members[i]->server->states.is_member = false;
	}
	for (size_t i = 0; now != NULL && i < now->n_members; i++) {
		struct server *server = now->members[i]->server;

		server->states.is_member = true;
		settle_pairs(in, server);
	}
	/* Pairs of servers from DNS never end this way. */
	for (size_t i = 0; before != NULL && i < in->n_written && i < before->n_members; i++) {
		struct server *server = before->members[i]->server;

		if (!server->states.is_member) {
			settle_pairs(in, server);
		}
	}
}

/** The group has another plan, or none. */
static void take_plan(struct checked_group *in, struct group_plan *plan)
{
	struct group_plan *before = in->plan;

	in->plan = plan == NULL ? NULL : group_plan_ref(plan);
	look_at_members(in, before);
	group_plan_unref(before);
	renew(in);
}

/* ---- the groups in force ---- */

static struct checked_group *checked_group_new(struct checks *checks, struct group *group)
{
	struct checked_group *in = calloc(1, sizeof(*in));

	if (in != NULL) {
		in->checks = checks;
		in->group = group_ref(group);
		list_init(&in->servers);
		list_append(&checks->groups, &in->link);
		group->checked = in;
	}
	return in;
}

/** The group has no plan in force any more. */
static void checked_group_free(struct checked_group *in)
{
	in->group->checked = NULL;
	take_plan(in, NULL);
	list_remove(&in->link);
	group_unref(in->group);
	free(in);
}

void checks_begin(struct checks *checks)
{
	list_for_each (link, &checks->groups) {
		container_of(link, struct checked_group, link)->is_followed = false;
	}
}

static void log_not_followed(const struct group *group)
{
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_ERROR, "not_checked")) {
		log_str(&line, "upstream", group->name);
		log_errno(&line, -ENOMEM);
		log_str(&line, "remedy",
			"free memory, or raise MemoryMax= in the unit, and reload");
		log_end(&line);
	}
}

void checks_follow(struct checks *checks, struct group *group, const struct conf_upstream *conf)
{
	struct checked_group *in = group->checked;

	if (in == NULL) {
		in = checked_group_new(checks, group);
		if (in == NULL) {
			log_not_followed(group);
			return;
		}
	}
	in->is_followed = true;
	in->conf = conf;
	in->ends_pairs = conf->ends_pairs;
	take_plan(in, group->plan);
	in->n_written = conf->n_servers;
}

void checks_end(struct checks *checks)
{
	list_for_each (link, &checks->groups) {
		struct checked_group *in = container_of(link, struct checked_group, link);

		if (!in->is_followed) {
			checked_group_free(in);
		}
	}
}

void checks_renew(struct checks *checks, const struct group *group)
{
	if (group->checked != NULL) {
		assert(group->checked->checks == checks);
		take_plan(group->checked, group->plan);
	}
}

void checks_tick(struct checks *checks)
{
	if (checks->is_incomplete) {
		checks->is_incomplete = false;
		list_for_each (link, &checks->groups) {
			renew(container_of(link, struct checked_group, link));
		}
	}
}

void checks_count(const struct checks *checks, size_t *ret_usable, size_t *ret_all)
{
	size_t n_usable = 0;
	size_t n_all = 0;

	list_for_each (link, &checks->groups) {
		const struct group_plan *plan =
			container_of(link, struct checked_group, link)->plan;

		for (size_t i = 0; i < plan->n_members; i++) {
			n_usable += member_is_usable(plan->members[i]);
			n_all++;
		}
	}
	*ret_usable = n_usable;
	*ret_all = n_all;
}

/* ---- life ---- */

void checks_open(struct checks *checks, struct loop *loop, struct resolver *resolver)
{
	*checks = (struct checks){.loop = loop, .resolver = resolver};
	list_init(&checks->groups);
}

void checks_close(struct checks *checks)
{
	if (checks->loop == NULL) {
		return;
	}
	list_for_each (link, &checks->groups) {
		struct checked_group *in = container_of(link, struct checked_group, link);

		in->ends_pairs = false;
		checked_group_free(in);
	}
	checks->loop = NULL;
}
