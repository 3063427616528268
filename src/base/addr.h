/* SPDX-License-Identifier: ISC */
/*
 * Addresses, as the config writes them and as the log shows them.
 *
 *	127.0.0.1:80   [::1]:80   *:80   name.example:80   unix:/run/x.sock   unix:@abstract
 *	systemd:NAME
 *
 * "*:80" is one IPv6 socket with IPV6_V6ONLY off (IPv4 if the kernel has no IPv6); "[::]:80" is
 * IPv6 only. A name is kept as text; the resolver (stream/resolver.h) resolves it. "systemd:web"
 * stands for the sockets that systemd passes with FileDescriptorName=web. The zone of a link-local
 * address, if it is a name, is also kept as text, since interfaces come and go (addr_now()).
 * `struct addr` is a plain value: it owns nothing and may be copied.
 */
#ifndef WEIR_BASE_ADDR_H
#define WEIR_BASE_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum addr_kind {
	ADDR_INET,    /**< IPv4 or IPv6, in sa */
	ADDR_ANY,     /**< "*:PORT": only for listeners; sa is [::]:PORT */
	ADDR_NAME,    /**< a host name to resolve: host, in lower case, and port; sa is unset */
	ADDR_UNIX,    /**< a path or an abstract name, in sa */
	ADDR_SYSTEMD, /**< sockets passed by systemd: only for listeners; host is their name */
};

enum {
	ADDR_HOST_MAX = 254,    /**< RFC 1035, 3.1: 253 characters and the NUL */
	ADDR_FD_NAME_MAX = 256, /**< sd_pid_notify_with_fds(3): 255 characters and the NUL */
	ADDR_WILDCARDS = 3,
	ADDR_TEXT_MAX = 264, /**< "systemd:", a name and the NUL; all other forms are shorter */
};

/** A socket address of any family that weir speaks. */
union addr_sockaddr {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

struct addr {
	enum addr_kind kind;
	uint16_t port;    /**< host byte order; 0 if there is none */
	socklen_t sa_len; /**< exact: an abstract name has no trailing NULs */
	union addr_sockaddr sa;
	/** ADDR_NAME, ADDR_SYSTEMD: the name. ADDR_INET: the zone, if it is a name; else empty. */
	char host[ADDR_FD_NAME_MAX];
};

/**
 * Reads one of the forms above. 0 or -EINVAL; then *ret_why is a constant text (what is wrong and
 * what to write instead), and *ret_addr is untouched. Ports are 1 – 65535. Names are checked for
 * length and characters (RFC 1123, 2.1), paths for the 107 bytes of sun_path.
 */
int addr_parse(const char *text, struct addr *ret_addr, const char **ret_why);

/**
 * The socket address of an ADDR_INET or ADDR_ANY as it is now. For an address with a zone's name,
 * such as "[fe80::1%eth0]:80", it has the current index of that interface. 0, or -ENODEV if there
 * is no such interface.
 */
int addr_now(const struct addr *addr, union addr_sockaddr *ret_sa);

/**
 * Writes a socket address in the form that addr_parse() reads. IPv4-mapped IPv6 is written as IPv4,
 * an unnamed UNIX peer as "unix:", a control character of a UNIX name as '?', and an address of any
 * other family as "unknown". Returns `text`.
 */
const char *addr_format(const struct sockaddr *sa, socklen_t len, char text[ADDR_TEXT_MAX]);

/**
 * Writes an addr of any kind in the form that addr_parse() reads, a zone as the config wrote it.
 * Returns `text`.
 */
const char *addr_text(const struct addr *addr, char text[ADDR_TEXT_MAX]);

/** Whether two addrs are the same, byte for byte ("*:80" is not "[::]:80"). */
bool addr_equal(const struct addr *a, const struct addr *b);

/** A hash for base/table.h; equal addrs (addr_equal()) have equal hashes. */
uint64_t addr_hash(const struct addr *addr);

/**
 * Whether `wide` is a wildcard (addr_wildcards()) that takes in the TCP address `narrow`. A socket
 * that listens on the one then prevents another from listening on the other: Linux refuses the
 * second listen(2), with SO_REUSEADDR or without. "*" is an IPv6 socket that accepts IPv4 too;
 * "[::]" is not. A wildcard takes in itself; for all other equal addresses ask addr_equal().
 */
bool addr_is_within(const struct addr *narrow, const struct addr *wide);

/** The wildcard addresses with this port: "*", "0.0.0.0" and "[::]". */
void addr_wildcards(uint16_t port, struct addr ret_all[ADDR_WILDCARDS]);

#endif
