/* SPDX-License-Identifier: ISC */
#include "ctl/complete.h"

#include <stdbool.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "log/events.h"
#include "log/level.h"

enum { WAIT_S = 2, WORD_CHARS_MAX = 512 };

struct completing {
	const char *word; /**< the last word, as typed so far */
	FILE *out;
	struct ask ask;
	bool has_ask;
};

typedef void offer_function(struct completing *completing);

/* ---- words ---- */

static void offer(const struct completing *completing, const char *before, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				    "_.:/@%+,=[]-";
	char text[WORD_CHARS_MAX];
	int n = word == NULL ? -1 : snprintf(text, sizeof(text), "%s%s", before, word);

	if (n > 0 && n < (int)sizeof(text) && text[strspn(text, plain)] == '\0' &&
		strncmp(text, completing->word, strlen(completing->word)) == 0) {
		fprintf(completing->out, "%s\n", text);
	}
}

static void offer_all(
	const struct completing *completing, const char *before, const char *const *words)
{
	for (; *words != NULL; words++) {
		offer(completing, before, *words);
	}
}

/* ---- names ---- */

/** The answer to a GET of this target; NULL: there is none. */
static json_t *get(const struct completing *completing, const char *target)
{
	const struct ask_question question = {.method = "GET", .target = target, .wait_s = WAIT_S};
	json_t *json = NULL;
	int status = completing->has_ask ? ask_weir(&completing->ask, &question, &json) : -1;

	if (status >= 0 && status != 200) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static void offer_members(const struct completing *completing, const char *before,
	const json_t *list, const char *key)
{
	size_t i;
	json_t *element;

	json_array_foreach(list, i, element)
	{
		offer(completing, before, json_string_value(json_object_get(element, key)));
	}
}

static void offer_listeners(const struct completing *completing)
{
	json_t *json = get(completing, "/v1/listeners");

	offer_members(completing, "listener=", json_object_get(json, "listeners"), "name");
	json_decref(json);
}

static void offer_upstreams(const struct completing *completing)
{
	json_t *json = get(completing, "/v1/upstreams");

	offer_members(completing, "upstream=", json_object_get(json, "upstreams"), "name");
	json_decref(json);
}

/** Offers servers, by name or as UP/NAME. */
static void offer_servers(const struct completing *completing, bool with_upstream)
{
	json_t *json = get(completing, "/v1/upstreams");
	char before[WORD_CHARS_MAX] = "server=";
	size_t i;
	json_t *upstream;

	json_array_foreach(json_object_get(json, "upstreams"), i, upstream)
	{
		const char *name = json_string_value(json_object_get(upstream, "name"));

		if (with_upstream) {
			(void)snprintf(before, sizeof(before), "%s/", name == NULL ? "" : name);
		}
		offer_members(completing, before, json_object_get(upstream, "servers"), "name");
	}
	json_decref(json);
}

static void offer_ids(struct completing *completing)
{
	json_t *json = get(completing, "/v1/pairs?limit=200");
	char text[32];
	size_t i;
	json_t *pair;

	json_array_foreach(json_object_get(json, "pairs"), i, pair)
	{
		(void)snprintf(text, sizeof(text), "%lld",
			json_integer_value(json_object_get(pair, "id")));
		offer(completing, "", text);
	}
	json_decref(json);
}

/* ---- what a command takes ---- */

static bool begins(const struct completing *completing, const char *with)
{
	return strncmp(completing->word, with, strlen(with)) == 0;
}

static void offer_filters(struct completing *completing)
{
	static const char *const names[] = {"listener=", "client=", "upstream=", "server=",
		"state=", "idle_over=", "older_than=", "limit=", NULL};
	static const char *const states[] = {"preface", "choosing", "queued", "connecting",
		"waiting", "relaying", "half_closed", "resetting", NULL};

	if (begins(completing, "listener=")) {
		offer_listeners(completing);
	} else if (begins(completing, "upstream=")) {
		offer_upstreams(completing);
	} else if (begins(completing, "server=")) {
		offer_servers(completing, false);
	} else if (begins(completing, "state=")) {
		offer_all(completing, "state=", states);
	} else {
		offer_all(completing, "", names);
	}
}

static void offer_ids_and_filters(struct completing *completing)
{
	static const char *const all[] = {"--all", NULL};

	offer_ids(completing);
	offer_filters(completing);
	offer_all(completing, "", all);
}

static void offer_event_filters(struct completing *completing)
{
	static const char *const names[] = {"event=", "listener=", NULL};
	const struct log_event *event;

	if (begins(completing, "listener=")) {
		offer_listeners(completing);
	} else if (begins(completing, "event=")) {
		for (size_t i = 0; (event = log_event(i)) != NULL; i++) {
			offer(completing, "event=",
				(event->traits & LOG_EVENT_UNSEEN) == 0 ? event->name : NULL);
		}
	} else {
		offer_all(completing, "", names);
	}
}

static void offer_full_servers(struct completing *completing)
{
	offer_servers(completing, true);
}

static void offer_states(struct completing *completing)
{
	offer_all(completing, "", command_states);
	offer(completing, "", "weight");
}

static void offer_graces(struct completing *completing)
{
	static const char *const words[] = {
		"0s", "10s", "30s", "1m", "--wait", "--end-pairs", NULL};

	offer_all(completing, "", words);
}

static void offer_levels(struct completing *completing)
{
	for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
		offer(completing, "", log_level_name(level));
	}
}

