/* SPDX-License-Identifier: ISC */
/*
 * What an administrator says of a server, for the control interface. It holds until he says
 * otherwise, whatever reloads say, as long as the server is in the config; a restart forgets it.
 * Each word is one line of the log ("event=server_told"). The main thread.
 */
#ifndef WEIR_UPSTREAM_ADMIN_H
#define WEIR_UPSTREAM_ADMIN_H

#include <stdint.h>

#include "upstream/server.h"

struct group;

/** What is said: each part may be left out. */
struct admin_word {
	bool has_state;
	enum server_state state;
	bool has_weight;
	bool gives_back; /**< with has_weight: the weight is the config's again */
	uint32_t weight; /**< with has_weight, without gives_back */
};

/**
 * Applies the word to the server of that name in the plan in force. 0; -ENOENT: the plan has no
 * such server; -ERANGE: the weight is above CONF_WEIGHT_MAX. With an error nothing has changed.
 */
int admin_tell(struct group *group, const char *name, const struct admin_word *word);

#endif
