/* SPDX-License-Identifier: ISC */
/* The checksum of PROXY headers, as in RFC 3720, over one piece or several. */
#include "proto/crc32c.h"

#include <string.h>

#include "suite.h"

START_TEST(crc32c_is_that_of_rfc_3720)
{
	uint8_t bytes[32] = {0};

	/* RFC 3720, B.4 */
	ck_assert_uint_eq(crc32c(CRC32C_BEGIN, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	ck_assert_uint_eq(crc32c(CRC32C_BEGIN, bytes, sizeof(bytes)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (uint8_t)i;
	}
	ck_assert_uint_eq(crc32c(CRC32C_BEGIN, bytes, sizeof(bytes)), 0x46dd794e);
	ck_assert_uint_eq(crc32c(crc32c(CRC32C_BEGIN, bytes, 5), bytes + 5, 27), 0x46dd794e);
	ck_assert_uint_eq(crc32c(CRC32C_BEGIN, "123456789", 9), 0xe3069283);
}
END_TEST

static Suite *crc32c_suite(void)
{
	Suite *suite = suite_create("crc32c");
	TCase *tc = tcase_create("crc32c");

	tcase_add_test(tc, crc32c_is_that_of_rfc_3720);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return suite_run(crc32c_suite());
}
