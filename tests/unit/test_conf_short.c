/* SPDX-License-Identifier: ISC */
/* What makes a config short: server, ranges of ports, include and others. */
#include <arpa/inet.h>

#include "base/clock.h"
#include "conf_case.h"
#include "suite.h"

#define W          "weir.conf:"
#define SECONDS(n) ((uint64_t)(n)*NS_PER_S)

/* ---- socket at the top level ---- */

START_TEST(socket_of_the_top_level_holds_where_nothing_else_is_written)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"*:80\"; upstream = \"app\";\n"
		"  socket = { nodelay = \"on\"; backlog = 7; }; },\n"
		"  {name = \"b\"; listen = \"unix:@b\"; upstream = \"app\"; });\n"
		"upstreams = ({name = \"app\"; servers = (\"h:1\");\n"
		"  socket = { user_timeout = \"none\"; }; });\n"
		"socket = { nodelay = \"off\"; keepalive = { idle = \"60s\"; count = 3; };\n"
		"  user_timeout = \"9s\"; backlog = 99; freebind = \"on\"; fastopen = 256; };\n");
	const struct sockopts *own = &conf->listeners[0].socket;
	const struct sockopts *none = &conf->listeners[1].socket;
	const struct sockopts *upstream = &conf->upstreams[0].socket;

	ck_assert(own->nodelay && own->freebind);
	ck_assert_uint_eq(own->backlog, 7);
	ck_assert_uint_eq(own->keepalive_idle_ns, SECONDS(60));
	ck_assert_uint_eq(own->user_timeout_ns, SECONDS(9));
	ck_assert(!none->nodelay);
	ck_assert_uint_eq(none->backlog, 99);
	ck_assert_uint_eq(own->fastopen_queue, 256);
	ck_assert_uint_eq(upstream->fastopen_queue, 0);
	ck_assert(!upstream->fastopen);
	ck_assert(!upstream->nodelay);
	ck_assert_uint_eq(upstream->keepalive_idle_ns, SECONDS(60));
	ck_assert_uint_eq(upstream->keepalive_count, 3);
	ck_assert_uint_eq(upstream->user_timeout_ns, NS_NEVER);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(multipath_tcp_of_the_top_level_is_for_both_sides)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"*:80\"; upstream = \"app\";},\n"
		"  {name = \"b\"; listen = \"*:81\"; upstream = \"app\"; "
		"socket = { mptcp = \"off\"; user_timeout = \"9s\"; };});\n"
		"upstreams = ({name = \"app\"; servers = (\"h:1\");});\n"
		"socket = { mptcp = \"on\"; };\n");

	ck_assert(conf->listeners[0].socket.mptcp);
	ck_assert(!conf->listeners[1].socket.mptcp);
	ck_assert(conf->upstreams[0].socket.mptcp);
	(void)conf_unref(conf);
}
END_TEST

/* ---- server ---- */

START_TEST(a_server_stands_in_the_place_of_an_upstream)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"pg\"; listen = \"*:5432\"; server = \"10.0.0.5:5432\";},\n"
		"  {name = \"other\"; listen = \"*:81\"; upstream = \"pg\";},\n"
		"  {name = \"redis\"; listen = \"unix:/a\"; server = \"unix:/b-1:2-3\";\n"
		"  routes = ({from = \"any\"; sni = \"a\"; upstream = \"pg\";});});\n"
		"socket = { user_timeout = \"9s\"; };\n");
	const struct conf_upstream *pg = conf->listeners[0].upstream;

	ck_assert_uint_eq(conf->n_upstreams, 2);
	ck_assert_ptr_eq(pg, &conf->upstreams[0]);
	ck_assert_str_eq(pg->name, "pg");
	ck_assert_uint_eq(pg->n_servers, 1);
	ck_assert_str_eq(pg->servers[0].text, "10.0.0.5:5432");
	ck_assert_str_eq(pg->servers[0].name, "10.0.0.5:5432");
	ck_assert_uint_eq(pg->servers[0].weight, 1);
	ck_assert_int_eq(pg->balance, BALANCE_ROUND_ROBIN);
	ck_assert(pg->eject.on);
	ck_assert_uint_eq(pg->socket.user_timeout_ns, SECONDS(9));
	ck_assert_ptr_eq(conf->listeners[1].upstream, pg);
	ck_assert_ptr_eq(conf->listeners[2].routes[0].upstream, pg);
	ck_assert_str_eq(conf->listeners[2].upstream->servers[0].text, "unix:/b-1:2-3");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(servers_stand_beside_upstreams)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"*:80\"; upstream = \"app\";},\n"
		"  {name = \"b\"; listen = \"*:81\"; server = \"h:2\";});\n" CONF_UPSTREAMS);

	ck_assert_uint_eq(conf->n_upstreams, 2);
	ck_assert_str_eq(conf->listeners[0].upstream->name, "app");
	ck_assert_str_eq(conf->listeners[1].upstream->name, "b");
	(void)conf_unref(conf);
}
END_TEST

