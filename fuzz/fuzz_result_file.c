/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a file that `weirload compare` gets, of one run or of a suite. An error is told in
 * one line. A comparison of a right file with itself finds it the same. Whatever names the file
 * has, a terminal can show all lines about it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "base/clock.h"
#include "load/compare.h"
#include "load/result_file.h"
#include "load/say.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** Checks that the text consists of lines that a terminal shows as they are. */
static void check_lines(char *text)
{
	for (char *line = text; *line != '\0';) {
		char *end = strchr(line, '\n');

		assert(end != NULL);
		*end = '\0';
		assert(character_are_plain(line));
		line = end + 1;
	}
}

static void compare_runs(const struct result *result, FILE *out)
{
	const struct comparison same = {result, result, 0, 0};
	char why[RESULT_WHY_MAX] = "";

	compare_tell_differences(&same, out);
	if (compare_check(&same, why) < 0) {
		assert(*why != '\0');
		say_line(out, "%s", why);
	} else {
		assert(compare_results(&same, out) == COMPARE_SAME);
	}
}

static void compare_with_itself(const struct result_file *file, FILE *out)
{
	static const char *const paths[] = {"A", "B"};
	const struct result_file both[] = {*file, *file};
	enum compare_outcome outcome;

	if (file->suite == NULL) {
		compare_runs(file->rows[0].result, out);
	} else if (file->n_rows > 0) { /* else it complains on standard error */
		outcome = compare_suites(both, paths, NS_NEVER, out);
		assert(outcome == COMPARE_SAME || outcome == COMPARE_REFUSED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct result_file file;
	char why[RESULT_WHY_MAX] = "";
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	assert(out != NULL);
	if (result_file_read(&file, (const char *)data, size, why) < 0) {
		assert(*why != '\0' && memchr(why, '\0', sizeof(why)) != NULL);
		say_line(out, "%s", why);
	} else {
		compare_with_itself(&file, out);
		result_file_fini(&file);
	}
	(void)fclose(out);
	check_lines(text);
	free(text);
	return 0;
}
