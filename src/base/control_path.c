/* SPDX-License-Identifier: ISC */
#include "base/control_path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int control_path(struct addr *ret_addr)
{
	const char *folder = getenv("RUNTIME_DIRECTORY");
	char text[ADDR_TEXT_MAX];
	size_t len = folder == NULL ? 0 : strcspn(folder, ":");
	const char *why;
	int n;

	if (len == 0) {
		return 0;
	}
	if (folder[0] != '/') {
		return -EINVAL;
	}
	if (len >= sizeof(text)) {
		return -ENAMETOOLONG;
	}
	n = snprintf(text, sizeof(text), "unix:%.*s/control", (int)len, folder);
	if (n >= (int)sizeof(text) || addr_parse(text, ret_addr, &why) < 0) {
		return -ENAMETOOLONG;
	}
	return 1;
}
