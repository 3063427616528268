/* SPDX-License-Identifier: ISC */
#include "log/journal.h"

/* CODE_FILE= and the like would name this file, whichever module logs. */
#define SD_JOURNAL_SUPPRESS_LOCATION

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "log/fields.h"
#include "log/level.h"
#include "log/queue.h"

#define SOCKET_PATH "/run/systemd/journal/socket"

static const char field_prefix[] = "WEIR_";
static const char usec_key[] = "_us";
static const char usec_field[] = "_USEC";

/* Room for the worst case of a line: only fields like " k=v". */
enum {
	FIELD_LEAST = sizeof("k=v"),
	FIELDS_OWN = 4,  /* MESSAGE, PRIORITY, SYSLOG_IDENTIFIER, MESSAGE_ID */
	OWN_BYTES = 128, /* the size of these, without the message */
	FIELDS_MAX = FIELDS_OWN + LOG_LINE_MAX / FIELD_LEAST,
	/* How much longer the name of a field is than its key. */
	GROWTH_MAX = sizeof(field_prefix) + sizeof(usec_field),
	ENTRY_BYTES = OWN_BYTES + 2 * LOG_LINE_MAX + FIELDS_MAX * GROWTH_MAX,
};

struct entry {
	int n_fields;
	size_t len;
	struct iovec fields[FIELDS_MAX]; /* each is "NAME=value", in `bytes` */
	char bytes[ENTRY_BYTES];
};

/* Which entries have an id: by event and, if one is given here, by reason. */
static const struct {
	const char *event;
	const char *reason;
	const char *id;
} messages[] = {
	{"close", "idle", LOG_MESSAGE_CLOSE_IDLE},
	{"close", "half_close", LOG_MESSAGE_CLOSE_HALF_CLOSE},
	{"close", "write_stall", LOG_MESSAGE_CLOSE_WRITE_STALL},
	{"close", "first_byte", LOG_MESSAGE_CLOSE_FIRST_BYTE},
	{"close", "idle_client", LOG_MESSAGE_CLOSE_IDLE_CLIENT},
	{"close", "idle_upstream", LOG_MESSAGE_CLOSE_IDLE_UPSTREAM},
	{"close", "lifetime", LOG_MESSAGE_CLOSE_LIFETIME},
	{"close", "drain", LOG_MESSAGE_CLOSE_DRAIN},
	{"close", "connect_timeout", LOG_MESSAGE_CLOSE_CONNECT_TIMEOUT},
	{"close", "connect_failed", LOG_MESSAGE_CLOSE_CONNECT_FAILED},
	{"close", "preface", LOG_MESSAGE_CLOSE_PREFACE},
	{"close", "bad_preface", LOG_MESSAGE_CLOSE_BAD_PREFACE},
	{"close", "no_server", LOG_MESSAGE_CLOSE_NO_SERVER},
	{"close", "queue", LOG_MESSAGE_CLOSE_QUEUE},
	{"close", "queue_full", LOG_MESSAGE_CLOSE_QUEUE_FULL},
	{"close", "server_down", LOG_MESSAGE_CLOSE_SERVER_DOWN},
	{"close", "access", LOG_MESSAGE_CLOSE_ACCESS},
	{"close", "admin", LOG_MESSAGE_CLOSE_ADMIN},
	{"close", "no_route", LOG_MESSAGE_CLOSE_NO_ROUTE},
	{"close", "denied", LOG_MESSAGE_CLOSE_DENIED},
	{"close", "source_limit", LOG_MESSAGE_CLOSE_SOURCE_LIMIT},
	{"close", "rate", LOG_MESSAGE_CLOSE_RATE},
	{"close", "lost", LOG_MESSAGE_CLOSE_LOST},
	{"close", "limit", LOG_MESSAGE_CLOSE_LIMIT},
	{"close", "error", LOG_MESSAGE_CLOSE_ERROR},
	{"failed_more", NULL, LOG_MESSAGE_FAILED_MORE},
	{"refused_more", NULL, LOG_MESSAGE_REFUSED_MORE},
	{"server_down", NULL, LOG_MESSAGE_SERVER_DOWN},
	{"server_up", NULL, LOG_MESSAGE_SERVER_UP},
	{"reload_failed", NULL, LOG_MESSAGE_RELOAD_FAILED},
	{"server_ejected", NULL, LOG_MESSAGE_SERVER_EJECTED},
};

