/* SPDX-License-Identifier: ISC */
/* Finds or makes the sockets for one address of a listener: those that exist already, or new
 * ones. */
#include "crew/sockets_private.h"

#include <errno.h>
#include <stdlib.h>

struct bound_socket *opening_add(const struct opening *opening)
{
	struct sockets *sockets = opening->sockets;
	struct bound_socket *bound = calloc(1, sizeof(*bound));

	if (bound != NULL) {
		bound->listen.fd = -1;
		bound->listener = LISTENER_NONE;
		bound->next = opening->index;
		bound->addr = *opening->addr;
		bound->access = opening->listener->access;
		bound->mptcp = opening->listener->socket.mptcp;
		sockets->all[sockets->n++] = bound;
	}
	return bound;
}

/* ---- new sockets ---- */

static bool has_addr(const void *item, const void *addr)
{
	return addr_equal(&((const struct bound_socket *)item)->addr, addr);
}

/** The first existing socket with this address; NULL: there is none. */
static struct bound_socket *find_before(const struct table *before, const struct addr *addr)
{
	/* The sockets in the table may be changed here. */
	return (struct bound_socket *)table_find(before, addr_hash(addr), has_addr, addr);
}

/** Whether a socket of ours that is being drained, or will be, may occupy the address. */
static bool opening_is_beside(const struct opening *opening)
{
	const struct sockets *sockets = opening->sockets;
	struct addr wildcards[ADDR_WILDCARDS];
	bool is_wildcard = false;

	if (find_before(opening->before, opening->addr) != NULL) {
		return true;
	}
	addr_wildcards(opening->addr->port, wildcards);
	for (size_t i = 0; i < ADDR_WILDCARDS; i++) {
		if (addr_is_within(opening->addr, &wildcards[i]) &&
			find_before(opening->before, &wildcards[i]) != NULL) {
			return true;
		}
		is_wildcard = is_wildcard || addr_equal(opening->addr, &wildcards[i]);
	}
	for (size_t i = 0; is_wildcard && i < sockets->n; i++) {
		const struct bound_socket *bound = sockets->all[i];

		if (!bound_is_new(bound) && addr_is_within(&bound->addr, opening->addr)) {
			return true;
		}
	}
	return false;
}

static int opening_listen(
	const struct opening *opening, struct bound_socket *bound, const char **ret_remedy)
{
	int r = listen_open(opening->addr, &opening->listener->access, &opening->listener->socket,
		&bound->listen, ret_remedy);

	if (r != -EADDRINUSE || !opening_is_beside(opening)) {
		return r;
	}
	if (!listen_can_double(opening->addr)) {
		*ret_remedy = "weir itself listened there, and clients still wait for a place: "
			      "try again when they are served, or raise max_pairs first";
		return r;
	}
	return listen_open_beside(
		opening->addr, &opening->listener->socket, &bound->listen, ret_remedy);
}

/** Binds one address, once for each worker if that is possible. */
static int opening_bind(const struct opening *opening)
{
	size_t n_workers = opening->opts->n_workers;
	bool doubles = listen_can_double(opening->addr);
	size_t worker = doubles ? 0 : opening->sockets->n % n_workers;
	struct bound_socket *first = opening_add(opening);
	char text[ADDR_TEXT_MAX];
	struct socket_report report = {
		.listener = opening->listener->name,
		.address = addr_text(opening->addr, text),
	};
	int r = first == NULL ? -ENOMEM : opening_listen(opening, first, &report.remedy);

	if (r < 0) {
		goto err;
	}
	first->is_unix = opening->addr->kind == ADDR_UNIX;
	first->worker = worker;
	for (size_t i = 1; doubles && i < n_workers; i++) {
		struct bound_socket *more = opening_add(opening);

		r = more == NULL ? -ENOMEM
				 : listen_open_more(&first->listen, &opening->listener->socket,
					   &more->listen);
		if (r < 0) {
			goto err;
		}
		more->worker = i;
	}
	return 0;
err:
	report.err = r;
	return sockets_fail(opening->opts, &report);
}

/* ---- all ---- */

/** Whether it is bound to a path at which clients cannot reach it any more; if so, gives up the
 * path. */
static bool bound_is_lost(struct bound_socket *bound)
{
	if (bound->addr.kind != ADDR_UNIX || bound->addr.sa.un.sun_path[0] == '\0') {
		return false;
	}
	if (listen_is_lost(&bound->listen)) {
		listen_leave(&bound->listen);
	}
	return bound->listen.claim == NULL;
}

/** Keeps the sockets that already listen on the address with the same protocol. False: there are
 * none. */
static bool opening_keep(const struct opening *opening)
{
	struct bound_socket *bound = find_before(opening->before, opening->addr);
	bool found = false;

	for (; bound != NULL; bound = bound->same) {
		bool is_other = listen_can_double(&bound->addr) &&
				bound->mptcp != opening->listener->socket.mptcp;

		if (bound->listener != LISTENER_NONE && !is_other && !bound_is_lost(bound)) {
			bound->next = opening->index;
			found = true;
		}
	}
	return found;
}

static int opening_open(const struct opening *opening)
{
	if (opening_keep(opening)) {
		return 0;
	}
	return opening->addr->kind == ADDR_SYSTEMD ? opening_inherit(opening)
						   : opening_bind(opening);
}

int sockets_index(struct sockets *sockets, struct table *ret_before)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];
		struct bound_socket *first = find_before(ret_before, &bound->addr);

		bound->next = LISTENER_NONE;
		bound->same = first == NULL ? NULL : first->same;
		if (first != NULL) {
			first->same = bound;
		} else if (table_add(ret_before, addr_hash(&bound->addr), bound) < 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int sockets_want(struct sockets *sockets, const struct sockets_opts *opts, struct table *before)
{
	struct opening opening = {.sockets = sockets, .before = before, .opts = opts};
	int r = sockets_check_unasked(opts);

	for (size_t i = 0; i < opts->conf->n_listeners; i++) {
		opening.listener = &opts->conf->listeners[i];
		opening.index = i;
		for (size_t k = 0; k < opening.listener->n_addresses; k++) {
			int failed;

			opening.addr = &opening.listener->addresses[k];
			if (opening.addr->kind != ADDR_SYSTEMD && sockets->shut && !opts->reopens) {
				continue;
			}
			failed = opening_open(&opening);
			r = r < 0 ? r : failed;
		}
	}
	return r;
}
