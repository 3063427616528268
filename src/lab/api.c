/* SPDX-License-Identifier: ISC */
#include "lab/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "lab/answer.h"
#include "lab/connections.h"
#include "lab/fields.h"
#include "lab/lab.h"
#include "lab/metrics.h"
#include "lab/proxy.h"
#include "lab/proxy_json.h"
#include "lab/say.h"
#include "lab/toxic_json.h"
#include "proto/http_target.h"
#include "stream/acceptor.h"

enum {
	STATUS_OK = 200,
	STATUS_CREATED = 201,
	STATUS_NO_CONTENT = 204,
	STATUS_WRONG = 400,
	STATUS_FORBIDDEN = 403,
	STATUS_NOT_FOUND = 404,
	STATUS_NOT_ALLOWED = 405,
	STATUS_ERROR = 500,
};

static const char type_json[] = "application/json";
static const char type_text[] = "text/plain; charset=utf-8";
static const char no_memory[] = "out of memory\n";

/** What a handler gets. The proxy and the toxic that the path names exist. */
struct request {
	struct lab *lab;
	struct proxy *proxy;
	struct toxic *toxic;
	const struct http_target *target;
	const char *body;
	size_t n_body;
};

/** Parses the body as JSON; the caller gets the reference. NULL, and the error in the answer. */
static json_t *read_body(const struct request *request, struct answer *answer)
{
	char error[FIELDS_ERROR_MAX];
	json_t *json = fields_parse(request->body, request->n_body, error);

	if (json == NULL) {
		(void)answer_refuse(answer, STATUS_WRONG, "bad request body: %s", error);
	}
	return json;
}

/* ---- proxies ---- */

static void get_proxies(const struct request *request, struct answer *answer)
{
	json_t *all = json_object();

	list_for_each (link, &request->lab->proxies) {
		const struct proxy *proxy = container_of(link, struct proxy, link);

		all = answer_put(all, proxy->home.name, proxy_json_show(proxy));
	}
	answer_give(answer, STATUS_OK, all);
}

static void post_proxies(const struct request *request, struct answer *answer)
{
	json_t *json = read_body(request, answer);
	const struct proxy *proxy;

	if (json == NULL) {
		return;
	}
	proxy = proxy_json_create(request->lab, json, answer);
	if (proxy != NULL) {
		answer_give(answer, STATUS_CREATED, proxy_json_show(proxy));
	}
	json_decref(json);
}

static void post_populate(const struct request *request, struct answer *answer)
{
	json_t *json = read_body(request, answer);

	if (json == NULL) {
		/* All errors of this path have this form. */
		answer->json = json_pack("{s:s, s:i, s:n}", "error", answer->error, "status",
			(int)answer->status, "proxies");
		return;
	}
	proxy_json_populate(request->lab, json, answer);
	json_decref(json);
}

static void get_proxy(const struct request *request, struct answer *answer)
{
	answer_give(answer, STATUS_OK, proxy_json_show(request->proxy));
}

static void change_proxy(const struct request *request, struct answer *answer)
{
	json_t *json = read_body(request, answer);

	if (json != NULL && proxy_json_update(request->proxy, json, answer) == 0) {
		answer_give(answer, STATUS_OK, proxy_json_show(request->proxy));
	}
	json_decref(json);
}

static void delete_proxy(const struct request *request, struct answer *answer)
{
	proxy_free(request->proxy);
	answer->status = STATUS_NO_CONTENT;
}

static void get_connections(const struct request *request, struct answer *answer)
{
	for (size_t i = 0; i < request->target->n_parameters; i++) {
		const struct http_parameter *parameter = &request->target->parameters[i];

		if (strcmp(parameter->name, "proxy") != 0) {
			continue;
		}
		answer->only = proxy_json_find(request->lab, parameter->value);
		if (answer->only == NULL) {
			(void)answer_refuse(answer, STATUS_NOT_FOUND, "proxy not found");
			return;
		}
	}
	answer->status = STATUS_OK;
	answer->is_connections = true;
}

