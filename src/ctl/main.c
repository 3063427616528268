/* SPDX-License-Identifier: ISC */
/*
 * weirctl: queries and controls a running weir, only through its HTTP answers. This is the map of
 * its sources (tests/lint/map); `weir --reload` uses the first two:
 *
 *	ask		sends a request, and receives the answer
 *	ask_open	finds the control socket
 *	names		finds the name that a wrong one probably means
 *	show		prints answers
 *	command		makes requests from words, and exit codes from answers
 *	commands	the table of commands
 *	complete	completion for shells
 *	change		commands that change something
 *	drain		drain and undrain
 *	events		the events of weir, as they happen
 *	top		a live screen
 *	top_sample	the numbers on the screen
 *	top_screen	draws the screen
 *	top_keys	handles its keys
 *	terminal	the terminal of the screen
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/commands.h"
#include "ctl/complete.h"

static const char usage_text[] =
	"usage: weirctl [-s SOCKET | -c FILE] [--json] COMMAND [WORD ...]\n"
	"       weirctl --version | --help\n";

static const char help_text[] =
	"  -s, --socket SOCKET  the control socket (default: /run/weir/control)\n"
	"  -c, --config FILE    use the control socket of the weir with this config\n"
	"      --json           print the answer as JSON, unchanged\n"
	"      --complete       must be first: print what may replace the last word, for a shell\n"
	"\n"
	"  status | ready | listeners | upstreams\n"
	"  top\n"
	"  events [NAME=VALUE ...]\n"
	"  pairs [NAME=VALUE ...]\n"
	"  pair ID\n"
	"  kill ID | NAME=VALUE ... | --all\n"
	"  server UP/NAME drain | down | up | auto | weight N | weight -\n"
	"  drain [GRACE] [--wait TIME] [--end-pairs]\n"
	"  undrain\n"
	"  reload\n"
	"  log LEVEL\n"
	"\n"
	"weirctl(1) says what they do.\n";

struct options {
	const char *socket;
	const char *conf;
	struct command_opts command;
};

/** Digits are options only so that tell_wrong() can say that a number may not be negative. */
#define DIGITS "0123456789"

/** Reports an option that is none. Returns an exit code. */
static int tell_wrong(int option)
{
	if (option != '\0' && strchr(DIGITS, option) != NULL) {
		fprintf(stderr,
			"weirctl: -%c: no time and no number is negative; write it without '-'\n",
			option);
	} else {
		fputs(usage_text, stderr);
	}
	return COMMAND_USAGE;
}

/** Parses the options. -1: go on; otherwise the exit code: the command line is wrong, or a text was
 * printed. */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { OPTION_JSON = 256, OPTION_ALL, OPTION_END_PAIRS, OPTION_WAIT, OPTION_VERSION };
	static const struct option long_options[] = {
		{"socket", required_argument, NULL, 's'},
		{"config", required_argument, NULL, 'c'},
		{"json", no_argument, NULL, OPTION_JSON},
		{"all", no_argument, NULL, OPTION_ALL},
		{"end-pairs", no_argument, NULL, OPTION_END_PAIRS},
		{"wait", required_argument, NULL, OPTION_WAIT},
		{"version", no_argument, NULL, OPTION_VERSION},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "s:c:h" DIGITS, long_options, NULL)) != -1) {
		switch (option) {
		case 's':
			options->socket = optarg;
			break;
		case 'c':
			options->conf = optarg;
			break;
		case OPTION_JSON:
			options->command.json = true;
			break;
		case OPTION_ALL:
			options->command.all = true;
			break;
		case OPTION_END_PAIRS:
			options->command.end_pairs = true;
			break;
		case OPTION_WAIT:
			options->command.wait = optarg;
			break;
		case OPTION_VERSION:
			puts("weirctl " WEIR_VERSION);
			return COMMAND_OK;
		case 'h':
			printf("%s%s", usage_text, help_text);
			return COMMAND_OK;
		default:
			return tell_wrong(option);
		}
	}
	if (options->socket != NULL && options->conf != NULL) {
		fputs("weirctl: -s and -c both name the control socket; write only one of them\n",
			stderr);
		return COMMAND_USAGE;
	}
	if (optind == argc) {
		return tell_wrong('?');
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct ask ask;
	struct options options = {.command = {.ask = &ask, .out = stdout}};
	int code;

	/* A write to a weir that is gone must return an error, not end us. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && strcmp(argv[1], "--complete") == 0) {
		complete_run(argc - 2, argv + 2, stdout);
		return COMMAND_OK;
	}
	code = parse_options(argc, argv, &options);
	if (code >= 0) {
		return code;
	}
	if (options.conf != NULL && ask_open_conf(&ask, "weirctl", options.conf, stderr) < 0) {
		return COMMAND_FAILED;
	}
	if (options.conf == NULL && ask_open(&ask, "weirctl", options.socket, stderr) < 0) {
		return COMMAND_USAGE;
	}
	code = commands_run(&options.command, argc - optind, argv + optind);
	ask_close(&ask);
	if (fflush(stdout) != 0) {
		code = command_unwritten(&options.command, errno);
	}
	return code;
}
