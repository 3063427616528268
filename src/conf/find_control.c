/* SPDX-License-Identifier: ISC */
/* Finds the control socket in a config, from its text and without the model. */
#include <errno.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/schema.h"
#include "conf/text.h"
#include "conf/value.h"

/* 1, 0 or a negative errno. Errors in other settings of the tree do not matter. */
static int find(const struct conf_text *text, struct conf_errors *errors, struct addr *ret_addr)
{
	const struct setting *listen = setting_at(&text->tree.root, "control.listen");
	const char *written = listen == NULL ? NULL : setting_string(listen);
	struct addr addr = {0};
	char why[CONF_WHY_MAX] = "it is no string; write a path in quotes";

	if (listen == NULL) {
		return 0;
	}
	if (written == NULL ||
		conf_value_door(conf_schema_find("control", "listen"), written, &addr, why) < 0) {
		conf_text_error(text, errors, listen, "control.listen", "%s", why);
		return -EINVAL;
	}
	*ret_addr = addr;
	return 1;
}

int conf_find_control(const char *path, struct conf_errors *errors, struct addr *ret_addr)
{
	struct conf_text text;
	int r = conf_text_read(&text, path, errors);

	if (r == 0) {
		r = find(&text, errors, ret_addr);
	}
	conf_text_fini(&text);
	return r;
}
