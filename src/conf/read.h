/* SPDX-License-Identifier: ISC */
/*
 * Makes the model from the text. Private to conf.
 *
 *	source.c	the text: the file and its includes; include.c reads them, and
 *			include_files.c those of the key `include`
 *	parse.c		the text to a tape, by libconfig, in a child
 *	tape.c		the tape to a tree
 *	merge.c		the lists of included files into those of the main file
 *	tree.c		groups, lists, arrays and values, with their lines
 *	read.c		the tree to the model, by the schema
 *	report.c	errors: unknown keys, and values of a wrong type
 *	value.c		one value: its text into the model
 *	value_edge.c	likewise, for routes and rates
 *	prefixes.c	lists of prefixes
 *	prefix_files.c	files that these lists name
 *	range.c		ranges of ports
 *	forward.c	listeners that name a server instead of an upstream
 *	file.c		reads one file
 *	check.c		checks of the whole model: duplicate names and addresses, circles, a drain
 *			that is longer than its budget
 *	check_references.c	upstreams that listeners and routes name
 *	check_upstream.c	checks of an upstream: servers, active checks, discovery
 *	check_edge.c	checks of what a listener says about its clients
 *	check_routes.c	routes that no client can reach
 *	text.c		a file to a tree, for code that does not need the model
 *	find_control.c	the control socket of a config, for programs that send requests to it
 *	cover.c		whether lists of prefixes together contain all of another list
 *	names.c		the names in a list
 *	check_socket.c	socket options that contradict each other or the addresses
 *
 * and if libconfig refuses the text:
 *
 *	scan.c		tokens
 *	grammar.c	the token that does not fit the grammar
 *	hint.c		which typing mistake was probably made
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
struct names;
struct prefix_files;
struct setting;

enum {
	CONF_PATH_MAX = 256,  /**< path of a key in an error */
	CONF_WHERE_MAX = 320, /**< place in another file */
	CONF_WHY_MAX = 256,   /**< "what is wrong; what to write instead" */
};

struct conf_reader {
	struct conf *conf; /**< the model that is being made; borrowed, like all pointers here */
	const struct conf_source *source;
	struct conf_errors *errors;
	const struct setting *root;
	const struct setting *listeners; /**< the list in `root`; NULL: there is none */
	const struct setting *upstreams;
	struct prefix_files *files; /**< the contents of files in lists of prefixes */
	struct table prefixes;      /**< all lists of prefixes: struct conf_prefixes */
	size_t n_prefixes;          /**< prefixes in all lists */
	size_t n_written;     /**< upstreams that are written; those from `server` follow them */
	size_t *makers;       /**< for each upstream from `server`: its listener */
	struct table refused; /**< names of upstreams that are written, but were refused */
	size_t n_guesses;     /**< how often a name similar to a wrong one was searched for */
	/** A file or a list of a file was refused, which was reported: what seems to be missing
	 * may be there. */
	bool lacks_part;
	bool failed;    /**< at least one error was reported */
	bool no_memory; /**< reading has stopped for lack of memory */
};

/** A guess what was meant by a text that the grammar refused. */
struct conf_hint {
	unsigned line;           /**< line in the whole text */
	char text[CONF_WHY_MAX]; /**< "what is wrong; what to write instead" */
};

/**
 * Reads the whole tree into reader->conf. False, with errors or no_memory: the model is not whole.
 * It can be freed in either case.
 */
bool conf_read(struct conf_reader *reader, const struct setting *root);

/** Writes the key of element `i` of a list or an array. */
void conf_join_index(char path[CONF_PATH_MAX], const char *parent, size_t i);

/** How many elements a list or an array has; 0, with an error, if it has none or too many. */
size_t conf_read_count(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);

/** Reads a list of prefixes, from a string or an array, into `object`. */
void conf_read_prefixes(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown, void *object);

/** Sets the defaults of an object, but not the values that it inherits. `schema` is "",
 * "listeners[]" and the like. */
