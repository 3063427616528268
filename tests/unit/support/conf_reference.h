/* SPDX-License-Identifier: ISC */
/* Compares weir's parser (the tape of the child process, and the walk of grammar.h) with
 * libconfig. */
#ifndef WEIR_TESTS_CONF_REFERENCE_H
#define WEIR_TESTS_CONF_REFERENCE_H

#include <assert.h>
#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/errors.h"
#include "conf/grammar.h"
#include "conf/merge.h"
#include "conf/parse.h"
#include "conf/source.h"
#include "conf/tape.h"

/** libconfig 1.5 leaks a string if a syntax error follows it. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig.so";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}

static inline int reference_type(enum setting_type type)
{
	static const int types[] = {CONFIG_TYPE_GROUP, CONFIG_TYPE_LIST, CONFIG_TYPE_ARRAY,
		CONFIG_TYPE_STRING, CONFIG_TYPE_INT, CONFIG_TYPE_FLOAT, CONFIG_TYPE_BOOL};

	return types[type];
}

static inline void reference_compare_trees(
	const struct setting *ours, const config_setting_t *theirs)
{
	int type = config_setting_type(theirs);
	const char *name = config_setting_name(theirs);

	assert(reference_type(ours->type) == (type == CONFIG_TYPE_INT64 ? CONFIG_TYPE_INT : type));
	assert((ours->name == NULL) == (name == NULL));
	assert(name == NULL || strcmp(ours->name, name) == 0);
	if (type == CONFIG_TYPE_STRING) {
		assert(strcmp(ours->text, config_setting_get_string(theirs)) == 0);
	} else if (type == CONFIG_TYPE_FLOAT) {
		assert(strtod(ours->text, NULL) == config_setting_get_float(theirs));
	}
	if (setting_holds(ours)) {
		assert(ours->n == (size_t)config_setting_length(theirs));
		for (size_t i = 0; i < ours->n; i++) {
			reference_compare_trees(
				ours->elements[i], config_setting_get_elem(theirs, (unsigned)i));
		}
	}
}

/** All errors, each on its own line. The caller frees the text. */
static inline char *reference_errors(const struct conf_errors *errors)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert(out != NULL);
	conf_errors_print(errors, "", out);
	assert(fclose(out) == 0);
	return text;
}

/** Checks a text that libconfig accepts: the walk must find no error in it. */
static inline void reference_walk(const struct conf_source *source)
{
	struct conf_errors errors;
	char *text;

	conf_errors_init(&errors);
	assert(conf_report_refusal(source, 1, "no surprise", &errors) == -EINVAL);
	text = reference_errors(&errors);
	if (strstr(text, ": no surprise\n") == NULL && strstr(text, "nest too deep") == NULL) {
		fprintf(stderr, "only libconfig takes this: %s%s\n", text, source->text);
		abort();
	}
	free(text);
	conf_errors_fini(&errors);
}

/** Checks a text that libconfig refuses: the error must have a message of weir's own. */
static inline void reference_explained(
	const struct conf_source *source, const struct conf_errors *errors)
{
	char *text = reference_errors(errors);

	assert(errors->n_errors > 0);
	assert(errors->n_errors <= 1 + source->n_more);
	if (strstr(text, ": syntax error\n") != NULL) {
		fprintf(stderr, "only libconfig refuses this: %s\n", source->text);
		abort();
	}
	free(text);
}

/** Compares the result of the child with that of libconfig in this process. Returns whether the
 * text is valid. */
static inline bool reference_compare(struct conf_source *source)
{
	struct conf_tape tape = {0};
	struct conf_errors errors;
	struct tree tree;
	config_t config;
	bool theirs;
	int ours;
	size_t used;

	conf_errors_init(&errors);
	ours = conf_parse(source, &errors, &tape);
	config_init(&config);
	theirs = config_read_string(&config, source->text) == CONFIG_TRUE;
	if (ours == 0) {
		assert(theirs && tape_read(tape.bytes, tape.len, &tree, &used) == 0);
		assert(used == tape.len);
		while (tree.root.n > 0 &&
			strcmp(tree.root.elements[tree.root.n - 1]->name, MERGE_FILE) == 0) {
			tree.root.n--; /* the files of `include` */
		}
		reference_compare_trees(&tree.root, config_root_setting(&config));
		tree_fini(&tree);
	}
	if (ours < 0 || errors.n_errors > 0) {
		reference_explained(source, &errors);
	}
	if (theirs) {
		reference_walk(source);
	}
	free(tape.bytes);
	config_destroy(&config);
	conf_errors_fini(&errors);
	return ours == 0;
}

/** The same with a text that is in no file. */
static inline bool reference_compare_text(const char *text)
{
	struct conf_source source = {.line = 1};
	char *name = strdup("weir.conf");
	bool both;

	if (name == NULL || conf_source_keep_path(&source, name) == NULL ||
		conf_source_begin_segment(&source, name, 1) < 0 ||
		conf_source_append(&source, text, strlen(text)) < 0) {
		abort();
	}
	both = reference_compare(&source);
	conf_source_fini(&source);
	return both;
}

#endif
