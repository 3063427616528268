/* SPDX-License-Identifier: ISC */
#include "load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "load/options_private.h"
#include "load/scenario.h"

/** How long to wait for a close, and for the answer to a connect. */
#define WAIT_NS ((uint64_t)10 * NS_PER_S)

/** How long to wait if no close is expected: longer than the timers of most proxies. */
#define WAIT_UNKNOWN_NS ((uint64_t)600 * NS_PER_S)

/** How late a close may be: LATE_NS, or the expected time divided by LATE_PART if that is more. */
#define LATE_NS ((uint64_t)100 * NS_PER_MS)
enum { LATE_PART = 20 };

enum { VALUE_SHOWN = 128 /**< characters shown of a wrong value */ };

#define MESSAGE_EVERY_NS ((uint64_t)100 * NS_PER_MS)

/** The default control address of a server that obeys: other machines cannot reach it. */
#define CONTROL_DEFAULT "127.0.0.1:8470"

/** drain: when it begins, and how long live streams go on. */
#define DRAIN_AFTER_NS ((uint64_t)NS_PER_S)
#define DRAIN_FOR_NS   ((uint64_t)2 * NS_PER_S)
enum { DRAIN_BUSY_PERCENT = 50 };

/** The option of this scenario that `text` ("--name" or "--name=value") names. */
static const struct option *find_option(
	const struct scenario *scenario, const char *text, bool *ret_elsewhere)
{
	size_t len;

	*ret_elsewhere = false;
	if (strcmp(text, "-h") == 0) {
		text = "--help";
	}
	if (strncmp(text, "--", 2) != 0) {
		return NULL;
	}
	text += 2;
	len = strcspn(text, "=");
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (strncmp(option->name, text, len) != 0 || option->name[len] != '\0') {
			continue;
		}
		if ((option->scenarios & scenario->bit) != 0) {
			return option;
		}
		*ret_elsewhere = true;
	}
	return NULL;
}

static bool takes_value(const struct option *option)
{
	return option->kind != KIND_FLAG && option->kind != KIND_HELP;
}

/** Reads the option at argv[*i] with its value. 1: help is wanted. */
static int read_option(struct options *options, int argc, char **argv, int *i, char *why)
{
	const char *text = argv[*i];
	const char *value = strchr(text, '=');
	const char *name = options->scenario->name;
	char reason[OPTIONS_WHY_MAX];
	bool elsewhere;
	const struct option *option = find_option(options->scenario, text, &elsewhere);

	if (option == NULL && options->scenario->bit == SCENARIO_SUITE && text[0] != '-' &&
		options->suite == NULL) {
		options->suite = text;
		return 0;
	}
	if (option == NULL) {
		return options_refuse(why,
			elsewhere ? "%s: not an option of %s; see weirload %s --help"
				  : "%s: unknown, for %s; see weirload %s --help",
			text, name, name);
	}
	if (option->kind == KIND_HELP) {
		return 1;
	}
	if (takes_value(option) != (value != NULL)) {
		if (!takes_value(option)) {
			return options_refuse(why, "--%s takes no value", option->name);
		}
		if (*i + 1 >= argc) {
			return options_refuse(why, "--%s needs a value: --%s %s", option->name,
				option->name, option->value);
		}
		value = argv[++*i];
	} else if (value != NULL) {
		value++;
	}
	if (options_read_value(options, option, value, reason) < 0) {
		return options_refuse(why, "--%s %.*s: %s", option->name, VALUE_SHOWN,
			value == NULL ? "" : value, reason);
	}
	return 0;
}

/** The address without its port. */
static const char *ip_text(const struct addr *addr, char text[INET6_ADDRSTRLEN])
{
	const void *ip = addr->sa.any.sa_family == AF_INET ? (const void *)&addr->sa.in.sin_addr
							   : &addr->sa.in6.sin6_addr;

	return inet_ntop(addr->sa.any.sa_family, ip, text, INET6_ADDRSTRLEN);
}

