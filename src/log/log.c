/* SPDX-License-Identifier: ISC */
/*
 * Building lines, and passing them to the calling thread's queue. The ring is in queue.c, the log
 * thread in sink.c.
 */
#include "log/log.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/events.h"
#include "log/fields.h"
#include "log/follow.h"
#include "log/journal.h"
#include "log/queue.h"
#include "log/sink.h"

static const char cut_mark[] = " cut=true";

enum {
	TEXT_MAX = LOG_LINE_MAX - (sizeof(cut_mark) - 1), /* leaves room for the mark */
	DIGITS_MAX = 20,                                  /* of UINT64_MAX */
};

static atomic_int wanted_level = LOG_LEVEL_INFO;

/*
 * The present and the former names of this weir. Other threads may still be writing a former name,
 * so each is kept, and used again if it comes back. For the main thread.
 */
struct node {
	struct node *next;
	char name[];
};

static struct node *nodes;
static _Atomic(struct node *) current_node;

/*
 * How the calling thread logs: it has no queue (and writes itself), has one, or failed to get one.
 */
static _Thread_local struct log_queue *own_queue;
static _Thread_local bool queue_lacking;

static void line_begin(struct log_line *line, enum log_level level, const char *event);

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&wanted_level, (int)level, memory_order_relaxed);
}

enum log_level log_wanted_level(void)
{
	return (enum log_level)atomic_load_explicit(&wanted_level, memory_order_relaxed);
}

void log_set_node(const char *name)
{
	struct node *node = NULL;

	for (node = name == NULL ? NULL : nodes; node != NULL && strcmp(node->name, name) != 0;) {
		node = node->next;
	}
	if (node == NULL && name != NULL) {
		node = malloc(sizeof(*node) + strlen(name) + 1);
		if (node == NULL) {
			return;
		}
		(void)strcpy(node->name, name);
		node->next = nodes;
		nodes = node;
	}
	atomic_store_explicit(&current_node, node, memory_order_release);
}

/* ---- for the log thread and the journal, which do not know this module ---- */

const char *log_error_prefix(void)
{
	return log_journal_form(STDERR_FILENO) == LOG_FORM_TEXT ? "" : "<3>";
}

static size_t dropped_text(uint64_t lines, char text[])
{
	struct log_line line;

	line_begin(&line, LOG_LEVEL_WARN, "log_dropped"); /* at any level */
	log_u64(&line, "lines", lines);
	memcpy(text, line.text, line.len);
	return line.len;
}

int log_open(int fd)
{
	return log_sink_open(fd, dropped_text);
}

void log_settle(void)
{
	log_sink_settle();
}

uint64_t log_dropped(void)
{
	return log_sink_dropped();
}

bool log_close(uint64_t budget_ns)
{
	log_thread_close();
	return log_sink_close(budget_ns);
}

/* ---- lines ---- */

int log_thread_open(void)
{
	assert(log_sink_is_open());
	assert(own_queue == NULL && !queue_lacking);
	own_queue = log_queue_new();
	if (own_queue == NULL) {
		queue_lacking = true;
		return -ENOMEM;
	}
	log_sink_add(own_queue);
	return 0;
}

void log_thread_close(void)
{
	queue_lacking = false;
	if (own_queue == NULL) {
		return;
	}
	/* From here on the log thread may free it at any time. */
	atomic_store(&own_queue->closed, true);
	own_queue = NULL;
	log_sink_wake();
}

/*
 * Fields are appended in order, each as a whole or not at all. If one does not fit, the line is
 * marked as cut, and no other is appended: `mark` is where the line ends if a field turns out to be
 * too long.
 */

static void put(struct log_line *line, const char *bytes, size_t len)
{
	if (line->cut) {
		return;
	}
	if (len > TEXT_MAX - line->len) {
		line->cut = true;
		return;
	}
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
}

static size_t field_begin(struct log_line *line, const char *key)
{
	size_t mark = line->len;

	put(line, " ", 1);
	put(line, key, strlen(key));
	put(line, "=", 1);
	return mark;
}

static void field_end(struct log_line *line, size_t mark)
{
	if (line->cut) {
		line->len = mark;
	}
}

static bool needs_quotes(const char *value, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!text_is_plain(value[i]) || value[i] == ' ' || value[i] == '=') {
			return true;
		}
	}
	return len == 0 || log_is_number(value, len);
}

