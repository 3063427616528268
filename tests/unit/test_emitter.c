/* SPDX-License-Identifier: ISC */
/* Handlers that are added and removed during an emission. Random sequences are compared with a
 * model. */
#include "stream/emitter.h"

#include <stdlib.h>
#include <string.h>

#include "suite.h"

enum { A = 1 << 0, B = 1 << 1, C = 1 << 2 };

/** A subscriber that appends its name to `calls` and then may act. */
struct subscriber {
	struct handler handler;
	char name;
	void (*act)(struct subscriber *subscriber);
};

static struct emitter emitter;
static char calls[64];
static struct subscriber *other; /* the subscriber that act() changes */

static void on_event(struct handler *handler, const struct event *event)
{
	struct subscriber *subscriber = container_of(handler, struct subscriber, handler);
	size_t len = strlen(calls);

	(void)event;
	ck_assert_uint_lt(len + 1, sizeof(calls));
	calls[len] = subscriber->name;
	calls[len + 1] = '\0';
	if (subscriber->act != NULL) {
		subscriber->act(subscriber);
	}
}

static struct subscriber subscriber(char name)
{
	return (struct subscriber){.handler.call = on_event, .name = name};
}

static const char *emit(unsigned type)
{
	struct event event = {.type = type};

	calls[0] = '\0';
	emitter_emit(&emitter, &event);
	ck_assert_ptr_null(emitter.emission);
	return calls;
}

static void setup(void)
{
	emitter_init(&emitter);
	other = NULL;
}

static void off_self(struct subscriber *subscriber)
{
	emitter_off(&emitter, &subscriber->handler);
}

static void off_other(struct subscriber *subscriber)
{
	(void)subscriber;
	emitter_off(&emitter, &other->handler);
}

static void on_other(struct subscriber *subscriber)
{
	subscriber->act = NULL;
	emitter_on(&emitter, A, &other->handler);
}

START_TEST(calls_in_order_of_subscription)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');
	struct subscriber z = subscriber('z');

	ck_assert_str_eq(emit(A), "");
	emitter_on(&emitter, A, &y.handler);
	emitter_on(&emitter, A, &x.handler);
	emitter_on(&emitter, A, &z.handler);
	ck_assert_str_eq(emit(A), "yxz");
	ck_assert_str_eq(emit(A), "yxz");
}
END_TEST

START_TEST(calls_only_for_the_events_of_the_mask)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');

	emitter_on(&emitter, A | B, &x.handler);
	emitter_on(&emitter, B | C, &y.handler);
	ck_assert_str_eq(emit(A), "x");
	ck_assert_str_eq(emit(B), "xy");
	ck_assert_str_eq(emit(C), "y");
}
END_TEST

START_TEST(once_is_off_before_it_is_called)
{
	struct subscriber x = subscriber('x');

	emitter_once(&emitter, A | B, &x.handler);
	other = &x;
	x.act = on_other; /* asserts that it is not subscribed */
	ck_assert_str_eq(emit(A), "x");
	ck_assert_uint_eq(emitter_subscribers(&emitter, A), 1);
	ck_assert(!emitter_has(&emitter, B));
	/* It subscribed again with emitter_on(), so it stays. */
	ck_assert_str_eq(emit(A), "x");
	ck_assert_str_eq(emit(A), "x");
}
END_TEST

START_TEST(once_with_a_mask_is_called_once_in_all)
{
	struct subscriber x = subscriber('x');

	emitter_once(&emitter, A | B, &x.handler);
	ck_assert_str_eq(emit(C), "");
	ck_assert_str_eq(emit(B), "x");
	ck_assert_str_eq(emit(A), "");
	ck_assert_str_eq(emit(B), "");
}
END_TEST

START_TEST(off_is_harmless_when_not_subscribed)
{
	struct subscriber zeroed = subscriber('x');
	struct subscriber initialised = subscriber('y');

	list_init(&initialised.handler.link);
	emitter_off(&emitter, &zeroed.handler);
	emitter_off(&emitter, &initialised.handler);
	emitter_on(&emitter, A, &zeroed.handler);
	emitter_off(&emitter, &zeroed.handler);
	emitter_off(&emitter, &zeroed.handler);
	ck_assert_str_eq(emit(A), "");
}
END_TEST

START_TEST(counts_subscribers_of_any_of_the_events)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');

	ck_assert(!emitter_has(&emitter, A | B | C));
	emitter_on(&emitter, A | B, &x.handler);
	emitter_on(&emitter, B, &y.handler);
	ck_assert_uint_eq(emitter_subscribers(&emitter, A), 1);
	ck_assert_uint_eq(emitter_subscribers(&emitter, B), 2);
	ck_assert_uint_eq(emitter_subscribers(&emitter, A | B | C), 2);
	ck_assert_uint_eq(emitter_subscribers(&emitter, C), 0);
	ck_assert(emitter_has(&emitter, A));
	ck_assert(emitter_has(&emitter, A | C));
	ck_assert(!emitter_has(&emitter, C));
}
END_TEST

