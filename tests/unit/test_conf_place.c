/* SPDX-License-Identifier: ISC */
/* Each fault in a config is one error, at the place where it is written. */
#include "conf_case.h"
#include "suite.h"

#define W     "weir.conf:"
#define OTHER "listeners = ({name = \"a\"; listen = \"*:80\"; upstream = \"app\";}"

/* ---- upstreams that listeners name ---- */

/* Members of the only listener, in a file without upstreams. */
static const struct {
	const char *members;
	const char *error;
} alone[] = {
	{"name = \"a\"; server = \"10.0.0.1:99999\"",
		"server: \"10.0.0.1:99999\": the port is not a number of 1 to 65535; write "
		"\"HOST:80\""},
	{"name = \"a\"; server = 5", "server: an integer was found; write server = "
				     "\"10.0.0.5:5432\""},
	{"name = \"a\"; server = (\"h:1\")", "server: a list was found; write server = "
					     "\"10.0.0.5:5432\""},
	{"name = \"a\"; server = {}", "server: a group was found; write server = "
				      "\"10.0.0.5:5432\""},
	{"name = \"a\"; server = \"h:1-1025\"",
		"server: \"h:1-1025\": a range has at most 1024 ports; write several, in listeners "
		"of their own"},
	{"name = \"a b\"; server = \"h:1\"",
		"name: \"a b\": not a name; write 1 to 64 letters, digits, '_', '.' and '-'"},
	{"server = \"h:1\"", "name: is missing; write name = \"web\""},
	{"name = \"a\"", "upstream: is missing; write upstream = \"app\", server = "
			 "\"10.0.0.5:5432\", or routes = ( { ... } )"},
	{"name = \"a\"; upstream = \"app\"",
		"upstream: there is no upstream \"app\", nor any other; write upstreams = ( { ... "
		"}, ... )"},
	{"name = \"a\"; routes = ({sni = \"a.test\"; upstream = \"app\";})",
		"routes[0].upstream: there is no upstream \"app\", nor any other; write upstreams "
		"= ( { ... }, ... )"},
};

START_TEST(of_a_wrong_target_no_other_error_follows)
{
	char expected[512];
	char text[512];

	(void)snprintf(text, sizeof(text), "\nlisteners = ({listen = \"*:80\";\n%s;});\n",
		alone[_i].members);
	(void)snprintf(expected, sizeof(expected), W "%d: listeners[0].%s\n",
		strstr(alone[_i].error, "is missing") == NULL ? 3 : 2, alone[_i].error);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
}
END_TEST

/* A reference to an upstream that was refused is no second error. */
static const struct {
	const char *text;
	const char *errors;
} refused[] = {
	{OTHER ",\n{name = \"app\"; listen = \"*:81\";\nserver = \"h\";});\n",
		W "3: listeners[1].server: \"h\": it has no port; write \"127.0.0.1:80\", "
		  "\"[::1]:80\", \"name.example:80\" or \"unix:/run/x.sock\"\n"},
	{OTHER ",\n{name = \"b\"; listen = \"*:81\"; upstream = \"x y\";});\n"
	       "upstreams = ({name = \"app\"; servers = (\"h:1\");},\n"
	       "{name = \"x y\"; servers = (\"h:1\");});\n",
		W "4: upstreams[1].name: \"x y\": not a name; write 1 to 64 letters, digits, '_', "
		  "'.' and '-'\n"},
	{OTHER ");\nupstreams = 5;\n",
		W "2: upstreams: an integer was found; write upstreams = ( { ... }, ... )\n"},
	{"upstreams = ();\n" OTHER ");\n",
		W "1: upstreams: is empty; write upstreams = ( { ... }, ... )\n"},
	{"listeners = 5;\n", W "1: listeners: an integer was found; write listeners = ( { ... }, "
			       "... )\n"},
};

START_TEST(of_a_reference_to_what_was_refused_nothing_is_said)
{
	conf_case_write("weir.conf", refused[_i].text);
	conf_case_expect("weir.conf", refused[_i].errors);
}
END_TEST

START_TEST(a_wrong_reference_in_a_file_names_the_file)
{
	conf_case_write("weir.conf", "include = [ \"a\", \"b\" ];\n");
	conf_case_write("a", "\n" OTHER ");\n");
	conf_case_write("b", "listeners = ({name = \"b\"; listen = \"*:81\";\n"
			     "routes = ({ sni = \"b.test\";\nupstream = \"nope\"; }); });\n");
	conf_case_expect("weir.conf",
		"a:2: listeners[0].upstream: there is no upstream \"app\", nor any other; write "
		"upstreams = ( { ... }, ... )\n"
		"b:3: listeners[1].routes[0].upstream: there is no upstream \"nope\", nor any "
		"other; write upstreams = ( { ... }, ... )\n");
}
END_TEST

