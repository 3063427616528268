/* SPDX-License-Identifier: ISC */
/* All errors of a config are reported at once, each with file, line, key and remedy. */
#include "conf/errors.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "conf_case.h"
#include "suite.h"

/* A wrong text that the rest of a config follows, and its errors. */
struct wrong {
	const char *text;
	const char *errors;
};

#define W "weir.conf:"

static const struct wrong wrong_values[] = {
	/* integers */
	{"workers = 0;", W "1: workers: 0 is out of range; write an integer from 1 to 1024\n"},
	{"workers = 1025;",
		W "1: workers: 1025 is out of range; write an integer from 1 to 1024\n"},
	{"workers = -1;", W "1: workers: -1 is out of range; write an integer from 1 to 1024\n"},
	{"max_pairs = 10000001;",
		W "1: max_pairs: 10000001 is out of range; write an integer from 1 to 10000000\n"},
	{"workers = 4294967297;",
		W "1: workers: 4294967297 is out of range; write an integer from 1 to 1024\n"},
	{"workers = 99999999999999999999;", W "1: workers: 99999999999999999999 is out of range; "
					      "write an integer from 1 to 1024\n"},
	{"workers = 0x100000001;",
		W "1: workers: 0x100000001 is out of range; write an integer from 1 to 1024\n"},
	{"workers = 4294967297L;",
		W "1: workers: 4294967297L is out of range; write an integer from 1 to 1024\n"},
	{"workers = \"4\";",
		W "1: workers: a string was found; write an integer from 1 to 1024, like "
		  "workers = 4\n"},
	{"max_pairs = \"10k\"; workers = \"2M\";",
		W "1: max_pairs: counts have no unit; write 10000\n" W
		  "1: workers: counts have no unit; write 2000000\n"},
	{"max_pairs = \"10kB\";", W "1: max_pairs: a string was found; write an integer from 1 to "
				    "10000000, like max_pairs = 10000\n"},
	{"workers = 1.0;",
		W "1: workers: a number with a point was found; write an integer from 1 to "
		  "1024, like workers = 4\n"},
	{"workers = true;", W "1: workers: a boolean was found; write an integer from 1 to 1024, "
			      "like workers = 4\n"},
	/* durations */
	{"timeouts = { idle = 5; };",
		W "1: timeouts.idle: 5 has no unit; write \"5s\" for seconds\n"},
	{"timeouts = { idle = 0.5; };",
		W "1: timeouts.idle: 0.5 has no unit; write \"0.5s\" for seconds\n"},
	{"timeouts = { idle = 0; };",
		W "1: timeouts.idle: 0 is no duration; write \"none\" to switch it off\n"},
	{"timeouts = { idle = -1; };",
		W "1: timeouts.idle: an integer was found; write a string with "
		  "a unit, like idle = \"10m\"\n"},
	{"timeouts = { idle = 0x10; };", W "1: timeouts.idle: an integer was found; write a string "
					   "with a unit, like idle = \"10m\"\n"},
	{"timeouts = { idle = \"0s\"; };",
		W "1: timeouts.idle: \"0s\": a timer of no time at all would strike at once; write "
		  "\"none\" to switch it off\n"},
	{"timeouts = { idle = \"5\"; };",
		W "1: timeouts.idle: \"5\": a duration needs a unit; "
		  "write us, ms, s, m, h or d after the number, like \"30s\"\n"},
	{"timeouts = { idle = \"1h30m\"; };", W "1: timeouts.idle: \"1h30m\": a duration is one "
						"number with one unit; write \"90m\" "
						"or \"1.5h\" instead of \"1h30m\"\n"},
	{"timeouts = { idle = true; };", W "1: timeouts.idle: a boolean was found; write a string "
					   "with a unit, like idle = \"10m\"\n"},
	{"timeouts = 5;", W "1: timeouts: an integer was found; write timeouts = { ... }\n"},
	/* other keys of the top level */
	{"log = { level = \"loud\"; };", W "1: log.level: \"loud\": not a level; write \"error\", "
					   "\"warn\", \"info\" or \"debug\"\n"},
	{"log = { level = 3; };", W "1: log.level: an integer was found; write level = \"info\"\n"},
	{"log = \"info\";", W "1: log: a string was found; write log = { ... }\n"},
	{"relay = { high_water_mark = 65536; };",
		W "1: relay.high_water_mark: 65536 is a bare number; write \"65536\", in quotes\n"},
	{"relay = { splice = \"on\"; };",
		W "1: relay.splice: \"on\": unknown; write \"auto\" or \"off\"\n"},
	{"reload = { apply_to_open_pairs = \"timeouts\"; };",
		W "1: reload.apply_to_open_pairs: a string was found; write apply_to_open_pairs = "
		  "[ \"timeouts\" ], or [ ]\n"},
	{"reload = { apply_to_open_pairs = [ \"timeouts\", \"upstreams\" ]; };",
		W "1: reload.apply_to_open_pairs[1]: \"upstreams\": unknown; write "
		  "\"timeouts\" or \"access\"\n"},
	{"reload = { apply_to_open_pairs = [ 1 ]; };",
		W "1: reload.apply_to_open_pairs[0]: an integer was found; write "
		  "apply_to_open_pairs = [ \"timeouts\" ], or [ ]\n"},
	{"relay = { splice = true; };",
		W "1: relay.splice: a boolean was found; write splice = \"off\"\n"},
	{"relay = { high_water_mark = \"4095\"; };",
		W "1: relay.high_water_mark: \"4095\" is out of range; write a size from \"4k\" to "
		  "\"16M\"\n"},
	{"relay = { high_water_mark = \"17M\"; };",
		W "1: relay.high_water_mark: \"17M\" is out of range; write a size from \"4k\" to "
		  "\"16M\"\n"},
	{"relay = { high_water_mark = \"64 k\"; };",
		W "1: relay.high_water_mark: \"64 k\": the unit of a size is unknown; write k, M "
		  "or G "
		  "(powers of 1024) right after the number, like \"64k\"\n"},
	{"workers = 1e3; max_pairs = .5E-1;", W
		"1: workers: a number with a point was found; write an integer from 1 to 1024, "
		"like "
		"workers = 4\n" W "1: max_pairs: a number with a point was found; write an integer "
		"from 1 to 10000000, like max_pairs = 10000\n"},
	/* unknown keys */
	{"worker = 4;", W "1: worker: is not known here; the nearest known key is \"workers\"\n"},
	{"timeouts = { idel = \"5s\"; };",
		W "1: timeouts.idel: is not known here; the nearest known key is \"idle\"\n"},
	{"idle = \"5s\";", W "1: idle: is not known here; write it in timeouts\n"},
	{"address = \"h:1\";",
		W "1: address: is not known here; write it in upstreams[].servers[]\n"},
	{"relay = { workers = 1; };", W "1: relay.workers: is known at the top level only; write "
					"it at the top level, as workers\n"},
	{"relay = { max_pairs = 1; };", W
		"1: relay.max_pairs: is not known here; write it at the top level, as max_pairs\n"},
	{"relay = { slice = \"auto\"; };",
		W "1: relay.slice: is not known here; the nearest known key is \"splice\"\n"},
	{"relay = { buffers = \"auto\"; };",
		W "1: relay.buffers: is not known here; known are: high_water_mark, splice\n"},
	{"a_name_of_more_than_forty_characters_is_cut_there = 1;",
		W "1: a_name_of_more_than_forty_characters_is_: is not known here; known are: "
		  "include, workers, max_pairs, timeouts, drain, log, node, control, http, relay, "
		  "reload, "
		  "socket, listeners, upstreams, "
		  "resolver\n"},
	{"timeouts = { read = \"5s\"; halfclosemax = \"5s\"; };", W
		"1: timeouts.read: is not known here; known are: connect, idle, half_close, "
		"half_close_max, write_stall, lifetime, lifetime_grace, lifetime_spread, preface, "
		"queue, first_byte, idle_client, idle_upstream, drain\n" W
		"1: timeouts.halfclosemax: is not known here; the nearest known key is "
		"\"half_close_max\"\n"},
	{"log = { file = \"x\"; lvl = \"info\"; };",
		W "1: log.file: is not known here; known are: level, tcp_info\n" W
		  "1: log.lvl: is not known here; the nearest known key is \"level\"\n"},
	/* lines and order */
	{"\n\nmax_pairs\n=\n0\n;\nworkers = 0; log = 1;\n",
		W "3: max_pairs: 0 is out of range; write an integer from 1 to 10000000\n" W
		  "7: workers: 0 is out of range; write an integer from 1 to 1024\n" W
		  "7: log: an integer was found; write log = { ... }\n"},
};

