/* SPDX-License-Identifier: ISC */
/*
 * weir: options and wiring. The map of the sources, lowest layer first; a file includes only its
 * own layer and those above it here (tests/lint/layers):
 *
 *	base/	list	intrusive lists			clock	CLOCK_MONOTONIC in ns
 *		parse	durations, sizes		addr	addresses as written and shown
 *		log	lines, queues, the log thread
 *	stream/	loop	the reactor on libuv		timer	a heap on one timerfd
 *		emitter	events and handlers		stream	the contract; stream_io: its bytes
 *		listen	listening sockets		acceptor  accepts from one of them
 *		resolver  names, for all threads	connector  an address to a stream
 *	conf/	conf	the model			read, schema, source, scan, errors: from
 *								file to model
 *	proxy/	pump	one direction			pair	two pumps, a clock, an end
 *		session	from accept to the closing line	deadline, end: which timer, which reason
 *		listener  one socket on one worker	upstream, limit: which server, how many
 *		proxy	one worker's share of it all
 *	service/  daemon  the process			worker	a thread with a loop
 *		sockets, inherited, budget, names, notify, memory: what the process needs and tells
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "service/daemon.h"

#ifndef WEIR_CONF
#define WEIR_CONF "/etc/weir/weir.conf"
#endif

static const char usage_text[] = "usage: weir [-c FILE] [--check] [--version] [--help]\n";

static const char help_text[] =
	"weir relays TCP and UNIX streams between clients and upstream servers.\n"
	"\n"
	"  -c, --config FILE  the config (default: " WEIR_CONF ")\n"
	"      --check        print every error of the config, and exit\n"
	"      --version      print the version, and exit\n"
	"  -h, --help         print this, and exit\n"
	"\n"
	"SIGTERM stops accepting and lets the pairs finish; a second one ends at once.\n"
	"See weir(8) and weir.conf(5).\n";

struct options {
	const char *conf_path;
	bool check;
};

/** Reads the command line; exits where it says all there is to do. */
static struct options parse_options(int argc, char **argv)
{
	enum { OPTION_CHECK = 256, OPTION_VERSION };
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct options options = {.conf_path = WEIR_CONF};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.conf_path = optarg;
			break;
		case OPTION_CHECK:
			options.check = true;
			break;
		case OPTION_VERSION:
			puts("weir " WEIR_VERSION);
			exit(EXIT_CODE_OK);
		case 'h':
			printf("%s\n%s", usage_text, help_text);
			exit(EXIT_CODE_OK);
		default:
			fputs(usage_text, stderr);
			exit(EXIT_CODE_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "weir: unexpected argument: %s; the config is named by -c\n%s",
			argv[optind], usage_text);
		exit(EXIT_CODE_USAGE);
	}
	return options;
}

/** Makes sure that what is opened later is not taken for stdin, stdout or stderr. */
static void fill_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct options options = parse_options(argc, argv);
	struct conf_errors errors;
	const struct conf *conf = NULL;
	bool stuck = false;
	int code;
	int r;

	fill_stdio();
	conf_errors_init(&errors);
	r = conf_load(options.conf_path, &errors, &conf);
	if (r < 0) {
		conf_errors_print(&errors, log_error_prefix(), stderr);
	}
	conf_errors_fini(&errors);
	if (r < 0) {
		return EXIT_CODE_START;
	}
	code = options.check ? EXIT_CODE_OK : daemon_run(conf, options.conf_path, &stuck);
	if (stuck) {
		/* A thread that cannot be ended would hold up the libraries' own clean-up. */
		_exit(code);
	}
	conf_unref(conf);
	return code;
}
