/* SPDX-License-Identifier: ISC */
/*
 * The model of a config: a struct that is loaded, checked, immutable and reference-counted.
 *
 * conf_load() reads the file, reports every error that it can find at once, and returns either a
 * whole model or none. Threads share the model, because it is never written to; conf_ref() and
 * conf_unref() may be called from any thread. Pointers inside it are valid as long as the
 * reference.
 *
 * The schema (keys, types, ranges, defaults, help) is one table in schema_table.c. conf/weir.conf
 * and the man page show the same, and a test compares them.
 */
#ifndef WEIR_CONF_CONF_H
#define WEIR_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/file_access.h"
#include "base/prefix.h"
#include "base/refs.h"
#include "base/sockopts.h"
#include "log/log.h"

/** Durations; NS_NEVER: none. weir.conf(5) says what each one limits. */
struct conf_timeouts {
	uint64_t connect_ns;        /**< one attempt to one address, or one lookup */
	uint64_t idle_ns;           /**< no byte in either direction */
	uint64_t half_close_ns;     /**< no byte after the first FIN was passed on */
	uint64_t half_close_max_ns; /**< since the first FIN was passed on, whatever moves */
	uint64_t write_stall_ns;    /**< bytes wait and the receiver takes none */
	uint64_t lifetime_ns;       /**< from accept on, whatever moves */
	uint64_t lifetime_grace_ns; /**< after `lifetime`, until a quiet second; never NS_NEVER */
	/** Each pair lives longer by a part of this; never NS_NEVER. */
	uint64_t lifetime_spread_ns;
	uint64_t preface_ns;       /**< from accept on: PROXY header and ClientHello */
	uint64_t queue_ns;         /**< in the queue, while all servers are full */
	uint64_t first_byte_ns;    /**< from the pair's start to the client's first byte or FIN */
	uint64_t idle_client_ns;   /**< no byte from the client */
	uint64_t idle_upstream_ns; /**< no byte from the server */
	uint64_t drain_ns;         /**< the whole drain, from SIGTERM on; only at the top level */
};

/** How the process drains, within timeouts.drain. */
struct conf_drain {
	uint64_t grace_ns; /**< for how long it still accepts */
	/** Then pairs with no byte for this long are ended; NS_NEVER: none. */
	uint64_t idle_first_ns;
	uint64_t spread_ns; /**< the others are ended one by one in this last part of the drain */
};

/** The rule by which servers are chosen. */
enum conf_balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_PAIRS,
	BALANCE_RANDOM,
	BALANCE_HASH,
	BALANCE_FIRST,
	/** The i-th server for clients of the i-th port. Set by a range of ports; it has no
	 * word. */
	BALANCE_PORTS,
};

/** What BALANCE_HASH hashes. */
enum conf_hash_on {
	HASH_ON_CLIENT,      /**< the client's address; for IPv6 its /64 */
	HASH_ON_CLIENT_PORT, /**< the same, and its port */
	HASH_ON_SNI,         /**< the name in its ClientHello */
};

/** Bytes of any value but NUL. */
struct conf_bytes {
	char *bytes; /**< not terminated by a NUL; NULL: none */
	size_t n;
};

/**
 * A list of address prefixes, including those from its files. Equal lists in a config share one
 * object.
 */
struct conf_prefixes {
	struct prefix *prefixes; /**< in the sequence of the config; those of a file are sorted */
	size_t n;                /**< 0, without either of the next two: no client */
	bool any;                /**< every client, including those without an IP address */
	bool unix_peers;         /**< every client of a UNIX socket */
	bool lacks_file;         /**< one of its files was refused, and with it the config */
	struct conf_prefixes *next; /* in conf::prefixes */
};

/** An active check. */
struct conf_check {
	struct addr addr;         /**< the address to connect to, unless `text` is empty */
	char text[ADDR_TEXT_MAX]; /**< `addr` as written; "": the server's own address */
	uint64_t every_ns;
	uint64_t every_down_ns; /**< while the server is down */
	uint64_t timeout_ns;    /**< for connect, send and answer together; may exceed every_ns */
	uint32_t rise;          /**< at least 1, like `fall` */
	uint32_t fall;
	struct conf_bytes send;
	struct conf_bytes expect; /**< must be in the first CONF_EXPECT_MAX bytes of the answer */
};

/** When a server whose pairs keep failing is ejected. */
struct conf_eject {
	bool on;
	uint32_t failures; /**< in a row */
	uint64_t within_ns;
	uint64_t for_ns;
	uint32_t at_most; /**< share of the servers in per cent: 1 to 100 */
};

enum conf_discover { DISCOVER_NONE, DISCOVER_DNS, DISCOVER_SRV };

/** What is looked up by DNS. */
struct conf_discovery {
	enum conf_discover kind;
	char *name;       /**< in lower case, without the dot at its end; NULL: DISCOVER_NONE */
	uint16_t port;    /**< with DISCOVER_DNS */
	uint64_t hold_ns; /**< NS_NEVER: an empty answer removes no server */
	uint64_t ttl_min_ns;
	uint64_t ttl_max_ns; /**< at least ttl_min_ns */
	uint32_t max_servers;
	uint32_t max_pairs; /**< for each server that is found; 0: no limit */
};