static void post_reset(const struct request *request, struct answer *answer)
{
	answer->status = STATUS_NO_CONTENT;
	list_for_each (link, &request->lab->proxies) {
		struct proxy *proxy = container_of(link, struct proxy, link);
		char error[ADDRESS_ERROR_MAX];

		if (proxy_start(proxy, error) < 0) {
			(void)answer_refuse(answer, STATUS_ERROR, "%s", error);
			return;
		}
		proxy_remove_toxics(proxy);
	}
}

/* ---- toxics ---- */

static void get_toxics(const struct request *request, struct answer *answer)
{
	answer_give(answer, STATUS_OK, proxy_json_show_toxics(request->proxy));
}

static void post_toxics(const struct request *request, struct answer *answer)
{
	json_t *json = read_body(request, answer);
	const struct toxic *toxic =
		json == NULL ? NULL : proxy_json_add_toxic(request->proxy, json, answer);

	json_decref(json);
	if (toxic != NULL) {
		answer_give(answer, STATUS_OK, toxic_json_show(toxic));
	}
}

static void get_toxic(const struct request *request, struct answer *answer)
{
	answer_give(answer, STATUS_OK, toxic_json_show(request->toxic));
}

static void change_toxic(const struct request *request, struct answer *answer)
{
	json_t *json = read_body(request, answer);

	if (json != NULL && toxic_json_update(request->toxic, json, answer) == 0) {
		proxy_update_toxic(request->proxy, request->toxic);
		answer_give(answer, STATUS_OK, toxic_json_show(request->toxic));
	}
	json_decref(json);
}

static void delete_toxic(const struct request *request, struct answer *answer)
{
	proxy_remove_toxic(request->proxy, request->toxic);
	answer->status = STATUS_NO_CONTENT;
}

static void get_version(const struct request *request, struct answer *answer)
{
	(void)request;
	answer_give(answer, STATUS_OK,
		json_pack("{s:s, s:s}", "version", API_VERSION, "weirlab", WEIR_VERSION));
}

/* ---- paths ---- */

static const struct path {
	enum http_verb verb;
	const char *segments[5]; /* "*" is the name of a proxy, then of a toxic */
	void (*handle)(const struct request *request, struct answer *answer);
} paths[] = {
	{HTTP_VERB_GET, {"proxies"}, get_proxies},
	{HTTP_VERB_POST, {"proxies"}, post_proxies},
	{HTTP_VERB_POST, {"populate"}, post_populate},
	{HTTP_VERB_POST, {"reset"}, post_reset},
	{HTTP_VERB_GET, {"version"}, get_version},
	{HTTP_VERB_GET, {"connections"}, get_connections},
	{HTTP_VERB_GET, {"proxies", "*"}, get_proxy},
	{HTTP_VERB_PATCH, {"proxies", "*"}, change_proxy},
	{HTTP_VERB_POST, {"proxies", "*"}, change_proxy},
	{HTTP_VERB_DELETE, {"proxies", "*"}, delete_proxy},
	{HTTP_VERB_GET, {"proxies", "*", "toxics"}, get_toxics},
	{HTTP_VERB_POST, {"proxies", "*", "toxics"}, post_toxics},
	{HTTP_VERB_GET, {"proxies", "*", "toxics", "*"}, get_toxic},
	{HTTP_VERB_PATCH, {"proxies", "*", "toxics", "*"}, change_toxic},
	{HTTP_VERB_POST, {"proxies", "*", "toxics", "*"}, change_toxic},
	{HTTP_VERB_DELETE, {"proxies", "*", "toxics", "*"}, delete_toxic},
};

/** /metrics takes any method, and answers with a text. */
static bool is_metrics(const struct http_target *target)
{
	return target->n_segments == 1 && strcmp(target->segments[0], "metrics") == 0;
}

static bool path_fits(const struct path *path, const struct http_target *target)
{
	size_t n = 0;

	while (path->segments[n] != NULL) {
		if (n == target->n_segments ||
			(strcmp(path->segments[n], "*") != 0 &&
				strcmp(path->segments[n], target->segments[n]) != 0)) {
			return false;
		}
		n++;
	}
	return n == target->n_segments;
}

