/* SPDX-License-Identifier: ISC */
/* A listener on the path of the control socket: whichever binds first would shut the other out. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/control_path.h"
#include "conf/conf.h"
#include "conf/read.h"
#include "conf/tree.h"

/* The folder of a path, "." where it has none; its last part is returned. */
static const char *split(const char *path, char folder[ADDR_TEXT_MAX])
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL) {
		(void)strcpy(folder, ".");
		return path;
	}
	(void)snprintf(folder, ADDR_TEXT_MAX, "%.*s/", (int)(slash - path), path);
	return slash + 1;
}

/* Whether both lead to the same place, be it by different names of the folder. */
static bool is_same_path(const struct addr *a, const struct addr *b)
{
	char folder_a[ADDR_TEXT_MAX];
	char folder_b[ADDR_TEXT_MAX];
	struct stat what_a;
	struct stat what_b;
	const char *last_a = split(a->sa.un.sun_path, folder_a);
	const char *last_b = split(b->sa.un.sun_path, folder_b);

	return addr_equal(a, b) ||
	       (strcmp(last_a, last_b) == 0 && stat(folder_a, &what_a) == 0 &&
		       stat(folder_b, &what_b) == 0 && what_a.st_dev == what_b.st_dev &&
		       what_a.st_ino == what_b.st_ino);
}

static bool is_control(const struct addr *addr)
{
	struct addr control;

	return addr->kind == ADDR_UNIX && addr->sa_len > 0 && addr->sa.un.sun_path[0] != '\0' &&
	       control_path(&control) > 0 && is_same_path(addr, &control);
}

void conf_check_control(struct conf_reader *reader, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *listen = setting_member(reader->listeners->elements[i], "listen");

	for (size_t k = 0; k < listener->n_addresses; k++) {
		const struct addr *addr = &listener->addresses[k];
		char text[ADDR_TEXT_MAX];
		char key[CONF_PATH_MAX];

		if (is_control(addr)) {
			(void)snprintf(key, sizeof(key), "listeners[%zu].listen", i);
			conf_reader_error(reader, listen, key,
				"\"%s\" is weir's own control socket; write another path",
				addr_text(addr, text));
		}
	}
}
