/* SPDX-License-Identifier: ISC */
#include "load/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "load/scenario.h"

enum kind {
	KIND_TARGET,   /* struct addr */
	KIND_SERVE,    /* struct addr, and has_serve */
	KIND_SOURCE,   /* one more struct addr of sources */
	KIND_COUNT,    /* uint64_t, min to max */
	KIND_NUMBER,   /* double, above 0, to max */
	KIND_DURATION, /* uint64_t; min is 1 where 0s makes no sense */
	KIND_WORD,     /* uint64_t: the place in `words`, from min on */
	KIND_FLAG,     /* bool, without a value */
	KIND_PATH,     /* const char * */
	KIND_HELP,
};

struct option {
	const char *name;
	const char *value; /**< what its value is called in --help */
	enum kind kind;
	unsigned scenarios; /**< enum scenario_bit */
	size_t offset;      /**< in struct options */
	uint64_t min;
	uint64_t max;
	const char *words; /**< "up down both" */
	const char *help;
};

#define AT(field) offsetof(struct options, field)

static const struct option option_table[] = {
	{"target", "ADDR", KIND_TARGET, SCENARIO_ALL, AT(target), 0, 0, NULL,
		"the proxy, or whatever is to be tried: 127.0.0.1:80, [::1]:80, name:80, "
		"unix:PATH"},
	{"serve", "ADDR", KIND_SERVE, SCENARIO_ALL & ~SCENARIO_CONNECT, AT(serve), 0, 0, NULL,
		"be the server behind the proxy too, and report both ends"},
	{"source", "IP[,IP...]", KIND_SOURCE, SCENARIO_ALL, AT(sources), 0, 0, NULL,
		"connect from these addresses in turn; may be repeated"},
	{"connections", "N", KIND_COUNT, SCENARIO_ALL, AT(n_connections), 1,
		OPTIONS_CONNECTIONS_MAX, NULL, "how many (default 100)"},
	{"ramp", "RATE", KIND_NUMBER, SCENARIO_ALL & ~SCENARIO_CONNECT, AT(ramp), 0, 1000000, NULL,
		"connections opened in a second (default 1000)"},
	{"rate", "RATE", KIND_NUMBER, SCENARIO_CONNECT, AT(ramp), 0, 1000000, NULL,
		"connections opened in a second (default 1000)"},
	{"threads", "N", KIND_COUNT, SCENARIO_ALL, AT(n_threads), 1, OPTIONS_THREADS_MAX, NULL,
		"threads, each with a loop (default 1)"},
	{"expect", "T", KIND_DURATION, SCENARIO_ALL, AT(expect_ns), 0, 0, NULL,
		"when the close is expected: 500ms, 5s, 10m"},
	{"wait", "T", KIND_DURATION, SCENARIO_ALL, AT(wait_ns), 0, 0, NULL,
		"how long after its time a close is waited for (default 10s)"},
	{"silent", NULL, KIND_FLAG, SCENARIO_IDLE, AT(silent), 0, 0, NULL,
		"send nothing at all; the time counts from the connect"},
	{"spread", "T", KIND_DURATION, SCENARIO_IDLE | SCENARIO_MIXED, AT(spread_ns), 0, 0, NULL,
		"once all are open, send the last bytes spread over T; 0s: all at one moment"},
	{"every", "D", KIND_DURATION, SCENARIO_TRICKLE | SCENARIO_HALFCLOSE | SCENARIO_MIXED,
		AT(every_ns), 1, 0, NULL, "the pause between two sends of one connection"},
	{"for", "P", KIND_DURATION, SCENARIO_TRICKLE, AT(for_ns), 0, 0, NULL,
		"how long bytes are sent before the silence"},
	{"direction", "up|down|both", KIND_WORD, SCENARIO_TRICKLE, AT(direction), DIRECTION_UP, 0,
		"up down both", "who sends: the client, the server, both (default up)"},
	{"side", "client|server", KIND_WORD, SCENARIO_HALFCLOSE | SCENARIO_STALL, AT(side),
		SIDE_CLIENT, 0, "client server",
		"who sends FIN, or who stops reading (default client)"},
	{"busy", "PERCENT", KIND_NUMBER, SCENARIO_MIXED, AT(busy_share), 0, 100, NULL,
		"the share of connections that exchange messages (default 1)"},
	{"size", "BYTES", KIND_COUNT, SCENARIO_MIXED, AT(message_bytes), 16, 65536, NULL,
		"of a message (default 64)"},
	{"max-late", "T", KIND_DURATION, SCENARIO_ALL, AT(max_late_ns), 0, 0, NULL,
		"fail if a close is later than T"},
	{"max-early", "N", KIND_COUNT, SCENARIO_ALL, AT(max_early), 0, UINT32_MAX, NULL,
		"fail if more than N are closed early (default 0)"},
	{"max-failed", "N", KIND_COUNT, SCENARIO_ALL, AT(max_failed), 0, UINT32_MAX, NULL,
		"fail if more than N cannot be opened (default 0)"},
	{"max-never", "N", KIND_COUNT, SCENARIO_ALL, AT(max_never), 0, UINT32_MAX, NULL,
		"fail if more than N are never closed (default 0)"},
	{"json", NULL, KIND_FLAG, SCENARIO_ALL, AT(json), 0, 0, NULL,
		"report in JSON, as weirload(1) describes it"},
	{"csv", "FILE", KIND_PATH, SCENARIO_ALL, AT(csv), 0, 0, NULL,
		"write one row for each connection"},
	{"help", NULL, KIND_HELP, SCENARIO_ALL, 0, 0, 0, NULL, "print this, and exit"},
};

