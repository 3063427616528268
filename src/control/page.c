/* SPDX-License-Identifier: ISC */
#include "control/page.h"

#include <stdio.h>

#include "control/asked.h"
#include "control/paths.h"

enum { FIELDS_MAX = 768 };

void control_get_page(struct control_asked *asked)
{
	struct http_exchange *exchange = asked->exchange;
	char fields[FIELDS_MAX];
	struct http_reply reply = {
		.status = 200, .type = "text/html; charset=utf-8", .fields = fields};

	(void)snprintf(fields, sizeof(fields),
		"Content-Security-Policy: %s\r\n"
		"Referrer-Policy: no-referrer\r\n"
		"Cross-Origin-Resource-Policy: same-origin\r\n",
		page_policy);
	control_asked_free(asked);
	http_exchange_answer(exchange, &reply, page_bytes, page_n_bytes);
}
