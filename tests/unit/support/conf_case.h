/* SPDX-License-Identifier: ISC */
/*
 * Gives each test of the config its own folder, and loads files in it.
 *
 * The folder is the working directory, so that files have short names in errors.
 */
#ifndef WEIR_TESTS_CONF_CASE_H
#define WEIR_TESTS_CONF_CASE_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "conf/errors.h"

/** The settings that every config needs. */
#define CONF_LISTENERS "listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\";});\n"
#define CONF_UPSTREAMS "upstreams = ({name = \"app\"; servers = ({address = \"h:1\";});});\n"
#define CONF_REST      CONF_LISTENERS CONF_UPSTREAMS

static char conf_case_folder[64];

static inline void conf_case_setup(void)
{
	strcpy(conf_case_folder, "/tmp/weir-conf-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(conf_case_folder));
	ck_assert_int_eq(chdir(conf_case_folder), 0);
}

static inline int conf_case_remove(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void conf_case_teardown(void)
{
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(nftw(conf_case_folder, conf_case_remove, 8, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void conf_case_write(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

/** Loads a file. Returns all errors, or all warnings and a model in *ret_conf; each on its own
 * line. The caller frees the text. */
static inline char *conf_case_errors(const char *path, const struct conf **ret_conf)
{
	struct conf_errors errors;
	const struct conf *conf = NULL;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	ck_assert_ptr_nonnull(out);
	conf_errors_init(&errors);
	r = conf_load(path, &errors, NULL, &conf);
	ck_assert(r == 0 || errors.n_errors + errors.n_dropped > 0);
	ck_assert_int_eq(r < 0, conf == NULL);
	conf_errors_print(&errors, "", out);
	conf_errors_fini(&errors);
	ck_assert_int_eq(fclose(out), 0);
	*ret_conf = conf;
	return text;
}

/** Loads a file that must have neither errors nor warnings. */
static inline const struct conf *conf_case_load(const char *path)
{
	const struct conf *conf;
	char *errors = conf_case_errors(path, &conf);

	ck_assert_str_eq(errors, "");
	free(errors);
	return conf;
}

/** The same with a text. */
static inline const struct conf *conf_case_load_text(const char *text)
{
	conf_case_write("weir.conf", text);
	return conf_case_load("weir.conf");
}

/** Loads a file and compares all errors or warnings with `expected`. */
static inline void conf_case_expect(const char *path, const char *expected)
{
	const struct conf *conf;
	char *errors = conf_case_errors(path, &conf);

	ck_assert_str_eq(errors, expected);
	free(errors);
	(void)conf_unref(conf);
}

#endif
