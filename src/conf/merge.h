/* SPDX-License-Identifier: ISC */
/* Merges the lists of included files into those of the main file. Private to conf. */
#ifndef WEIR_CONF_MERGE_H
#define WEIR_CONF_MERGE_H

#include "conf/reader.h"
#include "conf/tree.h"

/** The name of the groups at the end of the root that contain the settings of a file. No key can
 * have this name. */
#define MERGE_FILE "@file"

/**
 * Removes these groups from the root and appends their listeners and upstreams to those of the
 * root. Reports keys that are not allowed in an included file (reader->failed). Without memory sets
 * reader->no_memory.
 */
void conf_merge_files(struct conf_reader *reader, struct tree *tree);

#endif
