/* SPDX-License-Identifier: ISC */
#include "control/control.h"

#include <stdlib.h>

#include "base/control_path.h"
#include "control/asked.h"
#include "control/paths.h"
#include "log/log.h"

/* ---- requests ---- */

static void on_gone(struct http_exchange *exchange)
{
	control_asked_free(exchange->data);
}

/** A request that a door has let in. */
static void control_dispatch(struct control *control, struct http_exchange *exchange)
{
	struct control_asked *asked = calloc(1, sizeof(*asked));
	char allow[PATHS_ALLOW_MAX];
	paths_answer *answer;
	const char *why;

	if (asked == NULL) {
		control_refuse_exchange(exchange, 503, NULL, "out of memory; ask again");
		return;
	}
	asked->control = control;
	asked->loop = control->opts.loop;
	asked->exchange = exchange;
	list_init(&asked->request.link);
	task_init(&asked->list.task, NULL);
	list_append(&control->asked, &asked->link);
	exchange->data = asked;
	exchange->gone = on_gone;
	if (http_target_parse(exchange->head->target, &asked->target, &why) < 0) {
		control_refuse(asked, 400, "%s", why);
		return;
	}
	answer = paths_find(exchange->head->verb, &asked->target, allow);
	if (answer != NULL) {
		answer(asked);
	} else if (*allow == '\0') {
		control_refuse(asked, 404, "there is nothing of this path; see weir-http(7)");
	} else {
		control_asked_free(asked);
		control_refuse_exchange(
			exchange, 405, allow, "not with this method: those in Allow are known");
	}
}

static void on_request(void *owner, struct http_exchange *exchange)
{
	const struct http_refusal *refusal = exchange->refusal;

	if (refusal == NULL) {
		control_dispatch(owner, exchange);
	} else {
		control_refuse_exchange(exchange, refusal->status,
			refusal->status == 405 ? "Allow: GET, HEAD, POST, PUT, PATCH, DELETE\r\n"
					       : NULL,
			refusal->why);
	}
}

/* ---- the door ---- */

static int control_fail(const struct addr *addr, int err, const char *remedy)
{
	char text[ADDR_TEXT_MAX];
	struct log_line line;

	if (log_begin(&line, LOG_LEVEL_WARN, "control_failed")) {
		if (addr != NULL) {
			log_str(&line, "address", addr_text(addr, text));
		}
		log_errno(&line, err);
		log_str(&line, "remedy", remedy);
		log_end(&line);
	}
	return err;
}

/** 0 (also without a path), or a negative errno that was logged. */
static int control_listen(struct control *control)
{
	static const struct file_access own = {.mode = 0600};
	const char *why = NULL;
	struct addr addr;
	int r = control_path(&addr);

	if (r <= 0) {
		return r == 0 ? 0
			      : control_fail(NULL, r,
					"RUNTIME_DIRECTORY must be an absolute path of at most 98 "
					"characters; until then weir reloads by SIGHUP only");
	}
	r = door_listen(&control->door, &addr, &own, &why);
	return r < 0 ? control_fail(&addr, r, why) : 0;
}

size_t control_fds(void)
{
	struct addr addr;

	return control_path(&addr) > 0 ? DOOR_FDS : 0;
}

int control_open(struct control *control, const struct control_opts *opts)
{
	struct http_server_opts server = {
		.loop = opts->loop, .owner = control, .answer = on_request};

	*control = (struct control){.opts = *opts};
	list_init(&control->asked);
	list_init(&control->pairs);
	door_init(&control->door, &server);
	return control_listen(control);
}

void control_renew(struct control *control)
{
	if (!door_is_open(&control->door)) {
		door_leave(&control->door);
		(void)control_listen(control);
	}
}

void control_yield(struct control *control)
{
	door_yield(&control->door);
}

void control_close(struct control *control)
{
	door_close(&control->door);
	if (control->opts.loop != NULL) {
		control_forget_pairs(&control->pairs);
	}
}
