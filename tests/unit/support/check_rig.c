/* SPDX-License-Identifier: ISC */
#include "check_rig.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "connector_rig.h"
#include "fixture.h"
#include "vtime.h"

struct check_rig rig;

static void on_changed(void *data, const struct check_change *change)
{
	ck_assert_ptr_eq(data, &rig);
	ck_assert_int_ne(change->is_up, rig.is_up);
	ck_assert_int_eq(change->is_up, check_is_up(rig.check));
	ck_assert_int_eq(change->is_up, probe_passed(change->outcome));
	rig.n_changes++;
	rig.is_up = change->is_up;
	rig.n_checks = change->n_checks;
	rig.lasted_ns = change->lasted_ns;
	rig.result = change->outcome->result;
	if (rig.closes) {
		rig.check = check_close(rig.check);
	}
}

static void on_unjudged(void *data, int err)
{
	ck_assert_ptr_eq(data, &rig);
	ck_assert_int_lt(err, 0);
	rig.n_unjudged++;
	if (rig.closes) {
		rig.check = check_close(rig.check);
	}
}

void check_rig_setup(void)
{
	rig_setup();
	vtime_freeze();
	/* The test begins at a time that is not on the grid. */
	vtime_advance(CHECK_SLACK_NS - clock_ns() % CHECK_SLACK_NS + NS_PER_MS);
	memset(&rig, 0, sizeof(rig));
	rig.addr = address_of(V4);
	close(serve(&rig.addr, -1));
	/* The address now has a port, which the server keeps while it refuses. */
	rig.listener = serve(&rig.addr, 64);
	rig.opts = (struct check_opts){
		.question = {.loop = test_loop, .addr = &rig.addr},
		.every_ns = EVERY_NS,
		.every_down_ns = DOWN_NS,
		.timeout_ns = NS_PER_S,
		.rise = 2,
		.fall = 3,
		.owner = &rig,
		.changed = on_changed,
		.unjudged = on_unjudged,
	};
	rig.is_up = true;
	rig.serves = true;
}

void check_rig_teardown(void)
{
	rig.check = check_close(rig.check);
	if (rig.listener >= 0) {
		close(rig.listener);
	}
	rig_teardown();
}

void serve_or_refuse(bool serves)
{
	if (serves == rig.serves) {
		return;
	}
	rig.serves = serves;
	ck_assert_int_eq(serves ? listen(rig.listener, 64) : shutdown(rig.listener, SHUT_RD), 0);
}

uint64_t on_grid(uint64_t ns)
{
	return (ns + CHECK_SLACK_NS - 1) / CHECK_SLACK_NS * CHECK_SLACK_NS;
}

void pass_until(uint64_t ns)
{
	vtime_pass(ns - clock_ns());
}

unsigned n_asked(void)
{
	unsigned n = 0;
	int fd;

	while ((fd = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		close(fd);
		n++;
	}
	return n;
}

void check_rig_open(void)
{
	rig.open_ns = clock_ns();
	rig.check = check_open(&rig.opts);
	ck_assert_ptr_nonnull(rig.check);
}

int accept_one(void)
{
	int fd = accept4(rig.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

void check_rig_expect_pong(void)
{
	rig.opts.question.send = "PING\r\n";
	rig.opts.question.n_send = 6;
	rig.opts.question.expect = "+PONG";
	rig.opts.question.n_expect = 5;
}
