/* SPDX-License-Identifier: ISC */
/*
 * The config as a model: loaded, checked, immutable, reference-counted.
 *
 * conf_load() reads the file, reports every error it can find at once, and gives out either a whole
 * model or none. The model is shared by threads: nobody writes to it, conf_ref() and conf_unref()
 * may be called from any thread. Pointers inside it live as long as the reference.
 *
 * The schema (keys, types, ranges, defaults, help) is one table in schema.c; conf/weir.conf and the
 * man page show the same, and a test compares them.
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

/** Durations; NS_NEVER where "none" was written. */
struct conf_timeouts {
	uint64_t connect_ns;         /**< one attempt to one address, or one lookup */
	uint64_t idle_ns;            /**< no byte either way */
	uint64_t half_close_ns;      /**< no byte after the first FIN was passed on */
	uint64_t half_close_max_ns;  /**< from the first FIN on, whatever moves */
	uint64_t write_stall_ns;     /**< bytes wait and the receiver takes none */
	uint64_t lifetime_ns;        /**< from accept on, whatever moves */
	uint64_t lifetime_grace_ns;  /**< after `lifetime`, until a quiet second; never NS_NEVER */
	uint64_t lifetime_spread_ns; /**< each pair lives for a share of it longer; the same */
	uint64_t preface_ns;         /**< from accept on: PROXY header and ClientHello */
	uint64_t queue_ns;           /**< in the queue of a group whose servers are full */
	uint64_t first_byte_ns;      /**< from the join on: no byte of the client, no FIN */
	uint64_t idle_client_ns;     /**< no byte of the client */
	uint64_t idle_upstream_ns;   /**< no byte of the server */
	uint64_t drain_ns;           /**< from SIGTERM on, all in all; of the top level only */
};

/** How the process drains, within timeouts.drain. */
struct conf_drain {
	uint64_t grace_ns;      /**< it goes on accepting for so long */
	uint64_t idle_first_ns; /**< then pairs end that are silent for so long; NS_NEVER: none */
	uint64_t spread_ns;     /**< the rest ends in the course of this, at the end */
};

/** The rule by which servers are chosen. */
enum conf_balance {
	BALANCE_ROUND_ROBIN,
	BALANCE_LEAST_PAIRS,
	BALANCE_RANDOM,
	BALANCE_HASH,
	BALANCE_FIRST,
	BALANCE_PORTS, /**< the i-th for who came by the i-th port; no word says it, a range does */
};

/** What is hashed with BALANCE_HASH. */
enum conf_hash_on {
	HASH_ON_CLIENT,      /**< the client's address, IPv6 by its /64 */
	HASH_ON_CLIENT_PORT, /**< its address and port */
	HASH_ON_SNI,         /**< the name in its ClientHello */
};

/** Bytes of any value but NUL. */
struct conf_bytes {
	char *bytes; /**< NULL: none; no NUL behind them */
	size_t n;
};

/**
 * Prefixes of addresses, with what the files of their list held. Lists that are written alike are
 * one object.
 */
struct conf_prefixes {
	struct prefix *prefixes;    /**< as written, those of a file sorted */
	size_t n;                   /**< with neither of the two below, 0 is nobody */
	bool any;                   /**< every address, and what has none */
	bool unix_peers;            /**< whoever comes by a UNIX socket */
	bool lacks_file;            /**< one was refused, and with it the config */
	struct conf_prefixes *next; /* of conf::prefixes */
};

/** An active check. */
struct conf_check {
	struct addr addr;         /**< where to connect to, unless `text` is empty */
	char text[ADDR_TEXT_MAX]; /**< of `addr`, as written; empty when it is the server's own */
	uint64_t every_ns;
	uint64_t every_down_ns; /**< while the server is down */
	uint64_t timeout_ns;    /**< for connect, send and answer together; may be above every_ns */
	uint32_t rise;          /**< at least 1, as `fall` */
	uint32_t fall;
	struct conf_bytes send;
	struct conf_bytes expect; /**< a part of the answer's first CONF_EXPECT_MAX bytes */
};

/** The passive check. */
struct conf_eject {
	bool on;
	uint32_t failures; /**< in a row */
	uint64_t within_ns;
	uint64_t for_ns;
	uint32_t at_most; /**< of the servers, in per cent: 1 to 100 */
};

enum conf_discover { DISCOVER_NONE, DISCOVER_DNS, DISCOVER_SRV };

/** What is found by DNS. */
struct conf_discovery {
	enum conf_discover kind;
	char *name;       /**< as written, without a dot at its end; NULL with DISCOVER_NONE */
	uint16_t port;    /**< with DISCOVER_DNS */
	uint64_t hold_ns; /**< NS_NEVER: an empty answer takes nothing away */
	uint64_t ttl_min_ns;
	uint64_t ttl_max_ns; /**< at least ttl_min_ns */
	uint32_t max_servers;
	uint32_t max_pairs; /**< of each server that is found; 0: no limit */
};