enum { N_OPTIONS = sizeof(option_table) / sizeof(option_table[0]) };

__attribute__((format(printf, 2, 3))) static int refuse(char *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why, OPTIONS_WHY_MAX, format, args);
	va_end(args);
	return -EINVAL;
}

/* ---- values ---- */

static int read_addr(const struct option *option, const char *value, struct addr *addr, char *why)
{
	const char *problem;

	if (addr_parse(value, addr, &problem) < 0) {
		return refuse(why, "--%s %s: %s", option->name, value, problem);
	}
	if (addr->kind == ADDR_SYSTEMD) {
		return refuse(why, "--%s %s: nothing is passed to weirload; write 127.0.0.1:80",
			option->name, value);
	}
	if (option->kind == KIND_TARGET && addr->kind == ADDR_ANY) {
		return refuse(why,
			"--target %s: \"*\" is no address to connect to; write "
			"127.0.0.1:%u",
			value, addr->port);
	}
	if (option->kind == KIND_SERVE && addr->kind == ADDR_NAME) {
		return refuse(
			why, "--serve %s: a name cannot be listened on; write its address", value);
	}
	return 0;
}

static int add_source(struct options *options, const char *ip, char *why)
{
	struct addr *addr;

	if (options->n_sources == OPTIONS_SOURCES_MAX) {
		return refuse(why, "--source: at most %d addresses", OPTIONS_SOURCES_MAX);
	}
	addr = &options->sources[options->n_sources];
	*addr = (struct addr){.kind = ADDR_INET};
	if (inet_pton(AF_INET, ip, &addr->sa.in.sin_addr) == 1) {
		addr->sa.in.sin_family = AF_INET;
		addr->sa_len = sizeof(addr->sa.in);
	} else if (inet_pton(AF_INET6, ip, &addr->sa.in6.sin6_addr) == 1) {
		addr->sa.in6.sin6_family = AF_INET6;
		addr->sa_len = sizeof(addr->sa.in6);
	} else {
		return refuse(why,
			"--source %.64s: not an IP address; write one of this machine's, "
			"without a port",
			ip);
	}
	options->n_sources++;
	return 0;
}

static int read_sources(struct options *options, const char *value, char *why)
{
	char *list = strdup(value);
	char *rest = list;
	int r = list == NULL ? refuse(why, "--source: out of memory") : 0;

	while (r == 0 && rest != NULL) {
		r = add_source(options, strsep(&rest, ","), why);
	}
	free(list);
	return r;
}

