/* SPDX-License-Identifier: ISC */
/* /v1/drain: takes weir out of service by hand, and back. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"
#include "crew/inherited.h"

/** The JSON of systemd's sockets, which go on accepting. */
static json_t *kept_json(const struct inherited *inherited)
{
	json_t *kept = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < inherited->n_listening; i++) {
		const struct inherited_socket *socket = &inherited->listening[i];
		const char *address = socket_text(socket->fd, text);

		(void)json_array_append_new(kept,
			control_named(socket->name,
				json_pack("{so}", "address",
					address == NULL ? json_null() : control_text(address))));
	}
	return kept;
}

json_t *control_drain_json(const struct control *control, const struct control_status *status)
{
	return json_pack("{ss, so, so, sI, sb, so}", "state", status->state, "grace_ms",
		control_ms(status->is_drained ? status->grace_ns : NS_NEVER), "left_ms",
		control_ms(status->left_ns), "pairs_open", (json_int_t)status->n_pairs, "end_pairs",
		status->is_drained && status->ends_pairs, "kept",
		kept_json(control->opts.inherited));
}

static void on_done(struct control_request *request, bool ok, const char *text)
{
	struct control_drain *ask = container_of(request, struct control_drain, request);
	struct control_asked *asked = ask->asker;
	const struct control_opts *opts = &asked->control->opts;
	struct control_status status = {0};
	const char *why;

	opts->calls.status(opts->owner, &status);
	if (ok) {
		control_answer(asked, 200, control_drain_json(asked->control, &status));
		return;
	}
	why = status.is_stopping ? "weir is stopping; ask again when it is started again"
	      : ask->undoes      ? "weir is not back in service; mend what \"errors\" says, and "
				   "undrain again"
				 : "weir is not drained by hand; see \"errors\"";
	control_answer(
		asked, 409, json_pack("{ss, so}", "error", why, "errors", control_lines(text)));
}

static void forget(struct control_asked *asked)
{
	struct control_drain *ask = asked->data;

	control_request_forget(&ask->request);
	free(ask);
}

static void hand_on(struct control_asked *asked, const struct control_drain *wanted)
{
	const struct control_opts *opts = &asked->control->opts;
	struct control_drain *ask = malloc(sizeof(*ask));

	if (ask == NULL) {
		control_answer(asked, 503, NULL);
		return;
	}
	*ask = *wanted;
	list_init(&ask->request.link);
	ask->request.done = on_done;
	ask->asker = asked;
	asked->data = ask;
	asked->forget = forget;
	opts->calls.drain(opts->owner, ask);
}

/** Reads what is wanted. Returns what is wrong with it; NULL: nothing. */
static const char *read_wanted(const json_t *body, struct control_drain *wanted)
{
	const json_t *grace = json_object_get(body, "grace");
	const json_t *end_pairs = json_object_get(body, "end_pairs");
	const char *why;

	if (grace != NULL) {
		wanted->has_grace = true;
		if (!json_is_string(grace) ||
			parse_duration(json_string_value(grace), &wanted->grace_ns, &why) < 0 ||
			wanted->grace_ns == NS_NEVER) {
			return "\"grace\" must be a duration, as \"10s\" or \"0s\"";
		}
	}
	if (end_pairs != NULL && !json_is_boolean(end_pairs)) {
		return "\"end_pairs\" must be true or false";
	}
	wanted->end_pairs = json_is_true(end_pairs);
	return NULL;
}

void control_post_drain(struct control_asked *asked)
{
	static const char *const members[] = {"grace", "end_pairs", NULL};
	struct control_drain wanted = {.undoes = false};
	json_t *body = control_body(asked, members);
	const char *why;

	if (body == NULL) {
		return;
	}
	why = read_wanted(body, &wanted);
	json_decref(body);
	if (why != NULL) {
		control_refuse(asked, 400, "%s", why);
	} else {
		hand_on(asked, &wanted);
	}
}

void control_post_undrain(struct control_asked *asked)
{
	static const char *const members[] = {NULL};
	json_t *body = control_body(asked, members);

	if (body != NULL) {
		json_decref(body);
		hand_on(asked, &(struct control_drain){.undoes = true});
	}
}
