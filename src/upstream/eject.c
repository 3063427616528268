/* SPDX-License-Identifier: ISC */
#include "upstream/eject.h"

#include <errno.h>

#include "log/log.h"
#include "upstream/group.h"
#include "upstream/set.h"

static struct server *server_of_link(struct list *link)
{
	return container_of(link, struct server, ejection.link);
}

static struct streaks *streaks_of(const struct ejections *ejections)
{
	return &ejections->groups->servers.streaks;
}

/** Arms the timer for the ejection that ends first. */
static void arm(struct ejections *ejections)
{
	uint64_t next_ns = NS_NEVER;

	list_for_each (link, &ejections->all) {
		next_ns = clock_earlier(next_ns, server_of_link(link)->ejection.until_ns);
	}
	(void)timer_arm(&ejections->timer, next_ns);
}

/* ---- the log ---- */

/** The last failure, as the closing line of a pair names it. */
static const char *why_of(const struct server_failing *failing)
{
	if (failing->outcome == SERVER_REFUSED) {
		return "reset";
	}
	return failing->err == -ETIMEDOUT ? "connect_timeout" : "connect_failed";
}

static void log_ejected(const struct server *server, const struct server_failing *failing)
{
	const struct server_ejection *ejection = &server->ejection;
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_WARN, "server_ejected")) {
		member_log(ejection->member, ejection->group->name, &line);
		log_str(&line, "why", why_of(failing));
		log_errno(&line, failing->err);
		log_u64(&line, "failures", ejection->group->plan->eject.failures);
		log_ms(&line, "for_ms", ejection->until_ns - ejection->since_ns);
		log_end(&line);
	}
}

static void log_returned(const struct server *server, const char *why, uint64_t now_ns)
{
	const struct server_ejection *ejection = &server->ejection;
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_INFO, "server_returned")) {
		member_log(ejection->member, ejection->group->name, &line);
		log_str(&line, "why", why);
		log_ms(&line, "lasted_ms", now_ns - ejection->since_ns);
		log_end(&line);
	}
}

/* ---- ejecting and returning ---- */

/** How many servers of the plan may be ejected at once. */
static size_t limit_of(const struct group_plan *plan)
{
	size_t n = plan->n_members * plan->eject.at_most / 100;

	return n > 0 ? n : 1;
}

static size_t count_ejected(const struct group_plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n_members; i++) {
		n += plan->members[i]->server->states.is_ejected;
	}
	return n;
}

static bool has_member(const struct group_plan *plan, const struct server *server)
{
	for (size_t i = 0; i < plan->n_members; i++) {
		if (plan->members[i]->server == server) {
			return true;
		}
	}
	return false;
}

static bool has_other_usable(const struct group_plan *plan, const struct server *server)
{
	for (size_t i = 0; i < plan->n_members; i++) {
		if (plan->members[i]->server != server && member_is_usable(plan->members[i])) {
			return true;
		}
	}
	return false;
}

/** Whether the plan in force allows ejecting this server now. */
static bool may_eject(const struct group_plan *plan, const struct server *server)
{
	return plan->eject.on && !server->states.is_ejected && has_member(plan, server) &&
	       count_ejected(plan) < limit_of(plan) && has_other_usable(plan, server);
}

/** `for`, doubled n_doublings times. */
static uint64_t duration_ns(const struct conf_eject *eject, unsigned n_doublings)
{
	uint64_t max_ns = clock_later(eject->for_ns, EJECT_MAX_NS);
	uint64_t ns = eject->for_ns;

	for (unsigned i = 0; i < n_doublings && ns < max_ns; i++) {
		ns = ns > max_ns / 2 ? max_ns : ns * 2;
	}
	return ns;
}

/** Ejects the server, and takes the references of `failing`. */
static void eject(struct ejections *ejections, struct server *server,
	const struct server_failing *failing, uint64_t now_ns)
{
	struct server_ejection *ejection = &server->ejection;
	bool is_again =
		ejection->returned_ns != 0 && now_ns - ejection->returned_ns <= EJECT_AGAIN_NS;

	ejection->group = failing->group;
	ejection->member = failing->member;
	ejection->n_doublings = is_again ? ejection->n_doublings + 1 : 0;
	ejection->since_ns = now_ns;
	ejection->n++;
	ejection->until_ns = clock_after(
		now_ns, duration_ns(&failing->group->plan->eject, ejection->n_doublings));
	list_init(&ejection->link);
	list_append(&ejections->all, &ejection->link);
	server->states.is_ejected = true;
	group_refresh(failing->group);
	log_ejected(server, failing);
}

