/* SPDX-License-Identifier: ISC */
#include "lab/proxy_json.h"

#include <errno.h>
#include <string.h>

#include "lab/answer.h"
#include "lab/fields.h"
#include "lab/lab.h"
#include "lab/proxy.h"
#include "lab/say.h"
#include "lab/toxic_json.h"
#include "lab/toxic_types.h"

enum {
	STATUS_OK = 200,
	STATUS_CREATED = 201,
	STATUS_WRONG = 400,
	STATUS_CONFLICT = 409,
	STATUS_ERROR = 500,
};

/** The fields of an object; the texts are borrowed from the JSON. */
struct input {
	const char *name;
	const char *listen;
	const char *upstream;
	bool enabled;
	json_t *toxics;
};

struct proxy *proxy_json_find(const struct lab *lab, const char *name)
{
	list_for_each (link, &lab->proxies) {
		struct proxy *proxy = container_of(link, struct proxy, link);

		if (strcmp(proxy->home.name, name) == 0) {
			return proxy;
		}
	}
	return NULL;
}

/* ---- reading ---- */

static int read_input(json_t *json, struct input *input, struct answer *answer)
{
	const struct field fields[] = {
		{"name", FIELD_TEXT, &input->name},
		{"listen", FIELD_TEXT, &input->listen},
		{"upstream", FIELD_TEXT, &input->upstream},
		{"enabled", FIELD_BOOL, &input->enabled},
		{"toxics", FIELD_ANY, &input->toxics},
		{0},
	};
	char error[FIELDS_ERROR_MAX];

	if (fields_read(json, "toxiproxy.Proxy", fields, error) < 0) {
		return answer_refuse(answer, STATUS_WRONG, "bad request body: %s", error);
	}
	return 0;
}

/** Checks the address of a UNIX socket. toxiproxy has none, so the error does not have Go's
 * wording. */
static int check_unix(const char *field, const char *text, struct answer *answer)
{
	char error[ADDRESS_ERROR_MAX];
	struct addr addr;

	if (!address_is_unix(text) || address_upstream(text, &addr, error) == 0) {
		return 0;
	}
	return answer_refuse(answer, STATUS_WRONG, "bad request body: %s: %s", field, error);
}

/** Checks what must be right even if the proxy is disabled. */
static int check_input(const struct input *input, struct answer *answer)
{
	const char *why = fields_wrong_name(input->name);

	if (why != NULL) {
		return answer_refuse(answer, STATUS_WRONG, "bad request body: name: %s", why);
	}
	if (check_unix("listen", input->listen, answer) < 0 ||
		check_unix("upstream", input->upstream, answer) < 0) {
		return -EINVAL;
	}
	return 0;
}

/** Checks whether a toxic is possible with the address on which the proxy listens. */
static int check_place(const struct toxic *toxic, const char *listen, struct answer *answer)
{
	if (toxic->type == &toxic_blackhole && address_is_unix(listen)) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: type blackhole: a UNIX socket cannot keep silent; let "
			"the proxy listen on TCP, or write refuse");
	}
	return 0;
}

/** The same for all toxics of a proxy. */
static int check_places(const struct proxy *proxy, const char *listen, struct answer *answer)
{
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &proxy->home.toxics[i]) {
			if (check_place(container_of(link, struct toxic, link), listen, answer) <
				0) {
				return -EINVAL;
			}
		}
	}
	return 0;
}

struct toxic *proxy_json_add_toxic(struct proxy *proxy, json_t *json, struct answer *answer)
{
	struct toxic *toxic = toxic_json_new(json, answer);

	if (toxic == NULL) {
		return NULL;
	}
	if (proxy_find_toxic(proxy, toxic->name) != NULL) {
		(void)answer_refuse(answer, STATUS_CONFLICT, "toxic already exists");
		return toxic_free(toxic);
	}
	if (check_place(toxic, proxy->listen, answer) < 0) {
		return toxic_free(toxic);
	}
	proxy_add_toxic(proxy, toxic);
	return toxic;
}

