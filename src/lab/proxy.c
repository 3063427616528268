/* SPDX-License-Identifier: ISC */
#include "lab/proxy.h"

#include <ctype.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file_access.h"
#include "lab/chance.h"
#include "lab/cursor.h"
#include "lab/gate.h"
#include "lab/lab.h"
#include "lab/link.h"
#include "lab/say.h"
#include "stream/acceptor.h"
#include "stream/resolver.h"

enum { SOCKET_MODE = 0666, RETRY_NS = 100 * NS_PER_MS };

/** An odd number that spreads others over 32 bits. */
#define SPREAD UINT32_C(0x9e3779b1)

/* ---- addresses ---- */

/** Sets the address to listen on, numeric if it can be parsed. 0 or -ENOMEM. */
static int set_listen(struct proxy *proxy, const char *listen)
{
	struct addr addr;
	char error[ADDRESS_ERROR_MAX];
	char text[ADDR_TEXT_MAX];
	char *copy;

	if (address_listen(listen, &addr, error) == 0) {
		listen = address_text(&addr, text);
	}
	copy = strdup(listen);
	if (copy == NULL) {
		return -ENOMEM;
	}
	free(proxy->listen);
	proxy->listen = copy;
	return 0;
}

/** Sets the upstream. If it cannot be parsed, no connection is made. `upstream` may be the old one.
 * Returns 0 or -ENOMEM. */
static int set_upstream(struct proxy *proxy, const char *upstream)
{
	char error[ADDRESS_ERROR_MAX];
	char *copy = strdup(upstream);

	if (copy == NULL) {
		return -ENOMEM;
	}
	free(proxy->home.upstream);
	proxy->home.upstream = copy;
	proxy->home.host = resolver_name_unref(proxy->home.host);
	proxy->home.has_server = address_upstream(copy, &proxy->home.server, error) == 0;
	if (proxy->home.has_server && proxy->home.server.kind == ADDR_NAME) {
		proxy->home.host =
			resolver_name_get(proxy->home.lab->resolver, proxy->home.server.host);
		return proxy->home.host == NULL ? -ENOMEM : 0;
	}
	return 0;
}

/** Runs all links when a trigger for all connections begins. */
static void on_struck(struct task *task)
{
	struct home *home = container_of(task, struct home, struck);

	list_for_each (link, &home->links) {
		link_wake(container_of(link, struct link, link));
	}
}

static void on_time(struct timer *timer);

struct proxy *proxy_new(struct lab *lab, const char *name, const char *listen, const char *upstream)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));

	if (proxy == NULL) {
		return NULL;
	}
	proxy->home.lab = lab;
	proxy->socket.fd = -1;
	list_init(&proxy->link);
	list_init(&proxy->home.links);
	task_init(&proxy->home.struck, on_struck);
	list_init(&proxy->home.toxics[UPSTREAM]);
	list_init(&proxy->home.toxics[DOWNSTREAM]);
	proxy->home.name = strdup(name);
	if (timer_open(&proxy->timer, lab->loop, on_time) < 0 || proxy->home.name == NULL ||
		set_listen(proxy, listen) < 0 || set_upstream(proxy, upstream) < 0) {
		return proxy_free(proxy);
	}
	return proxy;
}

struct proxy *proxy_free(struct proxy *proxy)
{
	if (proxy == NULL) {
		return NULL;
	}
	proxy_stop(proxy);
	proxy_remove_toxics(proxy);
	cursors_leave(&proxy->home.lab->cursors, &proxy->link);
	list_remove(&proxy->link);
	timer_close(&proxy->timer);
	loop_cancel(proxy->home.lab->loop, &proxy->home.struck);
	resolver_name_unref(proxy->home.host);
	free(proxy->home.name);
	free(proxy->listen);
	free(proxy->home.upstream);
	free(proxy);
	return NULL;
}

int proxy_differs(const struct proxy *proxy, const char *listen, const char *upstream,
	char error[ADDRESS_ERROR_MAX])
{
	struct addr addr;
	char text[ADDR_TEXT_MAX];
	int r = address_listen(listen, &addr, error);

	if (r < 0) {
		return r;
	}
	return strcmp(proxy->listen, address_text(&addr, text)) != 0 ||
	       strcmp(proxy->home.upstream, upstream) != 0;
}

int proxy_move(struct proxy *proxy, const char *listen, const char *upstream)
{
	int r;

	proxy_stop(proxy);
	r = set_listen(proxy, listen);
	return r < 0 ? r : set_upstream(proxy, upstream);
}

/* ---- numbers ---- */

uint64_t proxy_received(const struct proxy *proxy, enum direction direction)
{
	uint64_t sum = proxy->home.n_received[direction];

	list_for_each (link, &proxy->home.links) {
		sum += link_received(container_of(link, struct link, link), direction);
	}
	return sum;
}

