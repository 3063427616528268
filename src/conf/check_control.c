/* SPDX-License-Identifier: ISC */
/*
 * Checks of weir's own doors: a listener on the path of the control socket (only the first to bind
 * could listen), and a door that any client can reach.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/control_path.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/report.h"
#include "conf/tree.h"

/* Writes the folder of a path, or "." if it has none, and returns the last part. */
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

/* Whether both are the same path, even if the folder is written differently. */
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

/* Whether an address is that of the control socket: the written one or the default. */
static bool is_control(const struct conf *conf, const struct addr *addr)
{
	struct addr control = conf->control.listen;

	return addr->kind == ADDR_UNIX && addr->sa_len > 0 && addr->sa.un.sun_path[0] != '\0' &&
	       (control.sa_len > 0 || control_path(&control) > 0) && is_same_path(addr, &control);
}

static void refuse(struct conf_reader *reader, const struct setting *setting, const char *key,
	const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	conf_reader_error(reader, setting, key,
		"\"%s\" is weir's own control socket; write another path", addr_text(addr, text));
}

void conf_check_control(struct conf_reader *reader, size_t i)
{
	const struct conf_listener *listener = &reader->conf->listeners[i];
	const struct setting *listen = setting_member(reader->listeners->elements[i], "listen");

	for (size_t k = 0; k < listener->n_addresses; k++) {
		char key[CONF_PATH_MAX];

		if (is_control(reader->conf, &listener->addresses[k])) {
			(void)snprintf(key, sizeof(key), "listeners[%zu].listen", i);
			refuse(reader, listen, key, &listener->addresses[k]);
		}
	}
}

void conf_check_http(struct conf_reader *reader)
{
	const struct addr *addr = &reader->conf->http.listen;

	if (is_control(reader->conf, addr)) {
		refuse(reader, setting_at(reader->root, "http.listen"), "http.listen", addr);
	}
}

void conf_check_http_unwritten(struct conf_reader *reader)
{
	const struct conf_http *http = &reader->conf->http;
	char text[ADDR_TEXT_MAX];

	if (http->listen.sa_len > 0 && http->listen.kind != ADDR_UNIX && http->allow == NULL &&
		!conf_is_loopback(&http->listen)) {
		conf_reader_warning(reader, setting_at(reader->root, "http.listen"), "http.listen",
			"\"%s\" shows the addresses of clients to whoever reaches it; write "
			"allow = [ ... ], or listen on 127.0.0.1",
			addr_text(&http->listen, text));
	}
}