struct conf_server {
	char *name; /**< unique in the upstream; if none is written, `text` */
	struct addr addr;
	/** For logs: the address as written; if it is from conf_listener::server, addr_text(). */
	char text[ADDR_TEXT_MAX];
	uint32_t weight;    /**< 0 to CONF_WEIGHT_MAX; 0: no new pairs */
	uint32_t max_pairs; /**< 0: no limit */
	bool backup;
	const struct conf_check *check; /**< may be that of the upstream; NULL: none */
};

enum { CONF_WEIGHT_MAX = 256, CONF_EXPECT_MAX = 4096, CONF_SEND_MAX = 4096, CONF_TRIES_MAX = 256 };
enum { CONF_RESOLVERS_MAX = 8 };

/** `tries` of an upstream that does not set it. */
enum { CONF_TRIES_PRESET = 10 };

/** The PROXY header that a server gets. */
enum conf_send_proxy { SEND_PROXY_OFF, SEND_PROXY_V1, SEND_PROXY_V2 };

/** Which TLVs a PROXY header of version 2 has. */
enum conf_tlv {
	CONF_TLV_AUTHORITY = 1 << 0,
	CONF_TLV_ALPN = 1 << 1,
	CONF_TLV_UNIQUE_ID = 1 << 2,
	CONF_TLV_CRC32C = 1 << 3,
	CONF_TLV_RECEIVED = 1 << 4, /**< the TLVs of the client's own header */
};

struct conf_upstream {
	char *name;
	struct conf_server *servers; /**< those that are written, in the sequence of the config */
	size_t n_servers;            /**< at least 1 without `discovery` */
	enum conf_balance balance;
	uint16_t first_port; /**< with BALANCE_PORTS: the port that leads to the first server */
	enum conf_hash_on hash_on;
	/** Servers that are tried for one client, and again after each wait of `retry_for`; 0: each
	 * usable one, at most CONF_TRIES_PRESET. */
	uint32_t tries;
	struct conf_eject eject;
	struct conf_discovery discovery;
	const struct conf_check *check; /**< for servers that are found by DNS; NULL: none */
	uint64_t slow_start_ns;         /**< NS_NEVER: none */
	bool ends_pairs;                /**< on_down is "end" */
	uint32_t queue_max;             /**< how many clients may wait; 0: none */
	/** For TCP servers; its own options override those of the top level. */
	struct sockopts socket;
	struct addr source;    /**< source address of TCP connections, port 0; sa_len 0: any */
	uint64_t retry_for_ns; /**< how long to try the servers again; NS_NEVER: not at all */
	enum conf_send_proxy send_proxy;
	unsigned send_proxy_tlvs; /**< bits of enum conf_tlv; 0 unless SEND_PROXY_V2 */
};

/** The DNS servers for discovery. */
struct conf_resolver {
	struct addr *servers; /**< ADDR_INET */
	size_t n_servers;     /**< 0: those of /etc/resolv.conf */
	uint64_t timeout_ns;  /**< for the first try; twice as long for each further one */
	uint32_t tries;
};

enum { CONF_ALPN_MAX = 255, CONF_PROTOCOLS_MAX = 64 };

/** A route. It fits a client that meets all of its conditions. */
struct conf_route {
	char **sni;   /**< in lower case, each a name, or "*." and a name */
	size_t n_sni; /**< 0: no condition */
	char **alpn;  /**< 1 to CONF_ALPN_MAX bytes each */
	size_t n_alpn;
	const struct conf_prefixes *from;     /**< NULL: no condition */
	const struct conf_upstream *upstream; /**< in the same conf */
};

/** Rates for each second; 0: no limit. */
struct conf_rate {
	uint64_t accept;            /**< clients of the listener */
	uint64_t accept_per_source; /**< clients from one source */
	uint64_t up;                /**< bytes of one pair from the client */
	uint64_t down;              /**< bytes of one pair to the client */
};

/** How many bits of an address identify a source. */
struct conf_source_prefix {
	uint32_t v4;
	uint32_t v6;
};

struct conf_listener {
	char *name;
	struct addr *addresses;
	size_t n_addresses;  /**< at least 1 */
	bool has_range;      /**< some addresses were written as a range of ports */
	uint16_t first_port; /**< the first port of the first element of `listen` */
	/** Number of ports of each element; with has_range all of them begin at first_port. 0:
	 * has_range, and the elements differ in their ports. */
	uint32_t n_ports;
	/** As written: `upstream` is made from it. NULL: not written. */
	char *server;
	/** For clients that no route fits; in the same conf. NULL: they are refused. */
	const struct conf_upstream *upstream;
	struct conf_route *routes; /**< the first that fits is taken; n_routes of them */
	size_t n_routes;
	/** Peers that must begin with a PROXY header, which weir trusts; NULL: none. */
	const struct conf_prefixes *accept_proxy;
	const struct conf_prefixes *allow; /**< NULL: all clients that are not in `deny` */
	const struct conf_prefixes *deny;  /**< NULL: no client */
	uint32_t max_pairs;                /**< 0: only the global limit */
	uint32_t max_pairs_per_source;     /**< 0: no limit */
	struct conf_source_prefix source_prefix;
	struct conf_rate rate;
	struct file_access access;     /**< for UNIX sockets */
	bool idle_resets;              /**< on_idle is "reset" */
	struct conf_timeouts timeouts; /**< its own values override those of the top level */
	struct sockopts socket; /**< only for TCP, except the backlog; inherits like `timeouts` */
};