/** Makes a proxy with its toxics, which does not listen yet. */
static struct proxy *make(struct lab *lab, const struct input *input, struct answer *answer)
{
	struct proxy *proxy;
	size_t i;
	json_t *one;

	if (check_input(input, answer) < 0) {
		return NULL;
	}
	proxy = proxy_new(lab, input->name, input->listen, input->upstream);
	if (proxy == NULL) {
		(void)answer_refuse(answer, STATUS_ERROR, "out of memory");
		return NULL;
	}
	if (input->toxics != NULL && !json_is_array(input->toxics)) {
		(void)answer_refuse(answer, STATUS_WRONG,
			"bad request body: json: cannot unmarshal %s into Go struct field "
			"Proxy.toxics of type []Toxic",
			fields_kind_text(input->toxics));
		return proxy_free(proxy);
	}
	json_array_foreach(input->toxics, i, one)
	{
		if (proxy_json_add_toxic(proxy, one, answer) == NULL) {
			return proxy_free(proxy);
		}
	}
	return proxy;
}

/** Starts a new proxy if it is enabled. NULL: it failed, and the proxy was freed. */
static struct proxy *begin(struct proxy *proxy, bool enabled, struct answer *answer)
{
	char error[ADDRESS_ERROR_MAX];

	if (enabled && proxy_start(proxy, error) < 0) {
		(void)answer_refuse(answer, STATUS_ERROR, "%s", error);
		return proxy_free(proxy);
	}
	list_append(&proxy->home.lab->proxies, &proxy->link);
	return proxy;
}

struct proxy *proxy_json_create(struct lab *lab, json_t *json, struct answer *answer)
{
	struct input input = {.name = "", .listen = "", .upstream = "", .enabled = true};
	struct proxy *proxy;

	if (read_input(json, &input, answer) < 0) {
		return NULL;
	}
	if (*input.name == '\0' || *input.upstream == '\0') {
		(void)answer_refuse(answer, STATUS_WRONG, "missing required field: %s",
			*input.name == '\0' ? "name" : "upstream");
		return NULL;
	}
	if (proxy_json_find(lab, input.name) != NULL) {
		(void)answer_refuse(answer, STATUS_CONFLICT, "proxy already exists");
		return NULL;
	}
	proxy = make(lab, &input, answer);
	return proxy == NULL ? NULL : begin(proxy, input.enabled, answer);
}

int proxy_json_update(struct proxy *proxy, json_t *json, struct answer *answer)
{
	struct input input = {
		.name = "",
		.listen = proxy->listen,
		.upstream = proxy->home.upstream,
		.enabled = proxy->enabled,
	};
	char error[ADDRESS_ERROR_MAX];
	int r;

	if (read_input(json, &input, answer) < 0) {
		return -EINVAL;
	}
	input.name = ""; /* the name is ignored, and stays as it is */
	if (check_input(&input, answer) < 0 || check_places(proxy, input.listen, answer) < 0) {
		return -EINVAL;
	}
	r = proxy_differs(proxy, input.listen, input.upstream, error);
	if (r > 0) {
		r = proxy_move(proxy, input.listen, input.upstream);
		if (r < 0) {
			return answer_refuse(answer, STATUS_ERROR, "out of memory");
		}
	}
	if (r == 0 && input.enabled) {
		r = proxy_start(proxy, error);
	} else if (r == 0) {
		proxy_stop(proxy);
	}
	return r < 0 ? answer_refuse(answer, STATUS_ERROR, "%s", error) : 0;
}

/* ---- several proxies ---- */

/** Reads an item of an array; errors have its number. */
static int read_item(json_t *json, size_t i, struct input *input, struct answer *answer)
{
	*input = (struct input){.name = "", .listen = "", .upstream = "", .enabled = true};
	if (read_input(json, input, answer) < 0) {
		return -EINVAL;
	}
	if (*input->name == '\0' || *input->upstream == '\0') {
		return answer_refuse(answer, STATUS_WRONG,
			"missing required field: %s at proxy %zu",
			*input->name == '\0' ? "name" : "upstream", i + 1);
	}
	return 0;
}

