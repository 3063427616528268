/* SPDX-License-Identifier: ISC */
/* The connector and a name with several addresses, some of which are slow: RFC 8305. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "connector_rig.h"
#include "fault.h"
#include "fixture.h"
#include "lookup.h"
#include "suite.h"

/** A name with two addresses: the first does not answer, the second may. */
static struct {
	struct addr first;
	struct addr second;
	struct addr name;
	int fds[2];
	int clients[2];
	unsigned n_connects; /**< by the connector, to both addresses */
} scene;

int __real_connect(int fd, const struct sockaddr *sa, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len);

int __wrap_connect(int fd, const struct sockaddr *sa, socklen_t len)
{
	scene.n_connects++;
	return __real_connect(fd, sa, len);
}

static void open_scene(bool second_answers)
{
	memset(&scene, 0, sizeof(scene));
	scene.first = address_of(V6);
	scene.second = address_of(V4);
	serve_both(&scene.first, 0, &scene.second, second_answers ? 8 : 0, scene.fds);
	scene.clients[0] = occupy(&scene.first);
	scene.clients[1] = second_answers ? -1 : occupy(&scene.second);
	scene.name = name_at("a.example", scene.first.port);
	scene.n_connects = 0;
}

static void close_scene(void)
{
	for (int i = 0; i < 2; i++) {
		close(scene.fds[i]);
		if (scene.clients[i] >= 0) {
			close(scene.clients[i]);
		}
	}
}

static void start_name(uint64_t timeout_ns)
{
	start(&scene.name, timeout_ns);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "::1 127.0.0.1");
}

START_TEST(a_slow_address_does_not_hold_up_the_next)
{
	uint64_t begin = clock_ns();

	open_scene(true);
	start_name(NS_NEVER); /* no timeout ends the attempt at the first address */
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_ge(owner.done_ns - begin, CONNECTOR_NEXT_NS);
	ck_assert_int_eq(owner.last.any.sa_family, AF_INET);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.failures[0], -ECANCELED);
	ck_assert_uint_eq(owner.late_ns, 0);
	ck_assert_int_eq(atomic_load(&spare_fds), 64);
	finish();
	/* From now on the address that won is tried first. */
	begin = clock_ns();
	start(&scene.name, NS_NEVER);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_eq(owner.n_failed, 0);
	ck_assert_uint_eq(lookup_n_begun(), 1);
	close_scene();
}
END_TEST

START_TEST(the_slow_address_may_still_win)
{
	open_scene(false);
	start_name(NS_NEVER);
	loop_until(atomic_load(&spare_fds) == 63);
	/* The queue has room for one: the kernel sends the first SYN again after a second. */
	close(accept4(scene.fds[0], NULL, NULL, SOCK_CLOEXEC));
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(owner.last.any.sa_family, AF_INET6);
	ck_assert_int_eq(owner.failures[0], -ECANCELED);
	must_work(scene.fds[0]);
	close_scene();
}
END_TEST

START_TEST(each_attempt_has_its_own_timeout)
{
	uint64_t timeout_ns = CONNECTOR_NEXT_NS + TIMEOUT_NS;
	uint64_t begin = clock_ns();

	open_scene(false);
	start_name(timeout_ns);
	/* Both may have failed by now if the loop stood still for long. */
	loop_until(owner.n_failed > 0);
	ck_assert_int_eq(owner.failures[0], -ETIMEDOUT);
	ck_assert_uint_ge(clock_ns() - begin, timeout_ns);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_ge(owner.done_ns - begin, CONNECTOR_NEXT_NS + timeout_ns);
	ck_assert_uint_eq(owner.n_failed, 2);
	ck_assert_int_eq(owner.last.any.sa_family, AF_INET);
	close_scene();
}
END_TEST