static void drop(struct group *group, struct member *member)
{
	member_unref(member);
	group_unref(group);
}

/**
 * Ends an ejection; may free the server. If the config does not have the server, nothing is logged.
 */
static void let_return(struct server *server, const char *why, uint64_t now_ns)
{
	struct server_ejection *ejection = &server->ejection;
	struct group *group = ejection->group;

	list_remove(&ejection->link);
	server->states.is_ejected = false;
	ejection->returned_ns = now_ns;
	if (has_member(group->plan, server)) {
		log_returned(server, why, now_ns);
		group_refresh_slowly(group, server);
	}
	drop(group, ejection->member);
}

/* ---- events ---- */

static void on_full(struct task *task)
{
	struct ejections *ejections = container_of(task, struct ejections, taker);
	struct list full;

	list_init(&full);
	streaks_take(streaks_of(ejections), &full);
	while (!list_empty(&full)) {
		struct server *server = container_of(full.next, struct server, streak.link);
		struct server_failing failing = server->failing;

		list_remove(&server->streak.link);
		streak_listen(streaks_of(ejections), &server->streak);
		if (may_eject(failing.group->plan, server)) {
			eject(ejections, server, &failing, clock_ns());
		} else {
			drop(failing.group, failing.member);
		}
	}
	arm(ejections);
}

/**
 * Calls stays() for each ejected server. If it returns false, it has ended the ejection of this
 * server, or of another one; then it is called again for this server, if that is still ejected.
 */
static void look_at_all(
	struct ejections *ejections, bool (*stays)(struct server *server, uint64_t now_ns))
{
	uint64_t now_ns = clock_ns();
	struct list all;

	list_init(&all);
	list_move_all(&all, &ejections->all);
	while (!list_empty(&all)) {
		struct server *server = server_of_link(all.next);

		if (stays(server, now_ns)) {
			list_remove(&server->ejection.link);
			list_append(&ejections->all, &server->ejection.link);
		}
	}
	arm(ejections);
}

static bool stays_for_its_time(struct server *server, uint64_t now_ns)
{
	if (server->ejection.until_ns > now_ns) {
		return true;
	}
	let_return(server, "time", now_ns);
	return false;
}

static void on_time(struct timer *timer)
{
	look_at_all(container_of(timer, struct ejections, timer), stays_for_its_time);
}

/** The ejected server of the plan that would return first. */
static struct server *first_of(const struct group_plan *plan)
{
	struct server *first = NULL;

	for (size_t i = 0; i < plan->n_members; i++) {
		struct server *server = plan->members[i]->server;

		if (server->states.is_ejected &&
			(first == NULL || server->ejection.until_ns < first->ejection.until_ns)) {
			first = server;
		}
	}
	return first;
}

/** Why a server of the plan must return now; NULL: none must. */
static const char *why_return(const struct group_plan *plan)
{
	if (!plan->eject.on) {
		return "off";
	}
	return count_ejected(plan) > limit_of(plan) ? "at_most" : NULL;
}

static bool stays_by_its_plan(struct server *server, uint64_t now_ns)
{
	const struct group_plan *plan = server->ejection.group->plan;
	const char *why = has_member(plan, server) ? why_return(plan) : NULL;

	if (why == NULL) {
		return true;
	}
	let_return(first_of(plan), why, now_ns); /* this server or another one */
	return false;
}

void ejections_settle(struct ejections *ejections)
{
	look_at_all(ejections, stays_by_its_plan);
}

/* ---- life ---- */

int ejections_open(struct ejections *ejections, struct groups *groups, struct loop *loop)
{
	int r = timer_open(&ejections->timer, loop, on_time);

	if (r < 0) {
		return r;
	}
	ejections->groups = groups;
	list_init(&ejections->all);
	task_init(&ejections->taker, on_full);
	streaks_open(streaks_of(ejections), loop, &ejections->taker);
	return 0;
}

void ejections_close(struct ejections *ejections)
{
	struct list full;

	if (ejections->groups == NULL) {
		return;
	}
	streaks_close(streaks_of(ejections));
	timer_close(&ejections->timer);
	list_init(&full);
	streaks_take(streaks_of(ejections), &full);
	while (!list_empty(&full)) {
		struct server *server = container_of(full.next, struct server, streak.link);

		list_remove(&server->streak.link);
		drop(server->failing.group, server->failing.member);
	}
	while (!list_empty(&ejections->all)) {
		struct server *server = server_of_link(ejections->all.next);

		list_remove(&server->ejection.link);
		server->states.is_ejected = false;
		drop(server->ejection.group, server->ejection.member);
	}
	ejections->groups = NULL;
}
