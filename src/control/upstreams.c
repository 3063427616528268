/* SPDX-License-Identifier: ISC */
/* GET /v1/upstreams, with the state of their servers; and PATCH of a server by an administrator. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/members.h"
#include "control/paths.h"
#include "upstream/admin.h"
#include "upstream/group.h"
#include "upstream/set.h"
#include "upstream/weight.h"

static json_t *server_json(const struct member *member)
{
	const struct server *server = member->server;
	const struct server_states *known = &server->states;
	json_t *weight_told =
		known->has_weight ? json_integer((json_int_t)known->weight) : json_null();
	json_t *json = json_object();

	(void)json_object_set_new(json, "address", control_text(member->text));
	(void)json_object_update_new(json,
		json_pack("{sb, ss, ss, sb, sb, sI, sI, so, sI, sI, sI, sI}", "usable",
			member_is_usable(member), "told", server_state_name(known->told), "check",
			server->check == NULL ? "none"
			: known->is_down      ? "down"
					      : "up",
			"ejected", known->is_ejected, "backup", member->is_backup, "weight",
			(json_int_t)weight_of(member), "weight_config", (json_int_t)member->weight,
			"weight_told", weight_told, "pairs",
			(json_int_t)atomic_load(&server->n_open), "max_pairs",
			(json_int_t)member->max_pairs, "connects_failed",
			(json_int_t)atomic_load(&server->n_failed), "failed_in_row",
			(json_int_t)atomic_load(&server->streak.n)));
	return control_named(member->name, json);
}

/** A list of upstreams that is being written. */
struct upstreams {
	struct members members;
	bool is_open; /**< the list of an upstream is open */
};

static void on_forget(struct control_asked *asked)
{
	struct upstreams *upstreams = asked->data;

	members_rewind(&upstreams->members);
	free(upstreams);
}

/** Writes a server, or the end of one upstream and the beginning of the next. */
static bool next_piece(struct control_asked *asked)
{
	struct upstreams *upstreams = asked->data;
	const struct member *member = members_next(&upstreams->members);
	const struct group *group;

	if (member != NULL) {
		control_list_item(asked, server_json(member));
		return true;
	}
	if (upstreams->is_open) {
		control_list_close(asked);
	}
	upstreams->is_open = members_next_group(&upstreams->members);
	if (upstreams->is_open) {
		group = upstreams->members.group;
		control_list_open(asked,
			group == NULL ? NULL
				      : control_named(group->name,
						json_pack("{sI}", "waiting",
							(json_int_t)atomic_load(
								&group->queue.n_waiting))),
			"servers");
	}
	return upstreams->is_open;
}

void control_get_upstreams(struct control_asked *asked)
{
	const struct control_opts *opts = &asked->control->opts;
	struct upstreams *upstreams = calloc(1, sizeof(*upstreams));

	if (upstreams == NULL) {
		control_refuse(asked, 503, "out of memory; ask again");
		return;
	}
	asked->list.conf = conf_ref(opts->calls.conf(opts->owner));
	asked->list.next = next_piece;
	upstreams->members = (struct members){.groups = opts->groups, .conf = asked->list.conf};
	asked->data = upstreams;
	asked->forget = on_forget;
	control_answer_list(asked, "upstreams");
}

/* ---- PATCH /v1/upstreams/UP/servers/NAME ---- */

/** Reads the body. Returns what is wrong with it, or NULL. */
static const char *read_word(const json_t *body, struct admin_word *word)
{
	const json_t *state = json_object_get(body, "state");
	const json_t *weight = json_object_get(body, "weight");

	if (state == NULL && weight == NULL) {
		return "the body must have \"state\" or \"weight\", as in {\"state\": \"drain\"}";
	}
	if (state != NULL) {
		const char *name = json_string_value(state);

		if (name == NULL || server_state_parse(name, &word->state) < 0) {
			return "\"state\" must be \"auto\", \"drain\", \"down\" or \"up\"";
		}
		word->has_state = true;
	}
	if (weight != NULL) {
		json_int_t n = json_integer_value(weight);

		if (!json_is_null(weight) &&
			(!json_is_integer(weight) || n < 0 || n > CONF_WEIGHT_MAX)) {
			return "\"weight\" must be 0 to 256, or null for that of the config";
		}
		word->has_weight = true;
		word->gives_back = json_is_null(weight);
		word->weight = (uint32_t)n;
	}
	return NULL;
}

static bool has_upstream(const struct control_opts *opts, const char *name)
{
	const struct conf *conf = opts->calls.conf(opts->owner);

	for (size_t i = 0; i < conf->n_upstreams; i++) {
		if (strcmp(conf->upstreams[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static const struct member *find_member(const struct group *group, const char *name)
{
	for (size_t i = 0; group->plan != NULL && i < group->plan->n_members; i++) {
		if (strcmp(group->plan->members[i]->name, name) == 0) {
			return group->plan->members[i];
		}
	}
	return NULL;
}

static void tell(struct control_asked *asked, const struct admin_word *word)
{
	const char *upstream = asked->target.segments[2];
	const char *server = asked->target.segments[4];
	struct group *group = group_get(asked->control->opts.groups, upstream);
	int r = group == NULL ? -ENOMEM : admin_tell(group, server, word);

	if (r == 0) {
		control_answer(asked, 200, server_json(find_member(group, server)));
	} else if (r == -ENOENT) {
		control_refuse(asked, 404,
			"upstream \"%s\" has no server \"%s\"; GET /v1/upstreams has the names",
			upstream, server);
	} else {
		control_refuse(asked, 503, "%s; ask again", strerrordesc_np(-r));
	}
	group_unref(group);
}

void control_patch_server(struct control_asked *asked)
{
	static const char *const members[] = {"state", "weight", NULL};
	struct admin_word word = {0};
	json_t *body = control_body(asked, members);
	const char *why;

	if (body == NULL) {
		return;
	}
	why = read_word(body, &word);
	json_decref(body);
	if (why != NULL) {
		control_refuse(asked, 400, "%s", why);
	} else if (!has_upstream(&asked->control->opts, asked->target.segments[2])) {
		control_refuse(asked, 404,
			"there is no upstream \"%s\"; GET /v1/upstreams has the names",
			asked->target.segments[2]);
	} else {
		tell(asked, &word);
	}
}
