/* SPDX-License-Identifier: ISC */
/*
 * One row for each connection, in the sequence of opening. Times are microseconds since the first
 * connection was planned, with three decimals. A field that does not apply is empty.
 */
#include <string.h>

#include "base/whole_file.h"
#include "load/results.h"
#include "load/run.h"

static void time_field(FILE *file, const struct run *run, uint64_t ns)
{
	if (ns == 0) {
		fputc(',', file);
	} else {
		fprintf(file, ",%.3f", (double)(int64_t)(ns - run->began_ns) / NS_PER_US);
	}
}

static void end_fields(FILE *file, const struct run *run, const struct conn *conn)
{
	const char *error = conn->error == 0 ? "" : strerrorname_np(-conn->error);

	time_field(file, run, conn->sent_ns);
	time_field(file, run, conn->fin_ns);
	time_field(file, run, conn->over_ns);
	fprintf(file, ",%s", conn_end_name(conn->end));
	if (results_is_timed(conn) && conn->verdict != VERDICT_MEASURED) {
		fprintf(file, ",%.3f", (double)conn->late_ns / NS_PER_US);
	} else {
		fputc(',', file);
	}
	fprintf(file, ",%s,%ju,%ju", error == NULL ? "other" : error, (uintmax_t)conn->n_sent,
		(uintmax_t)conn->n_read);
}

/** Writes the time between what the close counts from and the close. */
static void after_field(FILE *file, const struct conn *conn)
{
	if (conn != NULL && conn->after_ns != 0) {
		fprintf(file, ",%.3f", (double)conn->after_ns / NS_PER_US);
	} else {
		fputc(',', file);
	}
}

static void row(FILE *file, const struct run *run, uint64_t index)
{
	const struct conn *client = &run->clients[index];
	const struct conn *server = conn_mate(client);

	fprintf(file, "%ju,%s", (uintmax_t)index, verdict_name(results_verdict(client)));
	time_field(file, run, client->open_ns);
	time_field(file, run, client->opened_ns);
	end_fields(file, run, client);
	if (server == NULL) {
		fputs(",,,,,,,,,", file);
	} else {
		time_field(file, run, server->open_ns);
		end_fields(file, run, server);
	}
	after_field(file, client);
	after_field(file, server);
	fputc('\n', file);
}

int report_csv(const struct results *results, const char *path)
{
	const struct run *run = results->run;
	struct whole_file whole;
	int r = whole_file_open(&whole, path);
	FILE *file = whole.out;

	if (r < 0) {
		return r;
	}
	fputs("connection,verdict,open_us,opened_us"
	      ",sent_us,fin_us,closed_us,by,late_us,error,sent_bytes,received_bytes"
	      ",server_opened_us,server_sent_us,server_fin_us,server_closed_us,server_by"
	      ",server_late_us,server_error,server_sent_bytes,server_received_bytes"
	      ",after_us,server_after_us\n",
		file);
	for (uint64_t i = 0; i < run->options->n_connections; i++) {
		if (run->clients[i].state != CONN_UNUSED) {
			row(file, run, i);
		}
	}
	return whole_file_close(&whole);
}
