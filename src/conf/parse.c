/* SPDX-License-Identifier: ISC */
/*
 *	conf_parse				the child
 *	  fork(2) ─────────────────────────────▶ libconfig, then each setting with its place
 *	  reads to the end of the pipe ◀──────── for each part that is refused, OUTCOME_REFUSED,
 *	  waitpid(2)				 the line and the reason; then, unless the main
 *						 part was refused, OUTCOME_TAPE and the tape of
 *						 the others
 *
 * Names and strings come from libconfig. Lines, and all other values as written (libconfig wraps
 * integers that are too large), come from the scanner: the n-th name and value of the tree is the
 * n-th one of the text.
 */
#include "conf/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conf/errors.h"
#include "conf/grammar.h"
#include "conf/merge.h"
#include "conf/scan.h"
#include "conf/tape.h"

enum {
	OUTCOME_TAPE = 'T',
	OUTCOME_REFUSED = 'R',
	READ_STEP = 64 * 1024,
	/* More than any tape of CONF_BYTES_MAX, because a setting needs at least two characters of
	 * text. */
	OUTPUT_MAX = 64 * 1024 * 1024,
};

/* ---- in the child ---- */

struct writing {
	FILE *out;
	struct scanner scanner;
};

/* A part, as libconfig has parsed it. */
struct parsed {
	config_t config;
	bool is_right;
};

/* Precedes the words of a refusal. */
struct refusal {
	unsigned line;
	unsigned len;
};

static enum setting_type type_of(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
		return SETTING_GROUP;
	case CONFIG_TYPE_LIST:
		return SETTING_LIST;
	case CONFIG_TYPE_ARRAY:
		return SETTING_ARRAY;
	case CONFIG_TYPE_STRING:
		return SETTING_STRING;
	case CONFIG_TYPE_FLOAT:
		return SETTING_FLOAT;
	case CONFIG_TYPE_BOOL:
		return SETTING_BOOL;
	default:
		return SETTING_INTEGER;
	}
}

/* The next name; the tokens before it close or separate settings that were written already. */
static struct token next_name(struct scanner *scanner)
{
	struct token token = scanner_next(scanner);

	while (token.kind == TOKEN_MARK) {
		token = scanner_next(scanner);
	}
	return token;
}

/* The first token of the next value; the pieces of a string are one value. */
static struct token next_value(struct scanner *scanner)
{
	struct token token = scanner_next(scanner);

	while (token.kind == TOKEN_MARK && !token_is_opening(&token)) {
		token = scanner_next(scanner);
	}
	if (token.kind == TOKEN_STRING) {
		struct scanner ahead = *scanner;

		while (scanner_next(&ahead).kind == TOKEN_STRING) {
			*scanner = ahead;
		}
	}
	return token;
}

static void write_setting(struct writing *writing, const config_setting_t *from);

static void write_held(struct writing *writing, const config_setting_t *from)
{
	unsigned n = (unsigned)config_setting_length(from);

	for (unsigned i = 0; i < n; i++) {
		write_setting(writing, config_setting_get_elem(from, i));
	}
}

/* Writes a setting and all that it contains. */
static void write_setting(struct writing *writing, const config_setting_t *from)
{
	struct setting setting = {.type = type_of(from), .name = config_setting_name(from)};
	struct token value;

	if (setting.name != NULL) {
		setting.line = next_name(&writing->scanner).line;
	}
	value = next_value(&writing->scanner);
	if (setting.name == NULL) {
		setting.line = value.line;
	}
	if (setting_holds(&setting)) {
		tape_write(writing->out, &setting, (size_t)config_setting_length(from));
		write_held(writing, from);
	} else if (setting.type == SETTING_STRING) {
		setting.text = config_setting_get_string(from);
		tape_write(writing->out, &setting, strlen(setting.text));
	} else {
		setting.text = value.text;
		tape_write(writing->out, &setting, value.len);
	}
}

