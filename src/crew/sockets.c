/* SPDX-License-Identifier: ISC */
#include "crew/sockets_private.h"

#include <errno.h>
#include <stdlib.h>

#include "base/table.h"
#include "log/log.h"

/** A UNIX socket, its lock file, and an fd of the path, so that its inode number is not reused. */
enum { FDS_UNIX = 3 };

/** An inherited socket, and the duplicate from which a worker accepts. */
enum { FDS_INHERITED = 2 };

size_t sockets_count(const struct conf *conf, size_t n_workers, const struct inherited *inherited)
{
	size_t n = FDS_INHERITED * inherited->n_listening + inherited->n_others +
		   inherited->n_nameless;

	for (size_t i = 0; i < conf->n_listeners; i++) {
		const struct conf_listener *listener = &conf->listeners[i];

		for (size_t k = 0; k < listener->n_addresses; k++) {
			const struct addr *addr = &listener->addresses[k];

			if (addr->kind != ADDR_SYSTEMD) {
				n += listen_can_double(addr) ? n_workers : FDS_UNIX;
			}
		}
	}
	return n;
}

/* ---- from one config to the next ---- */

static bool access_is_equal(const struct file_access *a, const struct file_access *b)
{
	return a->mode == b->mode && a->sets_owner == b->sets_owner &&
	       a->sets_group == b->sets_group && a->owner == b->owner && a->group == b->group;
}

/** Sets the new modes and owners of the UNIX paths that stay. After an error the caller restores
 * the old ones by sockets_cancel(). */
static int sockets_set_access(struct sockets *sockets, const struct sockets_opts *opts)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];
		const struct conf_listener *listener;
		char text[ADDR_TEXT_MAX];
		struct socket_report report = {.address = addr_text(&bound->addr, text)};

		if (bound->listener == LISTENER_NONE || bound->next == LISTENER_NONE) {
			continue;
		}
		listener = &opts->conf->listeners[bound->next];
		if (access_is_equal(&listener->access, &bound->access)) {
			continue;
		}
		bound->has_next_access = true; /* or a part of it, if it fails */
		report.err = listen_set_access(&bound->listen, &listener->access, &report.remedy);
		if (report.err < 0) {
			report.listener = listener->name;
			return sockets_fail(opts, &report);
		}
	}
	return 0;
}

/** Makes room for all sockets that the config may need. */
static int sockets_grow(struct sockets *sockets, const struct sockets_opts *opts)
{
	size_t n = sockets->n + sockets_count(opts->conf, opts->n_workers, opts->inherited) + 1;
	struct bound_socket **all = reallocarray(sockets->all, n, sizeof(struct bound_socket *));

	if (all == NULL) {
		return -ENOMEM;
	}
	sockets->all = all;
	return 0;
}

int sockets_prepare(struct sockets *sockets, const struct sockets_opts *opts)
{
	struct table before = {0};
	int r = sockets_grow(sockets, opts);

	sockets->opens = opts->reopens;
	if (r == 0) {
		r = sockets_index(sockets, &before);
	}
	if (r < 0) {
		r = sockets_fail(opts, &(struct socket_report){.err = r});
	} else {
		r = sockets_want(sockets, opts, &before);
	}
	table_fini(&before);
	if (r == 0) {
		r = sockets_set_access(sockets, opts);
	}
	if (r < 0) {
		sockets_cancel(sockets);
	}
	return r;
}

static void log_listening(
	const char *event, const struct bound_socket *bound, const struct conf_listener *listener)
{
	char socket[ADDR_TEXT_MAX];
	char text[ADDR_TEXT_MAX];
	struct log_line line;

	/* One line for an address, however many workers accept from it. */
	if ((bound_is_for_all(bound) || bound->worker == 0) &&
		log_begin(&line, LOG_LEVEL_INFO, event)) {
		log_str(&line, "listener", listener->name);
		log_str(&line, "address", addr_text(&bound->addr, text));
		if (bound->addr.kind == ADDR_SYSTEMD) {
			log_str(&line, "socket", socket_text(bound->listen.fd, socket));
		}
		log_end(&line);
	}
}