/* A wrong member of the only listener; the text itself has the listener's name. */
static const struct wrong wrong_listeners[] = {
	{"name = \"\"; listen = \"*:80\"; upstream = \"app\"",
		W "1: listeners[0].name: \"\": not a name; write 1 to 64 letters, digits, '_', '.' "
		  "and "
		  "'-'\n"},
	{"name = \"a b\x1b\"; listen = \"*:80\"; upstream = \"app\"",
		W "1: listeners[0].name: \"a b\\x1b\": not a name; write 1 to 64 letters, digits, "
		  "'_', "
		  "'.' and '-'\n"},
	{"name = \"01234567890123456789012345678901234567890123456789012345678901234\";\n"
	 "listen = \"*:80\"; upstream = \"app\"",
		W "1: listeners[0].name: \"0123456789012345678901234567890123456789...\": not a "
		  "name; "
		  "write 1 to 64 letters, digits, '_', '.' and '-'\n"},
	{"name = 1; listen = \"*:80\"; upstream = \"app\"",
		W "1: listeners[0].name: an integer was found; write name = \"web\"\n"},
	{"max_pairs = 1",
		W "1: listeners[0].name: is missing; write name = \"web\"\n" W
		  "1: listeners[0].listen: is missing; write listen = "
		  "\"127.0.0.1:8080\", or an array "
		  "of "
		  "such strings\n" W "1: listeners[0].upstream: is missing; write "
		  "upstream = \"app\", server = \"10.0.0.5:5432\", or routes = ( { ... } )\n"},
	{"name = \"a\"; listen = \"*:0\"; upstream = \"app\"",
		W "1: listeners[0].listen: \"*:0\": the port is not a number of 1 to 65535; write "
		  "\"HOST:80\"\n"},
	{"name = \"a\"; listen = \"localhost:80\"; upstream = \"app\"",
		W "1: listeners[0].listen: \"localhost:80\": a listener needs an address, not a "
		  "name; "
		  "write \"127.0.0.1:80\", \"[::1]:80\", \"*:80\", \"unix:/run/x.sock\" "
		  "or \"systemd:NAME\"\n"},
	{"name = \"a\"; listen = []; upstream = \"app\"",
		W "1: listeners[0].listen: is empty; write listen = \"127.0.0.1:8080\", or an "
		  "array of "
		  "such strings\n"},
	{"name = \"a\"; listen = (\"*:80\"); upstream = \"app\"",
		W "1: listeners[0].listen: a list was found; write listen = \"127.0.0.1:8080\", or "
		  "an "
		  "array of such strings\n"},
	{"name = \"a\"; listen = [ 80, 81 ]; upstream = \"app\"",
		W "1: listeners[0].listen[0]: an integer was found; write listen = "
		  "\"127.0.0.1:8080\", or an array of such strings\n" W
		  "1: listeners[0].listen[1]: an integer was found; write listen = "
		  "\"127.0.0.1:8080\", or an array of such strings\n"},
	{"name = \"a\"; listen = [\n\"*:80\",\n\n\"*:\"\n\"80\"\n\n]; upstream = \"app\"",
		W "4: listeners[0].listen[1]: \"*:80\" is an address of listeners[0] already; take "
		  "out "
		  "one of them\n"},
	{"name = \"a\"; listen = [\"127.0.0.1\",\n\"*:80\",\n\"x\"\n]; upstream = \"app\"", W
		"1: listeners[0].listen[0]: \"127.0.0.1\": it has no port; write \"127.0.0.1:80\", "
		"\"[::1]:80\", \"name.example:80\" or \"unix:/run/x.sock\"\n" W
		"3: listeners[0].listen[2]: \"x\": it has no port; write \"127.0.0.1:80\", "
		"\"[::1]:80\", \"name.example:80\" or \"unix:/run/x.sock\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"ap\"",
		W "1: listeners[0].upstream: there is no upstream \"ap\"; the nearest name is "
		  "\"app\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = (\"app\")",
		W "1: listeners[0].upstream: a list was found; write upstream = \"app\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; max_pairs = 0",
		W "1: listeners[0].max_pairs: 0 is out of range; write an integer from 1 to "
		  "10000000\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; on_idle = \"rst\"",
		W "1: listeners[0].on_idle: \"rst\": unknown; write \"reset\" or \"fin\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; mode = 0660",
		W "1: listeners[0].mode: 0660 is a bare number; write \"0660\", in quotes\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; mode = \"1777\"", W
		"1: listeners[0].mode: \"1777\": a socket has only permission bits; write at most "
		"\"0777\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; mode = \"77777777777777777777777\"",
		W "1: listeners[0].mode: \"77777777777777777777777\": a socket has only permission "
		  "bits; write at most \"0777\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; mode = \"rw\"", W
		"1: listeners[0].mode: \"rw\": a mode is octal digits; write one like \"0660\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; mode = \"\"",
		W "1: listeners[0].mode: \"\": a mode is octal digits; write one like \"0660\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; owner = 33; group = \"no body\"",
		W "1: listeners[0].owner: 33 is a bare number; write \"33\", in quotes\n" W
		  "1: listeners[0].group: \"no body\": this machine has no such group; write one "
		  "that `getent group` shows, or its number\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; owner = \"4294967295\"",
		W "1: listeners[0].owner: \"4294967295\": this machine has no such user; write one "
		  "that `getent passwd` shows, or its number\n"},
	{"name = \"a\"; listen = \"systemd:x\"; upstream = \"app\"; owner = \"root\"; group = "
	 "\"root\"; socket = { freebind = \"on\"; }",
		W "1: listeners[0].owner: is for sockets that weir binds, and systemd binds these; "
		  "write SocketUser= in its socket unit\n" W
		  "1: listeners[0].group: is for sockets that weir binds, and systemd binds these; "
		  "write SocketGroup= in its socket unit\n" W
		  "1: listeners[0].socket.freebind: is for sockets that weir binds, and systemd "
		  "binds these; write FreeBind=yes in the socket unit\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; socket = { mptcp = \"on\"; "
	 "user_timeout = \"9s\"; }",
		W "1: listeners[0].socket.mptcp: Multipath TCP has no user_timeout; write "
		  "user_timeout "
		  "= \"none\", and timeouts.write_stall in its place, or mptcp = \"off\"\n"},
	{"name = \"a\"; listen = \"systemd:x\"; upstream = \"app\"; socket = { mptcp = \"on\"; }",
		W "1: listeners[0].socket.mptcp: is for sockets that weir binds, and systemd binds "
		  "these; take it out\n"},
	{"name = \"a\"; listen = \"unix:/x\"; upstream = \"app\"; socket = { backlog = 8; "
	 "freebind = \"on\"; }",
		W "1: listeners[0].socket.freebind: is for TCP, and the listener has only UNIX "
		  "sockets; take it out\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\";\ntimeouts = {\ndrain = \"5s\"; idle "
	 "= 1; }",
		W "3: listeners[0].timeouts.drain: is known at the top level only; write it at the "
		  "top level, "
		  "as "
		  "timeouts.drain\n" W
		  "3: listeners[0].timeouts.idle: 1 has no unit; write \"1s\" for seconds\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\"; servers = ()",
		W "1: listeners[0].servers: is not known here; the nearest known key is "
		  "\"server\"\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\";}, {\nname = \"a\"; listen = "
	 "\"*:81\"; "
	 "upstream = \"app\"",
		W "2: listeners[1].name: \"a\" is the name of listeners[0] already; write another "
		  "one\n"},
	{"name = \"a\"; listen = \"*:80\"; upstream = \"app\";}, {\nname = \"b\"; listen = "
	 "\"*:80\"; "
	 "upstream = \"app\"",
		W
		"2: listeners[1].listen: \"*:80\" is an address of listeners[0] already; take out "
		"one of them\n"},
	{"name = \"a\"; listen = \"unix:/a\"; upstream = \"app\";},\n\"b\",\n3, {\nname = \"b\"; "
	 "listen = \"unix:/a\"; upstream = \"app\"",
		W "2: listeners[1]: a string was found; write a group: { ... }\n" W
		  "3: listeners[2]: an integer was found; write a group: { ... }\n" W
		  "4: listeners[3].listen: \"unix:/a\" is an address of listeners[0] already; take "
		  "out "
		  "one of them\n"},
};

