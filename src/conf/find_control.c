/* SPDX-License-Identifier: ISC */
/* Where the weir is asked that has a config: of its text this one value. */
#include <errno.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/parse.h"
#include "conf/schema.h"
#include "conf/source.h"
#include "conf/tape.h"
#include "conf/tree.h"
#include "conf/value.h"

/* 1, 0 or a negative errno. Of all that is wrong in the tree only this value matters. */
static int find(const struct conf_source *source, const struct tree *tree,
	struct conf_errors *errors, struct addr *ret_addr)
{
	const struct setting *listen = setting_at(&tree->root, "control.listen");
	const char *text = listen == NULL ? NULL : setting_string(listen);
	struct addr addr = {0};
	char why[CONF_WHY_MAX] = "it is no string; write a path in quotes";
	const char *file;
	unsigned line;

	if (listen == NULL) {
		return 0;
	}
	if (text == NULL ||
		conf_value_door(conf_schema_find("control", "listen"), text, &addr, why) < 0) {
		conf_source_place(source, listen->line, &file, &line);
		conf_errors_add(errors, file, line, "control.listen", "%s", why);
		return -EINVAL;
	}
	*ret_addr = addr;
	return 1;
}

int conf_find_control(const char *path, struct conf_errors *errors, struct addr *ret_addr)
{
	struct conf_tape tape = {0};
	struct conf_source source;
	struct tree tree = {0};
	size_t len;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_read(&source, path, errors);
	if (r == 0) {
		r = conf_parse(&source, errors, &tape);
	}
	if (r == 0) {
		r = tape_read(tape.bytes, tape.len, &tree, &len);
		r = r < 0 ? r : find(&source, &tree, errors, ret_addr);
		tree_fini(&tree);
	}
	conf_source_fini(&source);
	free(tape.bytes);
	return conf_errors_result(errors, path, r);
}
