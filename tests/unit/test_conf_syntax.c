/* SPDX-License-Identifier: ISC */
/* The errors for the most common mistakes in the syntax of a config. */
#include "conf_case.h"
#include "suite.h"

/* A text that libconfig refuses, and the error for it. */
struct wrong {
	const char *text;
	const char *errors;
};

#define W "weir.conf:"

/* Texts that cannot be parsed. Each has one error, whatever else is wrong. */
static const struct wrong wrong_syntax[] = {
	{"workers = 0;\nlog = {\n  level = 10m;\n};\n",
		W "3: 10m is not in quotes; write \"10m\"\n"},
	/* keys that are written twice */
	{"workers = 0;\n\nworkers = 0;\n",
		W "3: workers: is in this group already, in line 1; take out one of the two\n"},
	{"b = 1; a = 1; a = 2; }\n",
		W "1: a: is in this group already, in line 1; take out one of the two\n"},
	{"a = { b = 1; ab = 2; };\nc = ( { b = 1; },\n{ d = {\n}; b = ( { b = 1; } ); a = 1; b = "
	 "2; "
	 "} );\n",
		W "4: b: is in this group already, in line 4; take out one of the two\n"},
	/* commas */
	{"a = (\n{ b = 1; },\n);\n",
		W "2: a list must not have a ',' after its last element; take it out\n"},
	{"a = [ \"x\", ];\n",
		W "1: an array must not have a ',' after its last element; take it out\n"},
	{"a = ( { b = 1; }; );\n",
		W "1: a list must not have a ';' after its last element; take it out\n"},
	{"a = (\n{ b = 1; }\n{ b = 2; }\n);\n", W "2: write ',' between the elements\n"},
	{"a = ( { b = 1; }; { b = 2; } );\n", W "1: write ',' between the elements\n"},
	{"a = [ 1 2 ];\n", W "1: write ',' between the elements\n"},
	{"a = (\n{ b = 1; };\nc = 1;\n",
		W "2: ';' is where ',' or ')' belongs, and the '(' of line 1 is not closed; take "
		  "it out, or write that before it\n"},
	/* quotes */
	{"backup = yes;\n", W "1: yes is unknown; write true or false\n"},
	{"timeouts = { idle = none; };\n", W "1: none is not in quotes; write \"none\"\n"},
	{"listen = 127.0.0.1:80;\n",
		W "1: 127.0.0.1:80 is not in quotes; write \"127.0.0.1:80\"\n"},
	{"listen =\n *:80;\n", W "2: *:80 is not in quotes; write \"*:80\"\n"},
	{"listen = [ \"*:80\", unix:/run/x ];\n",
		W "1: unix:/run/x is not in quotes; write \"unix:/run/x\"\n"},
	{"listen = [ 127.0.0.1:80 ];\n",
		W "1: 127.0.0.1:80 is not in quotes; write \"127.0.0.1:80\"\n"},
	{"idle = 1.5h\nb = 1;\n", W "1: 1.5h is not in quotes; write \"1.5h\"\n"},
	{"a = 'x y';\n",
		W "1: strings are written in double quotes; write '\"' before and after it\n"},
	{"a = \xe2\x80\x9cx\xe2\x80\x9d;\n",
		W "1: strings are written in double quotes; write '\"' before and after it\n"},
	/* counts */
	{"max_pairs = 10k;\n", W "1: counts have no unit; write 10000\n"},
	{"max_pairs = 10kB;\n", W "1: 10kB is not in quotes; write \"10kB\"\n"},
	/* keys */
	{"timeouts.idle = \"5s\";\n",
		W "1: a key has no dots; write timeouts = { idle = ...; };\n"},
	{"a.b.c = 1;\n", W "1: a key has no dots; write a = { ... };\n"},
	{"workers 4;\n", W "1: workers has no '='; write workers = ..., or take it out\n"},
	{"log {\n};\n", W "1: log has no '='; write log = ..., or take it out\n"},
	{"a = ( name = \"x\" );\n", W "1: a key belongs in a group; write { name = ...; }\n"},
	{"a = [\n{ b = 1; } ];\n",
		W "2: an array has no groups, lists or arrays; write '(' in place of the '[' of "
		  "line 1, and ')' of its ']'\n"},
	{"\xef\xbb\xbfworkers = 1;\n", W "1: the file begins with a byte order mark; save it as "
					 "UTF-8 without it\n"},
	/* texts without a likely remedy, and brackets */
	{"workers = 0;\na = [ 1,\n \"x\" ];\n",
		W "3: the elements of an array are of one type; write them all as strings\n"},
	{"workers = 0;\nlog = {\n level = \"info\";\n\n",
		W "3: the file ends here, and the '{' of line 2 is not closed; write '}' after "
		  "what belongs to it\n"},
	{"a = (\n{ b = 1; )\n;\n",
		W "2: ')' is where a key or '}' belongs, and the '{' of line 2 is not closed; "
		  "take it out, or write that before it\n"},
	{"a = (\n1, 2\n", W "2: the file ends here, and the '(' of line 1 is not closed; write ')' "
			    "after what belongs to it\n"},
	{"a = [\n1, 2\n", W "2: the file ends here, and the '[' of line 1 is not closed; write ']' "
			    "after what belongs to it\n"},
	/* a word at a wrong place: the error names its line and that of the open bracket */
	{"a = (\n{ b = 1; }\n\n  bogus 1;\n);\n",
		W "4: bogus is where ',' or ')' belongs, and the '(' of line 1 is not closed; "
		  "take it out, or write that before it\n"},
	{"a = (\n{ b = 1; }\nb = (\n{ b = 1; } );\n",
		W "3: b is where ',' or ')' belongs, and the '(' of line 1 is not closed; take "
		  "it out, or write that before it\n"},
	{"a = [\n\"x\"\nbogus\n];\n",
		W "3: bogus is where ',' or ']' belongs, and the '[' of line 1 is not closed; "
		  "take it out, or write that before it\n"},
	{"a = [\n\"x\",\nbogus\n];\n", W "3: bogus is not in quotes; write \"bogus\"\n"},
	{"a = {\nb = 1;\nbogus\nc = 2;\n};\n",
		W "3: bogus has no '='; write bogus = ..., or take it out\n"},
	{"a = {\nb = 1;\nbogus\n};\n",
		W "4: '}' is where '=' belongs after bogus, and the '{' of line 1 is not "
		  "closed; take it out, or write that before it\n"},
	{"bogus\nworkers = 1;\n", W "1: bogus has no '='; write bogus = ..., or take it out\n"},
	{"a = {\nb = 1;\n\"x\"\n};\n",
		W "3: a string is where a key or '}' belongs, and the '{' of line 1 is not "
		  "closed; take it out, or write that before it\n"},
	{"a = {\nb = 1;\n;\n};\n",
		W "3: ';' is where a key or '}' belongs, and the '{' of line 1 is not closed; "
		  "take it out, or write that before it\n"},
	{"a =\n\n;\n",
		W "3: ';' is where the value of a belongs; take it out, or write that before "
		  "it\n"},
	{"a = (\n\n;\n);\n",
		W "3: ';' is where an element or ')' belongs, and the '(' of line 1 is not "
		  "closed; take it out, or write that before it\n"},
	{"a = (\n1,\n;\n);\n",
		W "3: ';' is where an element belongs, and the '(' of line 1 is not closed; "
		  "take it out, or write that before it\n"},
	{"a = 1;\nb =\n", W "2: the file ends here, where the value of b belongs; write it\n"},
	{"a = 1;\nb\n", W "2: the file ends here, where '=' belongs after b; write it\n"},
	{"a = 1;\n)\n", W "2: ')' is where a key belongs; take it out, or write that before it\n"},
	{"a = (\n]\n);\n",
		W "2: ']' is where an element or ')' belongs, and the '(' of line 1 is not "
		  "closed; take it out, or write that before it\n"},
	{"a = \x80;\n", W "1: '\\x80' is where the value of a belongs; take it out, or write "
			  "that before it\n"},
	/* a string without its closing quote ends at the next quote */
	{"a = \"x;\nb = 1;\nc = \"y\", \"z;\n", W
		"3: the string that begins in line 1 ends only here; write a '\"' where it should "
		"end\n"},
	{"a = 1;\nb = \"x;\nc = \"y\";\n",
		W "3: the string that begins here has no end; write a '\"' after it, or after the "
		  "one of line 2, which ends in this line\n"},
	{"a = \"x\ny\";\nb = \"x;\n",
		W "3: the string that begins here has no end; write a '\"' after it\n"},
	{"a = 1e\n", W "1: 1e is not in quotes; write \"1e\"\n"},
	{"workers = 0;\na = = 1;\n", W "2: '=' is where the value of a belongs; take it out, "
				       "or write that before it\n"},
	{"a =: 1;\n", W "1: ':' is where the value of a belongs; take it out, or write that "
			"before it\n"},
	{"listen = :80;\n", W "1: :80 is not in quotes; write \":80\"\n"},
	{"}", W "1: '}' is where a key belongs; take it out, or write that before it\n"},
	{"\"x\"\n", W "1: a string is where a key belongs; take it out, or write that before it\n"},
	{"workers = 0;\na = \"x;\nb = 1;\n",
		W "2: the string that begins here has no end; write a '\"' after it\n"},
	{"workers = 0;\n/* x\n",
		W "2: the comment that begins here has no end; write \"*/\" after it\n"},
	{"a = 1; @include \"x\"\n",
		W "1: @include: is not written as it must be; begin the line with "
		  "@include \"FILE\"\n"},
	{"@include x\n@include \"x\n",
		W "1: @include: is not written as it must be; begin the line "
		  "with @include \"FILE\"\n" W
		  "2: @include: is not written as it must be; begin the line "
		  "with @include \"FILE\"\n" W
		  "2: the string that begins here has no end; write a '\"' after it\n"},
};

