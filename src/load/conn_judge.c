/* SPDX-License-Identifier: ISC */
/* The verdict on an end: its rules are those of conn_private.h. */
#include "load/conn_private.h"

#include "base/clock.h"
#include "load/conn.h"
#include "load/options.h"
#include "load/run.h"

/** One byte may take longer than another from end to end by this time, or by --max-late if that is
 * more. */
#define SLACK_NS ((uint64_t)100 * NS_PER_MS)

bool conn_is_seen(const struct conn *conn)
{
	return conn->lane != NULL;
}

struct due conn_due_by_other(uint64_t heard_ns, const struct options *options)
{
	uint64_t slack_ns =
		options_measures(options) ? SLACK_NS : clock_later(SLACK_NS, options->max_late_ns);

	return (struct due){heard_ns - clock_earlier(heard_ns, slack_ns), heard_ns};
}

/** From when a close is counted if the other end is in another process. */
static struct due due_apart(const struct conn *conn)
{
	uint64_t own_ns = conn->sent_ns;
	uint64_t heard_ns = conn->read_ns;
	struct due due;

	if (own_ns == 0 && !conn->is_server) {
		own_ns = conn->open_ns;
	}
	if (heard_ns == 0 && conn->is_server) {
		heard_ns = conn->open_ns;
	}
	due = conn_due_by_other(heard_ns, conn_options(conn));
	return (struct due){clock_later(own_ns, due.early_ns), clock_later(own_ns, due.late_ns)};
}

/** From when a close is counted: the last byte that either end sent; if there was none, the
 * connect. */
static struct due due_by_last_byte(const struct conn *conn)
{
	const struct conn *mate = conn_mate(conn);
	uint64_t sent_ns = conn->sent_ns;
	uint64_t mate_ns = mate == NULL ? 0 : mate->sent_ns;

	if (mate_ns > sent_ns) {
		sent_ns = mate_ns;
	}
	if (sent_ns == 0) {
		sent_ns = conn->open_ns;
	}
	return (struct due){sent_ns, sent_ns};
}

struct due conn_from(const struct conn *conn)
{
	const struct options *options = conn_options(conn);
	const struct scenario *scenario = options->scenario;
	struct due from;

	if (scenario->due != NULL) {
		from = scenario->due(conn);
	} else {
		from = options->is_apart ? due_apart(conn) : due_by_last_byte(conn);
	}
	/* A server that is not weirload's may send at any time. The proxy then counts from that
	 * byte, which was sent at an unknown time before it was read here. */
	if (!options->has_serve && !scenario->is_absolute) {
		from.late_ns = clock_later(from.late_ns, conn->read_ns);
	}
	return from;
}

bool conn_is_void(const struct conn *conn)
{
	const struct conn *mate = conn_mate(conn);

	return conn_flag(&conn->is_void) || (mate != NULL && conn_flag(&mate->is_void));
}

enum verdict conn_judge(struct conn *conn, uint64_t now_ns)
{
	const struct options *options = conn_options(conn);
	const struct conn *mate = conn_mate(conn);
	struct due from = conn_from(conn);
	uint64_t expect_ns = options_measures(options) ? 0 : options->expect_ns;
	const struct verdict_facts facts = {
		.closed_ns = now_ns,
		.early_ns = clock_after(from.early_ns, conn->script->is_free ? 0 : expect_ns),
		.late_ns = clock_after(from.late_ns, expect_ns),
		.max_late_ns = options->max_late_ns,
		.delay_ns = lane_delay_ns(conn->lane, now_ns),
		.is_void = conn_is_void(conn),
		.is_sending = conn_flag(&conn->is_sending) ||
			      (mate != NULL && conn_flag(&mate->is_sending)),
		.is_measured = options_measures(options),
	};

	conn->after_ns = (int64_t)(now_ns - from.late_ns);
	return verdict_judge(&facts, &conn->late_ns);
}

enum verdict conn_guard(struct conn *conn, uint64_t now_ns)
{
	uint64_t early_ns = conn_from(conn).early_ns;

	if (early_ns == 0 || options_measures(conn_options(conn)) || conn_is_void(conn)) {
		return VERDICT_NONE;
	}
	early_ns = clock_after(early_ns, conn_options(conn)->expect_ns);
	conn->late_ns = (int64_t)(now_ns - early_ns);
	return conn->late_ns < 0 ? VERDICT_EARLY : VERDICT_NONE;
}

void conn_record(struct conn *conn)
{
	struct lane *lane = conn->lane;

	if (!conn->is_server &&
		(conn->verdict == VERDICT_ON_TIME || conn->verdict == VERDICT_LATE)) {
		hdr_record(&lane->late, (uint64_t)conn->late_ns / NS_PER_US);
	}
}

void conn_disown(struct conn *conn, const struct options *options)
{
	const struct conn *mate = conn_mate(conn);
	uint64_t slack_ns =
		options_measures(options) ? SLACK_NS : clock_later(SLACK_NS, options->max_late_ns);

	if (mate == NULL || mate->verdict != VERDICT_NEVER || mate->end != CONN_END_OURS ||
		conn->end == CONN_END_OURS || conn->verdict != VERDICT_LATE ||
		clock_after((uint64_t)conn->late_ns, slack_ns) < options->wait_ns) {
		return;
	}
	conn->end = CONN_END_OURS;
	conn->verdict = VERDICT_NEVER;
	conn->error = 0;
	conn->late_ns = 0;
	conn->after_ns = 0;
}