/* ---- ranges of ports ---- */

START_TEST(a_range_is_an_address_for_each_port)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"lab\"; server = \"10.0.0.1:9000-9002\";\n"
		"  listen = [\"127.0.0.1:8000-8002\", \"[::1]:8000-8002\"]; },\n"
		"  {name = \"one\"; listen = [\"*:70-71\", \"unix:@x\"]; server = \"h:1\";});\n");
	const struct conf_listener *lab = &conf->listeners[0];
	char text[ADDR_TEXT_MAX];

	ck_assert_uint_eq(lab->n_addresses, 6);
	ck_assert_str_eq(addr_text(&lab->addresses[2], text), "127.0.0.1:8002");
	ck_assert_str_eq(addr_text(&lab->addresses[3], text), "[::1]:8000");
	ck_assert_uint_eq(ntohs(lab->addresses[2].sa.in.sin_port), 8002);
	ck_assert_uint_eq(lab->upstream->n_servers, 3);
	ck_assert_str_eq(lab->upstream->servers[1].text, "10.0.0.1:9001");
	ck_assert_int_eq(lab->upstream->balance, BALANCE_PORTS);
	ck_assert_uint_eq(lab->upstream->first_port, 8000);
	ck_assert(!lab->upstream->eject.on);
	ck_assert(lab->has_range && conf->listeners[1].has_range);
	ck_assert_uint_eq(conf->listeners[1].n_addresses, 3);
	ck_assert_uint_eq(conf->listeners[1].upstream->n_servers, 1);
	ck_assert_int_eq(conf->listeners[1].upstream->balance, BALANCE_ROUND_ROBIN);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_range_of_one_port_is_an_address)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"*:65535-65535\"; server = \"h:7-7\";});\n");

	ck_assert_uint_eq(conf->listeners[0].n_addresses, 1);
	ck_assert(!conf->listeners[0].has_range);
	ck_assert_str_eq(conf->upstreams[0].servers[0].text, "h:7");
	(void)conf_unref(conf);
}
END_TEST

/* ---- include ---- */

static const char web[] = "listeners = ({name = \"web\"; listen = \"*:80\"; server = \"h:1\";});\n";