struct conf_server {
	char *name; /**< unique in the upstream; `text` where none is written */
	struct addr addr;
	char text[ADDR_TEXT_MAX]; /**< as written: for logs */
	uint32_t weight;          /**< 0 to CONF_WEIGHT_MAX; 0: no new pairs */
	uint32_t max_pairs;       /**< 0: no limit */
	bool backup;
	const struct conf_check *check; /**< may be the upstream's; NULL: none */
};

enum { CONF_WEIGHT_MAX = 256, CONF_EXPECT_MAX = 4096, CONF_SEND_MAX = 4096, CONF_TRIES_MAX = 256 };
enum { CONF_RESOLVERS_MAX = 8 };

/** Of an upstream that says nothing of `tries`. */
enum { CONF_TRIES_PRESET = 10 };

/** The PROXY header that a server gets. */
enum conf_send_proxy { SEND_PROXY_OFF, SEND_PROXY_V1, SEND_PROXY_V2 };

/** What is in one of v2. */
enum conf_tlv {
	CONF_TLV_AUTHORITY = 1 << 0,
	CONF_TLV_ALPN = 1 << 1,
	CONF_TLV_UNIQUE_ID = 1 << 2,
	CONF_TLV_CRC32C = 1 << 3,
	CONF_TLV_RECEIVED = 1 << 4, /**< those of the client's own header */
};

struct conf_upstream {
	char *name;
	struct conf_server *servers; /**< those that are written, in this order */
	size_t n_servers;            /**< at least 1 without `discovery` */
	enum conf_balance balance;
	uint16_t first_port; /**< with BALANCE_PORTS: the one whose server is the first */
	enum conf_hash_on hash_on;
	uint32_t tries; /**< for one client; 0: each usable server, CONF_TRIES_PRESET at most */
	struct conf_eject eject;
	struct conf_discovery discovery;
	const struct conf_check *check; /**< of servers that are found; NULL: none */
	uint64_t slow_start_ns;         /**< NS_NEVER: none */
	bool ends_pairs;                /**< on_down is "end" */
	uint32_t queue_max;             /**< clients that wait; 0: none does */
	struct sockopts socket;         /**< of TCP servers; the top level's, with its own on top */
	struct addr source;    /**< where TCP connections come from, port 0; sa_len 0: anywhere */
	uint64_t retry_for_ns; /**< how long to try them again; NS_NEVER: not at all */
	enum conf_send_proxy send_proxy;
	unsigned send_proxy_tlvs; /**< of enum conf_tlv; 0 but with SEND_PROXY_V2 */
};

/** Whom discovery asks. */
struct conf_resolver {
	struct addr *servers; /**< ADDR_INET */
	size_t n_servers;     /**< 0: those of /etc/resolv.conf */
	uint64_t timeout_ns;  /**< of the first try; each further one has twice as long */
	uint32_t tries;
};

enum { CONF_ALPN_MAX = 255, CONF_PROTOCOLS_MAX = 64 };

/** Whom it takes: who fits each of its conditions that are there. */
struct conf_route {
	char **sni;   /**< in lower case, each a name or "*." and one */
	size_t n_sni; /**< 0: no condition */
	char **alpn;  /**< 1 to CONF_ALPN_MAX bytes each */
	size_t n_alpn;
	const struct conf_prefixes *from;     /**< NULL: no condition */
	const struct conf_upstream *upstream; /**< in the same conf */
};

/** How much a second; 0: no limit. */
struct conf_rate {
	uint64_t accept;            /**< clients of the listener */
	uint64_t accept_per_source; /**< clients of one source */
	uint64_t up;                /**< bytes of one pair from its client */
	uint64_t down;              /**< to it */
};

/** So many bits of an address are one source. */
struct conf_source_prefix {
	uint32_t v4;
	uint32_t v6;
};

