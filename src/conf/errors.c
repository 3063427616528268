/* SPDX-License-Identifier: ISC */
#include "conf/errors.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/character.h"
#include "base/text.h"

struct conf_error {
	unsigned line; /* 0: none */
	char *text;    /* "KEY: what is wrong; what to write instead" */
	char *file;
};

void conf_errors_init(struct conf_errors *errors)
{
	*errors = (struct conf_errors){0};
}

void conf_errors_fini(struct conf_errors *errors)
{
	for (size_t i = 0; i < errors->n_errors; i++) {
		free(errors->errors[i].text);
		free(errors->errors[i].file);
	}
	free(errors->errors);
	free(errors->main_file);
	conf_errors_init(errors);
}

void conf_errors_begin(struct conf_errors *errors, const char *main_file)
{
	free(errors->main_file);
	errors->main_file = strdup(main_file);
}

/* Makes "KEY: text", malloc'd. */
__attribute__((format(printf, 2, 0))) static char *make_text(
	const char *key, const char *format, va_list args)
{
	va_list again;
	size_t key_len = key == NULL ? 0 : strlen(key) + strlen(": ");
	char *text;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, again);
	va_end(again);
	assert(len >= 0);
	text = malloc(key_len + (size_t)len + 1);
	if (text == NULL) {
		return NULL;
	}
	if (key != NULL) {
		(void)snprintf(text, key_len + 1, "%s: ", key);
	}
	(void)vsnprintf(text + key_len, (size_t)len + 1, format, args);
	return text;
}

/* The index for the first error of a file, or for the next one of a file and line. */
static size_t find_place(const struct conf_errors *errors, const char *file, unsigned line)
{
	size_t end = 0;

	for (size_t i = 0; i < errors->n_errors; i++) {
		if (strcmp(errors->errors[i].file, file) != 0) {
			continue;
		}
		if (errors->errors[i].line > line) {
			return i;
		}
		end = i + 1;
	}
	if (end > 0) {
		return end;
	}
	if (errors->main_file != NULL && strcmp(errors->main_file, file) == 0) {
		return 0;
	}
	return errors->n_errors;
}

/* Inserts an error; takes `file` and `text`. False: no memory, and nothing is taken. */
static bool insert(struct conf_errors *errors, char *file, unsigned line, char *text)
{
	struct conf_error *array = errors->errors;
	size_t n = errors->n_errors;
	size_t at;

	if ((n & (n - 1)) == 0) { /* full at each power of two */
		array = realloc(array, (n == 0 ? 1 : 2 * n) * sizeof(*array));
		if (array == NULL) {
			return false;
		}
		errors->errors = array;
	}
	at = find_place(errors, file, line);
	memmove(&array[at + 1], &array[at], (n - at) * sizeof(*array));
	array[at] = (struct conf_error){.line = line, .text = text, .file = file};
	errors->n_errors++;
	return true;
}

void conf_errors_add(struct conf_errors *errors, const char *file, unsigned line, const char *key,
	const char *format, ...)
{
	char *own_file = NULL;
	char *text = NULL;
	va_list args;

	if (errors->n_errors == CONF_ERRORS_MAX) {
		errors->n_dropped++;
		return;
	}
	va_start(args, format);
	text = make_text(key, format, args);
	va_end(args);
	if (text == NULL) {
		goto dropped;
	}
	own_file = strdup(file);
	if (own_file == NULL) {
		goto dropped;
	}
	if (!insert(errors, own_file, line, text)) {
		goto dropped;
	}
	return;

dropped:
	free(own_file);
	free(text);
	errors->n_dropped++;
}

int conf_errors_result(struct conf_errors *errors, const char *file, int r)
{
	if (r == -ENOMEM) {
		conf_errors_add(errors, file, 0, NULL, "out of memory; free some and try again");
	}
	return r;
}

bool conf_errors_have(const struct conf_errors *errors, const char *key)
{
	for (size_t i = 0; i < errors->n_errors; i++) {
		if (strncmp(errors->errors[i].text, key, strlen(key)) == 0) {
			return true;
		}
	}
	return false;
}

void conf_errors_print(const struct conf_errors *errors, const char *prefix, FILE *out)
{
	for (size_t i = 0; i < errors->n_errors; i++) {
		const struct conf_error *error = &errors->errors[i];

		/* Paths and values may hold anything. */
		(void)fputs(prefix, out);
		character_put_all(out, error->file);
		if (error->line > 0) {
			(void)fprintf(out, ":%u", error->line);
		}
		(void)fputs(": ", out);
		character_put_all(out, error->text);
		(void)fputc('\n', out);
	}
	if (errors->n_dropped == 0) {
		return;
	}
	if (errors->n_errors == CONF_ERRORS_MAX) {
		(void)fprintf(out, "%s%zu more are not shown; correct these first\n", prefix,
			errors->n_dropped);
	} else {
		(void)fprintf(out, "%sout of memory: %zu errors are not shown; free some memory\n",
			prefix, errors->n_dropped);
	}
}

const char *conf_shown(const char *text, char shown[CONF_SHOWN_MAX])
{
	char *to = shown;

	*to++ = '"';
	for (size_t i = 0; text[i] != '\0'; i++) {
		if (i == CONF_SHOWN_CHARS) {
			to = stpcpy(to, "...");
			break;
		}
		if (text_is_plain(text[i])) {
			*to++ = text[i];
		} else {
			to += text_escape(text[i], to);
		}
	}
	*to++ = '"';
	*to = '\0';
	return shown;
}

int conf_refuse(char why[CONF_WHY_MAX], const char *text, const char *what)
{
	char shown[CONF_SHOWN_MAX];

	(void)snprintf(why, CONF_WHY_MAX, "%s: %s", conf_shown(text, shown), what);
	return -EINVAL;
}
