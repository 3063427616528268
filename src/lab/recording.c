/* SPDX-License-Identifier: ISC */
#include "lab/recording.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "lab/text_file.h"

static const char first_line[] = "weirlab recording 1";

/* ---- noting ---- */

static int make_room(struct recording *recording)
{
	enum { FIRST = 256 };
	size_t room = recording->room == 0 ? FIRST : recording->room * 2;
	struct recorded_event *events;

	if (recording->n_events < recording->room) {
		return 0;
	}
	events = realloc(recording->events, room * sizeof(*events));
	if (events == NULL) {
		return -ENOMEM;
	}
	recording->events = events;
	recording->room = room;
	return 0;
}

int recording_note(struct recording *recording, enum direction direction, enum recorded kind,
	uint32_t n, uint64_t at_ns)
{
	int r;

	if (recording->has_reset || (recording->has_fin[direction] && kind != RECORDED_RESET)) {
		return 0;
	}
	if (recording->n_events == RECORDING_EVENTS_MAX) {
		return -EFBIG;
	}
	r = make_room(recording);
	if (r < 0) {
		return r;
	}
	recording->events[recording->n_events++] = (struct recorded_event){
		.at_ns = at_ns, .n = n, .direction = direction, .kind = kind};
	recording->has_fin[direction] = recording->has_fin[direction] || kind == RECORDED_FIN;
	recording->has_reset = kind == RECORDED_RESET;
	return 0;
}

uint64_t recording_bytes(const struct recording *recording, enum direction direction)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < recording->n_events; i++) {
		sum += recording->events[i].direction == direction ? recording->events[i].n : 0;
	}
	return sum;
}

void recording_free(struct recording *recording)
{
	free(recording->events);
	*recording = (struct recording){0};
}

/* ---- writing ---- */

/** Converts a time since the beginning to microseconds, rounded up: so no sum of differences is
 * less than the time. */
static uint64_t us_of(uint64_t ns)
{
	return (ns + NS_PER_US - 1) / NS_PER_US;
}

int recording_write(const struct recording *recording, FILE *file)
{
	static const char *const kinds[] = {[RECORDED_FIN] = "fin", [RECORDED_RESET] = "reset"};
	char gap[DURATION_TEXT_MAX];
	uint64_t before_us = 0;

	fprintf(file, "%s\n", first_line);
	for (size_t i = 0; i < recording->n_events; i++) {
		const struct recorded_event *event = &recording->events[i];
		uint64_t us = us_of(event->at_ns);

		fprintf(file, "%s %s ", format_duration((us - before_us) * NS_PER_US, gap),
			direction_text(event->direction));
		if (event->kind == RECORDED_BYTES) {
			fprintf(file, "%u\n", event->n);
		} else {
			fprintf(file, "%s\n", kinds[event->kind]);
		}
		before_us = us;
	}
	return fflush(file) == 0 && !ferror(file) ? 0 : errno == 0 ? -EIO : -errno;
}

/* ---- reading ---- */

struct reader {
	const char *path;
	unsigned line;
	char *error;
};

__attribute__((format(printf, 2, 3))) static int wrong(
	const struct reader *reader, const char *format, ...)
{
	int n = snprintf(reader->error, RECORDING_ERROR_MAX, "%s:%u: ", reader->path, reader->line);
	va_list args;

	va_start(args, format);
	if (n >= 0 && n < RECORDING_ERROR_MAX) {
		(void)vsnprintf(reader->error + n, RECORDING_ERROR_MAX - (size_t)n, format, args);
	}
	va_end(args);
	return -EINVAL;
}

static int read_direction(const char *word, enum direction *ret)
{
	for (enum direction one = UPSTREAM; one < DIRECTIONS; one++) {
		if (strcmp(word, direction_text(one)) == 0) {
			*ret = one;
			return 0;
		}
	}
	return -EINVAL;
}

/** Reads the part after the direction. */
static int read_what(const char *word, enum recorded *ret_kind, uint32_t *ret_n)
{
	char *end;
	unsigned long n;

	*ret_n = 0;
	if (strcmp(word, "fin") == 0 || strcmp(word, "reset") == 0) {
		*ret_kind = *word == 'f' ? RECORDED_FIN : RECORDED_RESET;
		return 0;
	}
	if (!isdigit((unsigned char)*word)) {
		return -EINVAL;
	}
	errno = 0;
	n = strtoul(word, &end, 10);
	if (errno != 0 || *end != '\0' || n == 0 || n > RECORDING_BYTES_MAX) {
		return -EINVAL;
	}
	*ret_kind = RECORDED_BYTES;
	*ret_n = (uint32_t)n;
	return 0;
}

