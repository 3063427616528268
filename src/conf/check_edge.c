/* SPDX-License-Identifier: ISC */
/* What a listener says of its clients, as a whole: where they may go. */
#include <stdio.h>

#include "conf/conf.h"
#include "conf/read.h"
#include "conf/tree.h"

void conf_check_edge(struct conf_reader *reader, size_t i)
{
	const struct setting *element = reader->listeners->elements[i];
	char shown[CONF_PATH_MAX];

	if (element->type == SETTING_GROUP && setting_member(element, "upstream") == NULL &&
		setting_member(element, "routes") == NULL) {
		(void)snprintf(shown, sizeof(shown), "listeners[%zu].upstream", i);
		conf_reader_error(reader, element, shown,
			"is missing; write upstream = \"app\", or routes = ( { ... } )");
	}
}