static int read_count(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	uint64_t number = 0;
	size_t n = strspn(value, "0123456789");

	if (n == 0 || value[n] != '\0') {
		return refuse(why, "--%s %s: not a whole number; write one from %ju to %ju",
			option->name, value, (uintmax_t)option->min, (uintmax_t)option->max);
	}
	errno = 0;
	number = strtoull(value, NULL, 10);
	if (errno != 0 || number < option->min || number > option->max) {
		return refuse(why, "--%s %s: out of range; write a number from %ju to %ju",
			option->name, value, (uintmax_t)option->min, (uintmax_t)option->max);
	}
	*ret = number;
	return 0;
}

static int read_number(const struct option *option, const char *value, double *ret, char *why)
{
	char *end;
	double number = strtod(value, &end);

	if (value[strspn(value, "0123456789.")] != '\0' || end == value || *end != '\0' ||
		!(number > 0) || number > (double)option->max) {
		return refuse(why, "--%s %s: write a number above 0, at most %ju", option->name,
			value, (uintmax_t)option->max);
	}
	*ret = number;
	return 0;
}

static int read_duration(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	const char *problem;
	uint64_t ns;

	if (parse_duration(value, &ns, &problem) < 0) {
		return refuse(why, "--%s %s: %s", option->name, value, problem);
	}
	if (ns == NS_NEVER) {
		return refuse(why, "--%s none: write a duration, such as 5s", option->name);
	}
	if (ns < option->min) {
		return refuse(why, "--%s %s: write more than nothing, such as 100ms", option->name,
			value);
	}
	*ret = ns;
	return 0;
}

static int read_word(const struct option *option, const char *value, uint64_t *ret, char *why)
{
	size_t len = strlen(value);
	uint64_t place = option->min;

	for (const char *word = option->words; *word != '\0'; place++) {
		size_t n = strcspn(word, " ");

		if (n == len && memcmp(word, value, n) == 0) {
			*ret = place;
			return 0;
		}
		word += n;
		word += strspn(word, " ");
	}
	return refuse(why, "--%s %s: write %s", option->name, value, option->value);
}

static int read_value(
	struct options *options, const struct option *option, const char *value, char *why)
{
	void *field = (char *)options + option->offset;

	switch (option->kind) {
	case KIND_TARGET:
		return read_addr(option, value, field, why);
	case KIND_SERVE:
		options->has_serve = true;
		return read_addr(option, value, field, why);
	case KIND_SOURCE:
		return read_sources(options, value, why);
	case KIND_COUNT:
		return read_count(option, value, field, why);
	case KIND_NUMBER:
		return read_number(option, value, field, why);
	case KIND_DURATION:
		return read_duration(option, value, field, why);
	case KIND_WORD:
		return read_word(option, value, field, why);
	case KIND_PATH:
		*(const char **)field = value;
		return 0;
	case KIND_FLAG:
	case KIND_HELP:
		break;
	}
	*(bool *)field = true;
	return 0;
}

/* ---- the line ---- */

