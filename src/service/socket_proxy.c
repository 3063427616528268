/* SPDX-License-Identifier: ISC */
#include "service/socket_proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timespan.h"
#include "conf/conf.h"
#include "crew/inherited.h"
#include "log/failure.h"
#include "service/exit_code.h"

enum { ADDRESS_MAX = 512, CONNECTIONS_DIGITS = 10, REMEDY_MAX = 1024 };

static const char usage_text[] =
	"usage: weir --socket-proxy [--connections-max=N] [--exit-idle-time=TIME] HOST:PORT\n"
	"       weir --socket-proxy [--connections-max=N] [--exit-idle-time=TIME] /PATH|@NAME\n";

static const char help_text[] =
	"Relays what comes in on the sockets that systemd passes to one server.\n"
	"\n"
	"  -c, --connections-max=N     pairs at a time (default: 256); others wait\n"
	"      --exit-idle-time=TIME   exit when there was no pair for so long\n"
	"      --version               print the version, and exit\n"
	"  -h, --help                  print this, and exit\n"
	"\n"
	"See weir(8).\n";

/* ---- the server ---- */

/** Parses a port, as a number or the name of a service; 0: it is neither. */
static uint16_t read_port(const char *text)
{
	const struct servent *service;
	size_t n_digits = strspn(text, "0123456789");
	unsigned long port;

	if (n_digits > 0 && text[n_digits] == '\0') {
		port = strtoul(text, NULL, 10);
		return port <= UINT16_MAX ? (uint16_t)port : 0;
	}
	service = getservbyname(text, "tcp");
	return service == NULL ? 0 : ntohs((uint16_t)service->s_port);
}

/** Parses HOST:PORT. HOST may be an IPv6 address with or without brackets, so the last colon is the
 * separator. */
static int inet_address(const char *text, struct addr *ret_addr, const char **ret_why)
{
	char written[ADDRESS_MAX];
	const char *colon = strrchr(text, ':');
	const char *end = strrchr(text, ']');
	size_t len = strlen(text);
	uint16_t port = 80;
	bool bare;
	int r;

	if (colon != NULL && (end == NULL || end < colon)) {
		len = (size_t)(colon - text);
		port = read_port(colon + 1);
	}
	if (port == 0) {
		*ret_why = "what follows the last colon is neither a port nor the name of a "
			   "service in /etc/services; write HOST:80 or /run/x.sock";
		return -EINVAL;
	}
	if (len == 0) {
		*ret_why = "it has no host; write 127.0.0.1:80";
		return -EINVAL;
	}
	if (len >= sizeof(written) / 2) {
		*ret_why = "it is too long for an address; write HOST:80";
		return -EINVAL;
	}
	bare = text[0] != '[' && memchr(text, ':', len) != NULL;
	(void)snprintf(written, sizeof(written), "%s%.*s%s:%u", bare ? "[" : "", (int)len, text,
		bare ? "]" : "", (unsigned)port);
	r = addr_parse(written, ret_addr, ret_why);
	if (r < 0 && bare) {
		*ret_why = "what comes before the last colon is not an IPv6 address; write "
			   "[::1]:80";
	}
	return r;
}

int socket_proxy_address(const char *text, struct addr *ret_addr, const char **ret_why)
{
	char written[ADDRESS_MAX];
	struct addr addr;
	int r;

	if (text[0] == '/' || text[0] == '@') {
		/* A text that is cut off is still too long for a UNIX socket. */
		(void)snprintf(written, sizeof(written), "unix:%s", text);
		r = addr_parse(written, ret_addr, ret_why);
		if (r < 0) {
			*ret_why = "it is no UNIX socket: 1 to 107 bytes, no control character; "
				   "write /run/x.sock, or @x for an abstract one";
		}
		return r;
	}
	r = inet_address(text, &addr, ret_why);
	if (r == 0 && addr.kind != ADDR_INET && addr.kind != ADDR_NAME) {
		*ret_why = "it is no place to connect to; write HOST:80 or /run/x.sock";
		r = -EINVAL;
	}
	if (r == 0) {
		*ret_addr = addr;
	}
	return r;
}

/* ---- the command line ---- */

static bool refuse(const char *program, const char *what, const char *text, const char *why)
{
	fprintf(stderr, "%s: %s%s: %s\n", program, what, text, why);
	return false;
}

static bool read_connections(const char *program, const char *text, uint32_t *ret_max)
{
	size_t n_digits = strspn(text, "0123456789");
	unsigned long number = n_digits > CONNECTIONS_DIGITS ? 0 : strtoul(text, NULL, 10);

	if (text[n_digits] != '\0' || number < 1 || number > UINT32_MAX) {
		return refuse(program, "--connections-max=", text,
			"it is not a number from 1 to 4294967295; write one like 256");
	}
	*ret_max = (uint32_t)number;
	return true;
}

