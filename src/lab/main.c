/* SPDX-License-Identifier: ISC */
/*
 * weirlab: a proxy that simulates bad networks on command. It has the HTTP API of toxiproxy. It
 * uses base/, proto/, stream/ and http/, and nothing else of weir.
 *
 *	a client ══ link: pump, or chain of toxics ══ a server
 *	                      ▲
 *	api ─▶ proxy_json, toxic_json ─▶ proxy, with its toxics and its links
 *
 * One thread, one loop. The map of its sources (tests/lint/map):
 *
 *	options		the command line
 *	script		a scenario: requests with their times
 *	text_file	reads a file as a text
 *	recording	the timing of a connection, and its file
 *	recorder	records the timing of a connection
 *	playback	decides what one side of a replayed connection does, and when
 *	replay		replays a recording, with servers and a client
 *	say		lines for people
 *	lab		what all parts share
 *	api		the paths of the API, and its listening socket
 *	answer		the answer to a request
 *	fields		decodes JSON as Go does
 *	proxy_json	the JSON of proxies
 *	toxic_json	the JSON of toxics
 *	link_json	the JSON of a connection
 *	connections	all connections, in slices
 *	cursor		the position of an iteration that takes many turns
 *	metrics		counters for Prometheus
 *	address		addresses as Go writes them
 *	proxy		a proxy: its addresses, its connections, its toxics
 *	gate		refuse, blackhole, flap: whether a proxy accepts clients
 *	home		the part of a proxy that its connections use
 *	link		a connection
 *	link_way	one direction of a connection, as a pump or as a chain
 *	chain		the toxics of a direction, and what is in flight in them
 *	chunk		bytes in flight
 *	chance		random numbers by seed
 *	toxic		a fault that is applied to the bytes of one direction
 *	toxic_types	the table of all types:
 *	delay		latency, slow_close
 *	rate		bandwidth
 *	slices		slicer
 *	ends		timeout, reset_peer, limit_data
 *	trigger		when the types of weirlab's own begin and end:
 *	faults		freeze, cut, half_close, drip, corrupt
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "lab/answer.h"
#include "lab/api.h"
#include "lab/fields.h"
#include "lab/lab.h"
#include "lab/options.h"
#include "lab/proxy.h"
#include "lab/proxy_json.h"
#include "lab/recorder.h"
#include "lab/replay.h"
#include "lab/say.h"
#include "lab/script.h"
#include "lab/text_file.h"
#include "stream/loop.h"
#include "stream/pipe.h"
#include "stream/resolver.h"

enum { EXIT_USAGE = 2 };

static const char usage_text[] =
	"usage: weirlab [-host HOST] [-port PORT] [-config FILE] [-seed N]\n"
	"               [-run FILE] [-proxy-metrics] [-runtime-metrics]\n"
	"       weirlab -record FILE -listen ADDRESS -upstream ADDRESS [...]\n"
	"       weirlab -replay FILE [-listen ADDRESS] [-upstream ADDRESS]\n"
	"       weirlab -version | -help\n";

/** The files that are read at the start. */
struct files {
	struct script *script;
	struct recording *recording;
};

/** SIGINT and SIGTERM stop the loop. */
struct stop {
	struct watcher watcher;
	struct loop *loop;
	int fd;
};

static void on_signal(struct watcher *watcher, uint32_t events)
{
	struct stop *stop = container_of(watcher, struct stop, watcher);
	struct signalfd_siginfo info;

	(void)events;
	if (read(stop->fd, &info, sizeof(info)) > 0) {
		say(SAY_INFO, "stops");
		(void)loop_stop(stop->loop);
	}
}

static int watch_signals(struct stop *stop, struct loop *loop)
{
	sigset_t signals;

	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0) {
		return -errno;
	}
	*stop = (struct stop){.watcher.ready = on_signal, .loop = loop};
	stop->fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return stop->fd < 0 ? -errno : loop_watch(loop, stop->fd, &stop->watcher);
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/** Creates the proxies of -config. Errors are reported, and weirlab goes on, as toxiproxy does. */
static void populate(struct lab *lab, const char *path)
{
	char error[FIELDS_ERROR_MAX];
	struct answer answer = {0};
	size_t n = 0;
	char *text = text_file_read(path, &n);
	json_t *json;

	if (text == NULL) {
		say(SAY_ERROR, "%s: %s", path, strerrordesc_np(errno));
		return;
	}
	json = fields_parse(text, n, error);
	if (json == NULL) {
		say(SAY_ERROR, "%s: %s", path, error);
	} else {
		proxy_json_populate(lab, json, &answer);
		if (*answer.error != '\0') {
			say(SAY_ERROR, "%s: %s", path, answer.error);
		}
	}
	json_decref(json);
	json_decref(answer.json);
	free(text);
}

static void free_proxies(struct lab *lab)
{
	while (!list_empty(&lab->proxies)) {
		proxy_free(container_of(lab->proxies.next, struct proxy, link));
	}
}