START_TEST(files_add_listeners_and_upstreams_in_the_order_of_their_names)
{
	const struct conf *conf;

	ck_assert_int_eq(mkdir("d", 0755), 0);
	conf_case_write(
		"d/b.conf", "listeners = ({name = \"b\"; listen = \"*:82\"; upstream = \"u\";});");
	conf_case_write("d/a.conf",
		"upstreams = ({name = \"u\"; servers = (\"h:1\");},\n"
		"{name = \"v\"; servers = (\"h:1\");});\n"
		"listeners = ({name = \"a\"; listen = \"*:81\"; upstream = \"v\";});");
	conf_case_write("d/empty.conf", "");
	conf_case_write("d/no", "rubbish");
	conf_case_write("last", "upstreams = ({name = \"w\"; servers = (\"h:1\");});\n");
	conf_case_write("weir.conf",
		"include = [\n\"d/*.conf\", \"none/*\", \"d/a.conf\", \"l\" \"a*\"];\n"
		"listeners = ({name = \"own\"; listen = \"*:80\"; upstream = \"w\";});\n");
	conf = conf_case_load("weir.conf");
	ck_assert_uint_eq(conf->n_listeners, 3);
	ck_assert_str_eq(conf->listeners[0].name, "own");
	ck_assert_str_eq(conf->listeners[0].upstream->name, "w");
	ck_assert_str_eq(conf->listeners[1].name, "a");
	ck_assert_str_eq(conf->listeners[2].name, "b");
	ck_assert_str_eq(conf->listeners[2].upstream->name, "u");
	ck_assert_uint_eq(conf->n_upstreams, 3);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(what_is_taken_from_a_tape_has_the_files_too)
{
	struct conf_errors errors;
	struct conf_tape tape;
	const struct conf *conf;

	conf_case_write("more", web);
	conf_case_write("weir.conf", "include = \"mor?\"; socket = { nodelay = \"off\"; };");
	conf_errors_init(&errors);
	ck_assert_int_eq(conf_load("weir.conf", &errors, &tape, &conf), 0);
	(void)conf_unref(conf);
	ck_assert_int_eq(unlink("more"), 0);
	ck_assert_int_eq(conf_take("weir.conf", &tape, &errors, &conf), 0);
	ck_assert_str_eq(conf->listeners[0].upstream->servers[0].text, "h:1");
	ck_assert(!conf->upstreams[0].socket.nodelay);
	(void)conf_unref(conf);
	free(tape.bytes);
	conf_errors_fini(&errors);
}
END_TEST

START_TEST(a_folder_may_be_called_like_a_pattern)
{
	ck_assert_int_eq(mkdir("[a]*", 0755), 0);
	conf_case_write("[a]*/one", web);
	conf_case_write("[a]*/weir.conf", "include = [ \"on?\" ];");
	(void)conf_unref(conf_case_load("[a]*/weir.conf"));
}
END_TEST

START_TEST(ranges_that_collide_are_said_once_for_two)
{
	conf_case_write("weir.conf",
		"listeners = ({name = \"a\"; listen = [\"127.0.0.1:30000-31023\", "
		"\"127.0.0.2:30001\"]; upstream = \"app\";},\n"
		"{name = \"b\"; listen = \"*:30000-31023\"; upstream = \"app\";},\n"
		"{name = \"c\"; listen = \"127.0.0.1:30007\"; upstream = \"app\";});\n"
		"upstreams = ({name = \"app\"; servers = (); });\n");
	conf_case_expect("weir.conf", W
		"2: listeners[1].listen: \"*:30000-31023\" has ports of \"127.0.0.1:30000-31023\" "
		"of listeners[0].listen; take out one of them, or write other ports\n" W
		"3: listeners[2].listen: \"127.0.0.1:30007\" has ports of "
		"\"127.0.0.1:30000-31023\" of listeners[0].listen; take out one of them, or "
		"write other ports\n" W
		"4: upstreams[0].servers: is empty; write servers = ( { ... }, ... )\n");
}
END_TEST

static const struct {
	const char *text;
	const char *errors;
} parts[] = {
	{"}; workers = 3; a = {", "d/a:1: '}' is where a key belongs; take it out, or write that "
				  "before it\n"},
	{"listeners = (", "d/a:1: the file ends here, and the '(' of line 1 is not closed; write "
			  "')' after what belongs to it\n"},
	{"a = \"x", "d/a:1: the string that begins here has no end; write a '\"' after it\n"},
	{"\n\nlisteners = ({name = \"a\"; listen = 80; server = \"h:1\";});",
		"d/a:3: listeners[1].listen: an integer was found; write listen = "
		"\"127.0.0.1:8080\", "
		"or an array of such strings\n"},
	{"listeners = ({name = \"web\"; listen = \"*:81\"; server = \"h:1\";});",
		"d/a:1: listeners[1].name: \"web\" is the name of listeners[0] of weir.conf:2 "
		"already; "
		"write another one\n"},
	{"upstreams = ({name = \"web\"; servers = (\"h:1\");});", W
		"2: listeners[0].server: makes an upstream \"web\", and upstreams[0] of d/a:1 has "
		"that name already; write another name for one of them, or upstream in the place "
		"of server\n"},
	{"listeners = ({name = \"a\"; listen = \"127.0.0.1:80\"; server = \"h:1\";});",
		"d/a:1: listeners[1].listen: \"127.0.0.1:80\" is within \"*:80\" of "
		"listeners[0].listen of weir.conf:2; take out one of them\n"},
	{"workers = 1;", "d/a:1: workers: is in an included file, which has listeners and "
			 "upstreams alone; write it in weir.conf\n"},
	{"include = \"x\";", "d/a:1: include: is in an included file, which has "
			     "listeners and upstreams "
			     "alone; write it in weir.conf\n"},
	{"listner = ();", "d/a:1: listner: is not known here; the nearest known key is "
			  "\"listeners\"\n"},
	{"listeners = {};",
		"d/a:1: listeners: a group was found; write listeners = ( { ... }, ... )\n"},
	{"@include \"a\"",
		"d/a:1: @include: \"a\" cannot be read: No such file or directory; name a "
		"file that exists\n"},
	{"@include \"d/a\"", "d/a:1: @include: \"d/a\" includes itself; take this line out\n"},
};

enum { N_PARTS = sizeof(parts) / sizeof(parts[0]) };

START_TEST(an_error_in_a_file_names_it)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "include = [ \"d/*\" ];\n%s", web);
	ck_assert_int_eq(mkdir("d", 0755), 0);
	conf_case_write("d/a", parts[_i].text);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", parts[_i].errors);
}
END_TEST