enum log_form log_journal_form(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[64];
	struct stat st;

	if (stream == NULL || fstat(fd, &st) < 0) {
		return LOG_FORM_TEXT;
	}
	(void)snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	if (strcmp(stream, text) != 0) {
		return LOG_FORM_TEXT;
	}
	return access(SOCKET_PATH, W_OK) == 0 ? LOG_FORM_ENTRY : LOG_FORM_PREFIXED;
}

int log_journal_priority(unsigned int level)
{
	static const int priorities[] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARN] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
	};

	return priorities[level];
}

/* ---- building an entry ---- */

static void entry_begin_field(struct entry *entry)
{
	assert(entry->n_fields < FIELDS_MAX);
	entry->fields[entry->n_fields].iov_base = entry->bytes + entry->len;
}

static void entry_put(struct entry *entry, const char *bytes, size_t len)
{
	assert(len <= sizeof(entry->bytes) - entry->len);
	memcpy(entry->bytes + entry->len, bytes, len);
	entry->len += len;
}

static void entry_end_field(struct entry *entry)
{
	struct iovec *field = &entry->fields[entry->n_fields++];

	field->iov_len = (size_t)(entry->bytes + entry->len - (char *)field->iov_base);
}

static void entry_add(struct entry *entry, const char *name, const char *value, size_t len)
{
	entry_begin_field(entry);
	entry_put(entry, name, strlen(name));
	entry_put(entry, value, len);
	entry_end_field(entry);
}

/* ---- splitting a line ---- */

/* Writes "late_us" as "WEIR_LATE_USEC". */
static void put_name(struct entry *entry, const char *key, size_t len)
{
	bool is_usec = len > strlen(usec_key) &&
		       memcmp(key + len - strlen(usec_key), usec_key, strlen(usec_key)) == 0;

	entry_put(entry, field_prefix, strlen(field_prefix));
	for (size_t i = 0; i < len - (is_usec ? strlen(usec_key) : 0); i++) {
		char upper = (char)toupper((unsigned char)key[i]);

		entry_put(entry, &upper, 1);
	}
	if (is_usec) {
		entry_put(entry, usec_field, strlen(usec_field));
	}
}

static void add_field(struct entry *entry, const struct log_field *field)
{
	entry_begin_field(entry);
	put_name(entry, field->key, field->key_len);
	entry_put(entry, "=", 1);
	assert(field->value_len <= sizeof(entry->bytes) - entry->len);
	entry->len += log_field_bytes(field, entry->bytes + entry->len);
	entry_end_field(entry);
}

/*
 * The value of the field whose name is `name`, which ends with '='; "" if there is none. *ret_len
 * is its length.
 */
static const char *field_value(const struct entry *entry, const char *name, size_t *ret_len)
{
	size_t name_len = strlen(name);

	for (int i = 0; i < entry->n_fields; i++) {
		const struct iovec *field = &entry->fields[i];

		if (field->iov_len >= name_len && memcmp(field->iov_base, name, name_len) == 0) {
			*ret_len = field->iov_len - name_len;
			return (const char *)field->iov_base + name_len;
		}
	}
	*ret_len = 0;
	return "";
}

static bool is_text(const char *value, size_t len, const char *text)
{
	return strlen(text) == len && memcmp(value, text, len) == 0;
}

static void add_message_id(struct entry *entry)
{
	size_t event_len;
	size_t reason_len;
	const char *event = field_value(entry, "WEIR_EVENT=", &event_len);
	const char *reason = field_value(entry, "WEIR_REASON=", &reason_len);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (is_text(event, event_len, messages[i].event) &&
			(messages[i].reason == NULL ||
				is_text(reason, reason_len, messages[i].reason))) {
			entry_add(entry, "MESSAGE_ID=", messages[i].id, strlen(messages[i].id));
			return;
		}
	}
}

int log_journal_send(const struct log_record *record, const char *text)
{
	const char *end = text + record->len;
	const char *at = text;
	char digit = (char)('0' + log_journal_priority(record->level));
	struct log_field field;
	struct entry entry;

	entry.n_fields = 0;
	entry.len = 0;
	entry_add(&entry, "MESSAGE=", text + 1, record->len - 1);
	entry_add(&entry, "PRIORITY=", &digit, 1);
	entry_add(&entry, "SYSLOG_IDENTIFIER=", "weir", strlen("weir"));
	while (log_field_next(&at, end, &field)) {
		add_field(&entry, &field);
	}
	add_message_id(&entry);
	return sd_journal_sendv(entry.fields, entry.n_fields);
}
