/* SPDX-License-Identifier: ISC */
#include "control/control.h"

#include <stdlib.h>
#include <string.h>

#include "base/control_path.h"
#include "base/slice.h"
#include "conf/conf.h"
#include "control/asked.h"
#include "control/host.h"
#include "control/paths.h"
#include "crew/sockets.h"
#include "log/log.h"

/* ---- requests ---- */

static void on_gone(struct http_exchange *exchange)
{
	control_asked_free(exchange->data);
}

/** Reads a target. A query that cannot be read does not matter to a path that ignores it. */
static bool read_target(struct span bytes, struct http_target *ret_target, const char **ret_why)
{
	const uint8_t *query = memchr(bytes.bytes, '?', bytes.n);
	const char *why;

	if (http_target_parse(bytes, ret_target, ret_why) == 0) {
		return true;
	}
	if (query == NULL) {
		return false;
	}
	bytes.n = (size_t)(query - bytes.bytes);
	return http_target_parse(bytes, ret_target, &why) == 0 && paths_ignore_query(ret_target);
}

/** Handles a request; `shows`: it came through the door `http`, which takes only requests that
 * read. */
static void control_dispatch(struct control *control, struct http_exchange *exchange, bool shows)
{
	struct control_asked *asked = calloc(1, sizeof(*asked));
	char allow[PATHS_ALLOW_MAX];
	paths_answer *answer;
	struct slice slice;
	const char *why;

	if (asked == NULL) {
		control_refuse_exchange(exchange, 503, NULL, "out of memory; ask again");
		return;
	}
	asked->control = control;
	asked->loop = control->opts.loop;
	asked->slices = &control->slices;
	asked->exchange = exchange;
	list_init(&asked->request.link);
	task_init(&asked->list.task, NULL);
	list_append(&control->asked, &asked->link);
	exchange->data = asked;
	exchange->gone = on_gone;
	if (!read_target(exchange->head->target, &asked->target, &why)) {
		control_refuse(asked, 400, "%s", why);
		return;
	}
	answer = paths_find(exchange->head->verb, &asked->target, allow);
	if (answer == NULL && shows && strstr(allow, "GET") == NULL) {
		*allow = '\0'; /* no such path at this door */
	}
	if (answer != NULL) {
		slice_begin(&slice);
		answer(asked);
		slice_end(&slice, &control->slices);
	} else if (*allow == '\0') {
		control_refuse(asked, 404, "there is nothing of this path; see weir-http(7)");
	} else {
		control_asked_free(asked);
		control_refuse_exchange(exchange, 405, allow,
			"this path does not take this method; write one of those in the header "
			"Allow");
	}
}

/** Whether the request is valid; if not, that was answered. */
static bool is_request(struct http_exchange *exchange)
{
	const struct http_refusal *refusal = exchange->refusal;

	if (refusal == NULL) {
		return true;
	}
	control_refuse_exchange(exchange, refusal->status, NULL, refusal->why);
	return false;
}

/** A request at the control socket. */
static void on_request(void *owner, struct http_exchange *exchange)
{
	if (is_request(exchange)) {
		control_dispatch(owner, exchange, false);
	}
}

/** A request at the door `http`. */
static void on_look(void *owner, struct http_exchange *exchange)
{
	struct control *control = owner;
	const struct http_head *head = exchange->head;
	const struct conf *conf;

	if (!is_request(exchange)) {
		return;
	}
	conf = control->opts.calls.conf(control->opts.owner);
	if (head->host.bytes != NULL &&
		!host_is_fit(head->host, conf->http.hosts, conf->http.n_hosts)) {
		control_refuse_exchange(exchange, 421, NULL,
			"weir is not known by this Host: ask by an address, by a name without a "
			"dot, or add the name to http.hosts");
	} else if (head->verb != HTTP_VERB_GET && head->verb != HTTP_VERB_HEAD) {
		control_refuse_exchange(exchange, 405, "Allow: GET, HEAD\r\n",
			"this door shows only: ask by GET or HEAD, or use the control socket");
	} else {
		control_dispatch(control, exchange, true);
	}
}

/* ---- the doors ---- */

/** Logs that the default control socket cannot be opened: weir runs without it. */
static void warn_of_default(const struct addr *addr, int err, const char *remedy)
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
}