START_TEST(off_events_takes_a_part_of_the_mask)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');

	emitter_on(&emitter, A | B, &x.handler);
	emitter_on(&emitter, A, &y.handler);
	emitter_off_events(&emitter, A);
	ck_assert_str_eq(emit(A), "");
	ck_assert_str_eq(emit(B), "x");
	/* y had no events left, so it is unsubscribed and may be subscribed again. */
	emitter_on(&emitter, C, &y.handler);
	ck_assert_str_eq(emit(C), "y");
	emitter_off_events(&emitter, A | B | C);
	ck_assert(list_empty(&emitter.handlers));
}
END_TEST

START_TEST(a_handler_may_unsubscribe_itself)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');
	struct subscriber z = subscriber('z');

	y.act = off_self;
	emitter_on(&emitter, A, &x.handler);
	emitter_on(&emitter, A, &y.handler);
	emitter_on(&emitter, A, &z.handler);
	ck_assert_str_eq(emit(A), "xyz");
	ck_assert_str_eq(emit(A), "xz");
}
END_TEST

START_TEST(a_handler_may_free_itself)
{
	struct subscriber *x = malloc(sizeof(*x));
	struct subscriber y = subscriber('y');

	*x = subscriber('x');
	x->act = off_self;
	emitter_on(&emitter, A, &x->handler);
	emitter_on(&emitter, A, &y.handler);
	ck_assert_str_eq(emit(A), "xy");
	free(x);
	ck_assert_str_eq(emit(A), "y");
}
END_TEST

/* In turn, each of three handlers unsubscribes each of the three. */
START_TEST(who_was_unsubscribed_is_not_called_any_more)
{
	struct subscriber all[] = {subscriber('0'), subscriber('1'), subscriber('2')};
	int who = _i / 3;
	int whom = _i % 3;
	char expected[4] = "";
	size_t n = 0;

	for (int i = 0; i < 3; i++) {
		emitter_on(&emitter, A, &all[i].handler);
	}
	all[who].act = off_other;
	other = &all[whom];
	for (int i = 0; i < 3; i++) {
		if (i <= who || i != whom) {
			expected[n++] = all[i].name;
		}
	}
	ck_assert_str_eq(emit(A), expected);
	ck_assert_uint_eq(emitter_subscribers(&emitter, A), 2);
}
END_TEST

static void off_all(struct subscriber *subscriber)
{
	(void)subscriber;
	emitter_off_events(&emitter, A | B | C);
}

START_TEST(a_handler_may_unsubscribe_everyone)
{
	struct subscriber all[] = {subscriber('0'), subscriber('1'), subscriber('2')};
	const char *expected[] = {"0", "01", "012"};

	all[_i].act = off_all;
	for (int i = 0; i < 3; i++) {
		emitter_on(&emitter, A, &all[i].handler);
	}
	ck_assert_str_eq(emit(A), expected[_i]);
	ck_assert_str_eq(emit(A), "");
}
END_TEST

START_TEST(who_was_subscribed_meanwhile_hears_the_next_event)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');

	x.act = on_other;
	other = &y;
	emitter_on(&emitter, A, &x.handler);
	ck_assert_str_eq(emit(A), "x");
	ck_assert_str_eq(emit(A), "xy");
}
END_TEST

static void off_self_on_other(struct subscriber *subscriber)
{
	emitter_off(&emitter, &subscriber->handler);
	emitter_on(&emitter, A, &other->handler);
}

START_TEST(who_replaced_the_last_hears_the_next_event)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');
	struct subscriber z = subscriber('z');

	y.act = off_self_on_other;
	other = &z;
	emitter_on(&emitter, A, &x.handler);
	emitter_on(&emitter, A, &y.handler);
	ck_assert_str_eq(emit(A), "xy");
	ck_assert_str_eq(emit(A), "xz");
}
END_TEST

static void resubscribe_other(struct subscriber *subscriber)
{
	(void)subscriber;
	emitter_off(&emitter, &other->handler);
	emitter_on(&emitter, A, &other->handler);
}

/* A handler that is removed and added during an emission counts as new. */
START_TEST(who_was_resubscribed_meanwhile_hears_the_next_event)
{
	struct subscriber all[] = {subscriber('0'), subscriber('1'), subscriber('2')};
	int who = _i / 3;
	int whom = _i % 3;
	char expected[4] = "";
	size_t n = 0;

	for (int i = 0; i < 3; i++) {
		emitter_on(&emitter, A, &all[i].handler);
		if (i <= who || i != whom) {
			expected[n++] = all[i].name;
		}
	}
	all[who].act = resubscribe_other;
	other = &all[whom];
	ck_assert_str_eq(emit(A), expected);
	all[who].act = NULL;
	ck_assert_uint_eq(strlen(emit(A)), 3);
	ck_assert_int_eq(calls[2], all[whom].name);
}
END_TEST

