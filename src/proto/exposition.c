/* SPDX-License-Identifier: ISC */
#include "proto/exposition.h"

#include <assert.h>
#include <string.h>

#include "base/buckets.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"

enum { NUMBER_MAX = 32 }; /* "18446744073.709551615" */

/* ---- labels ---- */

/** The length of the character that begins here; 0: it is not UTF-8. */
static size_t utf8_length(const unsigned char *at)
{
	size_t n = *at < 0x80 ? 1 : *at < 0xc2 ? 0 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;

	if (*at > 0xf4 || (*at == 0xe0 && at[1] < 0xa0) || (*at == 0xed && at[1] > 0x9f) ||
		(*at == 0xf0 && at[1] < 0x90) || (*at == 0xf4 && at[1] > 0x8f)) {
		return 0; /* too large, longer than necessary, or half of a surrogate pair */
	}
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80) {
			return 0; /* also at the end of the text */
		}
	}
	return n;
}

static bool is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t n = 1;

	while (*at != '\0' && n > 0) {
		n = utf8_length(at);
		at += n;
	}
	return n > 0;
}

/**
 * Writes the value of a label, with escapes. The bytes between two escapes are written in one
 * piece.
 */
static void add_value(struct exposition *exposition, const char *value)
{
	bool is_latin1 = !is_utf8(value);
	const char *from = value;
	const char *at;

	for (at = value; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;
		char escape[2] = {'\\', *at == '\n' ? 'n' : *at};

		if (byte >= 0x80 && is_latin1) {
			(void)text_from_latin1(*at, escape);
		} else if (byte != '\\' && byte != '"' && byte != '\n') {
			continue;
		}
		bytes_add(exposition->to, from, (size_t)(at - from));
		bytes_add(exposition->to, escape, sizeof(escape));
		from = at + 1;
	}
	bytes_add(exposition->to, from, (size_t)(at - from));
}

static void add_label(struct exposition *exposition, const char *name, const char *value)
{
	bytes_add_text(exposition->to, name);
	bytes_add(exposition->to, "=\"", 2);
	add_value(exposition, value);
	bytes_add(exposition->to, "\"", 1);
}

/* ---- samples ---- */

/** `le` is the value of a further label, "le", or NULL. */
static void add_sample(struct exposition *exposition, const char *suffix,
	const struct exposition_label *labels, const char *le, const char *value)
{
	const char *before = "{";

	bytes_add_text(exposition->to, exposition->name);
	bytes_add_text(exposition->to, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		bytes_add_text(exposition->to, before);
		add_label(exposition, labels->name, labels->value);
		before = ",";
	}
	if (le != NULL) {
		bytes_add_text(exposition->to, before);
		add_label(exposition, "le", le);
		before = ",";
	}
	bytes_add_text(exposition->to, *before == ',' ? "} " : " ");
	bytes_add_text(exposition->to, value);
	bytes_add(exposition->to, "\n", 1);
}

/* Does not use printf(), which would take most of the time: a slice writes thousands of numbers. */
static const char *u64_text(uint64_t value, char text[NUMBER_MAX])
{
	char *at = text + NUMBER_MAX - 1;

	*at = '\0';
	do {
		*--at = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return at;
}

/** Writes seconds with as many decimals as necessary, and none for whole seconds. */
static const char *seconds_text(uint64_t ns, char text[NUMBER_MAX])
{
	uint64_t rest = ns % NS_PER_S;
	char whole[NUMBER_MAX];
	size_t n;

	strcpy(text, u64_text(ns / NS_PER_S, whole));
	n = strlen(text);
	if (rest > 0) {
		text[n++] = '.';
	}
	for (uint64_t unit = NS_PER_S / 10; rest > 0; unit /= 10) {
		text[n++] = (char)('0' + rest / unit);
		rest %= unit;
	}
	text[n] = '\0';
	return text;
}

void exposition_family(
	struct exposition *exposition, const char *name, const char *type, const char *help)
{
	assert(strpbrk(help, "\\\n") == NULL);
	exposition->name = name;
	bytes_add_text(exposition->to, "# HELP ");
	bytes_add_text(exposition->to, name);
	bytes_add_text(exposition->to, " ");
	bytes_add_text(exposition->to, help);
	bytes_add_text(exposition->to, "\n# TYPE ");
	bytes_add_text(exposition->to, name);
	bytes_add_text(exposition->to, " ");
	bytes_add_text(exposition->to, type);
	bytes_add_text(exposition->to, "\n");
}

void exposition_u64(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t value)
{
	char text[NUMBER_MAX];

	add_sample(exposition, "", labels, NULL, u64_text(value, text));
}

void exposition_seconds(
	struct exposition *exposition, const struct exposition_label *labels, uint64_t ns)
{
	char text[NUMBER_MAX];

	add_sample(exposition, "", labels, NULL, seconds_text(ns, text));
}

void exposition_buckets(struct exposition *exposition, const struct exposition_label *labels,
	const struct buckets_read *buckets)
{
	char bound[NUMBER_MAX];
	char text[NUMBER_MAX];
	uint64_t n = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		uint64_t ns = buckets_bound_ns(i);

		n += buckets->counts[i];
		add_sample(exposition, "_bucket", labels,
			ns == NS_NEVER ? "+Inf" : seconds_text(ns, bound), u64_text(n, text));
	}
	add_sample(exposition, "_sum", labels, NULL, seconds_text(buckets->sum_ns, text));
	add_sample(exposition, "_count", labels, NULL, u64_text(n, text));
}