static int fail(struct control_failure *failure, const char *key, const struct addr *addr, int err,
	const char *why)
{
	failure->key = key;
	failure->err = err;
	failure->remedy = why != NULL ? why : sockets_remedy(err);
	(void)addr_text(addr, failure->address);
	return err;
}

/** The default cannot be opened. If the door listens at another address, which an earlier config
 * named, prepares to close that one. */
static void prepare_nowhere(struct control *control, const struct addr *wanted)
{
	struct door_opts nowhere = {0};
	const char *why;

	if (!addr_equal(&control->door.now.opts.addr, wanted)) {
		control->has_next_door = door_prepare(&control->door, &nowhere, &why) == 0;
	}
}

/** Prepares the control socket. 0 also if only the default cannot be opened, which was logged. */
static int prepare_control(
	struct control *control, const struct conf *conf, struct control_failure *failure)
{
	struct door_opts opts = {.addr = conf->control.listen, .access = conf->control.access};
	bool is_default = opts.addr.sa_len == 0;
	const char *why;
	int r = is_default ? control_path(&opts.addr) : 0;

	if (r < 0) {
		warn_of_default(NULL, r,
			"RUNTIME_DIRECTORY must be an absolute path of at most 98 characters; "
			"until then weir reloads by SIGHUP only");
		prepare_nowhere(control, &opts.addr);
		return 0;
	}
	r = door_prepare(&control->door, &opts, &why);
	if (r == 0) {
		control->has_next_door = true;
	} else if (is_default) {
		warn_of_default(&opts.addr, r, why);
		prepare_nowhere(control, &opts.addr);
	} else {
		return fail(failure, "control.listen", &opts.addr, r, why);
	}
	return 0;
}

int control_prepare(
	struct control *control, const struct conf *conf, struct control_failure *ret_failure)
{
	struct door_opts opts = {
		.addr = conf->http.listen, .access = {.mode = 0666}, .allow = conf->http.allow};
	const char *why;
	int r = prepare_control(control, conf, ret_failure);

	if (r < 0) {
		return r;
	}
	r = door_prepare(&control->shown, &opts, &why);
	if (r < 0) {
		control_cancel(control);
		return fail(ret_failure, "http.listen", &opts.addr, r, why);
	}
	control->has_next_shown = true;
	return 0;
}

void control_commit(struct control *control)
{
	if (control->has_next_door) {
		door_commit(&control->door);
	}
	if (control->has_next_shown) {
		door_commit(&control->shown);
	}
	control->has_next_door = false;
	control->has_next_shown = false;
}

void control_cancel(struct control *control)
{
	if (control->has_next_door) {
		door_cancel(&control->door);
	}
	if (control->has_next_shown) {
		door_cancel(&control->shown);
	}
	control->has_next_door = false;
	control->has_next_shown = false;
}

size_t control_fds(const struct conf *conf)
{
	struct addr addr;
	bool has_control = conf->control.listen.sa_len > 0 || control_path(&addr) > 0;

	size_t n_doors = (has_control ? 1u : 0u) + (conf->http.listen.sa_len > 0 ? 1u : 0u);

	return n_doors * DOOR_FDS;
}

void control_open(struct control *control, const struct control_opts *opts)
{
	struct http_server_opts server = {
		.loop = opts->loop, .owner = control, .answer = on_request};

	*control = (struct control){.opts = *opts, .opened_at = time(NULL)};
	control_watch_memory();
	list_init(&control->asked);
	list_init(&control->pairs);
	list_init(&control->pairs_waiting);
	door_init(&control->door, &server);
	server.answer = on_look;
	door_init(&control->shown, &server);
}

void control_renew(struct control *control)
{
	struct control_failure failure;

	if (control->has_next_door || control->has_next_shown) {
		return; /* a reload is doing that now */
	}
	if (!door_is_open(&control->door) || !door_is_open(&control->shown)) {
		if (control_prepare(control, control->opts.calls.conf(control->opts.owner),
			    &failure) == 0) {
			control_commit(control);
		}
	}
}

void control_yield(struct control *control)
{
	door_yield(&control->door);
	door_yield(&control->shown);
}

void control_close(struct control *control)
{
	control_end_events(control);
	door_close(&control->door);
	door_close(&control->shown);
	if (control->opts.loop != NULL) {
		control_forget_pairs(&control->pairs);
	}
}