bool api_knows(enum http_verb verb, const struct http_target *target, char methods[API_METHODS_MAX])
{
	size_t n = 0;

	*methods = '\0';
	if (is_metrics(target)) {
		return true;
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!path_fits(&paths[i], target)) {
			continue;
		}
		if (paths[i].verb == verb) {
			return true;
		}
		n += (size_t)snprintf(methods + n, API_METHODS_MAX - n, "%s%s", n == 0 ? "" : ", ",
			http_verb_name(paths[i].verb));
	}
	return false;
}

/** Finds the proxy and the toxic that the path names. 0, or -EINVAL and the error. */
static int find_named(
	struct request *request, const struct http_target *target, struct answer *answer)
{
	if (target->n_segments > 1) {
		request->proxy = proxy_json_find(request->lab, target->segments[1]);
		if (request->proxy == NULL) {
			return answer_refuse(answer, STATUS_NOT_FOUND, "proxy not found");
		}
	}
	if (target->n_segments > 3) {
		request->toxic = proxy_find_toxic(request->proxy, target->segments[3]);
		if (request->toxic == NULL) {
			return answer_refuse(answer, STATUS_NOT_FOUND, "toxic not found");
		}
	}
	return 0;
}

bool api_handle(struct lab *lab, enum http_verb verb, const struct http_target *target,
	const char *body, size_t n_body, struct answer *answer)
{
	struct request request = {.lab = lab, .target = target, .body = body, .n_body = n_body};

	answer->status = STATUS_NOT_FOUND;
	if (is_metrics(target)) {
		answer->status = STATUS_OK;
		return true;
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!path_fits(&paths[i], target)) {
			continue;
		}
		answer->status = STATUS_NOT_ALLOWED;
		if (paths[i].verb == verb) {
			if (find_named(&request, target, answer) == 0) {
				paths[i].handle(&request, answer);
			}
			return true;
		}
	}
	return false;
}

/* ---- answering ---- */

enum { FIELDS_MAX = 64 };

/** Writes the fields that all answers have. */
static void write_fields(const struct api *api, char fields[FIELDS_MAX])
{
	(void)snprintf(fields, FIELDS_MAX, "X-Toxiproxy-Request-Id: %020llx\r\n",
		(unsigned long long)api->n_requests);
}

static void send_text(const struct api *api, struct http_exchange *exchange, unsigned int status,
	const char *type, const char *text, size_t n)
{
	char fields[FIELDS_MAX];
	struct http_reply reply = {.status = status, .type = type, .fields = fields};

	write_fields(api, fields);
	http_exchange_answer(exchange, &reply, text, n);
}

/** Sends an answer. An error is JSON on one line. */
static void send_answer(
	const struct api *api, struct http_exchange *exchange, const struct answer *answer)
{
	json_t *error = NULL;
	char *text = NULL;

	if (answer->json == NULL && *answer->error != '\0') {
		error = json_pack(
			"{s:s, s:i}", "error", answer->error, "status", (int)answer->status);
	}
	if (answer->json != NULL || error != NULL) {
		text = json_dumps(answer->json != NULL ? answer->json : error,
			JSON_COMPACT | JSON_REAL_PRECISION(9));
	}
	if (text == NULL && answer->status != STATUS_NO_CONTENT &&
		answer->status != STATUS_NOT_ALLOWED) {
		send_text(api, exchange, STATUS_ERROR, type_text, no_memory, sizeof(no_memory) - 1);
	} else {
		send_text(api, exchange, answer->status, text == NULL ? NULL : type_json,
			text == NULL ? "" : text, text == NULL ? 0 : strlen(text));
	}
	free(text);
	json_decref(error);
}

static void send_connections(
	const struct api *api, struct http_exchange *exchange, struct proxy *only)
{
	char fields[FIELDS_MAX];
	struct http_reply reply = {.status = STATUS_OK, .type = type_json, .fields = fields};

	write_fields(api, fields);
	connections_answer(api->lab, only, exchange, &reply);
}

static void send_metrics(const struct api *api, struct http_exchange *exchange)
{
	struct bytes text = {0};
	struct exposition exposition = {.to = &text};

	metrics_write(api->lab, &exposition);
	if (text.failed) {
		send_text(api, exchange, STATUS_ERROR, type_text, no_memory, sizeof(no_memory) - 1);
	} else {
		send_text(api, exchange, STATUS_OK, EXPOSITION_TYPE, text.at, text.n);
	}
	bytes_free(&text);
}