uint64_t proxy_sent(const struct proxy *proxy, enum direction direction)
{
	uint64_t sum = proxy->home.n_sent[direction];

	list_for_each (link, &proxy->home.links) {
		sum += link_sent(container_of(link, struct link, link), direction);
	}
	return sum;
}

static uint64_t bytes_of(const struct proxy *proxy)
{
	return proxy_received(proxy, UPSTREAM) + proxy_received(proxy, DOWNSTREAM);
}

/* ---- listening ---- */

static void on_accepted(void *owner, int fd, const union addr_sockaddr *peer, socklen_t peer_len)
{
	struct proxy *proxy = owner;
	int r = link_open(&proxy->home, fd, peer, peer_len);

	if (r < 0 && r != -EINVAL) {
		say(SAY_ERROR, "proxy %s: a client is not served: %s", proxy->home.name,
			strerrordesc_np(-r));
	}
}

static void on_resting(void *owner, int err)
{
	const struct proxy *proxy = owner;

	say(SAY_ERROR, "proxy %s: no client is accepted for a moment: %s", proxy->home.name,
		strerrordesc_np(-err));
}

/** Writes an error with Go's wording: "listen tcp 127.0.0.1:80: bind: address already in use". */
static int cannot_listen(const struct proxy *proxy, int r, char error[ADDRESS_ERROR_MAX])
{
	const char *why = strerrordesc_np(-r);

	(void)snprintf(error, ADDRESS_ERROR_MAX, "listen tcp %s: bind: %c%s", proxy->listen,
		tolower((unsigned char)why[0]), why + 1);
	return r;
}

static int open_acceptor(struct proxy *proxy, const struct addr *addr)
{
	struct acceptor_opts opts = {
		.loop = proxy->home.lab->loop,
		.fd = proxy->socket.fd,
		.is_unix = addr->kind == ADDR_UNIX,
		.owner = proxy,
		.accepted = on_accepted,
		.resting = on_resting,
	};

	proxy->acceptor = acceptor_open(&opts);
	if (proxy->acceptor == NULL) {
		return -errno;
	}
	proxy->socket.fd = -1; /* the acceptor has it */
	proxy->deaf = 0;
	return 0;
}

/** Listens. 0, or a negative errno and the reason in `error`. */
static int open_door(struct proxy *proxy, char error[ADDRESS_ERROR_MAX])
{
	static const struct file_access access = {.mode = SOCKET_MODE};
	char why[ADDRESS_ERROR_MAX - sizeof("listen tcp ")];
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	int r = address_listen(proxy->listen, &addr, error);

	if (r < 0) {
		(void)snprintf(why, sizeof(why), "%s", error);
		(void)snprintf(error, ADDRESS_ERROR_MAX, "listen tcp: %s", why);
		return r;
	}
	listen_close(&proxy->socket); /* the path of a socket that was shut */
	r = listen_open(&addr, &access, NULL, &proxy->socket, NULL);
	if (r == 0) {
		r = address_of_fd(proxy->socket.fd, &addr);
	}
	if (r == 0) {
		r = set_listen(proxy, address_text(&addr, text));
	}
	if (r == 0) {
		r = open_acceptor(proxy, &addr);
	}
	if (r < 0) {
		listen_close(&proxy->socket);
		return cannot_listen(proxy, r, error);
	}
	return 0;
}

/** Stops listening, but keeps a UNIX path, so that a connect is refused as it would be over TCP. */
static void shut_door(struct proxy *proxy)
{
	proxy->acceptor = acceptor_close(proxy->acceptor);
}

static void close_door(struct proxy *proxy)
{
	shut_door(proxy);
	listen_close(&proxy->socket);
}

static void close_links(struct proxy *proxy)
{
	while (!list_empty(&proxy->home.links)) {
		link_close(container_of(proxy->home.links.next, struct link, link));
	}
}

/**
 * Makes the kernel drop what comes to the listening socket from a part of all ports. The seed
 * selects the ports, so a repeated segment is dropped again.
 */
static int drop_part(const struct proxy *proxy, int fd, double part)
{
	uint64_t key = chance_of_text(proxy->home.lab->seed, proxy->home.name);
	struct sock_filter lot[] = {
		/* A filter of a TCP socket gets the TCP header, which begins with the port of the
		 * sender. */
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, SPREAD),
		BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, (uint32_t)key),
		BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, SPREAD),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (uint32_t)(part * UINT32_MAX), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {.len = sizeof(lot) / sizeof(lot[0]), .filter = lot};

	if (part >= 1) {
		program = (struct sock_fprog){.len = 1, .filter = &drop};
	}
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

/** From now on this part of the connects is never answered; with part 0, all are. Returns 0, or
 * -EAGAIN: it failed, which was reported, and nothing has changed. */
static int make_deaf(struct proxy *proxy, double part)
{
	int fd = acceptor_fd(proxy->acceptor);
	int r = part > 0 ? drop_part(proxy, fd, part)
			 : setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){0}, sizeof(int));

	if (r < 0) {
		say(SAY_ERROR, "proxy %s: blackhole: %s; it is tried again", proxy->home.name,
			strerrordesc_np(errno));
		return -EAGAIN;
	}
	if (part >= 1) {
		acceptor_pause(proxy->acceptor);
	} else {
		acceptor_resume(proxy->acceptor);
	}
	proxy->deaf = part;
	return 0;
}

