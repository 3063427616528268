/* SPDX-License-Identifier: ISC */
/*
 * Parses a text into a tape, by libconfig, in a child process. Private to conf.
 *
 * If an allocation fails, libconfig 1.5 ends its process, by a crash or by exit(3). So it runs in a
 * child. The child returns a tape or an error, or nothing if libconfig has ended it.
 */
#ifndef WEIR_CONF_PARSE_H
#define WEIR_CONF_PARSE_H

#include <stddef.h>

#include "conf/conf.h"
#include "conf/source.h"

/**
 * Parses all parts. 0 and a tape, which the caller frees; -ENOMEM, also if the child died; -ECHILD,
 * with one error, if no child could be started; or -EINVAL: the main part was refused. Each part
 * that is refused has one error; if it is not the main one, it sets source->lacks_part, and the
 * tape has the others. Forks, so it must not be called in a process that has pairs.
 */
int conf_parse(struct conf_source *source, struct conf_errors *errors, struct conf_tape *ret_tape);

#endif
