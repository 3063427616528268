/* SPDX-License-Identifier: ISC */
/*
 * weir: a start in named steps, by the options.
 *
 * The map of the sources, lowest room first; a file includes only its own room and those above it
 * here (tests/lint/layers). A line for each module of src/ (tests/lint/map); load/, which is
 * weirload, lab/, which is weirlab, and ctl/, which is weirctl, have their own in their main.c.
 *
 * base/               what needs nothing of weir
 *	list		intrusive lists
 *	table		a hash table of pointers
 *	refs		how many owners something has
 *	registry	finds by name what lives as long as somebody holds it
 *	clock		CLOCK_MONOTONIC in nanoseconds, and what a thread has worked
 *	slice		how long a work goes on before others have a turn
 *	buckets		a small histogram
 *	bytes		what is written one piece behind the other
 *	hdr		a histogram of durations
 *	text		the one escaper
 *	nearest		of known names the one that is meant
 *	parse		durations, sizes and numbers as people write them
 *	timespan	time spans as systemd's tools take them
 *	addr		addresses as they are written and shown
 *	prefix		addresses that begin with the same bits
 *	prefixes	a set of these, to be asked
 *	route		which addresses the kernel's routing table says are here
 *	sockopts	what the config may say of TCP sockets
 *	file_access	the mode and the owner of a file that weir makes
 *	whole_file	a file that is there wholly or not at all
 *	fds		room in the kernel's table of fds
 *	shortage	which errors say that this machine is short of something
 *	proc		what the kernel says in files of one line
 *	thread		threads in which no signal is handled
 *	control_path	where the control socket is
 *
 * log/                a line, from where it is written to where it is read
 *	level		the levels of lines
 *	log		a line in its parts
 *	often		lines that strangers cause: a few, and then a number
 *	warnings	how often there was something to warn of
 *	queue		from a thread to the log thread
 *	sink		the log thread: stderr, or the journal
 *	fields		a line, taken apart
 *	follow		one who reads along
 *	journal		the entry of journald that a line becomes
 *	failure		why weir does not start
 *
 * proto/              codecs: they are fed, and move no byte
 *	span		a run of bytes, and how it is read
 *	crc32c		a checksum
 *	exposition	numbers as Prometheus reads them
 *	proxy_header	what a proxy says of its client
 *	proxy_header_v1	as a line
 *	proxy_header_v2	in binary, with TLVs
 *	proxy_header_build	both, the other way round
 *	client_hello	where a client of TLS wants to go
 *	http		requests and answers, read from any pieces of bytes
 *	http_line	what the parser lets through in a line of the head
 *	http_chunks	and in a body in chunks
 *	http_build	and written
 *	http_target	the path of a request, and what is asked of it
 *
 * stream/             the stream library
 *	loop		a turn: what is ready, what is due, what was put in line
 *	loop_drivers	who makes the turns: the loop itself, or the uv_run() of a host
 *	timer		a heap of deadlines on one timerfd
 *	emitter		events and their handlers
 *	stream		a stream's life; stream_private.h is what its files share
 *	stream_events	what the kernel tells of it, and what it tells
 *	stream_attributes	what can be asked of it and set on it
 *	stream_clock	its timeout, and its way to another loop
 *	stream_io	its bytes, in and out
 *	stream_queue	what waits for the kernel
 *	stream_look	for who looks at bytes before they are read
 *	stream_splice	bulk that never enters user space
 *	pipe		the pipes for that
 *	sigpipe		writes that raise no signal
 *	pump		the bytes of one stream to another
 *	listen		listening sockets
 *	listen_unix	a UNIX socket's path, and who may use it
 *	acceptor	accepts from a listening socket
 *	lookups		threads for getaddrinfo(3)
 *	resolver	names to addresses, for all threads
 *	resolver_answer	the addresses that a name stands for
 *	connector	an address to a connected stream
 *	attempt		one try of that
 *	pch		for the compiler alone: what most sources of any folder include
 *
 * http/               HTTP/1.1 on streams
 *	server		connections that are answered
 *	call		one request, and its answer
 *
 * conf/               from a file to a checked, immutable model
 *	conf		the model
 *	schema		what can be asked of the keys
 *	schema_table	the table of all keys
 *	source		the text: the file with all that it includes
 *	include		reads the files
 *	include_files	those that the key `include` names
 *	merge		what they hold, into the lists of the main file
 *	file		one file
 *	range		ranges of ports
 *	forward		listeners that name a server in place of an upstream
 *	scan		tokens, with their places
 *	parse		from the text to a tape, by libconfig in a child process
 *	tape		settings as a run of bytes
 *	tree		groups, lists and values, with their places
 *	read		from the tree to the model
 *	value		one value
 *	value_edge	the same of routes and rates
 *	prefixes	lists of prefixes
 *	prefix_files	what they have from files
 *	report		keys that are unknown, values of a wrong type
 *	check		what only the whole model shows
 *	check_edge	what a listener says of its clients
 *	check_routes	routes that no client can reach
 *	cover		whether lists of prefixes hold all of another
 *	check_upstream	what an upstream says that does not fit
 *	names		the names in a list
 *	check_socket	options of sockets that do not fit
 *	check_control	a listener on the control socket's path
 *	grammar		where libconfig refuses a text
 *	hint		which slip of the pen that most likely is
 *	errors		the list of all that is wrong
 *	relay		a model for --socket-proxy, which has no file
 *	text		a file as a tree of settings, for who asks of no schema
 *	find_control	what a file says of the control socket, for who asks
 *
 * upstream/           what a session connects to
 *	server		one address, and what is known of it; a member: how one config has it
 *	ask		who asks for a server, and what was tried already
 *	plan		an upstream, as one config has it
 *	set		which of its servers take new pairs now
 *	weight		the share of new pairs that a server has now
 *	admin		what an administrator says of a server
 *	queue		who waits while all of them are full
 *	readers		how workers read a set that is replaced
 *	group		which server is next, over all configs
 *	rule		the rules by which a set chooses
 *	round_robin	in turn
 *	least_pairs	the fewest pairs for its weight
 *	random		the better of two
 *	hash		by the client
 *	first		in the order of the config
 *	ports		by the port that a client came by
 *	turns		whose turn it is, and who is next
 *	rotation	the order in which servers take turns by weight
 *	maglev		a table of which server a key goes to
 *	checks		those of all servers, and what follows from them
 *	check		when one target is checked, and whether it is up by that
 *	probe		one check of it: a connection, or an answer
 *	discover	which servers are behind a name, and when it is looked for again
 *	discover_merge	from what DNS answered to servers
 *	discover_log	its lines
 *	finders		groups with `discover`: what is found becomes their servers
 *	weights		weights of any size as those of a group
 *	dns		questions to DNS servers, by c-ares
 *	dns_message	their answers, byte by byte
 *	streak		how often a server failed in a row
 *	eject		gives one that did so too often no new pairs for a while
 *
 * proxy/              the domain: which clients are let in, and what becomes of them
 *	generation	one config as the workers serve it
 *	generation_checks	has its servers checked
 *	offer		what a listener's sessions start with, of one generation
 *	routes		which of a listener's upstreams takes a client
 *	access		who may come in
 *	source		how much one source of clients may have
 *	limit		how many pairs there may be
 *	accept_rate	how many clients it accepts in a second
 *	limits		the limits, by their listeners' names
 *	admit		asks both of them whether a client may come in
 *	places		takes and gives places under them; who waits for one
 *	own		keeps a pair from leading back to its own listener
 *	counters	what a worker counts of its pairs
 *	shared		what the workers share
 *	part		one worker, as its sessions and listeners know it
 *	proxy		moves all of one worker: to another generation, into a drain
 *	listener	one listening socket on one worker
 *	bound_socket	that socket, as its worker and the main thread see it
 *	session		from accept to the closing line, in stages
 *	session_setup	those before it relays
 *	session_preface	the first of them: what the first bytes of its client say
 *	preface		looks at these bytes, wherever they are
 *	session_clock	its one timer
 *	session_hello	where its client goes, by its ClientHello
 *	session_list	who is here, in slices, and when their timers are due
 *	session_log	its lines
 *	session_trace	its probes, for bpftrace and the like
 *	session_peer	who is at one end of it
 *	announce	what a server is told of its client before the first byte: a PROXY header
 *	edge		what it knows of a PROXY header, routes, limits and rates
 *	side		client or upstream
 *	pair		two streams that relay
 *	pair_look	what the kernels hold for its peers
 *	pair_reset	what a side that failed leaves to deliver
 *	throttle	how much of one direction is read in a second
 *	deadline	which timer is due next
 *	end		how a pair ended: by whom, and why
 *
 * crew/               the workers
 *	crew		all of them as one
 *	order		what all are let do, answered by the last one
 *	orders		which there are: accept, switch, shut, drain, end
 *	worker		a thread with a loop and a proxy
 *	watchdog	asks every worker whether it turns
 *	sockets		the listening sockets of the process
 *	sockets_bind	one address of a config to its sockets
 *	sockets_inherit	those of it that systemd has passed
 *	sockets_report	why one cannot be had
 *	inherited	what systemd passes by name, sorted by what it is
 *	own_sockets	which ports and paths weir listens on
 *	lateness	how late timers and loops were
 *	numbers		what all have counted of a listener
 *	pairs		the live ones: written down by the workers, or ended
 *
 * control/            what is asked of the process while it runs
 *	control		the door, and what becomes of a request
 *	door		where requests come in
 *	host		by which names weir is asked
 *	paths		which there are, and who answers
 *	asked		a request, and its answer
 *	body		what it has besides its target
 *	request		what was asked for, and is answered later by somebody else
 *	about		what weir says of itself
 *	listeners	of its listeners
 *	pairs		of its pairs; their end
 *	pairs_query	which of them are meant
 *	upstreams	of its upstreams, and what it is told of their servers
 *	members		upstreams and servers, one after the other
 *	commands	what it is told to do
 *	drain		to let nobody in, and to do so again
 *	events		what happens, for who follows
 *	events_record	a line of the log as an event
 *	events_stats	how weir is, once a second
 *	page		for people with a browser
 *	metrics		all numbers, for Prometheus
 *	metrics_servers	those of each server
 *	metrics_workers	those of each thread
 *	metrics_process	those that all exporters have
 *
 * service/            the process
 *	options		the command line
 *	exit_code	with which it ends
 *	asked		what it says and does for who asks
 *	daemon		from the config to the end: what main.c runs
 *	start		the steps of its start, and what undoes them
 *	signals		a signalfd
 *	cpus		how many workers there are, where the config does not say
 *	budget		whether the fds suffice
 *	socket_limits	sysctls that cut what the config asks for
 *	memory		gives the heap back after a burst
 *	names		tells when a name begins or ceases to resolve
 *	status		the numbers of STATUS=
 *	notify		what systemd is told
 *	reload		another config, or none of it
 *	trial		a child checks it
 *	spawner		starts that child, and waits for it
 *	stop		a drain, and the end of all pairs
 *	drain		a drain by hand, and its undoing
 *	conf_warnings	what a config was warned of when it was read
 *	socket_proxy	the command line of systemd-socket-proxyd(8)
 *	exit_idle	its --exit-idle-time
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "crew/inherited.h"
#include "ctl/ask.h"
#include "log/failure.h"
#include "log/log.h"
#include "service/conf_warnings.h"
#include "service/daemon.h"
#include "service/exit_code.h"
#include "service/options.h"
#include "service/signals.h"
#include "service/socket_proxy.h"

/* ---- what a start begins with ---- */

