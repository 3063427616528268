/* SPDX-License-Identifier: ISC */
#include "proxy/preface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- TCP ---- */

static void look_at_kernel(struct preface *preface)
{
	const void *bytes = NULL;
	ssize_t n = stream_peek(preface->client, &bytes, preface->max);

	if (n < 0) {
		/* There are no bytes, or the stream has failed and reports that in this turn. */
		return;
	}
	preface->bytes = (struct span){bytes, (size_t)n};
	preface->is_short = (size_t)n < preface->max;
	(void)preface->calls->look(
		preface, n == 0 || (preface->is_short && stream_input_is_over(preface->client)));
}

/* ---- UNIX ---- */

static size_t buffer_bytes(const struct preface *preface)
{
	return preface->max < PREFACE_BUFFER_BYTES ? preface->max : PREFACE_BUFFER_BYTES;
}

/** Moves what is left to the front of the buffer. False: there is no memory for a buffer. */
static bool make_room(struct preface *preface)
{
	if (preface->buffer == NULL) {
		preface->buffer = malloc(buffer_bytes(preface));
	}
	if (preface->buffer == NULL) {
		return false;
	}
	if (preface->bytes.n > 0) {
		memmove(preface->buffer, preface->bytes.bytes, preface->bytes.n);
	}
	preface->bytes.bytes = preface->buffer;
	return true;
}

/** Reads until the kernel has no more (EAGAIN). Only then, and not after a short read, the next
 * bytes cause an event. */
static void take_from_kernel(struct preface *preface)
{
	ssize_t n;

	do {
		size_t used = preface->bytes.n;

		if (!make_room(preface)) {
			preface->calls->failed(preface, -ENOMEM);
			return;
		}
		n = stream_take(
			preface->client, preface->buffer + used, buffer_bytes(preface) - used);
		if (n < 0) {
			return;
		}
		preface->bytes.n += (size_t)n;
	} while (preface->calls->look(preface, n == 0) && n > 0);
}

/* ---- both ---- */

void preface_look(struct preface *preface)
{
	if (stream_is_tcp(preface->client)) {
		look_at_kernel(preface);
	} else {
		take_from_kernel(preface);
	}
}

static void on_input(struct handler *handler, const struct event *event)
{
	(void)event;
	preface_look(container_of(handler, struct preface, input));
}

void preface_open(struct preface *preface, struct stream *client, size_t max,
	const struct preface_calls *calls)
{
	*preface = (struct preface){
		.client = client, .input.call = on_input, .calls = calls, .max = max};
	stream_on(client, STREAM_INPUT, &preface->input);
}

struct span preface_bytes(const struct preface *preface)
{
	return preface->bytes;
}

int preface_consume(struct preface *preface, size_t n)
{
	int r = 0;

	if (stream_is_tcp(preface->client) && n > 0) {
		r = stream_skip(preface->client, n, preface->is_short && n == preface->bytes.n);
	}
	if (r < 0) {
		preface->calls->failed(preface, r);
		return r;
	}
	preface->bytes.bytes += n;
	preface->bytes.n -= n;
	return 0;
}

void preface_close(struct preface *preface)
{
	stream_off(preface->client, &preface->input);
}

struct span preface_left(const struct preface *preface)
{
	return preface->buffer == NULL ? (struct span){NULL, 0} : preface->bytes;
}

void preface_free(struct preface *preface)
{
	free(preface->buffer);
	preface->buffer = NULL;
}
