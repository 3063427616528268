/* SPDX-License-Identifier: ISC */
/*
 * From the text to the model. Private to conf.
 *
 *	source.c	the text: the file and its includes; include.c reads them, and
 *			include_files.c those of the key `include`
 *	parse.c		the text to a tape, by libconfig, in a child
 *	tape.c		the tape to a tree
 *	merge.c		what these hold, into the lists of the main file
 *	tree.c		groups, lists, arrays and values, with their places
 *	read.c		the tree to the model, by the schema
 *	report.c	keys that are unknown, values of a wrong type
 *	value.c		one value: its text into the model
 *	value_edge.c	the same of routes and rates
 *	prefixes.c	lists of prefixes
 *	prefix_files.c	what they have from files
 *	range.c		ranges of ports
 *	forward.c	listeners that name a server in place of an upstream
 *	file.c		one file
 *	check.c		what only the whole model shows: names and addresses that are there twice,
 *			references, a drain that does not fit its budget
 *	check_upstream.c	what one upstream says of its servers, of checks and discovery
 *	check_edge.c	what a listener says of its clients
 *	check_routes.c	routes that no client can reach
 *	text.c		a file to a tree, for who has no use for the model
 *	find_control.c	where weir is asked, for who asks
 *	cover.c		whether lists of prefixes hold all of another
 *	names.c		the names in a list
 *	check_socket.c	options of sockets that do not fit each other, or the addresses
 *
 * and where libconfig refuses the text:
 *
 *	scan.c		tokens
 *	grammar.c	the token that the grammar does not take
 *	hint.c		which slip of the pen that most likely is
 */
#ifndef WEIR_CONF_READ_H
#define WEIR_CONF_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"

struct addr;
struct conf;
struct conf_errors;
struct conf_key;
struct conf_source;
struct prefix_files;
struct setting;

enum {
	CONF_PATH_MAX = 256,  /**< of a key as errors show it */
	CONF_WHERE_MAX = 320, /**< of a place in another file */
	CONF_WHY_MAX = 256,   /**< of "what is wrong; what to write instead" */
};

struct conf_reader {
	struct conf *conf; /**< being filled; borrowed, like all others */
	const struct conf_source *source;
	struct conf_errors *errors;
	const struct setting *root;
	const struct setting *listeners; /**< its lists; NULL where there is none */
	const struct setting *upstreams;
	struct prefix_files *files; /**< what lists of prefixes have from files */
	struct table prefixes;      /**< all lists of them: struct conf_prefixes */
	size_t n_prefixes;          /**< in these */
	size_t n_written;           /**< upstreams; behind them stand those that `server` makes */
	size_t *makers;             /**< of each of these: its listener */
	size_t n_guesses; /**< how often a name was looked for that a wrong one may mean */
	bool failed;      /**< at least one error was reported */
	bool no_memory;   /**< reading has stopped */
};

/** What is most likely meant by a text that the grammar refused. */
struct conf_hint {
	unsigned line;           /**< of the whole text */
	char text[CONF_WHY_MAX]; /**< "what is wrong; what to write instead" */
};

/**
 * Reads the whole tree into reader->conf. False, with errors or no_memory, when the model is not
 * whole; it can be freed in either case.
 */
bool conf_read(struct conf_reader *reader, const struct setting *root);

/** The key of the element i of a list or an array. */
void conf_join_index(char path[CONF_PATH_MAX], const char *parent, size_t i);

/** How many elements a list or an array has; 0, and an error, when that is none or too many. */
size_t conf_read_count(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);

/** Reads a list of prefixes, from a string or an array, into `object`. */
void conf_read_prefixes(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object);

/** Sets the defaults of an object, "" or "listeners[]" and the like, but for what it inherits. */
void conf_preset(const char *schema, void *object);

/** Compares what was read as a whole. */
void conf_check(struct conf_reader *reader);

/** Checks whether a listener has sockets whose owner is weir's to say. */
void conf_check_owner(struct conf_reader *reader, size_t i);

/** Checks what a listener says of its clients; and warns of what is right there. */
void conf_check_edge(struct conf_reader *reader, size_t i);
void conf_check_edge_unwritten(struct conf_reader *reader, size_t i);

/** Warns of what is right of the timeouts of the top level. */
void conf_check_timeouts_unwritten(struct conf_reader *reader);

/** Refuses routes that no client can reach; or, in a right config, warns of such names. */
void conf_check_routes(struct conf_reader *reader, size_t i, bool warns);

/** Checks that a listener, or the http door, is not on the path of the control socket. */
void conf_check_control(struct conf_reader *reader, size_t i);
void conf_check_http(struct conf_reader *reader);

/** Warns of an http door that everybody reaches. */
void conf_check_http_unwritten(struct conf_reader *reader);

/** Whether an address of IP is of this machine alone. */
bool conf_is_loopback(const struct addr *addr);

/** Checks one upstream, and fills in what goes without saying. */
void conf_check_upstream(struct conf_reader *reader, size_t u);

/** Checks whom discovery asks. */
void conf_check_resolver(struct conf_reader *reader);

/** Warns of what a right config does not say. */
void conf_check_unwritten(struct conf_reader *reader);

/** The address of a server as it was written, in a group or alone, and its key. */
const struct setting *conf_server_address(
	const struct conf_reader *reader, size_t u, size_t k, char key[CONF_PATH_MAX]);

/** Whether an address was read: one that was refused is all zeros. */
bool conf_is_set(const struct addr *addr);

/** Check the socket options of the top level, of one listener, and of one upstream: those that are
 * written there. */
void conf_check_socket(struct conf_reader *reader);
void conf_check_listener_socket(struct conf_reader *reader, size_t i);
void conf_check_upstream_socket(struct conf_reader *reader, size_t i);

/**
 * Sets the value of a scalar key in `object`. `text` is the string without its quotes, or the
 * integer as written. 0; -EINVAL and "what is wrong; what to write instead" in `why`; or
 * -ENOMEM.
 */
int conf_value_set(
	const struct conf_key *key, const char *text, void *object, char why[CONF_WHY_MAX]);

/** Whether `text` begins with a number and a unit, "10k", where only a number belongs; says so in
 * `why`. */
bool conf_refuse_unit(const char *text, char why[CONF_WHY_MAX]);

/** Reports an error at the place of `setting`. */
__attribute__((format(printf, 4, 5))) void conf_reader_error(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** The same of what is right, but may not be meant: only of a config without errors. */
__attribute__((format(printf, 4, 5))) void conf_reader_warning(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** The same of what is right and meant, but good to know: for who asks for that. */
__attribute__((format(printf, 4, 5))) void conf_reader_hint(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** " of FILE:LINE", where `there` is in another file than `here`; else "". Returns `where`. */
const char *conf_where(const struct conf_reader *reader, const struct setting *here,
	const struct setting *there, char where[CONF_WHERE_MAX]);

/** Reports a value of the wrong type, and a key that is not in the group `parent` of the schema. */
void conf_report_type(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);
void conf_report_unknown(struct conf_reader *reader, const char *parent,
	const struct setting *setting, const char *shown);

/** What to write for a key. Returns `text`. */
const char *conf_expected(const struct conf_key *key, char text[CONF_WHY_MAX]);

#endif
