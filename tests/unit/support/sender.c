/* SPDX-License-Identifier: ISC */
#include "sender.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault.h"
#include "fixture.h"

static void on_sender_ready(struct watcher *watcher, uint32_t events)
{
	struct sender *sender = container_of(watcher, struct sender, watcher);
	char buffer[16384];

	(void)events;
	fault_suspend();
	while (sender->n_sent < sender->total) {
		size_t left = sender->total - sender->n_sent;
		size_t len = left < sizeof(buffer) ? left : sizeof(buffer);
		ssize_t n;

		pattern_fill(buffer, sender->n_sent, len);
		n = write(sender->fd, buffer, len);
		if (n < 0) {
			sender->error = errno == EAGAIN ? 0 : -errno;
			break;
		}
		sender->n_sent += (size_t)n;
	}
	if (sender->n_sent == sender->total || sender->error != 0) {
		sender_stop(sender);
	}
	fault_resume();
}

void sender_init(struct sender *sender)
{
	*sender = (struct sender){.fd = -1};
}

void sender_send(struct sender *sender, int fd, size_t len)
{
	sender_stop(sender);
	sender->total = sender->n_sent + len;
	fault_suspend();
	/* An epoll set takes an fd only once; with a duplicate a peer can receive at the same
	 * time. */
	sender->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(sender->fd, 0);
	sender->watcher.ready = on_sender_ready;
	ck_assert_int_eq(loop_watch(test_loop, sender->fd, &sender->watcher), 0);
	fault_resume();
	on_sender_ready(&sender->watcher, 0);
}

bool sender_is_done(const struct sender *sender)
{
	return sender->n_sent == sender->total;
}

void sender_stop(struct sender *sender)
{
	if (sender->fd >= 0) {
		loop_unwatch(test_loop, sender->fd, &sender->watcher);
		close(sender->fd);
		sender->fd = -1;
	}
}
