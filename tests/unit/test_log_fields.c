/* SPDX-License-Identifier: ISC */
/* Lines that are parsed have the fields that were logged. */
#include "log/fields.h"

#include <string.h>

#include "log/log.h"
#include "suite.h"

static void expect(struct log_field *field, const char *key, const char *value, bool is_quoted)
{
	char bytes[LOG_LINE_MAX];
	size_t n = log_field_bytes(field, bytes);

	ck_assert_msg(strlen(key) == field->key_len && memcmp(key, field->key, field->key_len) == 0,
		"the key is %.*s", (int)field->key_len, field->key);
	ck_assert_uint_eq(n, strlen(value));
	ck_assert_mem_eq(bytes, value, n);
	ck_assert(field->is_quoted == is_quoted);
}

START_TEST(a_line_has_the_fields_that_were_put_into_it)
{
	static const char hostile[] = "a\" b=c\\\x01\xff";
	struct log_line line;
	struct log_field field;
	const char *at = line.text;

	ck_assert(log_begin(&line, LOG_LEVEL_ERROR, "x"));
	log_str(&line, "client", hostile);
	log_str(&line, "name", "17");
	log_str(&line, "none", "");
	log_u64(&line, "pair", 17);
	log_ms(&line, "late_ms", 1234567);
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "event", "x", false);
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "client", hostile, true);
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "name", "17", true); /* a string, not a number */
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "none", "", true);
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "pair", "17", false);
	ck_assert(log_field_next(&at, line.text + line.len, &field));
	expect(&field, "late_ms", "1.234", false);
	ck_assert(!log_field_next(&at, line.text + line.len, &field));
}
END_TEST

START_TEST(numbers_are_told_from_texts)
{
	static const char *const numbers[] = {"0", "17", "-3008", "1.234", "-0.5"};
	static const char *const texts[] = {
		"", "-", ".", "1.", ".5", "1.2.3", "127.0.0.1", "1e5", "0x1", "+1", "1 ", "17s"};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		ck_assert_msg(log_is_number(numbers[i], strlen(numbers[i])), "%s", numbers[i]);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(!log_is_number(texts[i], strlen(texts[i])), "%s", texts[i]);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log_fields");
	TCase *tc = tcase_create("log_fields");

	tcase_add_test(tc, a_line_has_the_fields_that_were_put_into_it);
	tcase_add_test(tc, numbers_are_told_from_texts);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
