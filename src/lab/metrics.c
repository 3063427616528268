/* SPDX-License-Identifier: ISC */
#include "lab/metrics.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fds.h"
#include "base/proc.h"
#include "lab/lab.h"
#include "lab/proxy.h"

/** Writes the bytes of each proxy in both directions. */
static void write_bytes(const struct lab *lab, struct exposition *exposition,
	uint64_t (*count)(const struct proxy *proxy, enum direction direction))
{
	list_for_each (link, &lab->proxies) {
		const struct proxy *proxy = container_of(link, struct proxy, link);

		for (enum direction direction = UPSTREAM; direction < DIRECTIONS; direction++) {
			const struct exposition_label labels[] = {
				{"direction", direction_text(direction)},
				{"listener", proxy->listen},
				{"proxy", proxy->home.name},
				{"upstream", proxy->home.upstream},
				{0},
			};

			exposition_u64(exposition, labels, count(proxy, direction));
		}
	}
}

/** Writes how many clients each proxy has reset when it accepted them, by the toxic's type. */
static void write_resets(const struct lab *lab, struct exposition *exposition)
{
	list_for_each (link, &lab->proxies) {
		const struct proxy *proxy = container_of(link, struct proxy, link);
		struct exposition_label labels[] = {
			{"listener", proxy->listen},
			{"proxy", proxy->home.name},
			{"type", "refuse"},
			{"upstream", proxy->home.upstream},
			{0},
		};

		exposition_u64(exposition, labels, proxy->home.n_reset_by_refuse);
		labels[2].value = "flap";
		exposition_u64(exposition, labels, proxy->home.n_reset_by_flap);
	}
}

static void write_memory(struct exposition *exposition)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t pages[2];

	if (proc_read_numbers("/proc/self/statm", pages, 2) != 2) {
		return;
	}
	exposition_family(exposition, "process_virtual_memory_bytes", "gauge",
		"Virtual memory size in bytes.");
	exposition_u64(exposition, NULL, pages[0] * page);
	exposition_family(exposition, "process_resident_memory_bytes", "gauge",
		"Resident memory size in bytes.");
	exposition_u64(exposition, NULL, pages[1] * page);
}

static void write_process(struct exposition *exposition)
{
	struct timespec cpu = {0};
	struct rlimit fds = {0};
	enum { STANDARD_FDS = 3 };

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	(void)getrlimit(RLIMIT_NOFILE, &fds);
	exposition_family(exposition, "process_cpu_seconds_total", "counter",
		"Total user and system CPU time spent in seconds.");
	exposition_seconds(
		exposition, NULL, (uint64_t)cpu.tv_sec * NS_PER_S + (uint64_t)cpu.tv_nsec);
	exposition_family(
		exposition, "process_open_fds", "gauge", "Number of open file descriptors.");
	exposition_u64(exposition, NULL, fds_count_open() + STANDARD_FDS);
	exposition_family(
		exposition, "process_max_fds", "gauge", "Maximum number of open file descriptors.");
	exposition_u64(exposition, NULL, fds.rlim_cur);
	write_memory(exposition);
}

void metrics_write(const struct lab *lab, struct exposition *exposition)
{
	if (lab->proxy_metrics) {
		exposition_family(exposition, "toxiproxy_proxy_received_bytes_total", "counter",
			"The total number of bytes received on a given proxy link in a given "
			"direction");
		write_bytes(lab, exposition, proxy_received);
		exposition_family(exposition, "toxiproxy_proxy_sent_bytes_total", "counter",
			"The total number of bytes sent on a given proxy link in a given "
			"direction");
		write_bytes(lab, exposition, proxy_sent);
		exposition_family(exposition, "weirlab_proxy_reset_clients_total", "counter",
			"Clients that a toxic of a given type reset when they were accepted.");
		write_resets(lab, exposition);
	}
	if (lab->runtime_metrics) {
		write_process(exposition);
	}
}
