/* SPDX-License-Identifier: ISC */
/*
 * What an administrator sets for a server through the control interface. A setting stays until the
 * administrator changes it, also over reloads, and while a config or an answer of DNS does not have
 * the server (overrides.h); a restart forgets it. Each setting writes one log line
 * ("event=server_told"). The main thread.
 */
#ifndef WEIR_UPSTREAM_ADMIN_H
#define WEIR_UPSTREAM_ADMIN_H

#include <stdint.h>

#include "upstream/server.h"

struct group;

/** What the administrator sets. Each part may be left out. */
struct admin_word {
	bool has_state;
	enum server_state state;
	bool has_weight;
	bool gives_back; /**< with has_weight: the server gets the config's weight back */
	uint32_t weight; /**< with has_weight, if not gives_back */
};

/**
 * Applies the settings to the server of that name in the plan in force. 0; -ENOENT: the plan has no
 * such server; -ERANGE: the weight is above CONF_WEIGHT_MAX; -ENOMEM. After an error nothing has
 * changed.
 */
int admin_tell(struct group *group, const char *name, const struct admin_word *word);

#endif
