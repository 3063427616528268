/* SPDX-License-Identifier: ISC */
#include "proxy/own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/route.h"

/** For how long the kernel's answer about an address is used. */
#define CACHED_NS ((uint64_t)NS_PER_S)
/** How long a client may have waited in a listener's accept queue and still count for a chain. */
#define CHAIN_NS ((uint64_t)10 * NS_PER_S)

/** There are few listeners that connect to each other. Beyond this number the oldest are
 * forgotten. */
enum { CHAINS_MAX = 256 };

struct own_socket {
	const union addr_sockaddr *sa;
	union addr_sockaddr *copy; /* to be freed */
	socklen_t len;
	uint16_t port; /* host order; 0: UNIX */
	bool both;
	bool has_file; /* dev and ino are set, for a UNIX path */
	dev_t dev;
	ino_t ino;
	size_t listener;
};

struct own {
	size_t n;
	size_t n_unix;
	struct own_socket sockets[];
};

/* ---- the table ---- */

static uint16_t port_of(const union addr_sockaddr *sa)
{
	/* The port has the same offset in both families. */
	return sa->any.sa_family == AF_UNIX ? 0 : ntohs(sa->in.sin_port);
}

struct own *own_new(size_t n)
{
	return calloc(1, sizeof(struct own) + n * sizeof(struct own_socket));
}

struct own *own_free(struct own *own)
{
	for (size_t i = 0; own != NULL && i < own->n; i++) {
		free(own->sockets[i].copy);
	}
	free(own);
	return NULL;
}

static bool is_path(const struct sockaddr *sa)
{
	return ((const struct sockaddr_un *)sa)->sun_path[0] != '\0';
}

/** Finds the file of a UNIX path. Paths end with a NUL: those of addr.h always, those from the
 * kernel if there is room. */
static bool find_file(const struct sockaddr *sa, socklen_t len, struct stat *ret_file)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	size_t n = len - offsetof(struct sockaddr_un, sun_path);

	if (n >= sizeof(path)) {
		n = sizeof(path) - 1;
	}
	memcpy(path, ((const struct sockaddr_un *)sa)->sun_path, n);
	path[n] = '\0';
	return stat(path, ret_file) == 0;
}

int own_add(struct own *own, const union addr_sockaddr *sa, socklen_t len, size_t listener,
	bool both, bool copied)
{
	struct own_socket *socket = &own->sockets[own->n];
	struct stat file;

	*socket = (struct own_socket){
		.sa = sa, .len = len, .port = port_of(sa), .both = both, .listener = listener};
	if (copied) {
		socket->copy = malloc(sizeof(*sa));
		if (socket->copy == NULL) {
			return -ENOMEM;
		}
		*socket->copy = *sa;
		socket->sa = socket->copy;
	}
	if (sa->any.sa_family == AF_UNIX) {
		own->n_unix++;
		if (len > offsetof(struct sockaddr_un, sun_path) && is_path(&sa->any) &&
			find_file(&sa->any, len, &file)) {
			socket->has_file = true;
			socket->dev = file.st_dev;
			socket->ino = file.st_ino;
		}
	}
	own->n++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct own_socket *left = a;
	const struct own_socket *right = b;

	return (int)left->port - (int)right->port;
}

void own_seal(struct own *own)
{
	qsort(own->sockets, own->n, sizeof(own->sockets[0]), compare);
}

/* ---- TCP ---- */

/** The first socket with this port; own->n: there is none. */
static size_t first_of(const struct own *own, uint16_t port)
{
	size_t low = 0;
	size_t high = own->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (own->sockets[middle].port < port) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < own->n && own->sockets[low].port == port ? low : own->n;
}

/** The address that a connection really reaches: IPv4 for a mapped IPv6 address, loopback for the
 * unspecified one. */
static union addr_sockaddr target_of(const struct sockaddr *sa, socklen_t len)
{
	union addr_sockaddr target = {.any.sa_family = AF_UNSPEC};