struct conf_listener {
	char *name;
	struct addr *addresses;
	size_t n_addresses;  /**< at least 1 */
	bool has_range;      /**< some of them were written as a range of ports */
	uint16_t first_port; /**< of each element of `listen` */
	uint32_t n_ports;    /**< from there on, of each; 0: they differ in their ports */
	char *server; /**< as written: its upstream has it; NULL: `upstream` is none of its own */
	/** For clients that no route takes; in the same conf. NULL: they are refused. */
	const struct conf_upstream *upstream;
	struct conf_route *routes; /**< the first that fits; n_routes of them, or `upstream` */
	size_t n_routes;
	/** Who must begin with a PROXY header, and is believed; NULL: nobody. */
	const struct conf_prefixes *accept_proxy;
	const struct conf_prefixes *allow; /**< NULL: all whom `deny` does not name */
	const struct conf_prefixes *deny;  /**< NULL: nobody */
	uint32_t max_pairs;                /**< 0: only the global limit */
	uint32_t max_pairs_per_source;     /**< 0: no limit */
	struct conf_source_prefix source_prefix;
	struct conf_rate rate;
	struct file_access access;     /**< of UNIX sockets */
	bool idle_resets;              /**< on_idle is "reset" */
	struct conf_timeouts timeouts; /**< the top level's, with its own on top */
	struct sockopts socket; /**< of TCP, but for the backlog; the top level's, as `timeouts` */
};

/** Where weir is told what to do. */
struct conf_control {
	struct addr listen; /**< a path; sa_len 0: that of control_path.h */
	struct file_access access;
};

/** Where it shows what it does. */
struct conf_http {
	struct addr listen;                /**< sa_len 0: nowhere */
	const struct conf_prefixes *allow; /**< NULL: everybody */
	char **hosts;                      /**< in lower case */
	size_t n_hosts;
};

/** What a reload changes for open pairs, too. */
enum conf_apply {
	CONF_APPLY_TIMEOUTS = 1 << 0,
	CONF_APPLY_ACCESS = 1 << 1, /**< pairs end that the new lists deny */
};

struct conf {
	uint32_t workers;   /**< 0: one per CPU that the process may use */
	uint32_t max_pairs; /**< 0: what the fd budget allows */
	char *node;         /**< NULL: not written, so the host's name */
	enum log_level log_level;
	bool log_tcp_info;      /**< log.tcp_info: closing lines have rtt and retransmits */
	unsigned apply;         /**< reload.apply_to_open_pairs: of enum conf_apply */
	bool splice;            /**< relay.splice: bulk bytes go past user space */
	size_t high_water_mark; /**< relay.high_water_mark: bytes that wait for one side at most */
	struct conf_timeouts timeouts;
	struct sockopts socket;  /**< what listeners and upstreams begin with */
	struct conf_drain drain; /**< grace and spread together are at most timeouts.drain */
	struct conf_listener *listeners;
	size_t n_listeners;
	struct conf_upstream *upstreams;
	size_t n_upstreams;
	struct conf_resolver resolver;
	struct conf_control control;
	struct conf_http http;
	struct conf_prefixes *prefixes; /**< all lists of them; of conf alone */
	struct refs refs;
};

struct conf_errors;

/** The settings of a config, parsed, in a form that another process of this program can take. */
struct conf_tape {
	char *bytes; /**< from malloc(3) */
	size_t len;
};

/**
 * Loads `path`. 0 and a model with one reference: what is in `errors` then are warnings of what is
 * right, but may not be meant. Or a negative errno with at least one error in `errors`; *ret_conf
 * is then untouched. -ENOMEM and -ECHILD: the config may be right, but memory
 * or processes are short. `ret_tape` may be NULL; the caller frees the bytes.
 * Blocks, and forks: for a process without pairs.
 */
int conf_load(const char *path, struct conf_errors *errors, struct conf_tape *ret_tape,
	const struct conf **ret_conf);

/**
 * Makes the model of a tape that another process made of `path`: parses nothing, so what can go
 * wrong is that memory is short, or that the tape is not whole. As conf_load() otherwise, but its
 * errors have no line.
 */
int conf_take(const char *path, const struct conf_tape *tape, struct conf_errors *errors,
	const struct conf **ret_conf);

/**
 * What a config says of `control.listen`, whatever else is wrong in it: for who wants to ask the
 * weir that has it. 1; 0 where it says nothing; or a negative errno with at least one error in
 * `errors`: its text cannot be read, or this value. Blocks, and forks.
 */
int conf_find_control(const char *path, struct conf_errors *errors, struct addr *ret_addr);

/** One listener and one server, without a file. All borrowed. */
struct conf_relay {
	const char *name; /**< of the listener, and of the upstream */
	const struct addr *addresses;
	size_t n_addresses; /**< at least 1 */
	const struct addr *server;
	uint32_t max_pairs; /**< of the listener; 0: none of its own */
};

/**
 * A model with one reference, all defaults, and neither idle nor write_stall: it closes nothing
 * that only waits. 0 or -ENOMEM.
 */
int conf_new_relay(const struct conf_relay *relay, const struct conf **ret_conf);

const struct conf *conf_ref(const struct conf *conf);

/** Gives a reference back; NULL is fine; returns NULL. */
const struct conf *conf_unref(const struct conf *conf);

#endif
