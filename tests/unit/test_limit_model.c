/* SPDX-License-Identifier: ISC */
/*
 * Waiting for places of a limit, in all orders of acts: two workers, clients, pairs that end,
 * reloads that change limits and move, remove or put back addresses, and a drain (limit_world.h).
 *
 * Each sequence of acts up to a length is played from the beginning. Then the workers run until
 * nothing more happens: no client may wait while a place is free. Then all pairs end, one after the
 * other: no client may wait at all, no socket that was removed may still listen, and all places are
 * free.
 *
 * What two threads do at once is played, too: during a call to the limits one worker stands still
 * while a pair ends, or the other worker has a turn, or both.
 */
#include "proxy/limit.h"

#include <string.h>

#include "limit_world.h"
#include "log/log.h"
#include "proxy/offer.h"
#include "stream/acceptor.h"
#include "suite.h"

enum {
	CLIENTS_MAX = 3,
	TURNS_MAX = 200, /* by then nothing more happens */
};

static unsigned n_clients;

/* ---- acts ---- */

/* Acts are letters, so that a failure shows the whole sequence. */
enum {
	TURN = '0',    /* and '1' */
	NESTED = 'a',  /* to 'x': a turn of worker 0 or 1; at its call 1 to 4 another act */
	CONNECT = 'A', /* and 'B': to the socket of worker 0 or 1 */
	END = 'E',
	DRAIN = 'D',
	RELOAD = 'R', /* to 'W': to which config */
};
static const char acts[] = "01abcdefghijklmnopqrstuvwxABEDRSTUVW";

static unsigned n_calls;   /* calls to the limits in this turn */
static unsigned nested_at; /* 0: none */
static struct {
	bool ends;  /* a pair ends */
	bool turns; /* then the other worker has a turn */
	size_t worker;
} nested;

static void at_call(void)
{
	if (nested_at == 0 || ++n_calls != nested_at) {
		return;
	}
	nested_at = 0;
	if (nested.ends && world.n_pairs > 0) {
		world_end_pair();
	}
	if (nested.turns) {
		world_turn(nested.worker);
	}
}

bool __real_limit_take(struct limit *limit);
bool __wrap_limit_take(struct limit *limit);
bool __wrap_limit_take(struct limit *limit)
{
	bool taken = __real_limit_take(limit);

	at_call();
	return taken;
}

bool __real_limit_give(struct limit *limit);
bool __wrap_limit_give(struct limit *limit);
bool __wrap_limit_give(struct limit *limit)
{
	bool woken = __real_limit_give(limit);

	at_call();
	return woken;
}

bool __real_limit_await(struct limit *limit);
bool __wrap_limit_await(struct limit *limit);
bool __wrap_limit_await(struct limit *limit)
{
	bool room = __real_limit_await(limit);

	at_call();
	return room;
}

static void act_nested(unsigned which)
{
	size_t i = which & 1;
	unsigned kind = which % 6 / 2;

	n_calls = 0;
	nested.ends = kind != 0;
	nested.turns = kind != 1;
	nested.worker = 1 - i;
	nested_at = which / 6 + 1;
	world_turn(i);
	nested_at = 0;
}

static bool act_connect(size_t worker)
{
	for (size_t i = 0; i < world.n_sockets && n_clients < CLIENTS_MAX; i++) {
		if (world.sockets[i].worker == worker && world.sockets[i].open &&
			!world.sockets[i].goes) {
			world.sockets[i].n_queue++;
			n_clients++;
			return true;
		}
	}
	return false;
}

/** Returns false if there is nothing to do here; then the sequence is like a shorter one. */
static bool act(char what)
{
	if (what == '0' || what == '1') {
		if (!world_is_busy((size_t)(what - '0'))) {
			return false;
		}
		world_turn((size_t)(what - '0'));
	} else if (what >= 'a' && what <= 'x') {
		if (!world_is_busy((what - 'a') & 1)) {
			return false;
		}
		act_nested((unsigned)(what - 'a'));
	} else if (what == 'A' || what == 'B') {
		return act_connect((size_t)(what - 'A'));
	} else if (what == END) {
		if (world.n_pairs == 0) {
			return false;
		}
		world_end_pair();
	} else if (what == DRAIN) {
		if (world.draining || world.n_turning > 0) {
			return false;
		}
		world.draining = world.drains[0] = world.drains[1] = true;
	} else {
		if (world.draining || world.n_turning > 0 || world.n_sockets + WORKERS > SOCKETS) {
			return false;
		}
		world_reload((size_t)(what - RELOAD));
	}
	return true;
}

