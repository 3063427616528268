/* SPDX-License-Identifier: ISC */
/*
 * Finds the control socket of weir. A config may name it by control.listen; otherwise it is in the
 * folder of the service: that in $RUNTIME_DIRECTORY, or that of the shipped unit for the config.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/control_path.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "ctl/ask.h"

enum { NAME_CHARS_MAX = 64 /* name of an instance */ };

#define DEFAULT_PATH "/run/weir/control"

static int refuse(const struct ask *ask, const char *what, const char *why)
{
	fprintf(ask->err, "%s: %s: %s\n", ask->program, what, why);
	return -EINVAL;
}

/** Whether a path, written with "unix:" or "@" or without, has no name behind that. */
static bool is_empty(const char *path)
{
	path += strncmp(path, "unix:", 5) == 0 ? 5 : 0;
	return *path == '\0' || strcmp(path, "@") == 0;
}

/** Sets the path. 0, or a negative errno, already reported. */
static int take_path(const struct ask *ask, const char *path, struct addr *ret_addr)
{
	char text[ADDR_TEXT_MAX];
	const char *why = "its path is too long";
	char quoted[sizeof("\"unix:@\"")];
	int n = snprintf(
		text, sizeof(text), "%s%s", strncmp(path, "unix:", 5) == 0 ? "" : "unix:", path);

	if (is_empty(path)) {
		(void)snprintf(quoted, sizeof(quoted), "\"%s\"", path);
		return refuse(ask, quoted, "this is no path; write one, as /run/weir/control");
	}
	return n >= (int)sizeof(text) || addr_parse(text, ret_addr, &why) < 0
		       ? refuse(ask, path, why)
		       : 0;
}

/** The length of NAME if weir@NAME.service has this config: NAME.conf in the folder of the default
 * config. 0: it is the default config, or is in another folder. */
static int instance_len(const char *conf)
{
	const size_t folder = (size_t)(strrchr(WEIR_CONF, '/') + 1 - WEIR_CONF);
	size_t len = strlen(conf);

	if (len <= folder + 5 || strncmp(conf, WEIR_CONF, folder) != 0 ||
		strcmp(conf + len - 5, ".conf") != 0 || strcmp(conf, WEIR_CONF) == 0 ||
		strchr(conf + folder, '/') != NULL) {
		return 0;
	}
	len -= folder + 5;
	return len <= NAME_CHARS_MAX ? (int)len : 0;
}

/**
 * Finds the socket of the service with this config; NULL: the default config. 1: found; 0: it is a
 * guess, because neither the environment nor the place of the config determines it; a negative
 * errno: RUNTIME_DIRECTORY is invalid.
 */
static int find_folder(const struct ask *ask, const char *conf, struct addr *ret_addr)
{
	int r = control_path(ret_addr);
	int len = conf == NULL ? 0 : instance_len(conf);
	char path[ADDR_TEXT_MAX];

	if (r != 0) {
		return r;
	}
	if (len == 0) {
		r = take_path(ask, DEFAULT_PATH, ret_addr);
		return r < 0 ? r : conf == NULL || strcmp(conf, WEIR_CONF) == 0;
	}
	(void)snprintf(path, sizeof(path), "/run/weir-%.*s/control", len, strrchr(conf, '/') + 1);
	r = take_path(ask, path, ret_addr);
	return r < 0 ? r : 1;
}

static int tell_folder(const struct ask *ask, int r)
{
	fprintf(ask->err, "%s: RUNTIME_DIRECTORY: %s; set it to the folder of the service\n",
		ask->program, strerrordesc_np(-r));
	return r;
}

int ask_open(struct ask *ask, const char *program, const char *path, FILE *err)
{
	int r;

	*ask = (struct ask){.program = program, .err = err};
	if (path != NULL) {
		return take_path(ask, path, &ask->addr);
	}
	r = find_folder(ask, NULL, &ask->addr);
	return r < 0 ? tell_folder(ask, r) : 0;
}

/** The errors of the config, each on its own line; NULL: no memory. */
static char *errors_text(const struct conf_errors *errors)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out != NULL) {
		conf_errors_print(errors, "", out);
		(void)fclose(out);
	}
	return text;
}

/** Opens with a config. With `of_reload`, what is wrong with the config may be left to weir. */
static int open_conf(struct ask *ask, const char *conf, bool of_reload)
{
	struct conf_errors errors;
	struct addr folder;
	int is_sure = find_folder(ask, conf, &folder);
	int r;

	conf_errors_init(&errors);
	r = conf_find_control(conf, &errors, &ask->addr);
	if (r < 0 && of_reload && strcmp(conf, WEIR_CONF) == 0 && access(conf, F_OK) < 0) {
		r = 0; /* a missing default config is not an error */
	}
	if (r < 0 && of_reload && is_sure > 0) {
		/* The errors are reported unless a weir answers with those of its own check. */
		ask->conf_errors = errors_text(&errors);
		r = ask->conf_errors == NULL ? r : 0;
	}
	ask->conf = r > 0 ? conf : NULL;
	if (r == 0) {
		ask->addr = folder;
	}
	if (r == 0 && is_sure < 0) {
		r = tell_folder(ask, is_sure);
	} else if (r > 0 && is_sure > 0 && !addr_equal(&ask->addr, &folder)) {
		ask->before = folder;
	} else if (r < 0) {
		conf_errors_print(&errors, "", ask->err);
	}
	conf_errors_fini(&errors);
	return r < 0 ? r : 0;
}

int ask_open_conf(struct ask *ask, const char *program, const char *conf, FILE *err)
{
	*ask = (struct ask){.program = program, .err = err};
	return open_conf(ask, conf, false);
}

int ask_open_reload(struct ask *ask, const char *program, const char *conf, FILE *err)
{
	*ask = (struct ask){.program = program, .err = err};
	return open_conf(ask, conf, true);
}

void ask_close(struct ask *ask)
{
	free(ask->conf_errors);
	ask->conf_errors = NULL;
}
