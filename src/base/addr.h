/* SPDX-License-Identifier: ISC */
/*
 * Addresses as the config writes them, and as the log shows them.
 *
 *	127.0.0.1:80   [::1]:80   *:80   name.example:80   unix:/run/x.sock   unix:@abstract
 *	systemd:NAME
 *
 * "*:80" is one IPv6 socket with IPV6_V6ONLY off (IPv4 where the kernel has no IPv6); "[::]:80" is
 * IPv6 only. A name is kept as text: resolving is the resolver's work (stream/resolver.h).
 * "systemd:web" are the sockets that systemd passes by this FileDescriptorName=.
 * The zone of a link-local address is kept as text too, when it is a name: interfaces come and go
 * (addr_now()).
 * `struct addr` is a value: copy it freely, it owns nothing.
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
	ADDR_NAME,    /**< a host name to resolve, in lower case: host and port; sa is unset */
	ADDR_UNIX,    /**< a path or an abstract name, in sa */
	ADDR_SYSTEMD, /**< sockets that are passed: only for listeners; host is their name */
};

enum {
	ADDR_HOST_MAX = 254,    /**< RFC 1035, 3.1: 253 characters and the NUL */
	ADDR_FD_NAME_MAX = 256, /**< sd_pid_notify_with_fds(3): 255 characters and the NUL */
	ADDR_WILDCARDS = 3,
	ADDR_TEXT_MAX = 264, /**< "systemd:" + name + NUL, and any host, port or UNIX path */
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
	uint16_t port;    /**< host order; 0 where there is none */
	socklen_t sa_len; /**< exact: of an abstract name, without trailing NULs */
	union addr_sockaddr sa;
	/** ADDR_NAME, ADDR_SYSTEMD; and ADDR_INET: the zone's name, or nothing */
	char host[ADDR_FD_NAME_MAX];
};

/**
 * Reads one of the forms above. -EINVAL and *ret_why (constant text: what is wrong and what to
 * write instead) otherwise; *ret_addr is then untouched. Ports are 1 – 65535; names are checked for
 * length and characters (RFC 1123, 2.1), paths for the 107 bytes of sun_path.
 */
int addr_parse(const char *text, struct addr *ret_addr, const char **ret_why);

/**
 * The socket address of an ADDR_INET or ADDR_ANY as it is now: with the interface that has the name
 * of its zone at present, as "[fe80::1%eth0]:80". 0, or -ENODEV when there is none.
 */
int addr_now(const struct addr *addr, union addr_sockaddr *ret_sa);

/**
 * Writes a socket address as addr_parse() reads it; IPv4-mapped IPv6 as IPv4; an unnamed UNIX peer
 * as "unix:". Control characters of a UNIX name become '?'. Returns `text`.
 */
const char *addr_format(const struct sockaddr *sa, socklen_t len, char text[ADDR_TEXT_MAX]);

/** Writes an addr, of any kind, as it was written in the config. Returns `text`. */
const char *addr_text(const struct addr *addr, char text[ADDR_TEXT_MAX]);

/** Whether two addrs name the same address, to the byte ("*:80" is not "[::]:80"). */
bool addr_equal(const struct addr *a, const struct addr *b);

/** A hash for base/table.h: addrs that are addr_equal() have the same. */
uint64_t addr_hash(const struct addr *addr);

/**
 * Whether a socket that listens on `wide` leaves no room for one on `narrow`: Linux refuses the
 * second listen(2), SO_REUSEADDR or not. "*" is an IPv6 socket that takes IPv4 too; "[::]" is not.
 * True for two equal ones of TCP.
 */
bool addr_is_within(const struct addr *narrow, const struct addr *wide);

/** The addresses with this port that others may be within: "*", "0.0.0.0" and "[::]". */
void addr_wildcards(uint16_t port, struct addr ret_all[ADDR_WILDCARDS]);

#endif
