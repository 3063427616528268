/* SPDX-License-Identifier: ISC */
#include "conf/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "conf/errors.h"
#include "conf/parse.h"
#include "conf/tape.h"

int conf_text_read(struct conf_text *text, const char *path, struct conf_errors *errors)
{
	struct conf_tape tape = {0};
	size_t len;
	int r;

	conf_errors_begin(errors, path);
	tree_init(&text->tree);
	r = conf_source_read(&text->source, path, errors);
	if (r == 0) {
		r = conf_parse(&text->source, errors, &tape);
	}
	if (r == 0 && text->source.lacks_part) {
		r = -EINVAL;
	}
	if (r == 0) {
		r = tape_read(tape.bytes, tape.len, &text->tree, &len);
		if (r == -EBADMSG) {
			/* UNTESTED: the child writes whole tapes, or ends without success */
			conf_errors_add(errors, path, 0, NULL, "was not read whole; try again");
		}
	}
	free(tape.bytes);
	return conf_errors_result(errors, path, r);
}

void conf_text_fini(struct conf_text *text)
{
	tree_fini(&text->tree);
	conf_source_fini(&text->source);
}

void conf_text_error(const struct conf_text *text, struct conf_errors *errors,
	const struct setting *setting, const char *key, const char *format, ...)
{
	const char *file = text->source.files[0];
	unsigned line = 0;
	char why[1024];
	va_list args;

	if (setting->line > 0) {
		conf_source_place(&text->source, setting->line, &file, &line);
	}
	va_start(args, format);
	(void)vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	conf_errors_add(errors, file, line, key, "%s", why);
}