	memcpy(&target, sa, len < sizeof(target) ? len : sizeof(target));
	if (target.any.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&target.in6.sin6_addr)) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = target.in6.sin6_port};

		memcpy(&in.sin_addr, &target.in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
		memset(&target, 0, sizeof(target));
		target.in = in;
	}
	if (target.any.sa_family == AF_INET && target.in.sin_addr.s_addr == htonl(INADDR_ANY)) {
		target.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	} else if (target.any.sa_family == AF_INET6 &&
		   IN6_IS_ADDR_UNSPECIFIED(&target.in6.sin6_addr)) {
		target.in6.sin6_addr = in6addr_loopback;
	}
	return target;
}

static bool is_same_host(const union addr_sockaddr *a, const union addr_sockaddr *b)
{
	if (a->any.sa_family != b->any.sa_family) {
		return false;
	}
	return a->any.sa_family == AF_INET ? a->in.sin_addr.s_addr == b->in.sin_addr.s_addr
					   : memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr,
						     sizeof(a->in6.sin6_addr)) == 0;
}

/** Whether the socket is a wildcard that accepts connections to the target. */
static bool takes_all(const struct own_socket *socket, const union addr_sockaddr *target)
{
	bool is_wild = socket->sa->any.sa_family == AF_INET
			       ? socket->sa->in.sin_addr.s_addr == htonl(INADDR_ANY)
			       : IN6_IS_ADDR_UNSPECIFIED(&socket->sa->in6.sin6_addr);

	return is_wild && (socket->both || socket->sa->any.sa_family == target->any.sa_family);
}

