/* SPDX-License-Identifier: ISC */
/*
 * From text to tape, by libconfig, in a process that has nothing to lose. Private to conf.
 *
 * libconfig 1.5 ends its process where an allocation fails, by a crash or by exit(3). So a child
 * runs it, and what comes back is a tape, a refusal, or nothing: then the child has died of it.
 */
#ifndef WEIR_CONF_PARSE_H
#define WEIR_CONF_PARSE_H

#include <stddef.h>

#include "conf/conf.h"
#include "conf/source.h"

/**
 * Parses the whole text. 0 and a tape that the caller frees; -ENOMEM, also where the child died;
 * -ECHILD, with one error, when there can be no child; or -EINVAL, with one error. Forks: not in a
 * process whose fds others rely on.
 */
int conf_parse(
	const struct conf_source *source, struct conf_errors *errors, struct conf_tape *ret_tape);

#endif
