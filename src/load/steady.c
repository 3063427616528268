/* SPDX-License-Identifier: ISC */
#include "load/steady.h"

#include "base/clock.h"
#include "load/conn.h"
#include "load/conn_private.h"

void steady_begin(struct conn *conn)
{
	conn_greet(conn);
	conn_arm_next(conn);
}

void steady_next(struct conn *conn)
{
	uint64_t patience_ns = options_patience_ns(conn_options(conn));

	if (clock_ns() > clock_after(conn_from(conn).late_ns, patience_ns)) {
		conn_give_up(conn);
		return;
	}
	conn_send_byte(conn);
	conn_arm_next(conn);
}