/** Whether this machine has an address, as far as bind(2) can tell. */
static bool is_here(const struct addr *addr)
{
	int fd = socket(addr->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_absent =
		fd >= 0 && bind(fd, &addr->sa.any, addr->sa_len) < 0 && errno == EADDRNOTAVAIL;

	if (fd >= 0) {
		close(fd);
	}
	return !is_absent;
}

static int check_source(const struct options *options, char *why)
{
	int family = options->target.sa.any.sa_family;
	char text[INET6_ADDRSTRLEN];

	for (uint64_t i = 0; i < options->n_sources; i++) {
		if (options->sources[i].sa.any.sa_family != family) {
			return options_refuse(why, "--source: %s",
				family == AF_UNIX ? "a UNIX target has no source addresses; leave "
						    "it out"
						  : "not of the target's family; write addresses "
						    "that can reach it");
		}
		if (!is_here(&options->sources[i])) {
			return options_refuse(why,
				"--source %s: no interface of this machine has this address; write "
				"one that `ip address` shows",
				ip_text(&options->sources[i], text));
		}
	}
	return 0;
}

/** Checks the options that a client needs. */
static int check_client(const struct options *options, char *why)
{
	if (options->target.sa_len == 0 && options->target.kind != ADDR_NAME) {
		return options_refuse(why, "--target is missing: the address to connect to");
	}
	if (options->n_threads > options->n_connections) {
		return options_refuse(why,
			"--threads %ju: more threads than connections; write %ju or less",
			(uintmax_t)options->n_threads, (uintmax_t)options->n_connections);
	}
	if (options_measures(options) && options->spread_ns != NS_NEVER) {
		return options_refuse(why, "--spread needs --expect: until all are open, a byte is "
					   "sent every third of that");
	}
	if (options_measures(options) && options->max_late_ns != NS_NEVER) {
		return options_refuse(
			why, "--max-late needs --expect: late is later than expected");
	}
	if (options->blackhole.sa_len != 0 && options->blackhole.kind == ADDR_UNIX) {
		return options_refuse(why, "--blackhole takes a TCP address, such as "
					   "127.0.0.1:9000: UNIX sockets never fall silent");
	}
	return 0;
}

/** Checks the options of --remote and of a server that obeys. */
static int check_remote(const struct options *options, char *why)
{
	bool is_server = options->scenario->bit == SCENARIO_SERVE;

	if (options->has_remote && options->serve.sa_len != 0) {
		return options_refuse(why, "--serve and --remote: the server's ends are here or "
					   "there; leave one of them out");
	}
	if (options->has_remote && options->secret_file == NULL) {
		return options_refuse(why, "--remote needs --secret-file: the file with which the "
					   "other weirload was started");
	}
	if (!is_server && !options->has_remote && options->secret_file != NULL) {
		return options_refuse(
			why, "--secret-file needs --remote: the address of the other weirload");
	}
	if (options->control.sa_len != 0 && options->secret_file == NULL) {
		return options_refuse(why, "--control needs --secret-file: it takes runs only from "
					   "callers that have the secret");
	}
	if (is_server && options->secret_file != NULL &&
		(options->mode != MODE_READ || options->json)) {
		return options_refuse(why, "--secret-file: the callers say what is done, and "
					   "report it; leave out --mode and --json");
	}
	return 0;
}

static int check(const struct options *options, char *why)
{
	const char *problem = NULL;
	int r = scenario_opens(options->scenario) ? check_client(options, why) : 0;

	if (r == 0) {
		r = check_remote(options, why);
	}
	if (r == 0 && options->scenario->check != NULL) {
		problem = options->scenario->check(options);
	}
	return problem == NULL ? r : options_refuse(why, "%s", problem);
}

/** Sets what follows from the given options. */
static void complete(struct options *options)
{
	uint64_t part_ns = options_measures(options) ? 0 : options->expect_ns / LATE_PART;
	uint64_t late_ns = clock_later(part_ns, LATE_NS);
	const char *problem;

	options->connect_wait_ns = options->wait_ns == NS_NEVER ? WAIT_NS : options->wait_ns;
	if (options->wait_ns == NS_NEVER) {
		options->wait_ns = options_measures(options) ? WAIT_UNKNOWN_NS : WAIT_NS;
	}
	if (options->max_late_ns == NS_NEVER && !options_measures(options)) {
		options->max_late_ns = late_ns;
	}
	if (options->max_latency_ns == NS_NEVER) {
		options->max_latency_ns =
			options_measures(options) ? late_ns : options->max_late_ns;
	}
	if ((options->scenario->bit & (SCENARIO_MIXED | SCENARIO_QUEUE | SCENARIO_DRAIN)) != 0 &&
		options->every_ns == NS_NEVER) {
		options->every_ns = MESSAGE_EVERY_NS;
	}
	if (options->scenario->bit == SCENARIO_DRAIN && options->for_ns == NS_NEVER) {
		options->for_ns = DRAIN_FOR_NS;
	}
	if (options->secret_file != NULL && options->control.sa_len == 0) {
		(void)addr_parse(CONTROL_DEFAULT, &options->control, &problem);
		(void)addr_now(&options->control, &options->control.sa);
	}
}

int options_begin(struct options *ret_options, const struct scenario *scenario, int argc,
	char **argv, char *why)
{
	*ret_options = (struct options){
		.scenario = scenario,
		.argc = argc,
		.argv = argv,
		.n_connections = 100,
		.n_threads = 1,
		.ramp = 1000,
		.expect_ns = NS_NEVER,
		.wait_ns = NS_NEVER,
		.max_late_ns = NS_NEVER,
		.max_latency_ns = NS_NEVER,
		.spread_ns = NS_NEVER,
		.progress_ns = NS_NEVER,
		.every_ns = NS_NEVER,
		.for_ns = NS_NEVER,
		.direction = DIRECTION_UP,
		.side = SIDE_CLIENT,
		.busy_share = scenario->bit == SCENARIO_DRAIN ? DRAIN_BUSY_PERCENT : 1,
		.begin = BEGIN_NOTHING,
		.after_ns = DRAIN_AFTER_NS,
		.message_bytes = 64,
		.sources = calloc(OPTIONS_SOURCES_MAX, sizeof(struct addr)),
	};
	return ret_options->sources == NULL ? options_refuse(why, "out of memory") : 0;
}

int options_finish(struct options *options, char *why)
{
	int r;

	options->has_remote = options->remote.sa_len != 0 || options->remote.kind == ADDR_NAME;
	options->has_serve = options->serve.sa_len != 0 || options->has_remote;
	options->is_apart = options->has_remote;
	r = check(options, why);
	if (r == 0) {
		complete(options);
	}
	return r;
}

int options_parse(const struct scenario *scenario, int argc, char **argv,
	struct options *ret_options, char *ret_why)
{
	int r = options_begin(ret_options, scenario, argc, argv, ret_why);

	for (int i = 2; i < argc && r == 0; i++) {
		r = read_option(ret_options, argc, argv, &i, ret_why);
	}
	if (r == 1) {
		options_help(scenario, stdout);
	}
	return r == 0 ? options_finish(ret_options, ret_why) : r;
}

void options_fini(struct options *options)
{
	free(options->sources);
	options->sources = NULL;
}

bool options_obeys(const struct options *options)
{
	return options->is_apart && !options->has_remote;
}

bool options_measures(const struct options *options)
{
	return options->expect_ns == NS_NEVER;
}

uint64_t options_patience_ns(const struct options *options)
{
	return options_measures(options) ? options->wait_ns
					 : clock_after(options->expect_ns, options->wait_ns);
}

/** Looks up a name, and replaces it by its first address. */
static int resolve(const char *option, struct addr *addr, int family, char *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = family};
	struct addrinfo *found = NULL;
	char text[ADDR_TEXT_MAX];
	int r;

	if (addr->kind != ADDR_NAME) {
		return 0;
	}
	r = getaddrinfo(addr->host, NULL, &hints, &found);
	if (r != 0) {
		return options_refuse(why, "--%s %s: %s; check the name", option,
			addr_text(addr, text), r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
	}
	memcpy(&addr->sa, found->ai_addr, found->ai_addrlen);
	addr->sa_len = found->ai_addrlen;
	addr->sa.in.sin_port = htons(addr->port); /* at the same offset in both families */
	addr->kind = ADDR_INET;
	addr->host[0] = '\0'; /* of an ADDR_INET it would be a zone */
	freeaddrinfo(found);
	return 0;
}

int options_resolve(struct options *options, char *why)
{
	int family = options->n_sources > 0 ? options->sources[0].sa.any.sa_family : AF_UNSPEC;
	int r = resolve("target", &options->target, family, why);

	if (r == 0) {
		r = resolve("remote", &options->remote, AF_UNSPEC, why);
	}
	return r < 0 ? r : check_source(options, why);
}

/** The number of connections in the --busy share, at least one. */
static uint64_t share_of(const struct options *options)
{
	uint64_t n = (uint64_t)((double)options->n_connections * options->busy_share / 100);

	return n == 0 ? 1 : n;
}

uint64_t options_busy(const struct options *options)
{
	switch (options->scenario->bit) {
	case SCENARIO_MIXED:
		return share_of(options);
	case SCENARIO_FIRSTBYTE:
		return options_measures(options) ? 0 : share_of(options);
	case SCENARIO_QUEUE:
		return options->places;
	default:
		return 0;
	}
}

uint64_t options_live(const struct options *options)
{
	bool exchanges = (options->scenario->bit & (SCENARIO_MIXED | SCENARIO_DRAIN)) != 0;

	return exchanges ? share_of(options) : 0;
}
