/* SPDX-License-Identifier: ISC */
#include "conf/tape.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Every text, names too, is followed by a NUL, which its length does not count. */
struct record {
	uint32_t type;
	uint32_t line;
	uint32_t n;
	uint32_t name_len;
	uint32_t has_name;
};

struct reading {
	struct tree *tree;
	const char *pos;
	const char *end;
	unsigned depth;
};

void tape_write(FILE *out, const struct setting *setting, size_t n)
{
	struct record record = {
		.type = setting->type,
		.line = setting->line,
		.n = (uint32_t)n,
		.name_len = setting->name == NULL ? 0 : (uint32_t)strlen(setting->name),
		.has_name = setting->name != NULL,
	};

	(void)fwrite(&record, sizeof(record), 1, out);
	if (setting->name != NULL) {
		(void)fwrite(setting->name, 1, record.name_len + 1, out);
	}
	if (!setting_holds(setting)) {
		(void)fwrite(setting->text, 1, n, out);
		(void)fputc('\0', out);
	}
}

/* The next `len` bytes and their NUL; NULL: they are missing. */
static const char *take_text(struct reading *reading, uint32_t len)
{
	const char *text = reading->pos;

	if ((size_t)(reading->end - text) <= len || text[len] != '\0') {
		return NULL;
	}
	reading->pos += (size_t)len + 1;
	return text;
}

static int read_setting(struct reading *reading, struct setting *parent);

/* Reads the settings that `setting` contains. */
static int read_held(struct reading *reading, struct setting *setting, uint32_t n)
{
	int r = 0;

	if (reading->depth > TAPE_DEPTH_MAX) {
		return -EBADMSG;
	}
	reading->depth++;
	for (uint32_t i = 0; i < n && r == 0; i++) {
		r = read_setting(reading, setting);
	}
	reading->depth--;
	return r == 0 && !tree_close(reading->tree, setting) ? -ENOMEM : r;
}

static int read_value(struct reading *reading, struct setting *setting, uint32_t n)
{
	const char *text;
	char *own;

	if (setting_holds(setting)) {
		return read_held(reading, setting, n);
	}
	text = take_text(reading, n);
	if (text == NULL) {
		return -EBADMSG;
	}
	own = tree_take(reading->tree, (size_t)n + 1);
	if (own == NULL) {
		return -ENOMEM;
	}
	setting->text = memcpy(own, text, (size_t)n + 1);
	return 0;
}

/* Reads the next record; false: there is no complete one. */
static bool take_record(struct reading *reading, struct record *ret_record)
{
	if ((size_t)(reading->end - reading->pos) < sizeof(*ret_record)) {
		return false;
	}
	memcpy(ret_record, reading->pos, sizeof(*ret_record));
	reading->pos += sizeof(*ret_record);
	return ret_record->type <= SETTING_BOOL;
}

/* Reads a setting. Members of a group have names, elements have none. */
static int read_setting(struct reading *reading, struct setting *parent)
{
	struct setting *setting;
	struct record record;
	const char *name = NULL;

	if (!take_record(reading, &record) ||
		(record.has_name != 0) != (parent->type == SETTING_GROUP)) {
		return -EBADMSG;
	}
	if (record.has_name != 0) {
		name = take_text(reading, record.name_len);
		if (name == NULL) {
			return -EBADMSG;
		}
	}
	setting = tree_add(reading->tree, parent, name, record.name_len);
	if (setting == NULL) {
		return -ENOMEM;
	}
	setting->type = record.type;
	setting->line = record.line;
	return read_value(reading, setting, record.n);
}

int tape_read(const char *bytes, size_t len, struct tree *tree, size_t *ret_len)
{
	struct reading reading = {.tree = tree, .pos = bytes, .end = bytes + len};
	struct record root;
	int r;

	tree_init(tree);
	if (!take_record(&reading, &root) || root.type != SETTING_GROUP || root.has_name != 0) {
		return -EBADMSG;
	}
	r = read_held(&reading, &tree->root, root.n);
	*ret_len = (size_t)(reading.pos - bytes);
	return r;
}