START_TEST(another_timeout_applies_to_all_attempts)
{
	open_scene(false);
	start_name(NS_NEVER);
	loop_until(atomic_load(&spare_fds) == 63);
	connector_set_timeout(owner.connector, CONNECTOR_NEXT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert_uint_eq(owner.n_failed, 2);
	close_scene();
}
END_TEST

START_TEST(without_a_spare_fd_the_second_waits_for_the_first)
{
	uint64_t timeout_ns = CONNECTOR_NEXT_NS + TIMEOUT_NS;
	uint64_t begin = clock_ns();

	atomic_store(&spare_fds, 0);
	open_scene(true);
	start_name(timeout_ns);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_uint_ge(owner.done_ns - begin, timeout_ns);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(owner.failures[0], -ETIMEDOUT);
	ck_assert_int_eq(atomic_load(&spare_fds), 0);
	atomic_store(&spare_fds, 64);
	close_scene();
}
END_TEST

/** The second attempt lacks memory or an fd. Then the first goes on alone. */
START_TEST(a_shortage_at_the_second_does_not_harm_the_first)
{
	static const char *const calls[] = {"socket", "calloc", "epoll_ctl"};
	open_scene(true);
	start_name(NS_NEVER); /* on a busy machine a timeout could come first */
	loop_until(scene.n_connects == 1);
	fault_only_call(calls[_i]);
	fault_set_errno(ENOMEM);
	fault_arm(1);
	loop_until(fault_met() != NULL);
	ck_assert(fault_disarm());
	ck_assert_int_eq(owner.status, PENDING);
	ck_assert_uint_eq(owner.n_failed, 0);
	connector_set_timeout(owner.connector, CONNECTOR_NEXT_NS + TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, 0);
	ck_assert_int_eq(owner.failures[0], -ETIMEDOUT);
	close_scene();
}
END_TEST

START_TEST(closed_while_two_are_under_way)
{
	char *before;
	char *after;

	open_scene(false);
	before = fixture_fds();
	start_name(NS_NEVER);
	loop_until(atomic_load(&spare_fds) == 63);
	finish();
	loop_settle();
	ck_assert_uint_eq(owner.n_done, 0);
	ck_assert_int_eq(atomic_load(&spare_fds), 64);
	after = fixture_fds();
	ck_assert_str_eq(after, before);
	free(after);
	free(before);
	close_scene();
}
END_TEST

static int forbid(void *data, const struct sockaddr *sa, socklen_t len)
{
	ck_assert_ptr_eq(data, &owner);
	ck_assert_uint_gt(len, 0);
	return sa->sa_family == AF_INET ? -ELOOP : 0;
}

START_TEST(a_forbidden_address_ends_it_all)
{
	struct connector_opts opts;

	open_scene(true);
	opts = options(&scene.name, NS_NEVER);
	opts.permit = forbid;
	forget();
	owner.connector = connector_open(&opts);
	loop_until(lookup_is_open("a.example"));
	lookup_answer("a.example", 0, "::1 127.0.0.1");
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ELOOP);
	ck_assert(owner.forbidden);
	ck_assert_uint_eq(owner.n_failed, 1);
	ck_assert_int_eq(accept4(scene.fds[1], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), -1);
	close_scene();
}
END_TEST

/* ---- lookups in line ---- */

START_TEST(a_lookup_that_never_has_its_turn_times_out_in_line)
{
	struct addr addr = name_at("a.example", 80);
	uint64_t begin = clock_ns();

	lookup_refuse(true);
	start(&addr, TIMEOUT_NS);
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert(owner.in_line);
	ck_assert_uint_ge(owner.done_ns - begin, TIMEOUT_NS);
	ck_assert_uint_le(owner.late_ns, owner.done_ns - begin - TIMEOUT_NS);
}
END_TEST

START_TEST(the_clock_of_a_lookup_starts_with_its_turn)
{
	struct addr other = name_at("other.example", 80);
	struct addr addr = name_at("a.example", 80);
	uint64_t turn_ns;

	start(&other, NS_NEVER);
	loop_until(lookup_is_open("other.example"));
	finish();
	lookup_refuse(true);
	do { /* again, if it timed out while it waited in line */
		finish();
		start(&addr, TIMEOUT_NS);
		loop_for_ms(TIMEOUT_MS / 2);
	} while (owner.status != PENDING);
	turn_ns = clock_ns();
	lookup_refuse(false);
	lookup_answer("other.example", UV_EAI_AGAIN, "");
	ck_assert(lookup_is_open("a.example"));
	loop_until(owner.status != PENDING);
	ck_assert_int_eq(owner.status, -ETIMEDOUT);
	ck_assert(!owner.in_line);
	ck_assert_uint_ge(owner.done_ns - turn_ns, TIMEOUT_NS);
	lookup_answer("a.example", UV_EAI_AGAIN, "");
}
END_TEST

static Suite *connector_race_suite(void)
{
	Suite *suite = suite_create("connector_race");
	TCase *race = tcase_create("race");
	TCase *line = tcase_create("line");

	tcase_add_checked_fixture(race, rig_setup, rig_teardown);
	tcase_add_test(race, a_slow_address_does_not_hold_up_the_next);
	tcase_add_test(race, the_slow_address_may_still_win);
	tcase_add_test(race, each_attempt_has_its_own_timeout);
	tcase_add_test(race, another_timeout_applies_to_all_attempts);
	tcase_add_test(race, without_a_spare_fd_the_second_waits_for_the_first);
	tcase_add_loop_test(race, a_shortage_at_the_second_does_not_harm_the_first, 0, 3);
	tcase_add_test(race, closed_while_two_are_under_way);
	tcase_add_test(race, a_forbidden_address_ends_it_all);
	suite_add_tcase(suite, race);

	tcase_add_checked_fixture(line, rig_setup, rig_teardown);
	tcase_add_test(line, a_lookup_that_never_has_its_turn_times_out_in_line);
	tcase_add_test(line, the_clock_of_a_lookup_starts_with_its_turn);
	suite_add_tcase(suite, line);
	return suite;
}

int main(void)
{
	return suite_run(connector_race_suite());
}
