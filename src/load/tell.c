/* SPDX-License-Identifier: ISC */
#include "load/tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/whole_file.h"
#include "load/html.h"
#include "load/junit.h"
#include "load/result.h"
#include "load/results.h"
#include "load/run.h"
#include "load/say.h"

static int complain(const char *where, const char *path, int error)
{
	say_error("%s %s: %s", where, path, strerror(-error));
	return LOAD_EXIT_FAILED;
}

static int refuse(const char *option, const char *path, const char *why)
{
	say_error("%s %s: %s", option, path, why);
	return LOAD_EXIT_USAGE;
}

/** What to do if a file cannot be written. */
static const char *remedy_of(int error)
{
	switch (error) {
	case -ENOENT:
		return "; its folder does not exist: make it first";
	case -EISDIR:
		return ": write the path of a file in it";
	case -EACCES:
	case -EPERM:
	case -EROFS:
		return ": write a path where you may write";
	default:
		return ": write another path";
	}
}

int tell_check(const struct options *options)
{
	const struct {
		const char *option;
		const char *path;
	} files[] = {
		{"--csv", options->csv}, {"--junit", options->junit}, {"--html", options->html}};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = files[i].path;
		int r;

		if (path == NULL) {
			continue;
		}
		if (strcmp(path, "-") == 0 || *path == '\0') {
			return refuse(files[i].option, path,
				"standard output has the report already; write the path of a file");
		}
		r = whole_file_try(path);
		if (r < 0) {
			say_error("%s %s: %s%s", files[i].option, path, strerror(-r), remedy_of(r));
			return LOAD_EXIT_USAGE;
		}
		for (size_t k = 0; k < i; k++) {
			if (files[k].path != NULL && whole_file_is_same(path, files[k].path)) {
				return refuse(files[i].option, path,
					"another report goes there; write another path");
			}
		}
	}
	return LOAD_EXIT_OK;
}

static int tell_output(const struct results *results)
{
	if (results->run->options->json) {
		report_json(results, stdout);
	} else {
		report_text(results, stdout);
	}
	if (fflush(stdout) != 0) {
		say_error("standard output: %s", strerror(errno));
		return LOAD_EXIT_FAILED;
	}
	return LOAD_EXIT_OK;
}

static int tell_csv(const struct results *results)
{
	const char *path = results->run->options->csv;
	int r = path == NULL ? 0 : report_csv(results, path);

	return r < 0 ? complain("--csv", path, r) : LOAD_EXIT_OK;
}

int tell_files(const struct options *options, const char *title,
	const struct result *const *results, size_t n)
{
	int code = LOAD_EXIT_OK;
	int r = options->junit == NULL ? 0 : junit_write(options->junit, title, results, n);

	if (r < 0) {
		code = complain("--junit", options->junit, r);
	}
	r = options->html == NULL ? 0 : html_write(options->html, title, results, n);
	return r < 0 ? complain("--html", options->html, r) : code;
}

/** Writes the reports that are made from a result, in the same way as for several results of a
 * suite. */
static int tell_reports(const struct results *results)
{
	const struct options *options = results->run->options;
	char why[RESULT_WHY_MAX];
	struct result *result = NULL;
	const struct result *one;
	int code;

	if (options->junit == NULL && options->html == NULL) {
		return LOAD_EXIT_OK;
	}
	if (result_of_run(results, &result, why) < 0) {
		say_error("no report: %s", why);
		return LOAD_EXIT_FAILED;
	}
	one = result;
	code = tell_files(options, "weirload", &one, 1);
	(void)result_free(result);
	return code;
}

int tell_results(const struct results *results)
{
	int number = results->run->signal;
	int code = number != 0      ? LOAD_EXIT_SIGNAL + number
		   : results->holds ? LOAD_EXIT_OK
				    : LOAD_EXIT_FAILED;
	bool is_told = tell_output(results) == LOAD_EXIT_OK;

	is_told = tell_csv(results) == LOAD_EXIT_OK && is_told;
	is_told = tell_reports(results) == LOAD_EXIT_OK && is_told;
	return is_told ? code : LOAD_EXIT_FAILED;
}
