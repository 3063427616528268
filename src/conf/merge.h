/* SPDX-License-Identifier: ISC */
/* What included files hold becomes part of the main one's lists. Private to conf. */
#ifndef WEIR_CONF_MERGE_H
#define WEIR_CONF_MERGE_H

#include "conf/read.h"
#include "conf/tree.h"

/** The name of a group at the end of the root that is the content of a file: no key has it. */
#define MERGE_FILE "@file"

/**
 * Takes the files out of the root, refuses what may not stand in them (reader->failed), and appends
 * their listeners and upstreams to those of the root; or reader->no_memory.
 */
void conf_merge_files(struct conf_reader *reader, struct tree *tree);

#endif