/** Starts a new proxy in place of another one. If the new one cannot start, the old one stays and
 * listens as before. */
static struct proxy *replace(
	struct proxy *before, struct proxy *proxy, bool enabled, struct answer *answer)
{
	bool was_enabled = before->enabled;
	char error[ADDRESS_ERROR_MAX];

	proxy_stop(before); /* both may have the same address */
	proxy = begin(proxy, enabled, answer);
	if (proxy != NULL) {
		proxy_free(before);
	} else if (was_enabled && proxy_start(before, error) < 0) {
		say(SAY_ERROR, "proxy %s: it is disabled now: %s", before->home.name, error);
	}
	return proxy;
}

/** Makes a proxy, or finds that it exists. NULL, and the error. */
static struct proxy *add_or_replace(
	struct lab *lab, const struct input *input, struct answer *answer)
{
	struct proxy *before = proxy_json_find(lab, input->name);
	struct proxy *proxy;
	char error[ADDRESS_ERROR_MAX];

	if (before != NULL) {
		int differs = proxy_differs(before, input->listen, input->upstream, error);

		if (differs == 0) {
			return before;
		}
		if (differs < 0) {
			(void)answer_refuse(answer, STATUS_ERROR, "%s", error);
			return NULL;
		}
	}
	proxy = make(lab, input, answer);
	if (proxy == NULL) {
		return NULL;
	}
	return before == NULL ? begin(proxy, input->enabled, answer)
			      : replace(before, proxy, input->enabled, answer);
}

/** Checks all items with their toxics, before the first proxy is made. */
static int look_at_all(struct lab *lab, json_t *json, struct answer *answer)
{
	size_t i;
	json_t *one;

	if (!json_is_array(json)) {
		return answer_refuse(answer, STATUS_WRONG,
			"bad request body: json: cannot unmarshal %s into Go value of type "
			"[]Proxy",
			fields_kind_text(json));
	}
	json_array_foreach(json, i, one)
	{
		struct input input;
		struct proxy *trial;

		if (read_item(one, i, &input, answer) < 0) {
			return -EINVAL;
		}
		trial = make(lab, &input, answer);
		if (trial == NULL) {
			return -EINVAL;
		}
		proxy_free(trial);
	}
	return 0;
}

void proxy_json_populate(struct lab *lab, json_t *json, struct answer *answer)
{
	json_t *proxies = NULL;
	int r = json_is_null(json) ? 0 : look_at_all(lab, json, answer);
	size_t i;
	json_t *one;

	if (r == 0) {
		proxies = json_array();
		answer->status = STATUS_CREATED;
	}
	json_array_foreach(json, i, one)
	{
		struct input input;
		const struct proxy *proxy = NULL;

		if (r == 0 && read_item(one, i, &input, answer) == 0) {
			proxy = add_or_replace(lab, &input, answer);
		}
		if (proxy == NULL) {
			break;
		}
		proxies = answer_put(proxies, NULL, proxy_json_show(proxy));
	}
	if (*answer->error == '\0') {
		answer_give(answer, STATUS_CREATED, json_pack("{s:o}", "proxies", proxies));
	} else {
		/* The text stays, because the caller may log it. */
		answer->json = json_pack("{s:s, s:i, s:o}", "error", answer->error, "status",
			(int)answer->status, "proxies", proxies == NULL ? json_null() : proxies);
	}
}

/* ---- showing ---- */

json_t *proxy_json_show_toxics(const struct proxy *proxy)
{
	json_t *toxics = json_array();

	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &proxy->home.toxics[i]) {
			toxics = answer_put(toxics, NULL,
				toxic_json_show(container_of(link, struct toxic, link)));
		}
	}
	return toxics;
}

json_t *proxy_json_show(const struct proxy *proxy)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", proxy->home.name, "listen",
		proxy->listen, "upstream", proxy->home.upstream, "enabled", proxy->enabled,
		"toxics", proxy_json_show_toxics(proxy));
}