static bool is_browser(const struct http_head *head)
{
	static const char mozilla[] = "Mozilla/";
	struct span agent = http_head_field(head, "User-Agent");

	return agent.n >= sizeof(mozilla) - 1 &&
	       memcmp(agent.bytes, mozilla, sizeof(mozilla) - 1) == 0;
}

static void on_request(void *owner, struct http_exchange *exchange)
{
	static const char forbidden[] = "User agent not allowed\n";
	static const char unknown[] = "404 page not found\n";
	struct api *api = owner;
	/* Static because of its 8 KiB; there is only one thread. */
	static struct http_target target;
	struct answer answer = {0};
	const char *why = NULL;
	int r;

	api->n_requests++;
	if (exchange->refusal != NULL) {
		(void)answer_refuse(
			&answer, exchange->refusal->status, "%s", exchange->refusal->why);
		send_answer(api, exchange, &answer);
		return;
	}
	r = http_target_parse(exchange->head->target, &target, &why);
	if (r == -ENOENT) {
		send_text(api, exchange, STATUS_NOT_FOUND, type_text, unknown, sizeof(unknown) - 1);
		return;
	}
	if (r < 0) {
		(void)answer_refuse(&answer, STATUS_WRONG, "%s", why);
	} else if (is_browser(exchange->head)) {
		send_text(api, exchange, STATUS_FORBIDDEN, type_text, forbidden,
			sizeof(forbidden) - 1);
		return;
	} else if (is_metrics(&target)) {
		send_metrics(api, exchange);
		return;
	} else if (!api_handle(api->lab, exchange->head->verb, &target, exchange->body,
			   exchange->n_body, &answer) &&
		   answer.status == STATUS_NOT_FOUND) {
		send_text(api, exchange, answer.status, type_text, unknown, sizeof(unknown) - 1);
		return;
	}
	if (answer.is_connections) {
		send_connections(api, exchange, answer.only);
		return;
	}
	if (*answer.error != '\0') {
		say(SAY_WARN, "api: %s", answer.error);
	}
	send_answer(api, exchange, &answer);
	json_decref(answer.json);
}

/* ---- the door ---- */

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct api *api = owner;

	(void)peer_len;
	http_server_accept(&api->server, fd, peer->any.sa_family == AF_UNIX);
}

int api_open(struct api *api, struct lab *lab, const char *host, const char *port,
	char error[ADDRESS_ERROR_MAX])
{
	struct http_server_opts server = {
		.loop = lab->loop,
		.owner = api,
		.answer = on_request,
		.connections_max = API_CONNECTIONS_MAX,
		.body_max = API_BODY_MAX,
	};
	struct acceptor_opts opts = {.loop = lab->loop, .owner = api, .accepted = on_accepted};
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int r;

	*api = (struct api){.lab = lab, .socket.fd = -1};
	(void)snprintf(
		text, sizeof(text), strchr(host, ':') == NULL ? "%s:%s" : "[%s]:%s", host, port);
	r = address_listen(text, &addr, error);
	if (r < 0) {
		return r;
	}
	r = listen_open(&addr, NULL, NULL, &api->socket, NULL);
	if (r == 0) {
		r = address_of_fd(api->socket.fd, &addr);
	}
	if (r == 0) {
		opts.fd = api->socket.fd;
		api->acceptor = acceptor_open(&opts);
		r = api->acceptor == NULL ? -errno : 0;
	}
	if (r < 0) {
		listen_close(&api->socket);
		(void)snprintf(error, ADDRESS_ERROR_MAX, "%s: %s", text, strerrordesc_np(-r));
		return r;
	}
	api->socket.fd = -1; /* the acceptor has it */
	http_server_init(&api->server, &server);
	(void)address_text(&addr, api->text);
	return 0;
}

void api_close(struct api *api)
{
	if (api->lab == NULL) {
		return;
	}
	api->acceptor = acceptor_close(api->acceptor);
	listen_close(&api->socket);
	http_server_close(&api->server);
}
