/* SPDX-License-Identifier: ISC */
#include "ctl/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ctl/show.h"
#include "http/call.h"
#include "stream/loop.h"

enum { RELOAD_WAIT_S = 60 /* for a reload that waits for another one */ };

/** A question that is under way. */
struct asking {
	struct loop *loop;
	bool (*piece)(void *owner, const char *bytes, size_t n); /**< NULL: the answer is stored */
	void *owner;
	unsigned int status;
	int result;
	char *text;
	size_t n;
};

int ask_fail(const struct ask *ask, const char *what, int number, const char *remedy)
{
	fprintf(ask->err, "%s: %s: %s; %s\n", ask->program, what, strerrordesc_np(-number), remedy);
	return number;
}

static int fail_plainly(const struct ask *ask, const char *what, const char *remedy)
{
	fprintf(ask->err, "%s: %s; %s\n", ask->program, what, remedy);
	return -EPROTO;
}

/* ---- one question ---- */

static void on_head(void *owner, const struct http_head *head)
{
	struct asking *asking = owner;

	asking->status = head->status;
}

static void on_piece(void *owner, const void *bytes, size_t n)
{
	struct asking *asking = owner;
	char *text;

	if (asking->piece != NULL && asking->status == 200) {
		if (!asking->piece(asking->owner, bytes, n)) {
			(void)loop_stop(asking->loop);
		}
		return;
	}
	text = asking->n + n > ASK_ANSWER_MAX ? NULL : realloc(asking->text, asking->n + n);
	if (text == NULL) {
		asking->result = asking->n + n > ASK_ANSWER_MAX ? -EMSGSIZE : -ENOMEM;
		(void)loop_stop(asking->loop);
		return;
	}
	memcpy(text + asking->n, bytes, n);
	asking->text = text;
	asking->n += n;
}

static void on_done(void *owner, int status)
{
	struct asking *asking = owner;

	asking->result = asking->result < 0 ? asking->result : status;
	(void)loop_stop(asking->loop);
}

/** Sends the question and runs the loop until the answer. 0 or a negative errno. */
static int ask_on_loop(
	const struct addr *addr, const struct ask_question *question, struct asking *asking)
{
	struct http_call_opts opts = {
		.loop = asking->loop,
		.addr = addr,
		.method = question->method,
		.target = question->target,
		.body = question->body,
		.timeout_ns =
			question->wait_s == 0 ? NS_NEVER : (uint64_t)question->wait_s * NS_PER_S,
		.owner = asking,
		.head = on_head,
		.body_piece = on_piece,
		.done = on_done,
	};
	struct http_call *call = http_call_open(&opts);
	int r;

	if (call == NULL) {
		return -errno;
	}
	r = loop_run(asking->loop);
	http_call_close(call);
	return r < 0 ? r : asking->result;
}

static bool asks_before(const struct ask *ask, const struct ask_question *question)
{
	return question->asks_before && ask->before.sa_len > 0;
}

