/* SPDX-License-Identifier: ISC */
#include "service/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "service/exit_code.h"

#ifndef WEIR_CONF
#define WEIR_CONF "/etc/weir/weir.conf"
#endif

static const char usage_text[] = "usage: weir [-c FILE] [--check | --reload]\n"
				 "       weir --version | --help\n"
				 "       weir --socket-proxy [OPTION ...] HOST:PORT|/PATH|@NAME\n";

static const char help_text[] =
	"weir relays TCP and UNIX streams between clients and upstream servers.\n"
	"\n"
	"  -c, --config FILE  the config (default: " WEIR_CONF ")\n"
	"      --check        print every error of the config, and exit\n"
	"      --hand-on      with --check: write what was read to stdout, for a reload\n"
	"      --reload       ask the weir that uses this config to read it again; print the "
	"errors\n"
	"      --version      print the version, and exit\n"
	"  -h, --help         print this, and exit\n"
	"\n"
	"      --socket-proxy  as the first argument: stand in for systemd-socket-proxyd(8)\n"
	"\n"
	"SIGHUP reads the config again, and open pairs stay as they are. SIGTERM stops accepting\n"
	"and lets the pairs finish; a second SIGTERM, at least a second later, ends all at once.\n"
	"See weir(8) and weir.conf(5).\n";

/** Exits if options contradict each other. */
static void refuse_misfits(const struct options *options, int argc, char **argv)
{
	if (optind < argc) {
		fprintf(stderr, "weir: unexpected argument: %s; the config is named by -c\n%s",
			argv[optind], usage_text);
		exit(EXIT_CODE_USAGE);
	}
	if (options->reload && options->check) {
		fprintf(stderr,
			"weir: --reload goes without --check: the weir that runs checks the config "
			"it has\n%s",
			usage_text);
		exit(EXIT_CODE_USAGE);
	}
	if (options->hand_on && !options->check) {
		fprintf(stderr, "weir: --hand-on goes with --check\n%s", usage_text);
		exit(EXIT_CODE_USAGE);
	}
}

/** Parses the command line. Exits if it is wrong, or if it only asks for a text. */
static struct options parse_options(int argc, char **argv)
{
	enum {
		OPTION_CHECK = 256,
		OPTION_HAND_ON,
		OPTION_RELOAD,
		OPTION_VERSION,
		OPTION_SOCKET_PROXY
	};
	static const struct option long_options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, OPTION_CHECK},
		{"hand-on", no_argument, NULL, OPTION_HAND_ON},
		{"reload", no_argument, NULL, OPTION_RELOAD},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{"socket-proxy", no_argument, NULL, OPTION_SOCKET_PROXY},
		{0},
	};
	struct options options = {.proxy.exit_idle_ns = NS_NEVER};
	int option;

	while ((option = getopt_long(argc, argv, "c:h", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.conf_path = optarg;
			break;
		case OPTION_CHECK:
			options.check = true;
			break;
		case OPTION_HAND_ON:
			options.hand_on = true;
			break;
		case OPTION_RELOAD:
			options.reload = true;
			break;
		case OPTION_VERSION:
			puts("weir " WEIR_VERSION);
			exit(EXIT_CODE_OK);
		case 'h':
			printf("%s\n%s", usage_text, help_text);
			exit(EXIT_CODE_OK);
		case OPTION_SOCKET_PROXY:
			fputs("weir: --socket-proxy has to be the first argument\n", stderr);
			exit(EXIT_CODE_USAGE);
		default:
			fputs(usage_text, stderr);
			exit(EXIT_CODE_USAGE);
		}
	}
	refuse_misfits(&options, argc, argv);
	if (options.conf_path == NULL) {
		options.conf_path = WEIR_CONF;
	}
	return options;
}

/** Parses the command line of `weir --socket-proxy`. False, and the exit code: there is nothing
 * more to do. */
static bool parse_socket_proxy(int argc, char **argv, struct options *ret_options, int *ret_code)
{
	static char name[] = "weir --socket-proxy"; /* the prefix of errors from getopt_long() */

	*ret_options = (struct options){0};
	argv[1] = name;
	return socket_proxy_parse(argc - 1, argv + 1, &ret_options->proxy, ret_code);
}

bool options_parse(int argc, char **argv, struct options *ret_options, int *ret_code)
{
	if (argc > 1 && strcmp(argv[1], "--socket-proxy") == 0) {
		return parse_socket_proxy(argc, argv, ret_options, ret_code);
	}
	*ret_options = parse_options(argc, argv);
	return true;
}