/** The control socket. */
struct conf_control {
	struct addr listen; /**< a path; sa_len 0: the default of control_path.h */
	struct file_access access;
};

/** The HTTP door, which takes only requests that read. */
struct conf_http {
	struct addr listen;                /**< sa_len 0: weir does not listen for HTTP */
	const struct conf_prefixes *allow; /**< NULL: all clients */
	char **hosts;                      /**< in lower case */
	size_t n_hosts;
};

/** What a reload applies to open pairs too. */
enum conf_apply {
	CONF_APPLY_TIMEOUTS = 1 << 0,
	CONF_APPLY_ACCESS = 1 << 1, /**< pairs whose clients the new lists deny are ended */
};

struct conf {
	uint32_t workers;   /**< 0: one per CPU that the process may use */
	uint32_t max_pairs; /**< 0: what the fd budget allows */
	char *node;         /**< NULL: the host's name */
	enum log_level log_level;
	bool log_tcp_info; /**< log.tcp_info: closing lines have round-trip times and retransmits */
	unsigned apply;    /**< reload.apply_to_open_pairs: bits of enum conf_apply */
	bool splice;       /**< relay.splice: bulk bytes are moved inside the kernel */
	/** relay.high_water_mark: bytes that weir buffers for one side at most. */
	size_t high_water_mark;
	struct conf_timeouts timeouts;
	struct sockopts socket; /**< the values that listeners and upstreams inherit */
	/** grace_ns and spread_ns together are at most timeouts.drain_ns. */
	struct conf_drain drain;
	struct conf_listener *listeners;
	size_t n_listeners;
	struct conf_upstream *upstreams;
	size_t n_upstreams;
	struct conf_resolver resolver;
	struct conf_control control;
	struct conf_http http;
	struct conf_prefixes *prefixes; /**< all lists of prefixes; only conf/ uses this */
	struct refs refs;
};

struct conf_errors;

/** The parsed settings of a config, in a form that another process of this program can read
 * (tape.h). */
struct conf_tape {
	char *bytes; /**< from malloc(3) */
	size_t len;
};

/**
 * Loads `path`. 0: *ret_conf is a model with one reference, and `errors` has only warnings about
 * settings that are valid but probably not meant. Otherwise a negative errno, with at least one
 * error in `errors`, and *ret_conf is unchanged or NULL. -ENOMEM and -ECHILD: the config may be
 * valid, but memory or processes are short. `ret_tape` may be NULL; the caller frees its bytes.
 * Blocks and forks, so it must not be called in a process that has pairs.
 */
int conf_load(const char *path, struct conf_errors *errors, struct conf_tape *ret_tape,
	const struct conf **ret_conf);

/**
 * Makes the model from a tape that another process made from `path`. libconfig is not used. The
 * tape is that of a valid config, so this fails only if memory is short, the tape is not whole, or
 * a user or group that the config names cannot be looked up any more. It returns what conf_load()
 * does, but its errors have no line numbers. It does not fork.
 */
int conf_take(const char *path, const struct conf_tape *tape, struct conf_errors *errors,
	const struct conf **ret_conf);

/**
 * Finds `control.listen` in a config, even if other settings are wrong: for a program that wants to
 * send a request to the weir with this config. 1: found; 0: the config does not set it; a negative
 * errno, with at least one error in `errors`: the text or this value cannot be read. Blocks, and
 * forks.
 */
int conf_find_control(const char *path, struct conf_errors *errors, struct addr *ret_addr);

/** A config of one listener and one server, without a file. All pointers are borrowed. */
struct conf_relay {
	const char *name; /**< name of the listener and of the upstream */
	const struct addr *addresses;
	size_t n_addresses; /**< at least 1 */
	const struct addr *server;
	uint32_t max_pairs; /**< that of the listener; 0: none of its own */
};

/**
 * Makes a model with one reference. All settings are defaults, except that it has neither idle nor
 * write_stall: no pair is closed because nothing moves, before one side has sent its FIN
 * (half_close). 0 or -ENOMEM.
 */
int conf_new_relay(const struct conf_relay *relay, const struct conf **ret_conf);

const struct conf *conf_ref(const struct conf *conf);

/** Gives a reference back; NULL is fine; returns NULL. */
const struct conf *conf_unref(const struct conf *conf);

#endif