static void emit_b(struct subscriber *subscriber)
{
	struct event event = {.type = B};

	(void)subscriber;
	emitter_emit(&emitter, &event);
}

static void subscribe_and_emit_b(struct subscriber *subscriber)
{
	subscriber->act = NULL;
	emitter_on(&emitter, A | B, &other->handler);
	emit_b(subscriber);
}

START_TEST(emissions_may_be_nested)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');
	struct subscriber z = subscriber('z');

	x.act = emit_b;
	z.act = off_self;
	emitter_on(&emitter, A, &x.handler);
	emitter_on(&emitter, B, &y.handler);
	emitter_on(&emitter, A | B, &z.handler);
	/* z unsubscribed in the inner emission, and the outer one must skip it. */
	ck_assert_str_eq(emit(A), "xyz");
	ck_assert_str_eq(emit(A), "xy");
}
END_TEST

START_TEST(who_was_subscribed_in_the_outer_emission_hears_the_inner)
{
	struct subscriber x = subscriber('x');
	struct subscriber y = subscriber('y');

	x.act = subscribe_and_emit_b;
	other = &y;
	emitter_on(&emitter, A, &x.handler);
	/* y was added during A, so it hears only B, the next event. */
	ck_assert_str_eq(emit(A), "xy");
	ck_assert_str_eq(emit(A), "xy");
}
END_TEST

/* ---- any sequence, against a model ---- */

enum { MODEL_HANDLERS = 6, MODEL_ROUNDS = 20000 };

static struct subscriber crowd[MODEL_HANDLERS];
static struct {
	char order[MODEL_HANDLERS + 1]; /* the subscribers, in order */
	char left[MODEL_HANDLERS + 1];  /* those that are still to be called in this emission */
} model;

static void strike_out(char *text, char c)
{
	char *at = strchr(text, c);

	if (at != NULL) {
		memmove(at, at + 1, strlen(at));
	}
}

static void model_toggle(struct subscriber *whom)
{
	char text[2] = {whom->name, '\0'};

	if (strchr(model.order, whom->name) != NULL) {
		strike_out(model.order, whom->name);
		strike_out(model.left, whom->name);
		emitter_off(&emitter, &whom->handler);
	} else {
		strcat(model.order, text);
		emitter_on(&emitter, A, &whom->handler);
	}
}

static void act_at_random(struct subscriber *subscriber)
{
	ck_assert_int_eq(model.left[0], subscriber->name);
	strike_out(model.left, subscriber->name);
	for (long n = random() % 4; n > 0; n--) {
		model_toggle(&crowd[random() % MODEL_HANDLERS]);
	}
}

START_TEST(any_sequence_of_operations_matches_the_model)
{
	srandom(1);
	memset(&model, 0, sizeof(model));
	for (int i = 0; i < MODEL_HANDLERS; i++) {
		crowd[i] = subscriber((char)('0' + i));
		crowd[i].act = act_at_random;
	}
	for (unsigned i = 0; i < MODEL_ROUNDS; i++) {
		strcpy(model.left, model.order);
		(void)emit(A);
		ck_assert_str_eq(model.left, "");
		ck_assert_uint_eq(emitter_subscribers(&emitter, A), strlen(model.order));
		if (model.order[0] == '\0') {
			model_toggle(&crowd[random() % MODEL_HANDLERS]);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("emitter");
	TCase *tc = tcase_create("emitter");

	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, calls_in_order_of_subscription);
	tcase_add_test(tc, calls_only_for_the_events_of_the_mask);
	tcase_add_test(tc, once_is_off_before_it_is_called);
	tcase_add_test(tc, once_with_a_mask_is_called_once_in_all);
	tcase_add_test(tc, off_is_harmless_when_not_subscribed);
	tcase_add_test(tc, counts_subscribers_of_any_of_the_events);
	tcase_add_test(tc, off_events_takes_a_part_of_the_mask);
	tcase_add_test(tc, a_handler_may_unsubscribe_itself);
	tcase_add_test(tc, a_handler_may_free_itself);
	tcase_add_loop_test(tc, who_was_unsubscribed_is_not_called_any_more, 0, 9);
	tcase_add_loop_test(tc, a_handler_may_unsubscribe_everyone, 0, 3);
	tcase_add_test(tc, who_was_subscribed_meanwhile_hears_the_next_event);
	tcase_add_test(tc, who_replaced_the_last_hears_the_next_event);
	tcase_add_loop_test(tc, who_was_resubscribed_meanwhile_hears_the_next_event, 0, 9);
	tcase_add_test(tc, emissions_may_be_nested);
	tcase_add_test(tc, who_was_subscribed_in_the_outer_emission_hears_the_inner);
	tcase_add_test(tc, any_sequence_of_operations_matches_the_model);
	return suite_run(suite);
}
