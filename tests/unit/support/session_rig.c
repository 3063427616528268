/* SPDX-License-Identifier: ISC */
#include "session_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log/log.h"

struct house house;
struct test_server server;
struct side client;
char log_text[SESSION_LOG_MAX];
static int log_fds[2];

void session_rig_setup(void)
{
	fixture_setup();
	ck_assert_int_eq(pipe2(log_fds, O_CLOEXEC), 0);
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_int_eq(log_open(log_fds[1]), 0);
	ck_assert_int_eq(log_thread_open(), 0);
	house_open(&house);
	server_open(&server, WIRE_TCP);
}

void session_rig_teardown(void)
{
	server_close(&server);
	side_close(&client);
	loop_until(house.proxy.part.n_sessions == 0);
	house_close(&house);
	fixture_teardown();
}

void until_ended(void)
{
	size_t len = 0;
	ssize_t n;

	loop_until(house.proxy.part.n_sessions == 0);
	ck_assert(log_close(NS_NEVER));
	close(log_fds[1]);
	while ((n = read(log_fds[0], log_text + len, SESSION_LOG_MAX - 1 - len)) > 0) {
		len += (size_t)n;
	}
	close(log_fds[0]);
	log_text[len] = '\0';
	ck_assert_ptr_nonnull(strstr(log_text, " event=close "));
	ck_assert_ptr_null(strstr(strstr(log_text, " event=close ") + 1, " event=close "));
}

void assert_says(const char *field)
{
	const char *line = strstr(log_text, " event=close ");
	const char *at = strstr(line, field);

	ck_assert_msg(at != NULL, "no '%s' in: %s", field, line);
	at += strlen(field);
	ck_assert_msg(*at == ' ' || *at == '\n' || strchr("=:(/", at[-1]) != NULL,
		"'%s' goes on in: %s", field, line);
}

void assert_silent(const char *key)
{
	const char *line = strstr(log_text, " event=close ");

	ck_assert_msg(strstr(line, key) == NULL, "'%s' is in: %s", key, line);
}

void begin(enum wire_kind kind)
{
	house_session(&house, 0, kind, &client);
	side_receive(&client);
	ck_assert_uint_eq(limit_taken(&house.shared.places.pairs), 1);
	ck_assert_uint_eq(house_pairs(&house, 0), 1);
}

void begin_and_exchange(void)
{
	begin(WIRE_TCP);
	side_send(&client, 300);
	loop_until(server.side.in.n_received == 300);
	side_send(&server.side, 20);
	loop_until(client.in.n_received == 20);
}

void drain_until_now(void)
{
	proxy_drain(&house.proxy,
		&(struct deadline_drain){
			.start_ns = clock_ns(), .idle_first_ns = NS_NEVER, .end_ns = clock_ns()});
}

void black_hole_open(struct black_hole *hole)
{
	server_open(&hole->server, WIRE_UNIX);
	server_block(&hole->server);
	ck_assert_int_eq(listen(hole->server.fd, 0), 0);
	for (size_t i = 0; i < 16; i++) {
		struct addr addr;
		const char *why;

		ck_assert_int_eq(addr_parse(hole->server.address, &addr, &why), 0);
		hole->queue[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		ck_assert_int_ge(hole->queue[i], 0);
		if (connect(hole->queue[i], &addr.sa.any, addr.sa_len) < 0) {
			ck_assert_int_eq(errno, EAGAIN);
			return;
		}
	}
	ck_abort_msg("the queue does not fill");
}

void black_hole_close(struct black_hole *hole)
{
	for (size_t i = 0; i < 16 && hole->queue[i] > 0; i++) {
		close(hole->queue[i]);
	}
	server_close(&hole->server);
}
