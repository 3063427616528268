/* SPDX-License-Identifier: ISC */
/*
 * A DNS server on test_loop, over UDP and TCP on a port of 127.0.0.1. The test defines its answers.
 *
 *	dns_server_open(&server);
 *	dns_server_say(&server, "www.test", DNS_A, "60 10.0.0.1");	see dns_wire.h
 *	dns_server_say(&server, "www.test", DNS_AAAA, "HANG");		no answer
 *	dns_server_say(&server, "www.test", DNS_SRV, "GARBAGE");	bytes that are no message
 *
 * Answers of more than 512 bytes are truncated over UDP. All other questions are answered NXDOMAIN.
 */
#ifndef WEIR_TESTS_DNS_SERVER_H
#define WEIR_TESTS_DNS_SERVER_H

#include "base/addr.h"
#include "dns_wire.h"
#include "stream/loop.h"

enum { DNS_SERVER_SAYS = 32, DNS_SERVER_CONNS = 8 };

struct dns_server_conn {
	struct watcher watcher;
	struct dns_server *server;
	int fd; /**< -1: free */
};

struct dns_server {
	struct watcher udp;
	struct watcher tcp;
	int udp_fd;
	int tcp_fd;
	struct addr addr; /**< the address on which it listens */
	struct {
		char name[64];
		enum dns_type type;
		const char *text; /**< borrowed */
		unsigned n_asked;
	} says[DNS_SERVER_SAYS];
	size_t n_says;
	unsigned n_asked; /**< questions in all */
	unsigned n_tcp;   /**< questions over TCP */
	struct dns_server_conn conns[DNS_SERVER_CONNS];
};

void dns_server_open(struct dns_server *server);
void dns_server_close(struct dns_server *server);

/** Sets the answer to a question from now on. */
void dns_server_say(
	struct dns_server *server, const char *name, enum dns_type type, const char *text);

/** How often this question was asked. */
unsigned dns_server_asked(const struct dns_server *server, const char *name, enum dns_type type);

#endif