static bool is_too_deep(const config_setting_t *setting, unsigned depth)
{
	bool holds = config_setting_is_aggregate(setting) != CONFIG_FALSE;
	unsigned n = holds ? (unsigned)config_setting_length(setting) : 0;

	if (holds && depth > TAPE_DEPTH_MAX) {
		return true;
	}
	for (unsigned i = 0; i < n; i++) {
		if (is_too_deep(config_setting_get_elem(setting, i), depth + 1)) {
			return true;
		}
	}
	return false;
}

static void write_refusal(FILE *out, unsigned line, const char *text)
{
	struct refusal refusal = {.line = line, .len = (unsigned)strlen(text)};

	(void)fputc(OUTCOME_REFUSED, out);
	(void)fwrite(&refusal, sizeof(refusal), 1, out);
	(void)fputs(text, out);
}

/* Writes the settings of one part. */
static void write_part(struct writing *writing, const struct conf_source *source,
	struct conf_part part, const config_t *config)
{
	scanner_init(&writing->scanner, source->text + part.begin, part.len);
	writing->scanner.line = part.line;
	write_held(writing, config_root_setting(config));
}

static size_t count(const struct parsed *parsed)
{
	return (size_t)config_setting_length(config_root_setting(&parsed->config));
}

/* Writes the settings of the main file, and then each file that `include` names, as a group, except
 * those that were refused. */
static void write_tape(FILE *out, const struct conf_source *source, const struct parsed *all)
{
	static const struct setting root = {.type = SETTING_GROUP};
	struct writing writing = {.out = out};
	size_t n = count(&all[0]);

	for (size_t i = 1; i <= source->n_more; i++) {
		n += all[i].is_right;
	}
	(void)fputc(OUTCOME_TAPE, out);
	tape_write(out, &root, n);
	write_part(&writing, source, conf_source_part(source, 0), &all[0].config);
	for (size_t i = 1; i <= source->n_more; i++) {
		struct conf_part part = conf_source_part(source, i);
		struct setting file = {
			.type = SETTING_GROUP, .name = MERGE_FILE, .line = part.line};

		if (all[i].is_right) {
			tape_write(out, &file, count(&all[i]));
			write_part(&writing, source, part, &all[i].config);
		}
	}
}

/* Whether libconfig accepts the part; if not, writes why. */
static bool parse_part(
	FILE *out, const struct conf_source *source, struct conf_part part, config_t *config)
{
	config_init(config);
	if (config_read_string(config, source->text + part.begin) != CONFIG_TRUE) {
		const char *text = config_error_text(config);

		write_refusal(out, part.line - 1 + (unsigned)config_error_line(config),
			text == NULL ? "syntax error" : text);
		return false;
	}
	if (is_too_deep(config_root_setting(config), 0)) {
		write_refusal(out, part.line, "too deep");
		return false;
	}
	return true;
}

/* Everything that the child does. */
__attribute__((noreturn)) static void parse_here(const struct conf_source *source, int fd)
{
	static const struct rlimit no_core = {0};
	FILE *out = fdopen(fd, "w");
	struct parsed *all = calloc(source->n_more + 1, sizeof(*all));

	(void)setrlimit(RLIMIT_CORE, &no_core); /* a crash only means that memory is short */
	if (out == NULL || all == NULL) {
		_exit(1);
	}
	for (size_t i = 0; i <= source->n_more; i++) {
		struct conf_part part = conf_source_part(source, i);

		all[i].is_right = !part.is_bad && parse_part(out, source, part, &all[i].config);
	}
	if (all[0].is_right) {
		write_tape(out, source, all);
	}
	_exit(fflush(out) == 0 ? 0 : 1);
}

/* ---- outside ---- */

