/* SPDX-License-Identifier: ISC */
/*
 * Only the routing table tells whether an address is local. bind(2) allows any address with
 * net.ipv4.ip_nonlocal_bind, and getifaddrs(3) lists addresses but not whole prefixes that are
 * routed to lo.
 */
#include "base/route.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct request {
	struct nlmsghdr header;
	struct rtmsg route;
	struct rtattr attribute;
	struct in6_addr destination; /* or a shorter in_addr */
};

/** Sends a request. The kernel's answer is there when send(2) returns. */
static int ask(int fd, const struct request *request)
{
	union {
		struct nlmsghdr header;
		char bytes[4096];
	} answer;
	ssize_t n;

	if (send(fd, request, request->header.nlmsg_len, 0) < 0) {
		return -errno;
	}
	n = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (n < 0) {
		return -errno;
	}
	if (!NLMSG_OK(&answer.header, (size_t)n)) {
		return -EPROTO;
	}
	if (answer.header.nlmsg_type == RTM_NEWROUTE) {
		const struct rtmsg *route = NLMSG_DATA(&answer.header);

		return route->rtm_type == RTN_LOCAL;
	}
	/* An error: there is no route, or one that rejects packets. */
	return 0;
}

int route_is_local(const struct sockaddr *sa)
{
	bool is_v4 = sa->sa_family == AF_INET;
	size_t size = is_v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	struct request request = {
		.header = {.nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
		.route = {.rtm_family = (unsigned char)sa->sa_family,
			.rtm_dst_len = (unsigned char)(size * 8)},
		.attribute = {.rta_type = RTA_DST, .rta_len = (unsigned short)RTA_LENGTH(size)},
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int r;

	if (fd < 0) {
		return -errno;
	}
	if (is_v4) {
		memcpy(&request.destination, &((const struct sockaddr_in *)sa)->sin_addr, size);
	} else {
		request.destination = ((const struct sockaddr_in6 *)sa)->sin6_addr;
	}
	request.header.nlmsg_len =
		(unsigned)(offsetof(struct request, destination) + RTA_ALIGN(size));
	r = ask(fd, &request);
	close(fd);
	return r;
}
