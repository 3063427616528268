/* SPDX-License-Identifier: ISC */
/* Commands: reload, and the level of the log. */
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"

static void on_reloaded(struct control_request *request, bool ok, const char *text)
{
	struct control_asked *asked = container_of(request, struct control_asked, request);
	const struct control_opts *opts = &asked->control->opts;
	struct control_status status = {0};
	const char *why;

	opts->calls.status(opts->owner, &status);
	if (ok) {
		control_answer(
			asked, 200, json_pack("{sI}", "generation", (json_int_t)status.generation));
		return;
	}
	why = status.is_stopping ? "weir is stopping; it reads the config when it is started again"
				 : "the config was not taken, and all is as before; mend what "
				   "\"errors\" says, "
				   "and reload again";
	control_answer(
		asked, 409, json_pack("{ss, so}", "error", why, "errors", control_lines(text)));
}

void control_post_reload(struct control_asked *asked)
{
	static const char *const members[] = {NULL};
	const struct control_opts *opts = &asked->control->opts;
	json_t *body = control_body(asked, members);

	if (body != NULL) {
		json_decref(body);
		asked->request.done = on_reloaded;
		opts->calls.reload(opts->owner, &asked->request);
	}
}

void control_put_log(struct control_asked *asked)
{
	static const char *const members[] = {"level", NULL};
	const struct control_opts *opts = &asked->control->opts;
	json_t *body = control_body(asked, members);
	const char *name;
	enum log_level level;

	if (body == NULL) {
		return;
	}
	name = json_string_value(json_object_get(body, "level"));
	if (name == NULL || log_level_parse(name, &level) < 0) {
		control_refuse(asked, 400,
			"\"level\" must be one of \"error\", \"warn\", \"info\" and \"debug\"");
	} else {
		opts->calls.tell_level(opts->owner, level);
		control_answer(asked, 200, json_pack("{ss}", "level", log_level_name(level)));
	}
	json_decref(body);
}