START_TEST(wrong_syntax_is_one_line)
{
	conf_case_write("weir.conf", wrong_syntax[_i].text);
	conf_case_expect("weir.conf", wrong_syntax[_i].errors);
}
END_TEST

START_TEST(a_key_that_an_included_file_holds_already_is_said_with_its_place)
{
	conf_case_write("one", "\nworkers = 1;\n");
	conf_case_write("weir.conf", "@include \"one\"\nworkers = 2;\n");
	conf_case_expect("weir.conf", "weir.conf:2: workers: is in this group already, in "
				      "one:2; take out one of the two\n");
}
END_TEST

START_TEST(what_was_opened_in_another_file_is_told_with_it)
{
	conf_case_write("one", "\n a = (\n");
	conf_case_write("weir.conf", "@include \"one\"\n\nbogus = 1;\n");
	conf_case_expect(
		"weir.conf", "weir.conf:3: a key belongs in a group; write { bogus = ...; }\n");
	conf_case_write("one", "\n a = ( 1\n");
	conf_case_expect("weir.conf",
		"weir.conf:3: bogus is where ',' or ')' belongs, and the '(' of one:2 is not "
		"closed; take it out, or write that before it\n");
	conf_case_write("weir.conf", "b = ( 1\n@include \"one\"\n");
	conf_case_expect("weir.conf",
		"one:2: a is where ',' or ')' belongs, and the '(' of weir.conf:1 is not "
		"closed; take it out, or write that before it\n");
}
END_TEST

START_TEST(brackets_have_a_bounded_depth)
{
	FILE *file = fopen("weir.conf", "w");

	ck_assert_ptr_nonnull(file);
	for (unsigned i = 0; i < 70; i++) {
		ck_assert_int_ge(fputs("a = {\n", file), 0);
	}
	ck_assert_int_ge(fputs("b = 1; b = 2;", file), 0);
	ck_assert_int_eq(fclose(file), 0);
	conf_case_expect("weir.conf", "weir.conf:65: the brackets nest too deep; take some out\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf_syntax");
	TCase *tc = tcase_create("conf_syntax");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_loop_test(tc, wrong_syntax_is_one_line, 0,
		(int)(sizeof(wrong_syntax) / sizeof(wrong_syntax[0])));
	tcase_add_test(tc, a_key_that_an_included_file_holds_already_is_said_with_its_place);
	tcase_add_test(tc, what_was_opened_in_another_file_is_told_with_it);
	tcase_add_test(tc, brackets_have_a_bounded_depth);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
