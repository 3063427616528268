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
#include "base/refs.h"
#include "base/sockopts.h"
#include "log/log.h"

/** Durations; NS_NEVER where "none" was written. */
struct conf_timeouts {
	uint64_t connect_ns;        /**< one attempt to one address, or one lookup */
	uint64_t idle_ns;           /**< no byte either way */
	uint64_t half_close_ns;     /**< no byte after the first FIN was passed on */
	uint64_t half_close_max_ns; /**< from the first FIN on, whatever moves */
	uint64_t write_stall_ns;    /**< bytes wait and the receiver takes none */
	uint64_t lifetime_ns;       /**< from accept on, whatever moves */
	uint64_t drain_ns;          /**< from SIGTERM on, all in all; of the top level only */
};

/** How the process drains, within timeouts.drain. */
struct conf_drain {
	uint64_t grace_ns;      /**< it goes on accepting for so long */
	uint64_t idle_first_ns; /**< then pairs end that are silent for so long; NS_NEVER: none */
	uint64_t spread_ns;     /**< the rest ends in the course of this, at the end */
};

struct conf_server {
	struct addr addr;
	char text[ADDR_TEXT_MAX]; /**< as written: for logs */
};

struct conf_upstream {
	char *name;
	struct conf_server *servers; /**< tried in this order */
	size_t n_servers;            /**< at least 1 */
	struct sockopts socket;      /**< of TCP servers */
	struct addr source;    /**< where TCP connections come from, port 0; sa_len 0: anywhere */
	uint64_t retry_for_ns; /**< how long to try them again; NS_NEVER: not at all */
};

struct conf_listener {
	char *name;
	struct addr *addresses;
	size_t n_addresses;                   /**< at least 1 */
	const struct conf_upstream *upstream; /**< in the same conf */
	uint32_t max_pairs;                   /**< 0: only the global limit */
	struct file_access access;            /**< of UNIX sockets */
	bool idle_resets;                     /**< on_idle is "reset" */
	struct conf_timeouts timeouts;        /**< the top level's, with its own on top */
	struct sockopts socket;               /**< of TCP, but for the backlog */
};

struct conf {
	uint32_t workers;   /**< 0: one per CPU that the process may use */
	uint32_t max_pairs; /**< 0: what the fd budget allows */
	enum log_level log_level;
	bool apply_timeouts;    /**< reload.apply_to_open_pairs has "timeouts" */
	bool splice;            /**< relay.splice: bulk bytes go past user space */
	size_t high_water_mark; /**< relay.high_water_mark: bytes that wait for one side at most */
	struct conf_timeouts timeouts;
	struct conf_drain drain; /**< grace and spread together are at most timeouts.drain */
	struct conf_listener *listeners;
	size_t n_listeners;
	struct conf_upstream *upstreams;
	size_t n_upstreams;
	struct refs refs;
};

struct conf_errors;

/** The settings of a config, parsed, in a form that another process of this program can take. */
struct conf_tape {
	char *bytes; /**< from malloc(3) */
	size_t len;
};

/**
 * Loads `path`. 0 and a model with one reference, or a negative errno with at least one error in
 * `errors`; *ret_conf is then untouched. -ENOMEM and -ECHILD: the config may be right, but memory
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
