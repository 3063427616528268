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
 *	reader.h	what the reading must remember
 *	report.c	errors: unknown keys, and values of a wrong type
 *	preset.c	defaults
 *	value.c		one value: its text into the model
 *	value_edge.c	likewise, for routes, rates and doors
 *	prefix_lists.c	lists of prefixes
 *	prefix_files.c	files that these lists name
 *	prefixes.c	the prefixes of a list or a file
 *	range.c		ranges of ports
 *	forward.c	listeners that name a server instead of an upstream
 *	file.c		reads one file
 *	check.c		the model as a whole; check.h has the other files of the check
 *	names.c		the names in a list
 *	cover.c		whether lists of prefixes together contain all of another list
 *	load.c		all of this in order, and conf.c: the model
 *	text.c		a file to a tree, for code that does not need the model
 *	find_control.c	the control socket of a config, for programs that send requests to it
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

#include "conf/reader.h"

/**
 * Reads the whole tree into reader->conf. False, with errors or no_memory: the model is not whole.
 * It can be freed in either case.
 */
bool conf_read(struct conf_reader *reader, const struct setting *root);

#endif