/** What each word after a command is. With `repeats`, all words are what the first one is. */
static const struct words {
	const char *command;
	offer_function *first;
	offer_function *second;
	bool repeats;
} all_words[] = {
	{"pairs", offer_filters, NULL, true},
	{"pair", offer_ids, NULL, false},
	{"kill", offer_ids_and_filters, NULL, true},
	{"server", offer_full_servers, offer_states, false},
	{"drain", offer_graces, NULL, true},
	{"events", offer_event_filters, NULL, true},
	{"log", offer_levels, NULL, false},
};

static void offer_words(struct completing *completing, const char *command, int at)
{
	for (size_t i = 0; i < sizeof(all_words) / sizeof(all_words[0]); i++) {
		const struct words *words = &all_words[i];
		offer_function *function = at == 0 || words->repeats ? words->first
					   : at == 1                 ? words->second
								     : NULL;

		if (strcmp(words->command, command) == 0 && function != NULL) {
			function(completing);
		}
	}
}

/* ---- the line ---- */

static void offer_commands(const struct completing *completing)
{
	const char *name;

	for (size_t i = 0; (name = commands_name(i)) != NULL; i++) {
		offer(completing, "", name);
	}
}

static bool is_one_of(const char *word, const char *a, const char *b)
{
	return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

/** The value of an option in the same word: "--NAME=VALUE" or "-NVALUE"; NULL: it has none. */
static const char *joined(const char *word, const char *letter, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(word, name, len) == 0 && word[len] == '=') {
		return word + len + 1;
	}
	return strncmp(word, letter, 2) == 0 && word[2] != '\0' ? word + 2 : NULL;
}

/** Finds the control socket. Errors are dropped, because nobody reads them. */
static void open_ask(struct completing *completing, const char *socket, const char *conf, FILE *err)
{
	struct ask *ask = &completing->ask;

	completing->has_ask =
		err != NULL && (conf != NULL ? ask_open_conf(ask, "weirctl", conf, err)
					     : ask_open(ask, "weirctl", socket, err)) == 0;
}

void complete_run(int n, char **words, FILE *out)
{
	static const char *const options[] = {
		"--socket", "--config", "--json", "--version", "--help", NULL};
	struct completing completing = {.word = n == 0 ? "" : words[n - 1], .out = out};
	const char *socket = NULL;
	const char *conf = NULL;
	const char *command = NULL;
	const char *value;
	FILE *err = fopen("/dev/null", "we");
	int at = 0;

	for (int i = 0; i < n - 1; i++) {
		bool is_socket = is_one_of(words[i], "-s", "--socket");

		if (is_socket || is_one_of(words[i], "-c", "--config")) {
			*(is_socket ? &socket : &conf) = words[++i];
			if (i == n - 1) {
				fputs(":files\n", out);
				(void)(err == NULL || fclose(err));
				return;
			}
		} else if ((value = joined(words[i], "-s", "--socket")) != NULL) {
			socket = value;
		} else if ((value = joined(words[i], "-c", "--config")) != NULL) {
			conf = value;
		} else if (*words[i] != '-' && command == NULL) {
			command = words[i];
		} else if (*words[i] != '-') {
			at++;
		}
	}
	open_ask(&completing, socket, conf, err);
	if (command == NULL) {
		offer_commands(&completing);
	} else {
		offer_words(&completing, command, at);
	}
	if (*completing.word == '-') {
		offer_all(&completing, "", options);
	}
	if (completing.has_ask) {
		ask_close(&completing.ask);
	}
	(void)(err == NULL || fclose(err));
}