/* Wrong upstreams in a config whose listener refers to "app". */
static const struct wrong wrong_upstreams[] = {
	{"", W "1: listeners[0].upstream: there is no upstream \"app\", nor any other; write "
	       "upstreams = ( { ... }, ... )\n"},
	{"upstreams = ();", W "2: upstreams: is empty; write upstreams = ( { ... }, ... )\n"},
	{"upstreams = {};",
		W "2: upstreams: a group was found; write upstreams = ( { ... }, ... )\n"},
	{"upstreams = [\"h:1\"];",
		W "2: upstreams: an array was found; write upstreams = ( { ... }, ... )\n"},
	{"upstreams = ({ name = \"app\"; });",
		W "2: upstreams[0].servers: is missing; write servers = ( { ... }, ... ), or "
		  "discover = \"dns:NAME:PORT\"\n"},
	{"upstreams = ({ name = \"app\"; servers = (); });",
		W "2: upstreams[0].servers: is empty; write servers = ( { ... }, ... )\n"},
	{"upstreams = ({ name = \"app\"; servers = \"h:1\"; });", W
		"2: upstreams[0].servers: a string was found; write servers = ( { ... }, ... )\n"},
	{"upstreams = ({ name = \"app\"; servers = (\n1,\n{ }); });",
		W "3: upstreams[0].servers[0]: an integer was found; write a group, { ... }, or "
		  "the address alone, in quotes\n" W
		  "4: upstreams[0].servers[1].address: is missing; write address = "
		  "\"127.0.0.1:9000\"\n"},
	{"upstreams = ({ name = \"app\"; servers = ({ address = \"*:80\"; }); });",
		W "2: upstreams[0].servers[0].address: \"*:80\": \"*\" is no place to connect to; "
		  "write "
		  "the address of a server, like \"127.0.0.1:80\"\n"},
	{"upstreams = ({ name = \"app\"; servers = ({ address = \"h:0\"; }); });",
		W "2: upstreams[0].servers[0].address: \"h:0\": the port is not a number of 1 to "
		  "65535; "
		  "write \"HOST:80\"\n"},
	{"upstreams = ({ name = \"app\"; servers = ({ address = \"h:1\"; wait = 2; }); });",
		W "2: upstreams[0].servers[0].wait: is not known here; known are: address, name, "
		  "weight, max_pairs, backup, check\n"},
	{"upstreams = ({ name = \"app\"; servers = ({ address = [\"h:1\"]; }); });",
		W "2: upstreams[0].servers[0].address: an array was found; write address = "
		  "\"127.0.0.1:9000\"\n"},
	{"upstreams = ({ name = \"app\"; servers = ({ address = \"h:1\"; }); },\n{ name = \"app\"; "
	 "servers = ({ address = \"h:1\"; }); });",
		W
		"3: upstreams[1].name: \"app\" is the name of upstreams[0] already; write another "
		"one\n"},
	{"upstreams = ({ name = \"xyz\"; servers = ({ address = \"h:1\"; }); },\n"
	 "{ name = \"ape\"; servers = ({ address = \"h:1\"; }); });",
		W "1: listeners[0].upstream: there is no upstream \"app\"; the nearest name is "
		  "\"ape\"\n"},
};