static bool is_loopback(const union addr_sockaddr *target)
{
	return target->any.sa_family == AF_INET
		       ? ntohl(target->in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
		       : IN6_IS_ADDR_LOOPBACK(&target->in6.sin6_addr);
}

/** Whether the target is an address of this machine. */
static bool is_local(struct own_cache *cache, const union addr_sockaddr *target)
{
	uint64_t now_ns;
	unsigned place;

	if (is_loopback(target)) {
		return true;
	}
	now_ns = clock_ns();
	for (place = 0; place < sizeof(cache->places) / sizeof(cache->places[0]); place++) {
		if (is_same_host(&cache->places[place].sa, target)) {
			if (now_ns - cache->places[place].asked_ns < CACHED_NS) {
				return cache->places[place].is_local;
			}
			break;
		}
	}
	if (place == sizeof(cache->places) / sizeof(cache->places[0])) {
		place = cache->next;
		cache->next = (place + 1) % (sizeof(cache->places) / sizeof(cache->places[0]));
	}
	cache->places[place].sa = *target;
	cache->places[place].asked_ns = now_ns;
	/* If the kernel cannot say, assume that it is not. A circle then only fills its limits. */
	cache->places[place].is_local = route_is_local(&target->any) == 1;
	return cache->places[place].is_local;
}

static size_t find_inet(
	const struct own *own, struct own_cache *cache, const struct sockaddr *sa, socklen_t len)
{
	union addr_sockaddr target = target_of(sa, len);
	uint16_t port = port_of(&target);
	const struct own_socket *found = NULL;

	for (size_t i = first_of(own, port); i < own->n && own->sockets[i].port == port; i++) {
		const struct own_socket *socket = &own->sockets[i];

		if (is_same_host(socket->sa, &target)) {
			found = socket; /* the kernel prefers it to a wildcard too */
			break;
		}
		if (takes_all(socket, &target)) {
			found = socket;
		}
	}
	return found != NULL && is_local(cache, &target) ? found->listener : SIZE_MAX;
}

/* ---- UNIX ---- */

static size_t find_unix(const struct own *own, const struct sockaddr *sa, socklen_t len)
{
	struct stat file;
	bool path = is_path(sa);

	/* The file is compared, so links and other mount points are found too. */
	if (path && !find_file(sa, len, &file)) {
		return SIZE_MAX;
	}
	for (size_t i = 0; i < own->n_unix; i++) {
		const struct own_socket *socket = &own->sockets[i];

		if (path ? socket->has_file && socket->dev == file.st_dev &&
					socket->ino == file.st_ino
			 : socket->len == len && memcmp(socket->sa, sa, len) == 0) {
			return socket->listener;
		}
	}
	return SIZE_MAX;
}

size_t own_find(
	const struct own *own, struct own_cache *cache, const struct sockaddr *sa, socklen_t len)
{
	if (sa->sa_family != AF_UNIX) {
		return find_inet(own, cache, sa, len);
	}
	return own->n_unix == 0 ? SIZE_MAX : find_unix(own, sa, len);
}

/* ---- chains ---- */

struct chain {
	char *from;
	char *to;
	uint64_t used_ns;
	bool seen; /* seen in the current search */
};

void chains_init(struct chains *chains)
{
	*chains = (struct chains){.n = 0};
	(void)pthread_mutex_init(&chains->lock, NULL);
}

static void chain_fini(struct chain *chain)
{
	free(chain->from);
	free(chain->to);
}

void chains_fini(struct chains *chains)
{
	for (size_t i = 0; i < chains->n; i++) {
		chain_fini(&chains->all[i]);
	}
	free(chains->all);
	(void)pthread_mutex_destroy(&chains->lock);
}

/** Under the lock: whether `from` has led to `to` since `since_ns`, in any number of steps. */
static bool leads(struct chains *chains, const char *from, const char *to, uint64_t since_ns)
{
	for (size_t i = 0; i < chains->n; i++) {
		struct chain *chain = &chains->all[i];

		if (chain->seen || chain->used_ns < since_ns || strcmp(chain->from, from) != 0) {
			continue;
		}
		chain->seen = true;
		if (strcmp(chain->to, to) == 0 || leads(chains, chain->to, to, since_ns)) {
			return true;
		}
	}
	return false;
}

/** Under the lock: the entry of a chain, a new one, or the oldest one; NULL: no memory. */
static struct chain *take_place(struct chains *chains, const char *from, const char *to)
{
	struct chain *place = chains->all;

	for (size_t i = 0; i < chains->n; i++) {
		struct chain *chain = &chains->all[i];

		if (strcmp(chain->from, from) == 0 && strcmp(chain->to, to) == 0) {
			return chain;
		}
		if (chain->used_ns < place->used_ns) {
			place = chain;
		}
	}
	if (chains->n < CHAINS_MAX) {
		struct chain *all = realloc(chains->all, (chains->n + 1) * sizeof(*all));

		if (all == NULL) {
			return NULL;
		}
		chains->all = all;
		place = &all[chains->n];
		*place = (struct chain){0};
	}
	return place;
}

/** Under the lock. */
static void remember(struct chains *chains, const char *from, const char *to)
{
	struct chain *place = take_place(chains, from, to);
	struct chain made = {.used_ns = clock_ns()};

	if (place == NULL) {
		return;
	}
	if (place->from != NULL && strcmp(place->from, from) == 0 && strcmp(place->to, to) == 0) {
		place->used_ns = made.used_ns;
		return;
	}
	made.from = strdup(from);
	made.to = strdup(to);
	if (made.from == NULL || made.to == NULL) {
		chain_fini(&made);
		return;
	}
	if (place == &chains->all[chains->n]) {
		chains->n++;
	} else {
		chain_fini(place);
	}
	*place = made;
}

bool chains_enter(struct chains *chains, const char *from, const char *to, uint64_t accepted_ns)
{
	uint64_t since_ns = accepted_ns > CHAIN_NS ? accepted_ns - CHAIN_NS : 0;
	bool back = strcmp(from, to) == 0;

	if (back) {
		return false;
	}
	pthread_mutex_lock(&chains->lock);
	for (size_t i = 0; i < chains->n; i++) {
		chains->all[i].seen = false;
	}
	back = leads(chains, to, from, since_ns);
	if (!back) {
		remember(chains, from, to);
	}
	pthread_mutex_unlock(&chains->lock);
	return !back;
}
