/* SPDX-License-Identifier: ISC */
#include "service/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "service/failure.h"

static int fail(int err)
{
	return start_failed("passed sockets", err,
		"LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES do not fit what was passed: leave them "
		"to systemd");
}

int inherited_take(struct inherited *ret_inherited)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	struct inherited inherited = {0};

	if (n < 0) {
		return fail(n);
	}
	inherited.all = n == 0 ? NULL : calloc((size_t)n, sizeof(*inherited.all));
	for (int i = 0; i < n; i++) {
		if (inherited.all == NULL) {
			free(names[i]);
			continue;
		}
		inherited.all[i] = (struct inherited_socket){
			.fd = SD_LISTEN_FDS_START + i,
			.name = names[i],
		};
	}
	free(names);
	if (n > 0 && inherited.all == NULL) {
		return fail(-ENOMEM);
	}
	inherited.n = (size_t)n;
	*ret_inherited = inherited;
	return 0;
}

size_t inherited_count(const struct inherited *inherited, const char *name)
{
	size_t n = 0;

	for (size_t i = 0; i < inherited->n; i++) {
		n += strcmp(inherited->all[i].name, name) == 0;
	}
	return n;
}

void inherited_fini(struct inherited *inherited)
{
	for (size_t i = 0; i < inherited->n; i++) {
		close(inherited->all[i].fd);
		free(inherited->all[i].name);
	}
	free(inherited->all);
	*inherited = (struct inherited){0};
}