/* ---- what must hold ---- */

static const char *sequence;

/** Used instead of ck_assert(), which makes a system call each time. */
static void must(bool holds, const char *otherwise)
{
	if (!holds) {
		ck_abort_msg("%s: %s", sequence, otherwise);
	}
}

static void go_on(void)
{
	for (unsigned n = 0; world_is_busy(0) || world_is_busy(1); n++) {
		must(n < TURNS_MAX, "it never comes to rest");
		world_turn(0);
		world_turn(1);
		world_strike();
	}
	world_strike();
	if (world_is_busy(0) || world_is_busy(1)) {
		go_on();
	}
}

static void check_waiting(void)
{
	for (size_t i = 0; i < WORKERS; i++) {
		list_for_each (link, &world.workers[i].listeners) {
			struct listener *listener = container_of(link, struct listener, link);
			int fd = acceptor_fd(listener->acceptor);

			must(fd < 0 || world_find(fd)->n_queue == 0 ||
					limit_is_full(&world.shared.places.pairs) ||
					limit_is_full(listener->terms->offer->limit),
				"somebody waits beside a free place");
		}
	}
}

static void check_end(void)
{
	while (world.n_pairs > 0) {
		world_end_pair();
		go_on();
		check_waiting();
	}
	for (size_t i = 0; i < world.n_sockets; i++) {
		must(world.sockets[i].n_queue == 0, "somebody waits for ever");
		must(!world.sockets[i].goes || !world.sockets[i].open,
			"what goes listens for ever");
	}
	must(limit_taken(&world.shared.places.pairs) == 0, "a place is lost");
}

/** Plays the acts. Returns whether each of them had something to do. */
static bool play(size_t config, const char *what)
{
	bool sound = true;

	sequence = what;
	n_clients = 0;
	world_begin(config);
	for (; *what != '\0' && sound; what++) {
		sound = act(*what);
	}
	go_on();
	check_waiting();
	check_end();
	world_end();
	return sound;
}

static unsigned long n_played;

/** Plays all sequences with this beginning and up to `depth` more acts, one of which may be
 * nested. */
static void walk(size_t config, char *what, size_t len, size_t depth, bool may_nest)
{
	for (const char *next = acts; depth > 0 && *next != '\0'; next++) {
		bool is_nested = *next >= 'a' && *next <= 'x';

		if (is_nested && !may_nest) {
			continue;
		}
		what[len] = *next;
		what[len + 1] = '\0';
		n_played++;
		if (play(config, what)) {
			walk(config, what, len + 1, depth - 1, may_nest && !is_nested);
		}
	}
	what[len] = '\0';
}

/* Acts before a sequence: none, or acts that reach the limit and make one worker or both wait. */
static const struct {
	const char *acts;
	size_t config;
	size_t depth;
} beginnings[] = {
	{"", 0, 4}, {"", 1, 4}, {"AA0", 0, 3}, {"AA0", 1, 3}, {"AA0E", 1, 3}, {"AB01", 0, 3},
	{"ABA10", 1, 3},
	{"A0V01AB", 0, 2}, /* a pair of another listener has the place that both want */
};
enum { BEGINNINGS = sizeof(beginnings) / sizeof(beginnings[0]) };

START_TEST(nobody_waits_beside_a_free_place_in_any_order)
{
	/* Longer sequences run no code that shorter ones do not, so a sanitizer gets only the
	 * shorter. */
	size_t most = SUITE_IS_SANITIZED ? 3 : 4;
	size_t depth = beginnings[_i].depth < most ? beginnings[_i].depth : most;
	char what[32];

	log_set_level(LOG_LEVEL_ERROR);
	(void)strcpy(what, beginnings[_i].acts);
	ck_assert(play(beginnings[_i].config, what));
	walk(beginnings[_i].config, what, strlen(what), depth, true);
	ck_assert_uint_gt(n_played, 500);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("limit_model");
	TCase *tc = tcase_create("limit_model");

	tcase_add_loop_test(tc, nobody_waits_beside_a_free_place_in_any_order, 0, BEGINNINGS);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