START_TEST(no_more_files_than_1000_are_read)
{
	char name[16];

	ck_assert_int_eq(mkdir("d", 0755), 0);
	for (int i = 0; i < 1001; i++) {
		(void)snprintf(name, sizeof(name), "d/%04d", i);
		conf_case_write(name, "");
	}
	conf_case_write("weir.conf", "\ninclude = \"d/*\";\n");
	conf_case_expect("weir.conf", W
		"2: include: is one more than the 1000 includes that a config may have; join some "
		"files\n");
}
END_TEST

START_TEST(a_folder_that_cannot_be_read_is_said)
{
	ck_assert_int_eq(chmod(conf_case_folder, 0755), 0);
	ck_assert_int_eq(mkdir("d", 0000), 0);
	conf_case_write("weir.conf", "include = \"d/*\";\n");
	if (geteuid() == 0) {
		ck_assert_int_eq(seteuid(65534), 0);
	}
	conf_case_expect("weir.conf", W
		"1: include: \"d\" cannot be read: Permission denied; let the user that weir runs "
		"as read it\n");
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

/* A pattern, and the file or folder in it that cannot be read. */
static const char *const unreadable[][2] = {
	{"*/weir.conf", "a/weir.conf"},
	{"*/*.conf", "a"},
	{"*/b/*.conf", "a/b"},
};

START_TEST(a_folder_below_a_pattern_that_cannot_be_read_is_said)
{
	char text[512];

	ck_assert_int_eq(chmod(conf_case_folder, 0755), 0);
	ck_assert_int_eq(mkdir("a", 0000), 0);
	(void)snprintf(text, sizeof(text), "include = \"%s\";\n" CONF_REST, unreadable[_i][0]);
	conf_case_write("weir.conf", text);
	(void)snprintf(text, sizeof(text),
		W "1: include: \"%s\" cannot be read: Permission denied; let the user that weir "
		  "runs as read it\n",
		unreadable[_i][1]);
	if (geteuid() == 0) {
		ck_assert_int_eq(seteuid(65534), 0);
	}
	conf_case_expect("weir.conf", text);
	ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

START_TEST(a_link_that_fits_and_leads_to_itself_is_said)
{
	ck_assert_int_eq(symlink("none", "gone"), 0);
	ck_assert_int_eq(symlink("round", "round"), 0);
	conf_case_write("weir.conf", "include = \"*/weir.conf\";\n" CONF_REST);
	conf_case_expect("weir.conf",
		W "1: include: \"./round\" cannot be read: Too many levels of symbolic links; "
		  "name a regular file that can be read\n");
}
END_TEST

/* ---- likely mistakes ---- */

START_TEST(an_upstream_that_nobody_uses_is_warned_of)
{
	conf_case_write("weir.conf",
		"listeners = ({name = \"a\"; listen = \"*:80\"; server = \"h:1\";});\n"
		"upstreams = (\n{name = \"b\"; servers = (\"h:1\");});\n");
	conf_case_expect("weir.conf",
		W "3: upstreams[0]: no listener and no route leads to it; write upstream = \"b\" "
		  "in one, or take it out\n");
}
END_TEST

START_TEST(of_many_that_nobody_uses_the_first_few_are_told)
{
	char expected[4096] = "";
	char text[4096] = "listeners = ({name = \"a\"; listen = \"*:80\"; server = \"h:1\";});\n"
			  "upstreams = (\n";

	for (int i = 0; i < 14; i++) {
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			"{name = \"u%d\"; servers = (\"h:1\");}%s\n", i, i < 13 ? "," : ");");
	}
	(void)strcpy(expected,
		W "2: upstreams: to 4 more no listener and no route leads; take them out, or write "
		  "listeners for them\n");
	for (int i = 0; i < 10; i++) {
		(void)snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected),
			W
			"%d: upstreams[%d]: no listener and no route leads to it; write upstream = "
			"\"u%d\" in one, or take it out\n",
			3 + i, i, i);
	}
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

/* ---- what is wrong ---- */

