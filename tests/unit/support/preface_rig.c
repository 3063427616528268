/* SPDX-License-Identifier: ISC */
#include "preface_rig.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/proxy_header.h"
#include "proxy/access.h"
#include "vtime.h"

static struct offer *offer(void)
{
	return house_terms(&house, 0)->offer;
}

struct conf_timeouts *timeouts(void)
{
	return &house_terms(&house, 0)->rules.timeouts;
}

void believe(const struct conf_prefixes *list)
{
	struct peer_lists lists = {.first = NULL};

	peer_list_unref(offer()->accept_proxy);
	offer()->accept_proxy = peer_lists_get(&lists, list);
	ck_assert_ptr_nonnull(offer()->accept_proxy);
	peer_lists_fini(&lists);
	offer()->has_edge = true;
}

void preface_rig_setup(void)
{
	session_rig_setup();
	vtime_freeze();
	house_add_server(&house, server.address);
	believe(&(struct conf_prefixes){.any = true});
}

struct session *session(void)
{
	ck_assert_uint_eq(house.proxy.part.n_sessions, 1);
	return container_of(house.proxy.part.sessions.next, struct session, link);
}

void send_bytes(const void *bytes, size_t n)
{
	ssize_t r = send(client.fd, bytes, n, MSG_NOSIGNAL);

	/* Bytes that are sent one by one take much room until the kernel has joined them. */
	while (r < 0 && errno == EAGAIN) {
		loop_settle();
		r = send(client.fd, bytes, n, MSG_NOSIGNAL);
	}
	ck_assert_msg(r == (ssize_t)n, "%zd, %s", r, strerror(errno));
}

static struct proxy_address address_of(const char *text)
{
	struct proxy_address address = {0};
	struct addr addr;
	const char *why;

	ck_assert_int_eq(addr_parse(text, &addr, &why), 0);
	address.len = addr.sa_len;
	address.sa = addr.sa;
	return address;
}

size_t v2(const char *source, const char *destination, size_t n_padding, uint8_t out[4096])
{
	static uint8_t tlvs[4000];
	struct proxy_header header = {.version = 2, .who = PROXY_HEADER_CLIENT};
	int n;

	if (source == NULL) {
		header.who = PROXY_HEADER_LOCAL;
	} else {
		header.source = address_of(source);
		header.destination = address_of(destination);
	}
	if (n_padding > 0) { /* 2.2.6, PP2_TYPE_NOOP */
		tlvs[0] = 4;
		tlvs[1] = (uint8_t)(n_padding >> 8);
		tlvs[2] = (uint8_t)n_padding;
		header.tlvs = (struct span){tlvs, 3 + n_padding};
	}
	n = proxy_header_build(&header, out, 4096);
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

void finish_both(void)
{
	side_finish(&client);
	loop_until(server.side.in.ended);
	side_finish(&server.side);
	until_ended();
}
