/* SPDX-License-Identifier: ISC */
#include "crew_rig.h"

#include <unistd.h>

#include "fixture.h"
#include "log/log.h"
#include "proxy/generation.h"

struct conf crew_conf;
struct proxy_shared crew_shared;
struct crew crew;
unsigned crew_n_quiet;

static void on_quiet(void *owner)
{
	ck_assert_ptr_eq(owner, &crew);
	ck_assert(loop_is_current(test_loop));
	crew_n_quiet++;
}

void crew_rig_open(void)
{
	const struct crew_opts opts = {
		.loop = test_loop,
		.n_workers = CREW_WORKERS,
		.shared = &crew_shared,
		.quiet = on_quiet,
		.refuses = on_quiet,
		.owner = &crew,
	};

	refs_init(&crew_conf.refs);
	crew_n_quiet = 0;
	ck_assert_int_eq(proxy_shared_init(&crew_shared, CREW_WORKERS), 0);
	ck_assert_int_eq(crew_open(&crew, &opts), 0);
	crew_shared.generation = generation_new(&crew_conf, &crew_shared);
	ck_assert_ptr_nonnull(crew_shared.generation);
}

void crew_rig_begin(void)
{
	ck_assert_int_eq(log_open(STDERR_FILENO), 0);
	fixture_setup();
}

void crew_rig_end(void)
{
	fixture_teardown();
	ck_assert(log_close(NS_PER_S));
}

void crew_rig_setup(void)
{
	crew_rig_begin();
	crew_rig_open();
	ck_assert_int_eq(crew_start(&crew), 0);
}

void crew_rig_teardown(void)
{
	crew_stop(&crew);
	crew_stop(&crew);
	crew_close(&crew);
	crew_close(&crew);
	ck_assert_uint_eq(refs_count(&crew_shared.generation->refs), 1);
	generation_unref(crew_shared.generation);
	proxy_shared_fini(&crew_shared);
	crew_rig_end();
}
