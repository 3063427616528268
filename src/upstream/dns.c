/* SPDX-License-Identifier: ISC */
/*
 * Each query has a lookup, since c-ares cannot cancel a single query. If an asker cancels, its
 * lookup stays until c-ares has finished, and nobody gets the result.
 *
 *	WAITING ──▶ ASKED ──▶ DONE ──▶ answered()
 *	   ▲          │
 *	   └──────────┘ other servers
 *
 * c-ares may call back while it is being called. So the answer is stored, and a deferred task
 * reports it: no handler runs inside c-ares, and each may call any function.
 */
#include "upstream/dns.h"

#include <ares.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "conf/conf.h"
#include "stream/loop.h"
#include "stream/timer.h"

enum {
	EVENTS_AT_ONCE = 16,
	/* So that c-ares can double it for each round. */
	TIMEOUT_MAX_MS = 60 * 60 * 1000,
};

/** Identifies a version of /etc/resolv.conf. All zero: there is no file. */
struct mark {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec changed;
};

struct dns {
	struct loop *loop;
	const char *path;
	/* From the config. */
	struct addr servers[DNS_SERVERS_MAX];
	size_t n_servers;
	uint64_t timeout_ns;
	uint32_t tries;
	ares_channel channel; /**< NULL until the first query */
	struct mark mark;     /**< of the file that the channel has read */
	/** The channel is being destroyed, and its queries are kept for the next one. */
	bool renews;
	int epoll_fd; /**< with the channel's sockets */
	struct watcher watcher;
	struct timer timer; /**< for the channel's timeouts */
	struct task tell;
	struct list waiting; /* struct dns_lookup::link */
	struct list done;    /* struct dns_lookup::link */
	size_t n_asked;
};

struct dns_lookup {
	struct list link; /* in waiting or done */
	struct dns *dns;
	bool is_asked;           /**< c-ares has it */
	struct dns_query *query; /**< NULL: cancelled */
	enum dns_type type;
	int status;     /**< a status of c-ares */
	uint8_t *bytes; /**< the answer; NULL: none */
	size_t size;
	char name[DNS_NAME_MAX];
};

static void ask_waiting(struct dns *dns);

/* ---- lookups ---- */

static void lookup_free(struct dns_lookup *lookup)
{
	if (lookup->query != NULL) {
		lookup->query->lookup = NULL;
	}
	list_remove(&lookup->link);
	free(lookup->bytes);
	free(lookup);
}

static void lookup_done(struct dns_lookup *lookup, int status)
{
	struct dns *dns = lookup->dns;

	if (lookup->query == NULL) {
		lookup_free(lookup);
		return;
	}
	list_remove(&lookup->link);
	lookup->status = status;
	list_append(&dns->done, &lookup->link);
	loop_defer(dns->loop, &dns->tell);
}

static const char *why_not(const struct dns_lookup *lookup, int status)
{
	if (lookup->bytes != NULL) {
		return status == -EBADMSG ? "the answer is malformed"
					  : "the server failed or refused";
	}
	switch (lookup->status) {
	case ARES_ETIMEOUT:
		return "no answer in time";
	case ARES_ECONNREFUSED:
		return "the servers fail, refuse, or cannot be reached";
	case ARES_ENOMEM:
		return "out of memory";
	case ARES_EFILE:
		return DNS_RESOLV_CONF " cannot be read";
	default:
		return ares_strerror(lookup->status); /* constant */
	}
}

/** Reports the result of a lookup and frees it. */
static void lookup_tell(struct dns_lookup *lookup)
{
	struct dns_query *query = lookup->query;
	struct dns_message message;
	struct dns_answer answer = {.status = -EIO};

	if (lookup->bytes != NULL) {
		answer.status =
			dns_message_read(lookup->bytes, lookup->size, lookup->type, &message);
	}
	if (answer.status == 0 || answer.status == -ENODATA) {
		answer.message = &message;
	} else {
		answer.why = why_not(lookup, answer.status);
	}
	query->lookup = NULL;
	lookup->query = NULL;
	query->answered(query, &answer);
	lookup_free(lookup);
}

