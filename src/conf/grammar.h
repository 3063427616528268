/* SPDX-License-Identifier: ISC */
/*
 * Finds out why libconfig has refused a text. libconfig itself only says "syntax error", with the
 * line of the enclosing bracket. Private to conf.
 *
 * The code walks through the text by the same grammar, up to the first token that does not fit;
 * hint.c makes the message. tests/unit/test_conf_grammar.c and the fuzzer compare the walk with
 * libconfig.
 */
#ifndef WEIR_CONF_GRAMMAR_H
#define WEIR_CONF_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/errors.h"
#include "conf/scan.h"
#include "conf/tree.h"

enum {
	GRAMMAR_DEPTH_MAX = 64, /**< brackets within brackets; the schema has five */
};

/** What the grammar expects next. */
enum grammar_state {
	WANT_KEY,
	WANT_SIGN,  /**< '=' or ':' */
	WANT_FIRST, /**< an element, or the end of an empty list */
	WANT_VALUE,
	WANT_REST, /**< whatever may follow a value */
};

/** The state of a walk through the text, up to its end or to the first token that does not fit. */
struct walk {
	const struct conf_source *source;
	struct tree tree;       /**< the keys, and the groups and lists that contain them */
	struct scanner scanner; /**< after the current token */
	struct token open[GRAMMAR_DEPTH_MAX];           /**< open brackets; `depth` of them */
	struct setting *holders[GRAMMAR_DEPTH_MAX + 1]; /**< their settings; [0] is the root */
	size_t depth;
	enum grammar_state state;
	struct setting *setting; /**< the one whose value is expected, or was read last */
	struct token key;        /**< the last one */
	struct token value;      /**< the last one that is no list, group or array */
	struct token value_key;  /**< its key: libconfig reads "10k" as 10 and the next key, k */
	struct token before;     /**< the token before the current one */
	const char *why; /**< what is wrong with the current token, if it fits the grammar */
	bool twice;      /**< the group already has this key: `first` */
	const struct setting *first;
	bool no_memory;
};

/** A guess at what was meant by a text that the grammar refused. */
struct conf_hint {
	unsigned line;           /**< line in the whole text */
	char text[CONF_WHY_MAX]; /**< "what is wrong; what to write instead" */
};

/**
 * Reports a text that libconfig has refused in this line, with this message. -EINVAL and one error,
 * or -ENOMEM.
 */
int conf_report_refusal(const struct conf_source *source, unsigned line, const char *words,
	struct conf_errors *errors);

/** Makes the message that says why the token does not fit, and sets the line in which that becomes
 * apparent. */
void conf_explain(const struct walk *walk, const struct token *token, struct conf_hint *hint);

/** The innermost open bracket; '{' for the top level, which is a group without braces. */
char walk_inside(const struct walk *walk);

/** The character of a TOKEN_MARK; '\0' for other tokens. */
char token_mark(const struct token *token);
bool token_is_opening(const struct token *token);
bool token_is_closing(const struct token *token);
bool token_is_scalar(const struct token *token);

/** The bracket that closes this one. */
char closing_of(char bracket);

#endif