/* Members of a listener, and the only error for them, in line 2. */
static const struct {
	const char *members;
	const char *error;
} members[] = {
	{"listen = \"*:80\"; server = \"*:80\"",
		"server: \"*:80\": \"*\" is no place to connect to; write the address of a server, "
		"like \"127.0.0.1:80\""},
	{"listen = \"*:80\"; server = \"h\"",
		"server: \"h\": it has no port; write \"127.0.0.1:80\", \"[::1]:80\", "
		"\"name.example:80\" or \"unix:/run/x.sock\""},
	{"listen = \"*:80\"; server = \"h:1\"; upstream = \"app\"",
		"server: is used instead of upstream; take out one of the two"},
	{"listen = \"*:80\"; server = [\"h:1\"]",
		"server: an array was found; write server = \"10.0.0.5:5432\""},
	{"listen = \"*:80-79\"; server = \"h:1\"",
		"listen: \"*:80-79\": the range ends before it begins; write the lower port first"},
	{"listen = \"*:80-\"; server = \"h:1\"",
		"listen: \"*:80-\": a range ends with a port from 1 to 65535; write one like "
		"\"*:8000-8009\""},
	{"listen = \"*:80-65536\"; server = \"h:1\"",
		"listen: \"*:80-65536\": a range ends with a port from 1 to 65535; write one like "
		"\"*:8000-8009\""},
	{"listen = \"*:1-1025\"; server = \"h:1\"",
		"listen: \"*:1-1025\": a range has at most 1024 ports; write several, in listeners "
		"of their own"},
	{"listen = \"*:80-81\"; server = \"h:1-3\"",
		"server: has 3 ports, and listen has 2; write as many, or one for all"},
	{"listen = \"*:80\"; server = \"h:1-3\"",
		"server: has 3 ports, and listen has 1; write as many, or one for all"},
	{"listen = [\"127.0.0.1:80-82\", \"[::1]:81-83\"]; server = \"h:1-3\"",
		"server: is a range, but the addresses of listen have different ports; write "
		"the same ports for all of them, or one server"},
	{"listen = \"127.0.0.1:80-82\"; server = \"127.0.0.1:79-81\"",
		"server: \"127.0.0.1:80\" is the address of listeners[1]; weir would connect to "
		"itself; write that of a server"},
	{"listen = [\"*:80-82\", \"*:82\"]; server = \"h:1\"",
		"listen[1]: \"*:82\" has ports of \"*:80-82\" of listeners[1].listen; take out "
		"one of them, or write other ports"},
	{"listen = [\"[::1]:20000-21000\", \"*:20500-21023\"]; server = \"h:1\"",
		"listen[1]: \"*:20500-21023\" has ports of \"[::1]:20000-21000\" of "
		"listeners[1].listen; take out one of them, or write other ports"},
};

enum { N_MEMBERS = sizeof(members) / sizeof(members[0]) };

START_TEST(a_wrong_member_is_said)
{
	char expected[512];
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"listeners = ({name = \"a\"; listen = \"*:9\"; upstream = \"app\";},\n"
		"{name = \"b\"; %s;});\n" CONF_UPSTREAMS,
		members[_i].members);
	(void)snprintf(expected, sizeof(expected), W "2: listeners[1].%s\n", members[_i].error);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