static void expect_text(const char *before, const struct wrong *wrong, const char *after)
{
	char *text;

	ck_assert_int_gt(asprintf(&text, "%s%s%s", before, wrong->text, after), 0);
	conf_case_write("weir.conf", text);
	free(text);
	conf_case_expect("weir.conf", wrong->errors);
}

START_TEST(a_wrong_value_is_said)
{
	expect_text("", &wrong_values[_i], "\n" CONF_REST);
}
END_TEST

START_TEST(a_wrong_listener_is_said)
{
	expect_text("listeners = ({", &wrong_listeners[_i], ";});\n" CONF_UPSTREAMS);
}
END_TEST

START_TEST(a_wrong_upstream_is_said)
{
	expect_text(CONF_LISTENERS, &wrong_upstreams[_i], "\n");
}
END_TEST

START_TEST(an_empty_file_lacks_both_lists)
{
	conf_case_write("weir.conf", "# nothing");
	conf_case_expect("weir.conf",
		"weir.conf: listeners: is missing; write listeners = ( { ... }, ... )\n"
		"weir.conf: upstreams: is missing; write upstreams = ( { ... }, ... )\n");
}
END_TEST

START_TEST(a_main_file_that_cannot_be_read_has_no_line)
{
	FILE *file;

	conf_case_expect("none",
		"none: cannot be read: No such file or directory; create it, or name another one "
		"with -c\n");
	conf_case_expect("/", "/: cannot be read: Is a directory; name a file in it\n");
	conf_case_expect("/dev/zero", "/dev/zero: cannot be read: All files together hold more "
				      "than 4 MiB; leave out what no "
				      "listener needs\n");
	file = fopen("weir.conf", "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite("\na\0", 1, 3, file), 3);
	ck_assert_int_eq(fclose(file), 0);
	conf_case_expect(
		"weir.conf", "weir.conf:2: holds a NUL byte; write the config as plain text\n");
}
END_TEST

START_TEST(an_unreadable_file_is_said)
{
	/* Root can read every file, so the test becomes another user. */
	if (geteuid() == 0) {
		ck_assert_int_eq(chmod(".", 0755), 0);
		conf_case_write("secret", "");
		conf_case_write("weir.conf", "@include \"secret\"\n");
		ck_assert_int_eq(chmod("secret", 0), 0);
		ck_assert_int_eq(seteuid(65534), 0);
	} else {
		conf_case_write("secret", "");
		conf_case_write("weir.conf", "@include \"secret\"\n");
		ck_assert_int_eq(chmod("secret", 0), 0);
	}
	conf_case_expect("secret",
		"secret: cannot be read: Permission denied; let the user that weir "
		"runs as read it\n");
	conf_case_expect("weir.conf",
		"weir.conf:1: @include: \"secret\" cannot be read: Permission "
		"denied; let the user that weir runs as read it\n");
	if (getuid() == 0) {
		ck_assert_int_eq(seteuid(0), 0);
	}
}
END_TEST

START_TEST(every_wrong_include_is_said_at_its_line)
{
	ck_assert_int_eq(mkdir("d", 0700), 0);
	ck_assert_int_eq(mkfifo("d/fifo", 0600), 0);
	conf_case_write("d/loop", "@include \"weir.conf\"\n");
	conf_case_write("d/bad", "a = \"");
	conf_case_write("d/weir.conf",
		"@include \"none\"\n@include \"../d\"\n\n@include \"\"\n"
		"@include \"fifo\"\n@include \"/dev/zero\"\n@include \"loop\"\n"
		"@include \"weir.conf\"\n@include \"bad\"\n@include \"bad/x\"\n");
	conf_case_expect("d/weir.conf",
		"d/weir.conf:1: @include: \"d/none\" cannot be read: No such file or directory; "
		"name a "
		"file that exists\n"
		"d/weir.conf:2: @include: \"d/../d\" cannot be read: Is a directory; name a file "
		"in "
		"it\n"
		"d/weir.conf:4: @include: the path is empty; write the path of a file between the "
		"quotes\n"
		"d/weir.conf:5: @include: \"d/fifo\" cannot be read: Not a regular file; name a "
		"regular file that can be read\n"
		"d/weir.conf:6: @include: \"/dev/zero\" cannot be read: Not a regular file; name a "
		"regular file that can be read\n"
		"d/weir.conf:8: @include: \"d/weir.conf\" includes itself; take this line out\n"
		"d/weir.conf:10: @include: \"d/bad/x\" cannot be read: Not a directory; name a "
		"file "
		"that exists\n"
		"d/loop:1: @include: \"d/weir.conf\" includes itself; take this line out\n"
		"d/bad:1: the string that begins here has no end; write a '\"' after it\n");
}
END_TEST

START_TEST(the_eleventh_level_of_includes_is_refused)
{
	char name[2] = "a";
	char text[32];

	for (; *name < 'k'; (*name)++) {
		(void)snprintf(text, sizeof(text), "@include \"%c\"\n", *name + 1);
		conf_case_write(name, text);
	}
	conf_case_write("k", "");
	conf_case_write("weir.conf", "@include \"a\"\n" CONF_REST);
	conf_case_expect("weir.conf",
		"j:1: @include: is the eleventh level of includes; include it "
		"from a file above\n");
}
END_TEST

START_TEST(includes_that_multiply_are_stopped)
{
	FILE *file = fopen("weir.conf", "w");
	const struct conf *conf;
	char *errors;

	ck_assert_ptr_nonnull(file);
	conf_case_write("b", "");
	conf_case_write("a", "@include \"b\"\n@include \"b\"\n@include \"b\"\n");
	for (unsigned i = 0; i < 251; i++) {
		ck_assert_int_gt(fputs("@include \"a\"\n", file), 0);
	}
	ck_assert_int_eq(fclose(file), 0);
	errors = conf_case_errors("weir.conf", &conf);
	ck_assert_str_eq(errors,
		"weir.conf:251: @include: is one more than the 1000 includes that a "
		"config may have; join some files\n");
	free(errors);
}
END_TEST

START_TEST(errors_name_the_included_file_and_come_in_order)
{
	ck_assert_int_eq(mkdir("d", 0700), 0);
	conf_case_write("d/one", "\nworkers = 0;\nlog = {\n@include \"two\"\n};\nrelay = 1;");
	conf_case_write("d/two", "level = 1;\n\nx = 1;\n");
	conf_case_write(
		"d/weir.conf", "\n@include \"one\" max_pairs = 0;\ntimeouts = 1;\n" CONF_REST);
	conf_case_expect("d/weir.conf",
		"d/weir.conf:2: max_pairs: 0 is out of range; write an integer from 1 to 10000000\n"
		"d/weir.conf:3: timeouts: an integer was found; write timeouts = { ... }\n"
		"d/one:2: workers: 0 is out of range; write an integer from 1 to 1024\n"
		"d/one:6: relay: an integer was found; write relay = { ... }\n"
		"d/two:1: log.level: an integer was found; write level = \"info\"\n"
		"d/two:3: log.x: is not known here; known are: level, tcp_info\n");
	conf_case_write("d/two", "level = ;\n");
	conf_case_expect("d/weir.conf",
		"d/two:1: ';' is where the value of level belongs, and the '{' of d/one:3 is "
		"not closed; take it out, or write that before it\n");
}
END_TEST

START_TEST(of_2000_errors_1000_are_kept_and_the_rest_is_counted)
{
	const struct conf *conf;
	char *errors;
	FILE *file = fopen("weir.conf", "w");
	unsigned n = 0;

	ck_assert_ptr_nonnull(file);
	for (unsigned i = 0; i < 2000; i++) {
		ck_assert_int_gt(fprintf(file, "x%u = 1;\n", i), 0);
	}
	ck_assert_int_ge(fputs(CONF_REST, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	errors = conf_case_errors("weir.conf", &conf);
	for (const char *pos = errors; *pos != '\0'; pos += strcspn(pos, "\n") + 1) {
		n++;
	}
	ck_assert_uint_eq(n, 1001);
	ck_assert_ptr_nonnull(strstr(errors, "weir.conf:1000: x999: "));
	ck_assert_ptr_nonnull(strstr(errors, "\n1000 more are not shown; correct these first\n"));
	free(errors);
}
END_TEST

START_TEST(a_list_has_at_most_10000_elements)
{
	FILE *file = fopen("weir.conf", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(CONF_LISTENERS "upstreams = ({}", file), 0);
	for (unsigned i = 0; i < 10000; i++) {
		ck_assert_int_ge(fputs(",{}", file), 0);
	}
	ck_assert_int_ge(fputs(");", file), 0);
	ck_assert_int_eq(fclose(file), 0);
	conf_case_expect("weir.conf",
		"weir.conf:2: upstreams: has 10001 elements; write at most 10000, "
		"or start a second weir\n");
}
END_TEST

START_TEST(brackets_may_nest_only_so_deep)
{
	FILE *file = fopen("weir.conf", "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs("\na = ", file), 0);
	for (unsigned i = 0; i < 100000; i++) {
		ck_assert_int_eq(fputc('(', file), '(');
	}
	ck_assert_int_eq(fclose(file), 0);
	conf_case_expect("weir.conf", "weir.conf:2: the brackets nest too deep; take some out\n");
}
END_TEST

START_TEST(an_error_is_one_line_whatever_is_in_it)
{
	char shown[CONF_SHOWN_MAX];
	struct conf_errors errors;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	conf_errors_init(&errors);
	conf_errors_add(
		&errors, "a\nb", 3, "k\x1b[m", "%s; %s", "x\ry", conf_shown("\"\\\xff\n", shown));
	conf_errors_print(&errors, "", out);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_str_eq(text, "a\\x0ab:3: k\\x1b[m: x\\x0dy; \"\\\"\\\\\\xff\\x0a\"\n");
	free(text);
	conf_errors_fini(&errors);
	conf_errors_fini(&errors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_errors");
	TCase *tc = tcase_create("conf_errors");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
#define ADD_TABLE(test, table)                                                                     \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(table) / sizeof((table)[0])))
	ADD_TABLE(a_wrong_value_is_said, wrong_values);
	ADD_TABLE(a_wrong_listener_is_said, wrong_listeners);
	ADD_TABLE(a_wrong_upstream_is_said, wrong_upstreams);
	tcase_add_test(tc, an_empty_file_lacks_both_lists);
	tcase_add_test(tc, a_main_file_that_cannot_be_read_has_no_line);
	tcase_add_test(tc, an_unreadable_file_is_said);
	tcase_add_test(tc, every_wrong_include_is_said_at_its_line);
	tcase_add_test(tc, the_eleventh_level_of_includes_is_refused);
	tcase_add_test(tc, includes_that_multiply_are_stopped);
	tcase_add_test(tc, errors_name_the_included_file_and_come_in_order);
	tcase_add_test(tc, of_2000_errors_1000_are_kept_and_the_rest_is_counted);
	tcase_add_test(tc, a_list_has_at_most_10000_elements);
	tcase_add_test(tc, brackets_may_nest_only_so_deep);
	tcase_add_test(tc, an_error_is_one_line_whatever_is_in_it);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