/** The option that `text` ("--name" or "--name=value") names, of this scenario. */
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
	for (size_t i = 0; i < N_OPTIONS; i++) {
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

/** Reads argv[*i], and its value behind it. 1: help is wanted. */
static int read_option(struct options *options, int argc, char **argv, int *i, char *why)
{
	const char *text = argv[*i];
	const char *value = strchr(text, '=');
	const char *name = options->scenario->name;
	bool elsewhere;
	const struct option *option = find_option(options->scenario, text, &elsewhere);

	if (option == NULL) {
		return refuse(why,
			elsewhere ? "%s: not an option of %s; see weirload %s --help"
				  : "%s: unknown, for %s; see weirload %s --help",
			text, name, name);
	}
	if (option->kind == KIND_HELP) {
		return 1;
	}
	if (takes_value(option) != (value != NULL)) {
		if (!takes_value(option)) {
			return refuse(why, "--%s takes no value", option->name);
		}
		if (*i + 1 >= argc) {
			return refuse(why, "--%s needs a value: --%s %s", option->name,
				option->name, option->value);
		}
		return read_value(options, option, argv[++*i], why);
	}
	return read_value(options, option, value == NULL ? NULL : value + 1, why);
}

static int check_source(const struct options *options, char *why)
{
	int family = options->target.sa.any.sa_family;

	for (uint64_t i = 0; i < options->n_sources; i++) {
		if (options->sources[i].sa.any.sa_family != family) {
			return refuse(why, "--source: %s",
				family == AF_UNIX ? "a UNIX target has no source addresses; leave "
						    "it out"
						  : "not of the target's family; write addresses "
						    "that can reach it");
		}
	}
	return 0;
}

static int check(const struct options *options, char *why)
{
	const char *problem = NULL;

	if (options->target.sa_len == 0 && options->target.kind != ADDR_NAME) {
		return refuse(why, "--target is missing: the address to connect to");
	}
	if (options->expect_ns == NS_NEVER) {
		return refuse(why, "--expect is missing: when the close is expected, such as "
				   "--expect 5s");
	}
	if (options->n_threads > options->n_connections) {
		return refuse(why,
			"--threads %ju: more threads than connections; write %ju or less",
			(uintmax_t)options->n_threads, (uintmax_t)options->n_connections);
	}
	if (options->scenario->check != NULL) {
		problem = options->scenario->check(options);
	}
	return problem == NULL ? 0 : refuse(why, "%s", problem);
}

int options_parse(const struct scenario *scenario, int argc, char **argv,
	struct options *ret_options, char *ret_why)
{
	struct options options = {
		.scenario = scenario,
		.n_connections = 100,
		.n_threads = 1,
		.ramp = 1000,
		.expect_ns = NS_NEVER,
		.wait_ns = (uint64_t)10 * NS_PER_S,
		.max_late_ns = NS_NEVER,
		.spread_ns = NS_NEVER,
		.every_ns = NS_NEVER,
		.for_ns = NS_NEVER,
		.direction = DIRECTION_UP,
		.side = SIDE_CLIENT,
		.busy_share = 1,
		.message_bytes = 64,
		.sources = calloc(OPTIONS_SOURCES_MAX, sizeof(struct addr)),
	};
	int r = options.sources == NULL ? refuse(ret_why, "out of memory") : 0;

	for (int i = 2; i < argc && r == 0; i++) {
		r = read_option(&options, argc, argv, &i, ret_why);
	}
	if (r == 1) {
		options_help(scenario, stdout);
	}
	if (r == 0) {
		r = check(&options, ret_why);
	}
	*ret_options = options;
	return r;
}

void options_fini(struct options *options)
{
	free(options->sources);
	options->sources = NULL;
}

int options_resolve(struct options *options, char *why)
{
	struct addr *target = &options->target;
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char text[ADDR_TEXT_MAX];
	int r;

	if (target->kind != ADDR_NAME) {
		return check_source(options, why);
	}
	if (options->n_sources > 0) {
		hints.ai_family = options->sources[0].sa.any.sa_family;
	}
	r = getaddrinfo(target->host, NULL, &hints, &found);
	if (r != 0) {
		return refuse(why, "--target %s: %s; check the name", addr_text(target, text),
			r == EAI_SYSTEM ? strerror(errno) : gai_strerror(r));
	}
	memcpy(&target->sa, found->ai_addr, found->ai_addrlen);
	target->sa_len = found->ai_addrlen;
	target->sa.in.sin_port = htons(target->port); /* at the same place in both families */
	target->kind = ADDR_INET;
	freeaddrinfo(found);
	return check_source(options, why);
}

uint64_t options_busy(const struct options *options)
{
	uint64_t n;

	if (options->scenario->bit != SCENARIO_MIXED) {
		return 0;
	}
	n = (uint64_t)((double)options->n_connections * options->busy_share / 100);
	return n == 0 ? 1 : n;
}

void options_help(const struct scenario *scenario, FILE *out)
{
	fprintf(out, "usage: weirload %s --target ADDR --expect T [OPTION ...]\n\n%s\n",
		scenario->name, scenario->description);
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct option *option = &option_table[i];
		char head[64];

		if ((option->scenarios & scenario->bit) == 0) {
			continue;
		}
		(void)snprintf(head, sizeof(head), "--%s %s", option->name,
			option->value == NULL ? "" : option->value);
		fprintf(out, "  %-25s %s\n", head, option->help);
	}
	fprintf(out, "\nExit status: 0 when every limit holds, 1 when one does not, 2 for usage. "
		     "See weirload(1).\n");
}