/** Listens, or stops listening. 0, or -EAGAIN: it failed, which was reported. */
static int turn_door(struct proxy *proxy, bool is_shut)
{
	char error[ADDRESS_ERROR_MAX];

	if (is_shut) {
		shut_door(proxy);
	} else if (proxy->acceptor == NULL && open_door(proxy, error) < 0) {
		say(SAY_ERROR, "proxy %s: %s; it is tried again", proxy->home.name, error);
		return -EAGAIN;
	}
	return 0;
}

/** Closes the connections for which a flap is down. */
static void close_hit_links(struct proxy *proxy)
{
	size_t n = 0;

	list_for_each (at, &proxy->home.links) {
		struct link *link = container_of(at, struct link, link);
		const struct toxic *toxic = gate_closes(&proxy->home, link->key);

		if (toxic != NULL) {
			say(SAY_DEBUG, "proxy %s: connection %lu of %s is closed by %s",
				proxy->home.name, link->id, link->client_text, toxic->name);
			link_close(link);
			n++;
		}
	}
	if (n > 0) {
		say(SAY_INFO, "proxy %s: flap has closed %zu connections", proxy->home.name, n);
	}
}

/** Does what the toxics of the gate require now. */
static void look_at_gate(struct proxy *proxy)
{
	struct gate_view view = {.next_ns = NS_NEVER};

	if (proxy->enabled) {
		view = gate_at(&proxy->home, bytes_of(proxy), clock_ns());
		if (turn_door(proxy, view.is_shut) < 0 ||
			(proxy->acceptor != NULL && proxy->deaf != view.deaf &&
				make_deaf(proxy, view.deaf) < 0)) {
			view.next_ns =
				clock_earlier(view.next_ns, clock_after(clock_ns(), RETRY_NS));
		}
		if (view.is_down) {
			close_hit_links(proxy);
		}
	}
	(void)timer_arm(&proxy->timer, view.next_ns);
}

static void on_time(struct timer *timer)
{
	look_at_gate(container_of(timer, struct proxy, timer));
}

int proxy_start(struct proxy *proxy, char error[ADDRESS_ERROR_MAX])
{
	int r;

	if (proxy->enabled) {
		return 0;
	}
	r = open_door(proxy, error);
	if (r < 0) {
		return r;
	}
	proxy->enabled = true;
	say(SAY_INFO, "proxy %s: listens on %s, for %s", proxy->home.name, proxy->listen,
		proxy->home.upstream);
	look_at_gate(proxy);
	return 0;
}

void proxy_stop(struct proxy *proxy)
{
	if (!proxy->enabled) {
		return;
	}
	proxy->enabled = false;
	close_door(proxy);
	close_links(proxy);
	look_at_gate(proxy);
	say(SAY_INFO, "proxy %s: listens no more", proxy->home.name);
}

/* ---- toxics ---- */

struct toxic *proxy_find_toxic(const struct proxy *proxy, const char *name)
{
	for (size_t i = 0; i < DIRECTIONS; i++) {
		list_for_each (link, &proxy->home.toxics[i]) {
			struct toxic *toxic = container_of(link, struct toxic, link);

			if (strcmp(toxic->name, name) == 0) {
				return toxic;
			}
		}
	}
	return NULL;
}

/* Each of these calls may end the link, which removes only itself from the list. */

void proxy_add_toxic(struct proxy *proxy, struct toxic *toxic)
{
	toxic->begun_ns = clock_ns();
	list_append(&proxy->home.toxics[toxic->direction], &toxic->link);
	if (gate_has_type(toxic->type)) {
		toxic->n_passed = bytes_of(proxy);
		look_at_gate(proxy);
		return;
	}
	list_for_each (link, &proxy->home.links) {
		link_add_toxic(container_of(link, struct link, link), toxic);
	}
}

void proxy_update_toxic(struct proxy *proxy, const struct toxic *toxic)
{
	list_for_each (link, &proxy->home.links) {
		link_update_toxic(container_of(link, struct link, link), toxic);
	}
	look_at_gate(proxy);
}

void proxy_remove_toxic(struct proxy *proxy, struct toxic *toxic)
{
	list_remove(&toxic->link);
	list_for_each (link, &proxy->home.links) {
		link_remove_toxic(container_of(link, struct link, link), toxic);
	}
	toxic_free(toxic);
	look_at_gate(proxy);
}

void proxy_remove_toxics(struct proxy *proxy)
{
	for (size_t i = 0; i < DIRECTIONS; i++) {
		while (!list_empty(&proxy->home.toxics[i])) {
			proxy_remove_toxic(proxy,
				container_of(proxy->home.toxics[i].next, struct toxic, link));
		}
	}
}