static bool read_exit_idle(const char *program, const char *text, uint64_t *ret_ns)
{
	const char *why;

	return parse_timespan(text, ret_ns, &why) == 0 ||
	       refuse(program, "--exit-idle-time=", text, why);
}

/** Handles an option. True: go on; *ret_code is unchanged. */
static bool read_option(const char *program, int option, struct socket_proxy *proxy, int *ret_code)
{
	bool good;

	switch (option) {
	case 'c':
		good = read_connections(program, optarg, &proxy->connections_max);
		break;
	case 'i':
		good = read_exit_idle(program, optarg, &proxy->exit_idle_ns);
		break;
	case 'v':
		puts("weir " WEIR_VERSION);
		*ret_code = EXIT_CODE_OK;
		return false;
	case 'h':
		printf("%s\n%s", usage_text, help_text);
		*ret_code = EXIT_CODE_OK;
		return false;
	default:
		fputs(usage_text, stderr); /* getopt_long() has printed the error */
		good = false;
	}
	if (!good) {
		*ret_code = EXIT_CODE_USAGE;
	}
	return good;
}

bool socket_proxy_parse(int argc, char **argv, struct socket_proxy *ret_proxy, int *ret_code)
{
	static const struct option long_options[] = {
		{"connections-max", required_argument, NULL, 'c'},
		{"exit-idle-time", required_argument, NULL, 'i'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct socket_proxy proxy = {
		.connections_max = SOCKET_PROXY_CONNECTIONS,
		.exit_idle_ns = NS_NEVER,
	};
	const char *why;
	int option;

	optind = 0; /* getopt_long() may have parsed another command line before */
	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		if (!read_option(argv[0], option, &proxy, ret_code)) {
			return false;
		}
	}
	*ret_code = EXIT_CODE_USAGE;
	if (optind + 1 != argc) {
		fprintf(stderr, "%s: one address is needed, there are %d\n%s", argv[0],
			argc - optind, usage_text);
		return false;
	}
	if (socket_proxy_address(argv[optind], &proxy.server, &why) < 0) {
		return refuse(argv[0], "", argv[optind], why);
	}
	*ret_proxy = proxy;
	return true;
}

/* ---- the config ---- */

static int fail(int err, const char *remedy)
{
	return start_failed("socket proxy", err, remedy);
}

/** Every passed socket must be relayed, so one that does not listen is an error. */
static int refuse_other(const struct inherited_fd *other)
{
	char remedy[REMEDY_MAX];

	(void)snprintf(remedy, sizeof(remedy),
		"\"%s\" is a %s: write ListenStream= and Accept=no in its unit, or take it out of "
		"there",
		other->name, inherited_kind(other->fd));
	return fail(-EINVAL, remedy);
}

/** Makes an address for each different name of the inherited sockets. Returns their number. */
static size_t name_addresses(const struct inherited *inherited, struct addr *addresses)
{
	size_t n = 0;

	for (size_t i = 0; i < inherited->n_listening; i++) {
		const char *name = inherited->listening[i].name;
		size_t k = 0;

		while (k < n && strcmp(addresses[k].host, name) != 0) {
			k++;
		}
		if (k == n && strlen(name) < sizeof(addresses[n].host)) {
			addresses[n].kind = ADDR_SYSTEMD;
			(void)strcpy(addresses[n].host, name);
			n++;
		}
	}
	return n;
}

int socket_proxy_conf(const struct socket_proxy *proxy, const struct inherited *inherited,
	const struct conf **ret_conf)
{
	struct conf_relay relay = {
		.name = "socket-proxy",
		.server = &proxy->server,
		.max_pairs = proxy->connections_max,
	};
	struct addr *addresses;
	int r;

	if (inherited->n_others > 0) {
		return refuse_other(&inherited->others[0]);
	}
	if (inherited->n_listening == 0) {
		return fail(-ENOENT,
			"no socket was passed: start the .socket unit of the service, not the "
			"service");
	}
	addresses = calloc(inherited->n_listening, sizeof(*addresses));
	if (addresses == NULL) {
		return fail(-ENOMEM, NULL);
	}
	relay.addresses = addresses;
	relay.n_addresses = name_addresses(inherited, addresses);
	r = conf_new_relay(&relay, ret_conf);
	free(addresses);
	return r < 0 ? fail(r, NULL) : 0;
}
