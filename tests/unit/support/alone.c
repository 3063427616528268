/* SPDX-License-Identifier: ISC */
/* pthread_create() of the alone_tests of tests/unit/meson.build, which start no thread and so are
 * not run under ThreadSanitizer. What libuv starts comes by here, too. */
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
