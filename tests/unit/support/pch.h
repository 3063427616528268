/* SPDX-License-Identifier: ISC */
/* What most tests include, and what takes longest to read: precompiled by -Db_pch=true. Each file
 * includes what it uses all the same. */
#include <check.h>