static void put_escaped(struct log_line *line, const char *value, size_t len)
{
	const char *end = value + len;

	while (value < end && !line->cut) {
		const char *start = value;

		while (value < end && text_is_plain(*value)) {
			value++;
		}
		put(line, start, (size_t)(value - start));
		if (value < end) {
			char escape[TEXT_ESCAPE_MAX];

			put(line, escape, text_escape(*value++, escape));
		}
	}
}

static void put_value(struct log_line *line, const char *value, size_t len)
{
	if (needs_quotes(value, len)) {
		put(line, "\"", 1);
		put_escaped(line, value, len);
		put(line, "\"", 1);
	} else {
		put(line, value, len);
	}
}

/*
 * Writes at least `min_digits` digits, with leading zeros. It does without printf(), which takes
 * longer, because the line of a pair's end has ten numbers.
 */
static void put_number(struct log_line *line, uint64_t value, int min_digits)
{
	char digits[DIGITS_MAX];
	size_t at = sizeof(digits);

	for (; value != 0 || min_digits > 0; value /= 10, min_digits--) {
		digits[--at] = (char)('0' + value % 10);
	}
	put(line, digits + at, sizeof(digits) - at);
}

static void line_begin(struct log_line *line, enum log_level level, const char *event)
{
	const struct node *node;

	line->level = level;
	line->cut = false;
	line->len = 0;
	log_str(line, "event", event);
	node = atomic_load_explicit(&current_node, memory_order_acquire);
	log_str(line, "node", node == NULL ? NULL : node->name);
}

bool log_begin(struct log_line *line, enum log_level level, const char *event)
{
	if (level <= LOG_LEVEL_WARN) {
		log_event_count(event);
	}
	line->is_wanted = (int)level <= atomic_load_explicit(&wanted_level, memory_order_relaxed);
	if (!line->is_wanted && (level > LOG_LEVEL_INFO || !log_is_followed())) {
		return false;
	}
	line_begin(line, level, event);
	return true;
}

void log_bytes(struct log_line *line, const char *key, const void *bytes, size_t len)
{
	size_t mark = field_begin(line, key);

	put_value(line, bytes, len);
	field_end(line, mark);
}

void log_str(struct log_line *line, const char *key, const char *value)
{
	if (value != NULL) {
		log_bytes(line, key, value, strlen(value));
	}
}

void log_u64(struct log_line *line, const char *key, uint64_t value)
{
	size_t mark = field_begin(line, key);

	put_number(line, value, 1);
	field_end(line, mark);
}

void log_i64(struct log_line *line, const char *key, int64_t value)
{
	size_t mark = field_begin(line, key);

	if (value < 0) {
		put(line, "-", 1);
	}
	put_number(line, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 1);
	field_end(line, mark);
}

void log_ms(struct log_line *line, const char *key, uint64_t ns)
{
	size_t mark = field_begin(line, key);

	put_number(line, ns / NS_PER_MS, 1);
	put(line, ".", 1);
	put_number(line, ns % NS_PER_MS / NS_PER_US, 3);
	field_end(line, mark);
}

void log_errno(struct log_line *line, int err)
{
	const char *name = strerrorname_np(-err);

	assert(err < 0);
	if (name == NULL) {
		log_i64(line, "errno", err);
		return;
	}
	log_str(line, "errno", name);
	log_str(line, "error", strerrordesc_np(-err));
}

void log_end(struct log_line *line)
{
	struct log_record record = {.level = (uint16_t)line->level, .is_wanted = line->is_wanted};
	struct timespec now;
	int r = clock_gettime(CLOCK_REALTIME, &now);

	assert(r == 0);
	(void)r;
	if (line->cut) {
		memcpy(line->text + line->len, cut_mark, sizeof(cut_mark) - 1);
		line->len += sizeof(cut_mark) - 1;
	}
	record.time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	record.len = (uint32_t)line->len;
	if (own_queue != NULL) {
		/* Queued or dropped: the log thread handles both. */
		(void)log_queue_push(own_queue, &record, line->text);
		log_sink_wake();
	} else if (queue_lacking) {
		log_sink_drop();
	} else if (record.is_wanted) {
		log_sink_write(&record, line->text);
	}
}
