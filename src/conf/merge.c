/* SPDX-License-Identifier: ISC */
/*
 * Merges the lists of included files (`include`) into those of the main file: their elements follow
 * those of the main file, file by file.
 */
#include "conf/merge.h"

#include <stdio.h>
#include <string.h>

#include "conf/report.h"
#include "conf/schema.h"
#include "conf/source.h"

static const char *const lists[] = {"listeners", "upstreams"};

enum { N_LISTS = sizeof(lists) / sizeof(lists[0]) };

static bool is_list(const char *name)
{
	return strcmp(name, lists[0]) == 0 || strcmp(name, lists[1]) == 0;
}

/* Reports the keys of an included file that are not these lists, or are not written as lists. */
static void check_file(struct conf_reader *reader, const struct setting *file)
{
	for (size_t i = 0; i < file->n; i++) {
		const struct setting *setting = file->elements[i];
		const struct conf_key *key = conf_schema_find("", setting->name);

		if (key == NULL) {
			conf_report_unknown(reader, "", setting, setting->name);
		} else if (!is_list(setting->name)) {
			conf_reader_error(reader, setting, setting->name,
				"is in an included file, which has listeners and "
				"upstreams alone; write it in %s",
				reader->source->files[0]);
		} else if (setting->type != SETTING_LIST) {
			conf_report_type(reader, key, setting, setting->name);
			reader->lacks_part = true;
		}
	}
}

/* The list with this name in a file; NULL: it has none, or it was refused. */
static const struct setting *list_in(const struct setting *file, const char *name)
{
	const struct setting *list = setting_member(file, name);

	return list != NULL && list->type == SETTING_LIST ? list : NULL;
}

/* The list of the main file, which is made if it has none. NULL: no memory. */
static struct setting *own_list(struct tree *tree, const char *name, unsigned line)
{
	struct setting *list = (struct setting *)setting_member(&tree->root, name);

	if (list == NULL) {
		list = tree_add(tree, &tree->root, name, strlen(name));
		if (list != NULL) {
			list->type = SETTING_LIST;
			list->line = line;
		}
	}
	return list;
}

/* Appends the elements of all files to the list. False: no memory. */
static bool merge(
	struct tree *tree, const struct setting *const *files, size_t n_files, const char *name)
{
	const struct setting *first = NULL;
	struct setting **elements;
	struct setting *list;
	size_t n = 0;

	for (size_t i = 0; i < n_files; i++) {
		const struct setting *more = list_in(files[i], name);

		n += more == NULL ? 0 : more->n;
		first = first == NULL ? more : first;
	}
	if (first == NULL) {
		return true;
	}
	list = own_list(tree, name, first->line);
	if (list == NULL || list->type != SETTING_LIST) {
		return list != NULL; /* of a wrong type, which the reader reports */
	}
	elements = tree_take(tree, (list->n + n + 1) * sizeof(*elements));
	if (elements == NULL) {
		return false;
	}
	if (list->n > 0) {
		memcpy(elements, list->elements, list->n * sizeof(*elements));
	}
	for (size_t i = 0; i < n_files; i++) {
		const struct setting *more = list_in(files[i], name);

		if (more != NULL && more->n > 0) {
			memcpy(elements + list->n, more->elements, more->n * sizeof(*elements));
			list->n += more->n;
		}
	}
	list->elements = elements;
	return true;
}

void conf_merge_files(struct conf_reader *reader, struct tree *tree)
{
	struct setting *root = &tree->root;
	const struct setting **files;
	size_t n = 0;

	while (n < root->n && strcmp(root->elements[root->n - 1 - n]->name, MERGE_FILE) == 0) {
		n++;
	}
	if (n == 0) {
		return;
	}
	/* They are at the end of the root, and are removed from it. */
	files = (const struct setting **)root->elements + root->n - n;
	for (size_t i = 0; i < n; i++) {
		root->last = root->last->before;
		root->n--;
	}
	for (size_t i = 0; i < n; i++) {
		check_file(reader, files[i]);
	}
	for (size_t k = 0; k < N_LISTS && !reader->no_memory; k++) {
		reader->no_memory = !merge(tree, files, n, lists[k]);
	}
	if (!reader->no_memory && !tree_close(tree, root)) {
		reader->no_memory = true;
	}
}
