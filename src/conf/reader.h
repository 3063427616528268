/* SPDX-License-Identifier: ISC */
/* A config that is being read: the model so far, and what its reading must remember. Private to
 * conf. */
#ifndef WEIR_CONF_READER_H
#define WEIR_CONF_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/table.h"

struct conf;
struct conf_errors;
struct conf_source;
struct prefix_files;
struct setting;

struct conf_reader {
	/** The model that is being made. Borrowed, like all pointers here except `makers`. */
	struct conf *conf;
	const struct conf_source *source;
	struct conf_errors *errors;
	const struct setting *root;
	const struct setting *listeners; /**< the list in `root`; NULL: there is none */
	const struct setting *upstreams;
	struct prefix_files *files; /**< the contents of files in lists of prefixes */
	struct table prefixes;      /**< all lists of prefixes: struct conf_prefixes */
	size_t n_prefixes;          /**< prefixes in all lists */
	size_t n_written; /**< upstreams that are written; those from `server` follow them */
	/** For each upstream from `server`: its listener. malloc'd; conf_read() frees it. */
	size_t *makers;
	struct table refused; /**< names of upstreams that are written, but were refused */
	size_t n_guesses;     /**< how often a name similar to a wrong one was searched for */
	/** An included file, or a list in one, was refused, which was reported: what seems to be
	 * missing may be there. */
	bool lacks_part;
	bool failed;    /**< at least one error was reported */
	bool no_memory; /**< reading has stopped for lack of memory */
};

#endif
