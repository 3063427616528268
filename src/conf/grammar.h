/* SPDX-License-Identifier: ISC */
/*
 * Why libconfig has refused a text: its own words are "syntax error", and its line is that of the
 * bracket around it. Private to conf.
 *
 * A walk through the text by the same grammar, up to the token that it does not take; hint.c finds
 * the words. tests/unit/test_conf_grammar.c and the fuzzer hold the walk against libconfig.
 */
#ifndef WEIR_CONF_GRAMMAR_H
#define WEIR_CONF_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/read.h"
#include "conf/scan.h"
#include "conf/tree.h"

enum {
	GRAMMAR_DEPTH_MAX = 64, /**< brackets within brackets; the schema has five */
};

/** What the grammar wants next. */
enum grammar_state {
	WANT_KEY,
	WANT_SIGN,  /**< '=' or ':' */
	WANT_FIRST, /**< an element, or the end of an empty list */
	WANT_VALUE,
	WANT_REST, /**< what may follow a value */
};

/** A walk through the text, up to its end or to the token that the grammar does not take. */
struct walk {
	const struct conf_source *source;
	struct tree tree;                               /**< the keys, and what holds them */
	struct scanner scanner;                         /**< behind the current token */
	struct token open[GRAMMAR_DEPTH_MAX];           /**< brackets; `depth` of them */
	struct setting *holders[GRAMMAR_DEPTH_MAX + 1]; /**< what they hold; [0] is the root */
	size_t depth;
	enum grammar_state state;
	struct setting *setting; /**< whose value is wanted, or was the last one */
	struct token key;        /**< the last one */
	struct token value;      /**< the last one, without lists and groups */
	struct token value_key;  /**< its key: "10k" is taken for 10 and the next key, k */
	struct token before;     /**< the one before the current token */
	const char *why; /**< what is wrong with the current token, where the grammar is not */
	bool twice;      /**< its group holds this key already: `first` */
	const struct setting *first;
	bool no_memory;
};

/**
 * Reports a text that libconfig has refused in this line, with these words. -EINVAL and one error,
 * or -ENOMEM.
 */
int conf_report_refusal(const struct conf_source *source, unsigned line, const char *words,
	struct conf_errors *errors);

/** Says why the grammar does not take the token, and in which line: that of the surprise. */
void conf_explain(const struct walk *walk, const struct token *token, struct conf_hint *hint);

/** The bracket that is open; '{' for the top level, which is a group without braces. */
char walk_inside(const struct walk *walk);

/** The character of a mark; '\0' of other tokens. */
char token_mark(const struct token *token);
bool token_is_opening(const struct token *token);
bool token_is_closing(const struct token *token);
bool token_is_scalar(const struct token *token);

/** The bracket that closes this one. */
char closing_of(char bracket);

#endif