static int keep(struct recording *recording, const struct reader *reader, uint64_t at_ns,
	enum direction direction, enum recorded kind, uint32_t n)
{
	int r;

	if (recording->has_reset) {
		return wrong(reader, "nothing may follow a reset; remove it");
	}
	if (recording->has_fin[direction] && kind != RECORDED_RESET) {
		return wrong(reader, "%s has ended with a fin above; remove one of both",
			direction_text(direction));
	}
	r = recording_note(recording, direction, kind, n, at_ns);
	if (r == -EFBIG) {
		return wrong(reader, "too long: a recording has at most %d events",
			RECORDING_EVENTS_MAX);
	}
	return r < 0 ? wrong(reader, "out of memory") : 0;
}

static int read_event(
	struct recording *recording, const struct reader *reader, char *line, uint64_t *at_ns)
{
	const char *words[4] = {NULL};
	const char *why = NULL;
	char *rest = NULL;
	enum direction direction;
	enum recorded kind;
	uint64_t gap_ns;
	uint32_t n;

	words[0] = strtok_r(line, " \t", &rest);
	for (size_t i = 1; i < 4; i++) {
		words[i] = strtok_r(NULL, " \t", &rest);
	}
	if (words[2] == NULL || words[3] != NULL) {
		return wrong(reader, "write a time, a direction, and bytes, fin or reset");
	}
	if (parse_time(words[0], &gap_ns, &why) < 0) {
		return wrong(reader, "%.32s: %s", words[0], why);
	}
	*at_ns = clock_after(*at_ns, gap_ns);
	if (*at_ns > NS_NEVER / 4) {
		return wrong(reader, "%.32s: nobody waits for that", words[0]);
	}
	if (read_direction(words[1], &direction) < 0) {
		return wrong(reader, "%.32s: write upstream or downstream", words[1]);
	}
	if (read_what(words[2], &kind, &n) < 0) {
		return wrong(reader, "%.32s: write fin, reset, or bytes from 1 to %d", words[2],
			RECORDING_BYTES_MAX);
	}
	return keep(recording, reader, *at_ns, direction, kind, n);
}

static int read_lines(struct recording *recording, struct reader *reader, char *text, size_t n)
{
	uint64_t at_ns = 0;
	char *next;

	for (char *line = text; line != NULL; line = next) {
		next = memchr(line, '\n', (size_t)(text + n - line));
		if (next != NULL) {
			*next++ = '\0';
		}
		reader->line++;
		if (reader->line == 1) {
			if (strcmp(line, first_line) != 0) {
				return wrong(reader,
					"this is no recording: its first line is \"%s\"",
					first_line);
			}
			continue;
		}
		if (*line == '#' || line[strspn(line, " \t")] == '\0') {
			continue;
		}
		if (read_event(recording, reader, line, &at_ns) < 0) {
			return -EINVAL;
		}
	}
	return recording->n_events > 0 ? 0 : wrong(reader, "it has no events; record again");
}

int recording_parse(struct recording *recording, const char *path, char *text, size_t n,
	char error[RECORDING_ERROR_MAX])
{
	struct reader reader = {.path = path, .line = 1, .error = error};
	int r;

	if (strlen(text) < n) {
		return wrong(&reader, "the file is no text: it has a byte 0");
	}
	reader.line = 0;
	r = read_lines(recording, &reader, text, n);
	if (r < 0) {
		recording_free(recording);
	}
	return r;
}

int recording_read(struct recording *recording, const char *path, char error[RECORDING_ERROR_MAX])
{
	size_t n = 0;
	char *text = text_file_read(path, &n);
	int r;

	if (text == NULL) {
		(void)snprintf(error, RECORDING_ERROR_MAX, "%s: %s", path, strerrordesc_np(errno));
		return -EINVAL;
	}
	r = recording_parse(recording, path, text, n, error);
	free(text);
	return r;
}
