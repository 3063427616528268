/* SPDX-License-Identifier: ISC */
/* What a config is warned of while it is read, told once it is in force. */
#ifndef WEIR_SERVICE_CONF_WARNINGS_H
#define WEIR_SERVICE_CONF_WARNINGS_H

/** Before each warning, as --check prints it. */
#define CONF_WARNINGS_PREFIX "warning: "

/** An event for each line, with that prefix or without. `lines` are taken apart; NULL is fine. */
void conf_warnings_log(char *lines);

#endif