/* Reads everything from the pipe; false: no memory. */
static bool read_all(int fd, char **ret_bytes, size_t *ret_len)
{
	char *bytes = NULL;
	size_t room = 0;
	size_t len = 0;

	for (;;) {
		ssize_t n;

		if (room == len) {
			char *more =
				room < OUTPUT_MAX ? realloc(bytes, 2 * room + READ_STEP) : NULL;

			if (more == NULL) {
				free(bytes);
				return false;
			}
			bytes = more;
			room = 2 * room + READ_STEP;
		}
		n = read(fd, bytes + len, room - len);
		if (n == 0) {
			break;
		}
		if (n > 0) {
			len += (size_t)n;
		} else if (errno != EINTR) {
			free(bytes);
			return false;
		}
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return true;
}

/* Whether the child has ended with success. If the process cannot wait for its children (SIGCHLD is
 * ignored), only the output counts. */
static bool has_ended_well(pid_t pid)
{
	int status;
	pid_t r;

	do {
		r = waitpid(pid, &status, 0);
	} while (r < 0 && errno == EINTR);
	return r < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Reports the refusal at *pos, and moves behind it. -EINVAL or -ENOMEM. */
static int report_refusal(const struct conf_source *source, struct conf_errors *errors,
	const char **pos, const char *end)
{
	size_t head = 1 + sizeof(struct refusal);
	char what[CONF_WHY_MAX];
	struct refusal refusal;

	if ((size_t)(end - *pos) < head) {
		return -ENOMEM; /* UNTESTED: a child that ends well has written all */
	}
	memcpy(&refusal, *pos + 1, sizeof(refusal));
	if ((size_t)(end - *pos) - head < refusal.len) {
		return -ENOMEM; /* UNTESTED: likewise */
	}
	(void)snprintf(what, sizeof(what), "%.*s", (int)refusal.len, *pos + head);
	*pos += head + refusal.len;
	return conf_report_refusal(source, refusal.line, what, errors);
}

/* Handles the child's output; takes `bytes`. */
static int judge(struct conf_source *source, struct conf_errors *errors, char *bytes, size_t len,
	struct conf_tape *ret_tape)
{
	const char *end = bytes + len;
	const char *pos = bytes;
	int r = -EINVAL;

	while (r != -ENOMEM && pos < end && *pos == OUTCOME_REFUSED) {
		r = report_refusal(source, errors, &pos, end);
		source->lacks_part = true;
	}
	if (r != -ENOMEM && pos < end) {
		len = (size_t)(end - pos) - 1; /* without OUTCOME_TAPE */
		memmove(bytes, pos + 1, len);
		*ret_tape = (struct conf_tape){.bytes = bytes, .len = len};
		return 0;
	}
	free(bytes);
	return pos == bytes ? -ENOMEM : r;
}

/* Starts the child. Returns the read end of the pipe, or a negative errno. */
static int begin(const struct conf_source *source, pid_t *ret_pid)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -errno;
	}
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		parse_here(source, fds[1]);
	}
	close(fds[1]);
	if (pid < 0) {
		int r = -errno;

		close(fds[0]);
		return r;
	}
	*ret_pid = pid;
	return fds[0];
}

static void report_no_child(const struct conf_source *source, int err, struct conf_errors *errors)
{
	if (err != -ENOMEM) {
		conf_errors_add(errors, source->files[0], 0, NULL,
			"cannot be parsed in a process of its own: %s; raise TasksMax= and "
			"LimitNPROC= in the unit (ulimit -u), or LimitNOFILE= (ulimit -n)",
			strerrordesc_np(-err));
	}
}

int conf_parse(struct conf_source *source, struct conf_errors *errors, struct conf_tape *ret_tape)
{
	char *bytes = NULL;
	size_t len = 0;
	pid_t pid = -1;
	int fd = begin(source, &pid);
	bool is_whole;

	if (fd < 0) {
		report_no_child(source, fd, errors);
		return fd == -ENOMEM ? fd : -ECHILD;
	}
	is_whole = read_all(fd, &bytes, &len);
	close(fd);
	if (!has_ended_well(pid) || !is_whole) {
		free(bytes);
		return -ENOMEM;
	}
	return judge(source, errors, bytes, len, ret_tape);
}
