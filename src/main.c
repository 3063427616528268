/* SPDX-License-Identifier: ISC */
/*
 * weir: a start in named steps, by the options.
 *
 * The map of the sources, lowest room first; a file includes only its own room and those above it
 * here (tests/lint/layers). Each module of src/ has a line (tests/lint/map). The lines for load/,
 * which is weirload, lab/, which is weirlab, and ctl/, which is weirctl, are in their own main.c.
 *
 * base/               modules that need nothing else of weir
 *	list		intrusive doubly linked lists
 *	table		a hash table of pointers
 *	refs		a reference count
 *	registry	objects that are found by name while anybody has a reference
 *	clock		CLOCK_MONOTONIC in nanoseconds, and the processor time of a thread
 *	slice		limits how long a job uses its thread before others run
 *	mix		makes numbers that look random from numbers in a row
 *	buckets		a small histogram
 *	bytes		a byte buffer that grows
 *	character	UTF-8 characters, and which of them are escaped for a reader
 *	hdr		a large, exact histogram
 *	text		how bytes from outside are quoted; the lines of a text
 *	nearest		finds the known name that a mistyped one means
 *	digits		reads decimal digits
 *	parse		reads durations, sizes and numbers
 *	timespan	reads time spans as systemd's tools do
 *	addr		addresses, as the config and the log write them
 *	addr_parse	reads the text of an address
 *	prefix		one IP prefix
 *	prefixes	a set of IP prefixes
 *	route		whether an address is on this machine, by the kernel's routing table
 *	sockopts	the socket options that the config can set
 *	file_access	permissions and owner of a file
 *	whole_file	writes a file so that it is complete or absent
 *	fds		the kernel's table of fds: its size, and how many are open
 *	shortage	which errors mean a lack of resources
 *	proc		reads files of one line in /proc and /sys
 *	thread		starts threads that handle no signals, and waits for threads
 *	control_path	the path of the control socket
 *
 * log/                a log line, from the thread that logs it to where it is written
 *	level		the levels
 *	log		builds a line
 *	often		limits lines that strangers can cause
 *	events		the names of all events; counts warnings and errors
 *	queue		a queue from one thread to the log thread
 *	sink		the log thread: writes to stderr or to the journal
 *	fields		splits a line into its fields
 *	follow		passes lines on to a follower
 *	journal		writes a line as an entry of the journal
 *	failure		why weir does not start, or does not do as told
 *
 * proto/              codecs without I/O
 *	span		bytes that are read from the front
 *	crc32c		a checksum
 *	exposition	writes numbers in the text format of Prometheus
 *	proxy_header	the PROXY protocol: the struct of a header
 *	proxy_header_v1	reads version 1, a line of text
 *	proxy_header_v2	reads version 2, binary with TLVs
 *	proxy_header_build	writes both versions
 *	client_hello	reads the first message of a TLS client
 *	http		reads HTTP/1.1 requests and answers
 *	http_line	checks the lines of a head
 *	http_chunks	checks the framing of chunks
 *	http_build	writes HTTP/1.1 requests and answers
 *	http_target	reads the path and the query of a request
 *
 * stream/             the stream library
 *	loop		the event loop: fds, tasks and timers, served in turns
 *	loop_drivers	runs the turns: the loop itself, or the uv_run() of a host
 *	timer		a heap of deadlines with one timerfd
 *	emitter		events and their handlers
 *	stream		the life of a stream; stream_private.h is shared by its files
 *	stream_events	events from the kernel, and to the subscribers
 *	stream_attributes	the attributes of a stream
 *	stream_clock	the timeout, and moving to another loop
 *	stream_io	reads and writes
 *	stream_queue	bytes that wait to be written
 *	stream_look	looks at input that is not read yet
 *	stream_splice	moves bytes by splice(2)
 *	pipe		a pool of pipes for splice(2)
 *	sigpipe		a write(2) that raises no SIGPIPE
 *	pump		moves the bytes of one stream to another, with backpressure
 *	listen		listening sockets
 *	listen_unix	the path of a UNIX socket: its lock and its permissions
 *	acceptor	accepts from a listening socket
 *	lookups		threads that call getaddrinfo(3)
 *	resolver	host names to addresses, for all threads
 *	resolver_answer	the addresses of a name
 *	connector	from an address or a name to a connected stream
 *	attempt		one attempt to connect
 *	pch		precompiled headers; only for the compiler
 *
 * http/               HTTP/1.1 on streams
 *	server		accepts requests and sends answers
 *	call		sends one request and receives its answer
 *
 * conf/               from a file to a checked, immutable model
 *	conf		the model
 *	load		makes the model from a file
 *	schema		the keys: their types, defaults and limits
 *	schema_table	the table of all keys
 *	source		the text: the file with all files that it includes
 *	include		what both ways to include files share
 *	include_files	the files that the key `include` names
 *	merge		adds the contents of included files to the lists of the main file
 *	file		reads one file
 *	range		ranges of ports
 *	forward		listeners that name a server instead of an upstream
 *	scan		the tokens of the text
 *	parse		from the text to a tape, by libconfig in a child process
 *	tape		the settings as one run of bytes
 *	tree		the settings as groups, lists and values, with their lines
 *	read		from the tree to the model
 *	reader		what must be remembered meanwhile
 *	preset		sets the defaults
 *	value		reads one value
 *	value_edge	reads values of routes, rates and doors
 *	prefix_lists	reads lists of prefixes
 *	prefix_files	the files that such lists name
 *	prefixes	adds prefixes to a list
 *	report		reports unknown keys and values of a wrong type
 *	check		checks that need the whole model: duplicates, circles
 *	check_references	finds the upstreams that listeners and routes name
 *	check_edge	checks a listener's settings for its clients
 *	check_routes	finds routes that no client can reach
 *	cover		whether lists of prefixes contain all of another list
 *	check_upstream	checks that the settings of an upstream fit together
 *	names		the names in a list, without duplicates
 *	check_socket	checks that socket options fit together
 *	check_control	checks listeners against weir's own doors
 *	grammar		finds the token that libconfig refuses
 *	hint		names the mistake that this most likely is
 *	errors		the list of errors and warnings of a config
 *	relay		makes the model for --socket-proxy, without a file
 *	text		a file as a tree of settings, for programs with other keys
 *	find_control	finds only the control socket in a config
 *
 * upstream/           groups of servers, and the choice of a server
 *	server		a server, and what is known of it; a member: its properties in one config
 *	ask		a session's request for a server
 *	plan		an upstream as one config describes it
 *	set		the servers of a group that take new pairs now
 *	weight		the share of the new pairs that a server gets now
 *	admin		the settings of an administrator
 *	overrides	keeps these settings, also while the server is gone
 *	queue		sessions that wait while all servers are full
 *	readers		lets workers read a set without a lock while it is replaced
 *	group		an upstream over all configs; gives sessions the next server
 *	rule		the balancing rules
 *	round_robin	in rotation
 *	least_pairs	the fewest pairs for the weight
 *	random		the better one of two random servers
 *	hash		by the client's address or SNI name
 *	first		in the order of the config
 *	ports		by the port that the client connected to
 *	picks		walks the rotation
 *	rotation	the order of a weighted round robin
 *	maglev		which server a key goes to
 *	checks		the checks of all servers, and what follows from the results
 *	check		when one target is checked, and whether it is up
 *	probe		one check: connects, sends, and reads the answer
 *	discover	finds the servers behind a name with DNS, again and again
 *	discover_merge	from DNS answers to servers
 *	discover_log	the log lines of discover
 *	finders		the groups with `discover`
 *	weights		scales weights of any size
 *	dns		DNS queries by c-ares
 *	dns_message	reads DNS answers
 *	streak		counts the failures of a server in a row
 *	eject		gives a failing server no new pairs for a while
 *
 * proxy/              the domain: listeners, sessions and pairs
 *	generation	one config as the workers serve it
 *	generation_checks	which groups of a generation have their servers checked
 *	offer		what the sessions of a listener need of one config
 *	routes		which upstream of a listener takes a client
 *	access		the lists of who may connect
 *	source		limits for each source of clients
 *	limit		a limit on open pairs
 *	accept_rate	how many clients a listener accepts in a second
 *	limits		the limits of all listeners, by name
 *	admit		whether a client may come in: asks access and source
 *	places		takes and gives back places under the limits; who waits for one
 *	own		keeps a pair from leading back to weir itself
 *	counters	what a worker counts
 *	shared		what all workers share
 *	part		one worker's part of the proxy, as its sessions and listeners know it
 *	proxy		one worker's listeners and sessions: switches and drains them
 *	listener	one listening socket on one worker
 *	bound_socket	a listening socket, as the main thread and its worker see it
 *	session		from accept to the closing line, in stages
 *	session_setup	the stages before it relays
 *	session_preface	the first stage: the first bytes of the client
 *	preface		looks at these bytes before anybody reads them
 *	session_clock	the one timer of a session
 *	session_hello	the route of a session, by its ClientHello
 *	session_list	the sessions of a worker by their ids
 *	session_log	the log lines of a session
 *	session_trace	probes for bpftrace and other tracers
 *	session_peer	the address of a peer, in a small form
 *	announce	the PROXY header that is sent to a server
 *	edge		what a session keeps of its PROXY header, route, limits and rates
 *	side		client or upstream
 *	pair		two streams that relay
 *	pair_look	what the kernel still holds for the peers
 *	pair_reset	a pair after one side has failed
 *	throttle	the rate of one direction
 *	deadline	which timer is due next
 *	end		how a pair ended: by whom, and why
 *
 * crew/               the workers
 *	crew		all workers as one object
 *	order		a function that every worker runs
 *	orders		the orders: accept, switch, shut, drain, end pairs of servers, end all
 *	worker		a thread with a loop and its part of the proxy
 *	watchdog	asks every worker whether its loop turns
 *	sockets		the listening sockets of the process
 *	sockets_bind	the sockets for one address of a config
 *	sockets_inherit	the sockets for one name that systemd passes
 *	sockets_report	reports that a socket cannot be had
 *	inherited	the fds that systemd passes by name
 *	own_sockets	the ports and paths that weir listens on
 *	lateness	how late timers and loops are
 *	numbers		the sums of what the workers count
 *	pairs		lists or ends live pairs
 *
 * control/            requests to the running process
 *	control		the two doors, and the way from a request to its handler
 *	door		accepts requests on one listening socket
 *	host		checks the Host of a request
 *	paths		the table of paths and their handlers
 *	asked		a request as its handler sees it, and the answers
 *	body		the JSON body of a request
 *	words		lists the words that are allowed
 *	request		a request that another module answers later
 *	about		weir's own state: health, readiness, status
 *	listeners	GET /v1/listeners
 *	pairs		lists and ends pairs
 *	pairs_query	the filter for pairs in a query
 *	upstreams	GET /v1/upstreams, and settings for servers
 *	members		walks all upstreams and their servers
 *	commands	commands: reload and the like
 *	drain		starts and undoes a drain by hand
 *	events		GET /v1/events: the log and the state as events
 *	events_record	a log line as an event
 *	events_stats	the state of weir as an event, once a second
 *	page		the web page
 *	metrics		GET /metrics: all numbers for Prometheus
 *	metrics_servers	the numbers of each server
 *	metrics_workers	the numbers of each thread
 *	metrics_process	the numbers that every exporter has
 *
 * service/            the process
 *	options		the command line
 *	exit_code	the exit codes
 *	asked		what the control interface asks of the process
 *	daemon		what main.c runs: from the config to the end
 *	start		the steps of a start, and their undoing
 *	signals		signals, by a signalfd
 *	cpus		how many workers to start if the config does not say
 *	budget		whether there are enough fds
 *	socket_limits	warns of sysctls that limit socket options
 *	memory		gives memory back to the system after a burst
 *	names		resolves all names of a config once, and warns of those that fail
 *	status		the numbers of STATUS=
 *	notify		messages to systemd
 *	reload		replaces the config: all of it or nothing
 *	trial		checks a config in a child process
 *	spawner		starts child processes
 *	stop		a drain, and the end of all pairs
 *	drain		a drain by hand, and its undoing
 *	conf_warnings	logs the warnings of a config
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
#include "log/journal.h"
#include "log/log.h"
#include "service/conf_warnings.h"
#include "service/daemon.h"
#include "service/exit_code.h"
#include "service/options.h"
#include "service/signals.h"
#include "service/socket_proxy.h"

/* ---- what a start begins with ---- */