START_TEST(what_a_refused_list_of_a_file_may_hold_is_not_missing)
{
	conf_case_write("weir.conf", "include = \"a\";\nlisteners = ({name = \"a\"; listen = "
				     "\"*:80\"; upstream = \"app\";});\n");
	conf_case_write("a", "upstreams = 5;\n");
	conf_case_expect("weir.conf",
		"a:1: upstreams: an integer was found; write upstreams = ( { ... }, ... )\n");
	conf_case_write("weir.conf", "include = \"a\";\n");
	conf_case_write("a", "listeners = { };\n");
	conf_case_expect("weir.conf",
		"a:1: listeners: a group was found; write listeners = ( { ... }, ... )\n");
}
END_TEST

/* ---- values of the top level ---- */

START_TEST(a_small_buffer_of_the_top_level_is_said_there_once)
{
	conf_case_write("weir.conf",
		"socket = {\nreceive_buffer = \"8k\"; };\n" OTHER ",\n"
		"{name = \"b\"; listen = \"*:81\"; upstream = \"app\"; accept_proxy = \"any\";},\n"
		"{name = \"c\"; listen = \"*:82\"; upstream = \"app\"; accept_proxy = \"any\";},\n"
		"{name = \"d\"; listen = \"*:83\"; upstream = \"app\"; accept_proxy = \"any\";\n"
		"socket = { nodelay = \"on\"; receive_buffer = \"4k\"; };});\n" CONF_UPSTREAMS);
	conf_case_expect("weir.conf",
		W "2: socket.receive_buffer: is less than the first bytes of a client that "
		  "listeners[1] looks at may be; write at least \"16k\", or another one in that "
		  "listener\n" W
		  "7: listeners[3].socket.receive_buffer: is less than the first bytes of a client "
		  "that this listener looks at may be; write at least \"16k\", or take it out\n");
}
END_TEST

#define NO_TIMEOUT                                                                                 \
	"Multipath TCP has no user_timeout; write user_timeout = \"none\", and "                   \
	"timeouts.write_stall in its place, or mptcp = \"off\"\n"

/* Options of the top level, of a listener and of an upstream. */
static const struct {
	const char *top;
	const char *below;
	const char *errors;
} inherited[] = {
	{"mptcp = \"on\"; user_timeout = \"9s\";", "nodelay = \"on\";",
		W "1: socket.mptcp: " NO_TIMEOUT},
	{"mptcp = \"on\";", "user_timeout = \"9s\";",
		W "3: listeners[0].socket.user_timeout: " NO_TIMEOUT W
		  "5: upstreams[0].socket.user_timeout: " NO_TIMEOUT},
	{"user_timeout = \"9s\";", "mptcp = \"on\";",
		W "3: listeners[0].socket.mptcp: " NO_TIMEOUT W
		  "5: upstreams[0].socket.mptcp: " NO_TIMEOUT},
};

START_TEST(what_does_not_go_together_is_said_where_it_is_written)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		"socket = { %s };\nlisteners = ({name = \"a\"; listen = \"*:80\"; upstream = "
		"\"app\";\nsocket = { %s };});\nupstreams = ({name = \"app\"; servers = "
		"(\"h:1\");\nsocket = { %s };});\n",
		inherited[_i].top, inherited[_i].below, inherited[_i].below);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", inherited[_i].errors);
}
END_TEST

/* ---- several files ---- */

#define NO_VALUE "1: ';' is where the value of x belongs; take it out, or write that before it\n"

START_TEST(all_files_that_are_refused_are_told_in_one_go)
{
	conf_case_write("weir.conf", "include = [ \"a\", \"none\", \"b\", \"c\", \"d\", \"e\" ];\n"
				     "workers = 0;\nlisteners = ();\n");
	conf_case_write("a", "x = ;\n");
	conf_case_write("b", "listeners = ({name = \"b\"; listen = \"*:0\"; upstream = "
			     "\"in_a\";});\n");
	conf_case_write("c", "x = \"open\n");
	conf_case_write("d", "x = ;\n");
	conf_case_write("e", "@include \"gone\"\n");
	conf_case_expect("weir.conf", W
		"1: include[1]: \"none\" cannot be read: No such file or directory; name a file "
		"that exists\n" W "2: workers: 0 is out of range; write an integer from 1 to 1024\n"
		"c:1: the string that begins here has no end; write a '\"' after it\n"
		"e:1: @include: \"gone\" cannot be read: No such file or directory; name a file "
		"that exists\n"
		"a:" NO_VALUE "d:" NO_VALUE
		"b:1: listeners[0].listen: \"*:0\": the port is not a number of 1 to 65535; write "
		"\"HOST:80\"\n");
}
END_TEST