static const struct {
	const char *text;
	const char *errors;
} wrong[] = {
	{"listeners = ({name = \"app\"; listen = \"*:80\";\nserver = \"h:1\";});\n" CONF_UPSTREAMS,
		W "2: listeners[0].server: makes an upstream \"app\", and upstreams[0] has that "
		  "name already; write another name for one of them, or upstream in the place of "
		  "server\n"},
	{"listeners = ({name = \"a\"; listen = \"*:80-81\"; server = \"h:1-2\";},\n"
	 "{name = \"b\"; listen = \"*:9\"; upstream = \"a\";});\n",
		W "2: listeners[1].upstream: \"a\" has a server for each port of its listener, and "
		  "no other clients go there; write an upstream with these servers\n"},
	{"include = [ \"\", \"*.conf\", \"none\", \".\" ];\n" CONF_REST, W
		"1: include[0]: the path is empty; write one like \"conf.d/*.conf\"\n" W
		"1: include[1]: \"weir.conf\" includes itself; write a pattern that it does not "
		"fit\n" W "1: include[2]: \"none\" cannot be read: No such file or directory; name "
		"a file that exists\n" W
		"1: include[3]: \".\" cannot be read: Is a directory; name a file in it\n"},
	{"socket = { fastopen = 65536; };\n" CONF_REST,
		W "1: socket.fastopen: 65536 is out of range; write an integer from 1 to 65535\n"},
	{"socket = { fastopen = \"yes\"; };\n" CONF_REST,
		W "1: socket.fastopen: \"yes\": unknown; write \"on\" or \"off\"\n"},
	{"socket = { fastopen = \"1k\"; };\n" CONF_REST,
		W "1: socket.fastopen: a string was found; write fastopen = 256, the queue of a "
		  "listener, or \"on\", towards servers\n"},
	{"socket = { fastopen = true; };\n" CONF_REST,
		W "1: socket.fastopen: a boolean was found; write fastopen = 256, the queue of a "
		  "listener, or \"on\", towards servers\n"},
	{"listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\";\n"
	 "socket = { fastopen = \"on\"; }; });\n" CONF_UPSTREAMS,
		W "2: listeners[0].socket.fastopen: \"on\": a listener has a queue; write how many "
		  "clients may be in it, like 256\n"},
	{CONF_LISTENERS "upstreams = ({name = \"app\"; servers = (\"h:1\");\n"
			"socket = { fastopen = 256; }; });\n",
		W "3: upstreams[0].socket.fastopen: \"256\": a number is the queue of a listener; "
		  "write \"on\" or \"off\"\n"},
	{"include = 7;\n" CONF_REST, W
		"1: include: an integer was found; write include = \"conf.d/*.conf\", or an array "
		"of such strings\n"},
	{"listeners = ({name = \"a\"; listen = \"*:80\"; server = \"h:1\";},\n"
	 "{name = \"a\"; listen = \"*:81\"; server = \"h:2\";});\n",
		W "2: listeners[1].name: \"a\" is the name of listeners[0] already; write another "
		  "one\n"},
	{"socket = { keepalive = { idle = \"1500ms\"; }; };\n" CONF_REST,
		W "1: socket.keepalive.idle: \"1500ms\" is not for the kernel; write whole "
		  "seconds, from \"1s\" to \"32767s\"\n"},
	{"socket = { source = \"192.0.2.1\"; };\n" CONF_REST,
		W "1: socket.source: is not known here; write it in upstreams[].socket\n"},
	{"listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\";\n"
	 "nodelay = \"on\"; });\n" CONF_UPSTREAMS,
		W "2: listeners[0].nodelay: is not known here; write it in listeners[].socket\n"},
};

enum { N_WRONG = sizeof(wrong) / sizeof(wrong[0]) };

START_TEST(what_is_wrong_is_said)
{
	conf_case_write("weir.conf", wrong[_i].text);
	conf_case_expect("weir.conf", wrong[_i].errors);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_short");
	TCase *tc = tcase_create("conf_short");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, socket_of_the_top_level_holds_where_nothing_else_is_written);
	tcase_add_test(tc, multipath_tcp_of_the_top_level_is_for_both_sides);
	tcase_add_test(tc, a_server_stands_in_the_place_of_an_upstream);
	tcase_add_test(tc, servers_stand_beside_upstreams);
	tcase_add_test(tc, a_range_is_an_address_for_each_port);
	tcase_add_test(tc, a_range_of_one_port_is_an_address);
	tcase_add_test(tc, files_add_listeners_and_upstreams_in_the_order_of_their_names);
	tcase_add_test(tc, what_is_taken_from_a_tape_has_the_files_too);
	tcase_add_test(tc, a_folder_may_be_called_like_a_pattern);
	tcase_add_loop_test(tc, an_error_in_a_file_names_it, 0, N_PARTS);
	tcase_add_test(tc, no_more_files_than_1000_are_read);
	tcase_add_test(tc, a_folder_that_cannot_be_read_is_said);
	tcase_add_loop_test(tc, a_folder_below_a_pattern_that_cannot_be_read_is_said, 0, 3);
	tcase_add_test(tc, a_link_that_fits_and_leads_to_itself_is_said);
	tcase_add_test(tc, an_upstream_that_nobody_uses_is_warned_of);
	tcase_add_test(tc, of_many_that_nobody_uses_the_first_few_are_told);
	tcase_add_test(tc, ranges_that_collide_are_said_once_for_two);
	tcase_add_loop_test(tc, a_wrong_member_is_said, 0, N_MEMBERS);
	tcase_add_loop_test(tc, what_is_wrong_is_said, 0, N_WRONG);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
