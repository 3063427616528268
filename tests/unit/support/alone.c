/* SPDX-License-Identifier: ISC */
/* pthread_create() for the alone_tests of tests/unit/meson.build. These tests start no thread and
 * so are not run under ThreadSanitizer. Threads of libuv would call this function too. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attributes,
	void *(*run)(void *data), void *data)
{
	(void)ret_thread, (void)attributes, (void)run, (void)data;
	fputs("This test starts a thread: take it out of alone_tests in tests/unit/meson.build.\n",
		stderr);
	abort();
}
