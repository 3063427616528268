/* SPDX-License-Identifier: ISC */
/*
 * weirctl: asks the weir that runs, and tells it. It knows weir by its answers alone.
 * The map of its sources (tests/lint/map); `weir --reload` uses the first:
 *
 *	ask		one question, and its answer
 *	show		how answers are shown
 *	command		from words to a question
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"

static const char usage_text[] = "usage: weirctl [-s SOCKET] [--json] COMMAND [WORD ...]\n"
				 "       weirctl --version | --help\n";

static const char help_text[] =
	"  -s, --socket SOCKET  the control socket (default: /run/weir/control)\n"
	"      --json           the answer as it is\n"
	"\n"
	"  status | ready | listeners | upstreams\n"
	"  pairs [NAME=VALUE ...]\n"
	"  pair ID\n"
	"  kill ID | NAME=VALUE ... | --all\n"
	"  server UP/NAME drain | down | up | auto | weight N | weight -\n"
	"  reload\n"
	"  log LEVEL\n"
	"\n"
	"weirctl(1) says what they do.\n";

int main(int argc, char **argv)
{
	enum { OPTION_JSON = 256, OPTION_ALL, OPTION_VERSION };
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"json", no_argument, NULL, OPTION_JSON},
		{"all", no_argument, NULL, OPTION_ALL},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct ask ask;
	struct command_opts opts = {.ask = &ask, .out = stdout};
	const char *socket = NULL;
	int option;
	int code;

	(void)signal(SIGPIPE, SIG_IGN); /* a write to a weir that is gone is an error, no end */
	while ((option = getopt_long(argc, argv, "s:h", long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			socket = optarg;
			break;
		case OPTION_JSON:
			opts.json = true;
			break;
		case OPTION_ALL:
			opts.all = true;
			break;
		case OPTION_VERSION:
			puts("weirctl " WEIR_VERSION);
			return COMMAND_OK;
		case 'h':
			printf("%s%s", usage_text, help_text);
			return COMMAND_OK;
		default:
			fputs(usage_text, stderr);
			return COMMAND_USAGE;
		}
	}
	if (optind == argc) {
		fputs(usage_text, stderr);
		return COMMAND_USAGE;
	}
	if (ask_open(&ask, "weirctl", socket, stderr) < 0) {
		return COMMAND_USAGE;
	}
	code = command_run(&opts, argc - optind, argv + optind);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "weirctl: standard output: %s\n", strerrordesc_np(errno));
		code = COMMAND_FAILED;
	}
	return code;
}