void conf_preset(const char *schema, void *object);

/** Checks the model as a whole. */
void conf_check(struct conf_reader *reader);

/** Checks that there are upstreams if nothing else could say where clients are connected to. */
void conf_check_upstreams(struct conf_reader *reader);

/** Notes the names of upstreams that were refused. */
void conf_note_refused(struct conf_reader *reader);

/** Points a listener and its routes at their upstreams. */
void conf_check_references(struct conf_reader *reader, size_t i, const struct names *upstreams);

/** Checks that a listener that sets `owner` or `group` has a UNIX socket that weir binds, not only
 * sockets of systemd. */
void conf_check_owner(struct conf_reader *reader, size_t i);

/** Gives hints for `mode`, `owner` and `group` of a listener without a UNIX socket to have
 * them. */
void conf_check_owner_unwritten(struct conf_reader *reader, size_t i);

/** Check what a listener says about its clients; the second function gives warnings for valid
 * settings. */
void conf_check_edge(struct conf_reader *reader, size_t i);
void conf_check_edge_unwritten(struct conf_reader *reader, size_t i);

/** Gives warnings for valid timeouts of the top level. */
void conf_check_timeouts_unwritten(struct conf_reader *reader);

/** Reports routes that no client can reach; with `warns`, in a valid config, gives warnings for
 * names that no client can reach. */
void conf_check_routes(struct conf_reader *reader, size_t i, bool warns);

/** Check that a listener, or the HTTP door, is not on the path of the control socket. */
void conf_check_control(struct conf_reader *reader, size_t i);
void conf_check_http(struct conf_reader *reader);

/** Gives a warning for an HTTP door that any client can reach. */
void conf_check_http_unwritten(struct conf_reader *reader);

/** Whether an IP address can be reached from this machine only. */
bool conf_is_loopback(const struct addr *addr);

/** Checks one upstream, and fills in values that follow from others. */
void conf_check_upstream(struct conf_reader *reader, size_t u);

/** Checks the DNS servers for discovery. */
void conf_check_resolver(struct conf_reader *reader);

/** Gives warnings for settings that a valid config lacks. */
void conf_check_unwritten(struct conf_reader *reader);

/** The setting with the address of server `k` of upstream `u`, in a group or alone, and its key. */
const struct setting *conf_server_address(
	const struct conf_reader *reader, size_t u, size_t k, char key[CONF_PATH_MAX]);

/** Whether an address was read; one that was refused is zeroed. */
bool conf_is_set(const struct addr *addr);

/** Check the socket options that are written at the top level, in one listener, and in one
 * upstream. */
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

/** Reports an error at the line of `setting`. */
__attribute__((format(printf, 4, 5))) void conf_reader_error(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Reports a warning, about a setting that is valid but probably not meant. Only in a config
 * without errors. */
__attribute__((format(printf, 4, 5))) void conf_reader_warning(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Reports a hint, about a setting that is valid and probably meant, but should be known
 * (conf_errors::hints). */
__attribute__((format(printf, 4, 5))) void conf_reader_hint(struct conf_reader *reader,
	const struct setting *setting, const char *key, const char *format, ...);

/** Writes " of FILE:LINE" if `there` is in another file than `here`, else "". Returns `where`. */
const char *conf_where(const struct conf_reader *reader, const struct setting *here,
	const struct setting *there, char where[CONF_WHERE_MAX]);

/** Report a value of the wrong type, and a key that is not in the group `parent` of the schema. */
void conf_report_type(struct conf_reader *reader, const struct conf_key *key,
	const struct setting *setting, const char *shown);
void conf_report_unknown(struct conf_reader *reader, const char *parent,
	const struct setting *setting, const char *shown);

/** Writes what values a key takes. Returns `text`. */
const char *conf_expected(const struct conf_key *key, char text[CONF_WHY_MAX]);

#endif
