/* SPDX-License-Identifier: ISC */
#include "segments.h"

#include <check.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/** A copy of the struct in <linux/tcp.h>, which conflicts with <netinet/tcp.h>. */
struct info {
	struct tcp_info known;
	uint64_t pacing_rate;
	uint64_t max_pacing_rate;
	uint64_t bytes_acked;
	uint64_t bytes_received;
	uint32_t segs_out;
	uint32_t segs_in;
	uint32_t notsent_bytes;
	uint32_t min_rtt;
	uint32_t data_segs_in;
	uint32_t data_segs_out;
};

static struct info info_of(int fd)
{
	struct info info;
	socklen_t len = sizeof(info);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	ck_assert_uint_eq(len, sizeof(info));
	return info;
}

uint32_t segments_of(int fd)
{
	return info_of(fd).data_segs_in;
}

uint32_t segments_of_all_kinds(int fd)
{
	return info_of(fd).segs_in;
}