START_TEST(files_are_told_beside_a_main_file_that_is_refused)
{
	conf_case_write("weir.conf", "include = [ \"a\", \"b\", \"c\" ];\nworkers = ;\n");
	conf_case_write("a", "x = ;\n");
	conf_case_write("b", "listeners = ({name = \"b\"; listen = \"*:0\";});\n");
	conf_case_write("c", "x = ;\n");
	conf_case_expect("weir.conf",
		W "2: ';' is where the value of workers belongs; take it out, or write that "
		  "before it\n"
		  "a:" NO_VALUE "c:" NO_VALUE);
}
END_TEST

START_TEST(what_a_refused_file_may_hold_is_not_missing)
{
	conf_case_write("weir.conf", "include = [ \"a\" ];\n");
	conf_case_write("a", "x = ;\n");
	conf_case_expect("weir.conf", "a:" NO_VALUE);
	conf_case_write("weir.conf", "include = [ \"a\" ];\n" CONF_LISTENERS);
	conf_case_expect("weir.conf", "a:" NO_VALUE);
	conf_case_write("weir.conf", "include = [ \"a\" ];\n" CONF_LISTENERS
				     "upstreams = ({name = \"ape\"; servers = (\"h:1\");});\n");
	conf_case_expect("weir.conf", "a:" NO_VALUE);
}
END_TEST

START_TEST(a_drain_that_does_not_fit_is_told_beside_other_errors)
{
	conf_case_write("weir.conf", "workers = 0;\ndrain = { grace = \"31s\"; };\n" CONF_REST);
	conf_case_expect("weir.conf", W "1: workers: 0 is out of range; write an integer from 1 to "
					"1024\n" W "2: drain.grace: \"31s\" is more than "
					"timeouts.drain, \"30s\", which it is a part of; write at "
					"most that, or raise timeouts.drain\n");
}
END_TEST

/* ---- names of files ---- */

/* Names of files: with CSI as one character, with a text from right to left, and with bytes that
 * are no UTF-8. Only the last one can be shown unchanged. */
static const struct {
	const char *name;
	const char *shown;
} names[] = {
	{"a\xc2\x9b"
	 "2J",
		"a\\x9b2J"},
	{"\xe2\x80\xae"
	 "fnoc",
		"\\u202efnoc"},
	{"\xff\x1b[m", "\\xff\\x1b[m"},
	{"\xc3\xa4.conf", "\xc3\xa4.conf"},
};

START_TEST(no_name_of_a_file_drives_a_terminal)
{
	char expected[512];
	char text[128];

	(void)snprintf(text, sizeof(text), "@include \"%s\"\n", names[_i].name);
	(void)snprintf(expected, sizeof(expected),
		"weir.conf:1: @include: \"%s\" cannot be read: No such file or directory; name a "
		"file that exists\n",
		names[_i].shown);
	conf_case_write("weir.conf", text);
	conf_case_expect("weir.conf", expected);
	conf_case_write(names[_i].name, "x = ;\n");
	(void)snprintf(expected, sizeof(expected),
		"%s:1: ';' is where the value of x belongs; take it out, or write that before "
		"it\n",
		names[_i].shown);
	conf_case_expect("weir.conf", expected);
	conf_case_expect(names[_i].name, expected);
}
END_TEST

START_TEST(a_path_may_end_with_an_escaped_quote)
{
	conf_case_write("weir.conf", "@include \"none\\\"\"\n");
	conf_case_expect("weir.conf",
		"weir.conf:1: @include: \"none\"\" cannot be read: No such file or directory; name "
		"a file that exists\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_place");
	TCase *tc = tcase_create("conf_place");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
#define ADD_TABLE(test, table)                                                                     \
	tcase_add_loop_test(tc, test, 0, (int)(sizeof(table) / sizeof((table)[0])))
	ADD_TABLE(of_a_wrong_target_no_other_error_follows, alone);
	ADD_TABLE(of_a_reference_to_what_was_refused_nothing_is_said, refused);
	tcase_add_test(tc, a_wrong_reference_in_a_file_names_the_file);
	tcase_add_test(tc, what_a_refused_list_of_a_file_may_hold_is_not_missing);
	tcase_add_test(tc, a_small_buffer_of_the_top_level_is_said_there_once);
	ADD_TABLE(what_does_not_go_together_is_said_where_it_is_written, inherited);
	tcase_add_test(tc, all_files_that_are_refused_are_told_in_one_go);
	tcase_add_test(tc, files_are_told_beside_a_main_file_that_is_refused);
	tcase_add_test(tc, what_a_refused_file_may_hold_is_not_missing);
	tcase_add_test(tc, a_drain_that_does_not_fit_is_told_beside_other_errors);
	tcase_add_test(tc, a_path_may_end_with_an_escaped_quote);
	ADD_TABLE(no_name_of_a_file_drives_a_terminal, names);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