static bool is_nobody_there(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

/** Reports that no weir listens where the config says: perhaps weir has not loaded that config
 * yet. */
static int tell_moved(
	const struct ask *ask, const struct ask_question *question, const char *where, int err)
{
	char text[ADDR_TEXT_MAX];

	fprintf(ask->err, "%s: %s: %s; control.listen of %s says so, but weir is not running there",
		ask->program, where, strerrordesc_np(-err), ask->conf);
	if (asks_before(ask, question)) {
		fprintf(ask->err, ", nor at %s", addr_text(&ask->before, text) + strlen("unix:"));
	}
	fprintf(ask->err, ": systemctl start weir; or, if the socket is yet to move there, "
			  "weirctl -s PATH reload with the path that it has now, or SIGHUP\n");
	return err;
}

/** Reports why the question could not be asked. */
static int tell_failure(const struct ask *ask, const struct ask_question *question, int err)
{
	char text[ADDR_TEXT_MAX];
	const char *where = addr_text(&ask->addr, text) + strlen("unix:");

	switch (err) {
	case -EACCES:
	case -EPERM:
		return ask_fail(ask, where, err,
			"you may not open it: be root, or be in the group that control.group and "
			"control.mode in weir.conf let in (with the shipped service, see "
			"socket-group.conf)");
	case -ENOENT:
	case -ECONNREFUSED:
		/* If the config has errors, they may hide where weir listens. */
		if (ask->conf_errors != NULL) {
			(void)fputs(ask->conf_errors, ask->err);
		}
		if (ask->conf != NULL) {
			return tell_moved(ask, question, where, err);
		}
		return ask_fail(ask, where, err,
			"weir is not running there: systemctl start weir, or name its socket");
	case -EPROTONOSUPPORT:
		return fail_plainly(ask, "the weir that runs is an older one, which speaks no HTTP",
			"systemctl restart weir");
	case -ECONNRESET:
	case -EPIPE:
		return fail_plainly(ask, "the service ended before it answered",
			"look into its log, then ask again");
	case -EMSGSIZE:
		return fail_plainly(
			ask, "the answer is longer than 64 MiB", "write a filter, or limit=N");
	default:
		return ask_fail(ask, "no answer", err, "look into the log of the service");
	}
}

/** Returns the status with its JSON, or a negative errno. Frees the text of the answer. */
static int finish(struct asking *asking, int r, json_t **ret_json)
{
	json_t *json = NULL;

	if (r == 0 && (asking->piece == NULL || asking->status != 200)) {
		json = json_loadb(asking->text == NULL ? "" : asking->text, asking->n, 0, NULL);
		r = json == NULL ? -EBADMSG : 0;
	}
	free(asking->text);
	if (r < 0) {
		return r;
	}
	*ret_json = json;
	return (int)asking->status;
}

int ask_stream(const struct ask *ask, const struct ask_question *question,
	bool (*piece)(void *owner, const char *bytes, size_t n), void *owner, json_t **ret_json)
{
	struct asking asking = {.loop = loop_new(), .piece = piece, .owner = owner};
	int r = asking.loop == NULL ? -errno : ask_on_loop(&ask->addr, question, &asking);

	if (is_nobody_there(r) && asks_before(ask, question)) {
		asking.result = 0;
		r = ask_on_loop(&ask->before, question, &asking);
	}
	loop_free(asking.loop);
	r = finish(&asking, r, ret_json);
	if (r == -ECONNRESET && piece != NULL && asking.status == 200) {
		return fail_plainly(ask,
			"the service has ended, or what it said was not read in time",
			"look into its log, then ask again");
	}
	return r < 0 ? tell_failure(ask, question, r) : r;
}

int ask_weir(const struct ask *ask, const struct ask_question *question, json_t **ret_json)
{
	return ask_stream(ask, question, NULL, NULL, ret_json);
}

/* ---- what several programs ask ---- */

void ask_tell(const struct ask *ask, const json_t *json)
{
	const json_t *errors = json_object_get(json, "errors");
	const char *error = json_string_value(json_object_get(json, "error"));
	size_t i;
	json_t *line;

	json_array_foreach(errors, i, line)
	{
		show_text(ask->err, json_string_value(line));
		(void)fputc('\n', ask->err);
	}
	if (json_array_size(errors) == 0) {
		fprintf(ask->err, "%s: ", ask->program);
		show_text(ask->err,
			error == NULL ? "refused without a reason; look into the log" : error);
		(void)fputc('\n', ask->err);
	}
}

const struct ask_question ask_reload_question = {
	.method = "POST", .target = "/v1/reload", .wait_s = RELOAD_WAIT_S, .asks_before = true};

/** Reports that the weir that has reloaded has another config than the one that was named. */
static int tell_other(const struct ask *ask)
{
	char text[ADDR_TEXT_MAX];

	(void)fputs(ask->conf_errors, ask->err);
	fprintf(ask->err, "%s: %s: the weir there has reloaded, but it has another config\n",
		ask->program, addr_text(&ask->addr, text) + strlen("unix:"));
	return -ECANCELED;
}

int ask_reload(const struct ask *ask, bool is_logged)
{
	json_t *json;
	int status = ask_weir(ask, &ask_reload_question, &json);

	if (status < 0) {
		return status;
	}
	if (status == 409 && is_logged) {
		fprintf(ask->err,
			"%s: the config was not taken, and all is as before; event=reload_failed "
			"says why\n",
			ask->program);
	} else if (status != 200) {
		ask_tell(ask, json);
	}
	json_decref(json);
	if (status == 200 && ask->conf_errors != NULL) {
		return tell_other(ask);
	}
	return status == 200 ? 0 : -ECANCELED;
}