/**
 * Makes sure that what is opened later is not taken for stdin, stdout or stderr. What was closed
 * becomes a path only: unlike /dev/null "/" is there in every root, and reading and writing it fail
 * with EBADF, as on a closed fd (docs/decisions/0080).
 */
static void fill_stdio(void)
{
	int fd;

	do {
		fd = open("/", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0) {
		close(fd);
	}
}

/** Reads the config of a file, and says what is wrong with it. 0, and what it is warned of, a line
 * each, which the caller frees, NULL for none; or a negative errno. `hints` may be NULL. */
static int read_config(const char *path, struct conf_errors *hints, struct conf_tape *ret_tape,
	char **ret_warnings, const struct conf **ret_conf)
{
	struct conf_errors errors;
	size_t len;
	FILE *out;
	int r;

	conf_errors_init(&errors);
	errors.hints = hints;
	r = conf_load(path, &errors, ret_tape, ret_conf);
	*ret_warnings = NULL;
	if (r < 0) {
		conf_errors_print(&errors, log_error_prefix(), stderr);
	} else if (errors.n_errors + errors.n_dropped > 0) {
		out = open_memstream(ret_warnings, &len);
		if (out != NULL) {
			conf_errors_print(&errors, CONF_WARNINGS_PREFIX, out);
			(void)fclose(out); /* without memory there are none */
		}
	}
	conf_errors_fini(&errors);
	return r;
}

/* ---- weir --reload ---- */

static int reload(const char *conf_path)
{
	struct ask ask;
	int r = ask_open_conf(&ask, "weir", conf_path, stderr);

	if (r == 0) {
		r = ask_reload(&ask);
		ask_close(&ask);
	}
	return r < 0 ? EXIT_CODE_START : EXIT_CODE_OK;
}

/* ---- weir --check ---- */

/** Writes the config, as it was read, to the process that has asked for it. */
static int hand_on(const struct conf_tape *tape)
{
	if (fwrite(tape->bytes, 1, tape->len, stdout) != tape->len || fflush(stdout) != 0) {
		fprintf(stderr, "weir: standard output: %s\n", strerrordesc_np(errno));
		return EXIT_CODE_START;
	}
	return EXIT_CODE_OK;
}

static int check(const struct options *options)
{
	struct conf_tape tape = {0};
	struct conf_errors hints;
	const struct conf *conf;
	char *warnings;
	int code = EXIT_CODE_OK;

	conf_errors_init(&hints);
	/* Who takes the config logs what comes on stderr: hints are for people. */
	if (read_config(options->conf_path, options->hand_on ? NULL : &hints, &tape, &warnings,
		    &conf) < 0) {
		conf_errors_fini(&hints);
		return EXIT_CODE_START;
	}
	if (warnings != NULL) {
		(void)fputs(warnings, stderr);
		free(warnings);
	}
	conf_errors_print(&hints, "hint: ", stderr);
	conf_errors_fini(&hints);
	if (options->hand_on) {
		code = hand_on(&tape);
	}
	conf_unref(conf);
	free(tape.bytes);
	return code;
}

/* ---- weir ---- */

/** The config that the options name, of a file or of the command line; an exit code. */
static int take_config(const struct options *options, const struct inherited *inherited,
	char **ret_warnings, const struct conf **ret_conf)
{
	int r;

	if (options->conf_path == NULL) {
		r = socket_proxy_conf(&options->proxy, inherited, ret_conf);
		return r < 0 ? EXIT_CODE_START : EXIT_CODE_OK;
	}
	r = read_config(options->conf_path, NULL, NULL, ret_warnings, ret_conf);
	if (r == -ENOMEM || r == -ECHILD) {
		return EXIT_CODE_START; /* it may be right */
	}
	return r < 0 ? EXIT_CODE_CONFIG : EXIT_CODE_OK;
}

static int run(const struct daemon_opts *opts)
{
	bool stuck = false;
	int code = daemon_run(opts, &stuck);

	if (stuck) {
		/* A thread that cannot be ended would hold up the libraries' own clean-up. */
		_exit(code);
	}
	return code;
}

static int relay(const struct options *options)
{
	struct inherited inherited = {0};
	struct daemon_opts opts = {
		.conf_path = options->conf_path,
		.inherited = &inherited,
		.exit_idle_ns = options->proxy.exit_idle_ns,
	};
	int code = EXIT_CODE_START;

	signals_start();
	if (failure_find_refused() == 0 && inherited_init(&inherited) >= 0) {
		code = take_config(options, &inherited, &opts.conf_warnings, &opts.conf);
	}
	if (code != EXIT_CODE_OK) {
		inherited_fini(&inherited);
		return code;
	}
	code = run(&opts);
	free(opts.conf_warnings);
	return code;
}

/**
 * A start that failed waits before it says so, where systemd has passed sockets: it starts the
 * service again at once for a client that waits in one of them, and after twenty times in two
 * seconds it gives the socket up for good. SIGTERM ends the wait.
 */
static int fail_slowly(int code)
{
	static const struct timespec pause = {.tv_nsec = 500 * (long)NS_PER_MS};
	sigset_t stops;

	if (code == EXIT_CODE_START || code == EXIT_CODE_CONFIG) {
		(void)sigemptyset(&stops);
		(void)sigaddset(&stops, SIGTERM);
		(void)sigaddset(&stops, SIGINT);
		(void)sigaddset(&stops, SIGQUIT);
		(void)sigtimedwait(&stops, NULL, &pause);
	}
	return code;
}

int main(int argc, char **argv)
{
	bool is_activated = getenv("LISTEN_FDS") != NULL;
	struct options options;
	sigset_t before;
	int code;

	signals_hold(&before);
	if (!options_parse(argc, argv, &options, &code)) {
		return is_activated ? fail_slowly(code) : code;
	}
	if (options.check || options.reload) {
		signals_release(&before);
	}
	fill_stdio();
	if (options.reload) {
		code = reload(options.conf_path);
	} else if (options.check) {
		code = check(&options);
	} else {
		code = relay(&options);
	}
	return is_activated ? fail_slowly(code) : code;
}