static void on_tell(struct task *task)
{
	struct dns *dns = container_of(task, struct dns, tell);
	struct list now;

	list_init(&now);
	list_move_all(&now, &dns->done);
	while (!list_empty(&now)) {
		struct dns_lookup *lookup = container_of(now.next, struct dns_lookup, link);

		list_remove(&lookup->link);
		lookup_tell(lookup);
	}
	ask_waiting(dns);
}

/* ---- c-ares ---- */

/** c-ares says for which events a socket must be watched; if for none, it is about to close the
 * socket. */
static void on_socket(void *data, ares_socket_t fd, int reads, int writes)
{
	struct dns *dns = data;
	uint32_t wanted = (reads != 0 ? EPOLLIN : 0U) | (writes != 0 ? EPOLLOUT : 0U);
	struct epoll_event event = {.events = wanted, .data.fd = fd};

	if (wanted == 0) {
		(void)epoll_ctl(dns->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	} else if (epoll_ctl(dns->epoll_fd, EPOLL_CTL_MOD, fd, &event) < 0) {
		/* If even this fails, queries are only answered after a timeout. */
		(void)epoll_ctl(dns->epoll_fd, EPOLL_CTL_ADD, fd, &event);
	}
}

static void on_answer(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
	struct dns_lookup *lookup = arg;
	struct dns *dns = lookup->dns;

	(void)timeouts;
	dns->n_asked--;
	lookup->is_asked = false;
	if (status == ARES_EDESTRUCTION && dns->renews && lookup->query != NULL) {
		list_append(&dns->waiting, &lookup->link);
		return;
	}
	if (bytes != NULL && size > 0 && lookup->query != NULL) {
		lookup->bytes = malloc((size_t)size);
		if (lookup->bytes == NULL) {
			status = ARES_ENOMEM;
		} else {
			lookup->size = (size_t)size;
			memcpy(lookup->bytes, bytes, lookup->size);
		}
	}
	lookup_done(lookup, status);
}

static struct mark mark_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return (struct mark){0};
	}
	return (struct mark){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool is_same_mark(const struct mark *a, const struct mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/** Gives a new channel the servers of the config. */
static int set_servers(const struct dns *dns, ares_channel channel)
{
	struct ares_addr_port_node nodes[DNS_SERVERS_MAX] = {0};

	for (size_t i = 0; i < dns->n_servers; i++) {
		const struct addr *addr = &dns->servers[i];

		nodes[i].next = i + 1 < dns->n_servers ? &nodes[i + 1] : NULL;
		nodes[i].family = addr->sa.any.sa_family;
		nodes[i].udp_port = addr->port;
		nodes[i].tcp_port = addr->port;
		if (nodes[i].family == AF_INET) {
			nodes[i].addr.addr4 = addr->sa.in.sin_addr;
		} else {
			memcpy(&nodes[i].addr.addr6, &addr->sa.in6.sin6_addr,
				sizeof(nodes[i].addr.addr6));
		}
	}
	return ares_set_servers_ports(channel, nodes);
}

/** Keeps only the first few of the servers in the file, as getaddrinfo(3) does. */
static int cut_servers(ares_channel channel)
{
	struct ares_addr_port_node *nodes;
	struct ares_addr_port_node *node;
	int status = ares_get_servers_ports(channel, &nodes);

	if (status != ARES_SUCCESS) {
		return status;
	}
	node = nodes;
	for (size_t i = 1; node != NULL && i < DNS_SERVERS_MAX; i++) {
		node = node->next;
	}
	if (node != NULL && node->next != NULL) {
		struct ares_addr_port_node *rest = node->next;

		node->next = NULL;
		status = ares_set_servers_ports(channel, nodes);
		node->next = rest;
	}
	ares_free_data(nodes);
	return status;
}

static int channel_open(struct dns *dns)
{
	char lookups[] = "b";
	/* What is set here is not read from the file or the environment. */
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
		   ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST | ARES_OPT_NOROTATE |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_RESOLVCONF;
	uint64_t timeout_ms = (dns->timeout_ns + NS_PER_MS - 1) / NS_PER_MS;
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = (int)(timeout_ms < TIMEOUT_MAX_MS ? timeout_ms : TIMEOUT_MAX_MS),
		.tries = (int)dns->tries,
		.ndots = 1,
		.lookups = lookups,
		.sock_state_cb = on_socket,
		.sock_state_cb_data = dns,
		.resolvconf_path = (char *)(uintptr_t)dns->path, /* c-ares copies it */
	};
	ares_channel channel;
	int status;

	if (dns->n_servers > 0) {
		mask |= ARES_OPT_SERVERS; /* none for now, so c-ares reads no file */
	}
	dns->mark = mark_of(dns->path); /* before it is read, so that a later change is noticed */
	status = ares_init_options(&channel, &options, mask);
	if (status != ARES_SUCCESS) {
		return status;
	}
	status = dns->n_servers > 0 ? set_servers(dns, channel) : cut_servers(channel);
	if (status != ARES_SUCCESS) {
		ares_destroy(channel);
		return status;
	}
	dns->channel = channel;
	return ARES_SUCCESS;
}

/** Arms the timer for 1 ms after the next timeout of c-ares, which is rounded to microseconds. */
static void arm(struct dns *dns)
{
	struct timeval left;

	if (dns->channel == NULL || ares_timeout(dns->channel, NULL, &left) == NULL) {
		timer_arm(&dns->timer, NS_NEVER);
		return;
	}
	timer_arm(&dns->timer, clock_ns() + (uint64_t)left.tv_sec * NS_PER_S +
				       (uint64_t)left.tv_usec * NS_PER_US + NS_PER_MS);
}

static void on_timer(struct timer *timer)
{
	struct dns *dns = container_of(timer, struct dns, timer);

	ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	ask_waiting(dns);
}

static void on_ready(struct watcher *watcher, uint32_t ready)
{
	struct dns *dns = container_of(watcher, struct dns, watcher);
	struct epoll_event events[EVENTS_AT_ONCE];
	int n = epoll_wait(dns->epoll_fd, events, EVENTS_AT_ONCE, 0);

	(void)ready;
	for (int i = 0; i < n && dns->channel != NULL; i++) {
		bool writes = (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0;
		bool reads = (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;

		/* c-ares ignores sockets that it has closed meanwhile. */
		ares_process_fd(dns->channel, reads ? events[i].data.fd : ARES_SOCKET_BAD,
			writes ? events[i].data.fd : ARES_SOCKET_BAD);
	}
	ask_waiting(dns);
}

/** Asks as many waiting queries as allowed. If a channel cannot be made, none can be asked. */
static void ask_waiting(struct dns *dns)
{
	int status = ARES_SUCCESS;

	while (!list_empty(&dns->waiting) && dns->n_asked < DNS_AT_ONCE) {
		struct dns_lookup *lookup =
			container_of(dns->waiting.next, struct dns_lookup, link);

		if (dns->channel == NULL && status == ARES_SUCCESS) {
			status = channel_open(dns);
		}
		if (status != ARES_SUCCESS) {
			lookup_done(lookup, status);
			continue;
		}
		list_remove(&lookup->link);
		lookup->is_asked = true;
		dns->n_asked++;
		ares_query(dns->channel, lookup->name, 1 /* IN */, (int)lookup->type, on_answer,
			lookup);
	}
	arm(dns);
}

/* ---- other servers ---- */

static void renew(struct dns *dns)
{
	dns->renews = true;
	ares_destroy(dns->channel);
	dns->renews = false;
	dns->channel = NULL;
	ask_waiting(dns);
}

bool dns_look(struct dns *dns)
{
	struct mark mark;

	if (dns->channel == NULL || dns->n_servers > 0) {
		return false;
	}
	mark = mark_of(dns->path);
	if (is_same_mark(&mark, &dns->mark)) {
		return false;
	}
	renew(dns);
	return true;
}

static bool is_same_conf(const struct dns *dns, const struct conf_resolver *conf, size_t n)
{
	bool same = dns->timeout_ns == conf->timeout_ns && dns->tries == conf->tries &&
		    dns->n_servers == n;

	for (size_t i = 0; i < n && same; i++) {
		same = addr_equal(&dns->servers[i], &conf->servers[i]);
	}
	return same;
}

int dns_set(struct dns *dns, const struct conf_resolver *conf)
{
	size_t n = conf->n_servers < DNS_SERVERS_MAX ? conf->n_servers : DNS_SERVERS_MAX;

	if (is_same_conf(dns, conf, n)) {
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		dns->servers[i] = conf->servers[i];
	}
	dns->n_servers = n;
	dns->timeout_ns = conf->timeout_ns;
	dns->tries = conf->tries;
	if (dns->channel != NULL) {
		renew(dns);
	}
	return 1;
}

/* ---- life ---- */

static int open_parts(struct dns *dns)
{
	int r;

	dns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (dns->epoll_fd < 0) {
		return -errno;
	}
	dns->watcher.ready = on_ready;
	r = timer_open(&dns->timer, dns->loop, on_timer);
	if (r == 0) {
		r = loop_watch_listen(dns->loop, dns->epoll_fd, &dns->watcher);
	}
	if (r < 0) {
		timer_close(&dns->timer);
		close(dns->epoll_fd);
	}
	return r;
}

struct dns *dns_open(struct loop *loop, const struct conf_resolver *conf, const char *resolv_conf)
{
	struct dns *dns = calloc(1, sizeof(*dns));
	int r = dns == NULL ? -ENOMEM : 0;

	if (r == 0 && ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		r = -ENOMEM;
	}
	if (r == 0) {
		dns->loop = loop;
		dns->path = resolv_conf;
		list_init(&dns->waiting);
		list_init(&dns->done);
		task_init(&dns->tell, on_tell);
		(void)dns_set(dns, conf);
		r = open_parts(dns);
		if (r < 0) {
			ares_library_cleanup();
		}
	}
	if (r < 0) {
		free(dns);
		errno = -r;
		return NULL;
	}
	return dns;
}

/** Frees lookups whose queries were cancelled. */
static void drop(struct list *lookups)
{
	while (!list_empty(lookups)) {
		struct dns_lookup *lookup = container_of(lookups->next, struct dns_lookup, link);

		assert(lookup->query == NULL);
		lookup_free(lookup);
	}
}

struct dns *dns_close(struct dns *dns)
{
	if (dns == NULL) {
		return NULL;
	}
	if (dns->channel != NULL) {
		ares_destroy(dns->channel); /* this ends its queries */
	}
	drop(&dns->waiting);
	drop(&dns->done);
	loop_cancel(dns->loop, &dns->tell);
	loop_unwatch(dns->loop, dns->epoll_fd, &dns->watcher);
	timer_close(&dns->timer);
	close(dns->epoll_fd);
	ares_library_cleanup();
	free(dns);
	return NULL;
}

struct loop *dns_loop(const struct dns *dns)
{
	return dns->loop;
}

int dns_ask(struct dns *dns, struct dns_query *query, const char *name, enum dns_type type,
	void (*answered)(struct dns_query *query, const struct dns_answer *answer))
{
	size_t len = strlen(name);
	struct dns_lookup *lookup;

	assert(loop_is_current(dns->loop) && query->lookup == NULL && len < DNS_NAME_MAX);
	lookup = calloc(1, sizeof(*lookup));
	if (lookup == NULL) {
		return -ENOMEM;
	}
	lookup->dns = dns;
	lookup->query = query;
	lookup->type = type;
	memcpy(lookup->name, name, len + 1);
	query->lookup = lookup;
	query->answered = answered;
	list_append(&dns->waiting, &lookup->link);
	ask_waiting(dns);
	return 0;
}

void dns_cancel(struct dns_query *query)
{
	struct dns_lookup *lookup = query->lookup;

	if (lookup == NULL) {
		return;
	}
	query->lookup = NULL;
	lookup->query = NULL;
	if (!lookup->is_asked) {
		lookup_free(lookup);
	}
}