/** Creates a proxy whose first connection is recorded. 0, or a negative errno, already reported. */
static int record(struct lab *lab, const struct options *options, struct recorder *recorder)
{
	char error[ADDRESS_ERROR_MAX] = "out of memory";
	struct proxy *proxy = proxy_new(lab, "record", options->listen, options->upstream);
	int r = proxy == NULL ? -ENOMEM : proxy_start(proxy, error);

	if (r < 0) {
		say(SAY_ERROR, "-record: %s", error);
		proxy_free(proxy);
		return r;
	}
	r = recorder_open(recorder, lab, options->record);
	if (r < 0) {
		say(SAY_ERROR, "%s: %s", options->record, strerrordesc_np(-r));
		proxy_free(proxy);
		return r;
	}
	proxy->home.recorder = recorder;
	list_append(&lab->proxies, &proxy->link);
	return 0;
}

/** Runs proxies and the API. 0, or a negative errno, already reported. */
static int run(struct lab *lab, const struct options *options, struct script *script)
{
	char error[ADDRESS_ERROR_MAX];
	struct api api = {0};
	struct recorder recorder = {0};
	int r = options->record == NULL ? 0 : record(lab, options, &recorder);

	if (r < 0) {
		return r;
	}
	if (options->config != NULL) {
		populate(lab, options->config);
	}
	r = api_open(&api, lab, options->host, options->port, error);
	if (r < 0) {
		say(SAY_ERROR, "cannot listen for the API: %s; choose another -host or -port",
			error);
	} else {
		say(SAY_INFO, "version " WEIR_VERSION "; the API listens on %s, seed %lld",
			api.text, (long long)lab->seed);
		r = script->path == NULL ? 0 : script_start(script, lab);
		r = r < 0 ? r : loop_run(lab->loop);
		r = script->failed ? -ECANCELED : r;
	}
	script_close(script);
	api_close(&api);
	free_proxies(lab);
	recorder_close(&recorder);
	return recorder.failed ? -EIO : r;
}

/** Replays a recording. 0, or a negative errno, already reported. */
static int replay(struct lab *lab, const struct options *options, const struct recording *recording)
{
	char error[ADDRESS_ERROR_MAX];
	struct replay replay;
	int r = replay_open(&replay, lab, recording, options->listen, options->upstream, error);

	if (r < 0) {
		say(SAY_ERROR, "-replay: %s", error);
	} else {
		r = loop_run(lab->loop);
	}
	replay_close(&replay);
	return replay.failed ? -ECANCELED : r;
}

/** Does what the options say, until a signal. 0, or a negative errno, already reported. */
static int work(struct lab *lab, const struct options *options, const struct files *files)
{
	struct stop stop;
	int r = watch_signals(&stop, lab->loop);

	if (r < 0) {
		say(SAY_ERROR, "signals: %s", strerrordesc_np(-r));
		return r;
	}
	r = options->replay == NULL ? run(lab, options, files->script)
				    : replay(lab, options, files->recording);
	loop_unwatch(lab->loop, stop.fd, &stop.watcher);
	(void)close(stop.fd);
	return r;
}

static int start(const struct options *options, const struct files *files)
{
	struct lab lab = {
		.loop = loop_new(),
		.seed = options->has_seed ? options->seed : clock_ns(),
		.proxy_metrics = options->proxy_metrics,
		.runtime_metrics = options->runtime_metrics,
	};
	int r = -errno;

	list_init(&lab.proxies);
	list_init(&lab.cursors);
	raise_fd_limit();
	if (lab.loop != NULL) {
		pipe_pool_allow(lab.loop, PIPES_MAX);
		lab.resolver = resolver_new(lab.loop, NULL);
		r = lab.resolver == NULL ? -errno : 0;
	}
	if (r < 0) {
		say(SAY_ERROR, "cannot start: %s", strerrordesc_np(-r));
		return EXIT_FAILURE;
	}
	r = work(&lab, options, files);
	if (resolver_lookups(lab.resolver) > 0) {
		/* getaddrinfo(3) cannot be interrupted. */
		_exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	resolver_free(lab.resolver);
	loop_free(lab.loop);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/** Reads the files. 0, or -EINVAL, already reported. */
static int read_files(const struct options *options, const struct files *files)
{
	char error[SCRIPT_ERROR_MAX];
	int r = 0;

	if (options->run != NULL) {
		r = script_read(files->script, options->run, error);
	}
	if (options->replay != NULL) {
		r = recording_read(files->recording, options->replay, error);
	}
	if (r < 0) {
		fprintf(stderr, "weirlab: %s\n", error);
		script_close(files->script);
	}
	return r;
}

int main(int argc, char **argv)
{
	char error[OPTIONS_ERROR_MAX];
	struct options options;
	struct script script = {0};
	struct recording recording = {0};
	struct files files = {&script, &recording};
	int status;
	const char *level = getenv("LOG_LEVEL");

	if (options_read(&options, argc, argv, error) < 0) {
		fprintf(stderr, "weirlab: %s\n%s", error, usage_text);
		return EXIT_USAGE;
	}
	if (options.help) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	if (options.version) {
		puts("weirlab " WEIR_VERSION ", with the API of toxiproxy " API_VERSION);
		return EXIT_SUCCESS;
	}
	if (level != NULL && say_set_level(level) < 0) {
		say(SAY_ERROR,
			"LOG_LEVEL=%s is none; write error, warn, info, debug, trace or disabled",
			level);
	}
	if (read_files(&options, &files) < 0) {
		return EXIT_USAGE;
	}
	status = start(&options, &files);
	recording_free(&recording);
	return status;
}