/**
 * Makes sure that what is opened later is not taken for stdin, stdout or stderr: each of these that
 * is closed becomes an O_PATH fd of "/". Unlike /dev/null, "/" is there in every root, and reading
 * and writing such an fd fail with EBADF, as on a closed fd (docs/decisions/0080).
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

/** Loads a config, and prints its errors. 0, or a negative errno. *ret_warnings is a text with a
 * line for each warning, which the caller frees; NULL: there are none. `hints` may be NULL. */
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

/**
 * Whether systemd runs this process for the service, as its ExecReload=, and writes its stderr to
 * the journal: then the daemon has logged the same errors there already, with fields. Without
 * MAINPID the stderr may be in the journal of another unit.
 */
static bool is_of_service(void)
{
	return getenv("MAINPID") != NULL && log_journal_form(STDERR_FILENO) != LOG_FORM_TEXT;
}

static int reload(const char *conf_path)
{
	struct ask ask;
	int r = ask_open_reload(&ask, "weir", conf_path, stderr);

	if (r == 0) {
		r = ask_reload(&ask, is_of_service());
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
	/* The weir that takes the config over logs what comes on stderr; hints are only for
	 * people. */
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

/** Gets the config from the file that the options name, or else from the command line. Returns an
 * exit code. */
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
		return EXIT_CODE_START; /* the config may be valid */
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
 * If systemd has passed sockets, a start that failed waits before it exits: for a client that waits
 * in one of them systemd starts the service again at once, and after twenty starts in two seconds
 * systemd gives the socket up for good. SIGTERM, SIGINT or SIGQUIT ends the wait.
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