void sockets_commit(struct sockets *sockets, const struct conf *before, const struct conf *conf)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];

		if (bound_goes(bound)) {
			continue;
		}
		if (bound->next == LISTENER_NONE) {
			log_listening("listening_ends", bound, &before->listeners[bound->listener]);
		} else {
			bound->access = conf->listeners[bound->next].access;
			bound->has_next_access = false;
			if (bound_is_new(bound)) {
				log_listening("listening", bound, &conf->listeners[bound->next]);
			}
		}
		bound->listener = bound->next;
	}
	sockets->shut = sockets->shut && !sockets->opens;
}

/** Removes a socket from the array, whose sequence does not matter. */
static void sockets_remove(struct sockets *sockets, size_t i)
{
	listen_close(&sockets->all[i]->listen);
	free(sockets->all[i]);
	sockets->all[i] = sockets->all[--sockets->n];
}

/** Restores mode and owner of a path that stays, if the config that is given up had changed
 * them. */
static void restore_access(const struct bound_socket *bound)
{
	const struct sockets_opts in_log = {.errors = NULL};
	char text[ADDR_TEXT_MAX];
	struct socket_report report = {.address = addr_text(&bound->addr, text)};

	report.err = listen_set_access(&bound->listen, &bound->access, &report.remedy);
	if (report.err < 0) {
		(void)sockets_fail(&in_log, &report);
	}
}

void sockets_cancel(struct sockets *sockets)
{
	for (size_t i = sockets->n; i-- > 0;) {
		struct bound_socket *bound = sockets->all[i];

		if (bound_is_new(bound) && atomic_load(&bound->state) == BOUND_PREPARED) {
			if (bound->kept != NULL && bound->listen.fd >= 0) {
				listen_give_back(bound->listen.fd, bound->kept);
			}
			sockets_remove(sockets, i);
			continue;
		}
		if (bound->has_next_access) {
			bound->has_next_access = false;
			restore_access(bound);
		}
		bound->next = bound->listener;
	}
}

void sockets_forget(struct sockets *sockets, const struct conf *conf)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];

		if (bound->kept != NULL || bound_goes(bound)) {
			continue;
		}
		log_listening("listening_ends", bound, &conf->listeners[bound->listener]);
		bound->listener = LISTENER_NONE;
		bound->next = LISTENER_NONE;
	}
	sockets->shut = true;
}

size_t sockets_sweep(struct sockets *sockets)
{
	size_t n_going = 0;

	for (size_t i = sockets->n; i-- > 0;) {
		struct bound_socket *bound = sockets->all[i];

		if (!bound_goes(bound)) {
			continue;
		}
		if (atomic_load(&bound->state) == BOUND_CLOSED) {
			sockets_remove(sockets, i);
		} else {
			n_going++;
		}
	}
	return n_going;
}

void sockets_leave(struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		struct bound_socket *bound = sockets->all[i];

		if (atomic_load(&bound->state) >= BOUND_DRAINING) {
			listen_leave(&bound->listen);
		}
	}
}

/** Whether it is being drained and no other socket can be bound to its address. With TCP one
 * can. */
static bool bound_is_in_the_way(const struct bound_socket *bound)
{
	enum bound_state state = atomic_load(&bound->state);

	return bound_goes(bound) && bound->is_unix && bound->kept == NULL &&
	       (state < BOUND_DRAINING || (state == BOUND_DRAINING && bound->listen.claim != NULL));
}

bool sockets_are_settled(const struct sockets *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		if (bound_is_in_the_way(sockets->all[i])) {
			return false;
		}
	}
	return true;
}

/* ---- all ---- */

int sockets_open(struct sockets *sockets, const struct sockets_opts *opts)
{
	int r = sockets_prepare(sockets, opts);

	if (r < 0) {
		sockets_close(sockets);
	} else {
		sockets_commit(sockets, NULL, opts->conf);
	}
	return r;
}

void sockets_close(struct sockets *sockets)
{
	while (sockets->n > 0) {
		sockets_remove(sockets, sockets->n - 1);
	}
	free(sockets->all);
	*sockets = (struct sockets){0};
}
