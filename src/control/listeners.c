/* SPDX-License-Identifier: ISC */
/* GET /v1/listeners: the listeners of the config in force when the request comes. */
#include "conf/conf.h"
#include "control/asked.h"
#include "control/control.h"
#include "control/paths.h"
#include "crew/numbers.h"

static json_t *addresses_json(const struct conf_listener *listener)
{
	json_t *addresses = json_array();
	char text[ADDR_TEXT_MAX];

	for (size_t i = 0; i < listener->n_addresses; i++) {
		(void)json_array_append_new(
			addresses, control_text(addr_text(&listener->addresses[i], text)));
	}
	return addresses;
}

static json_t *bytes_json(const uint64_t bytes[NUMBERS_PATHS])
{
	return json_pack("{sI, sI}", "copied", (json_int_t)bytes[NUMBERS_COPIED], "spliced",
		(json_int_t)bytes[NUMBERS_SPLICED]);
}

static json_t *ended_json(const struct listener_numbers *numbers)
{
	json_t *ended = json_array();

	for (size_t i = 0; i < numbers->n_ended; i++) {
		(void)json_array_append_new(
			ended, json_pack("{ss, ss, sI}", "by", numbers->ended[i].by, "reason",
				       numbers->ended[i].reason, "pairs",
				       (json_int_t)numbers->ended[i].n));
	}
	return ended;
}

static bool next_listener(struct control_asked *asked)
{
	const struct conf *conf = asked->list.conf;
	const struct conf_listener *listener;
	struct listener_numbers numbers;
	json_t *json;

	if (asked->list.at == conf->n_listeners) {
		return false;
	}
	listener = &conf->listeners[asked->list.at++];
	crew_listener_numbers(asked->control->opts.crew, listener->name, NUMBERS_OF_ALL, &numbers);
	json = json_object();
	(void)json_object_set_new(json, "name", control_text(listener->name));
	(void)json_object_set_new(json, "listen", addresses_json(listener));
	(void)json_object_set_new(json, "upstream",
		listener->upstream == NULL ? json_null() : control_text(listener->upstream->name));
	(void)json_object_set_new(json, "pairs",
		json_pack("{sI, sI, sI}", "open", (json_int_t)numbers.n_open, "max",
			(json_int_t)numbers.max, "accepted", (json_int_t)numbers.n_accepted));
	(void)json_object_set_new(json, "bytes",
		json_pack("{so, so}", "up", bytes_json(numbers.up), "down",
			bytes_json(numbers.down)));
	(void)json_object_set_new(json, "ended", ended_json(&numbers));
	control_list_item(asked, json);
	return true;
}

void control_get_listeners(struct control_asked *asked)
{
	const struct control_opts *opts = &asked->control->opts;

	asked->list.conf = conf_ref(opts->calls.conf(opts->owner));
	asked->list.next = next_listener;
	control_answer_list(asked, "listeners");
}
