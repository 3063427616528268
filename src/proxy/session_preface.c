/* SPDX-License-Identifier: ISC */
/*
 * The stage PREFACE: finds out what a session must know of its client's first bytes before it
 * chooses a server.
 *
 *	session_look ──▶ each step that is wanted, in order ──▶ CHOOSING
 *	                   │ more is needed: waits for bytes, or for timeouts.preface
 *	                   ├ malformed, or cut off: bad_preface
 *	                   └ a FIN before the first byte: eof (the probe of a load balancer)
 *
 * A step is a row of `steps`. It has a function that says whether the step is needed, which may
 * depend on earlier steps, and one that looks at the bytes. Only bytes that a step consumes are not
 * sent to the server; a step that consumes nothing leaves all bytes to the next one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "proto/client_hello.h"
#include "proto/proxy_header.h"
#include "proxy/admit.h"
#include "proxy/edge.h"
#include "proxy/offer.h"
#include "proxy/preface.h"
#include "proxy/session_private.h"
#include "stream/stream.h"

/** How many of the bytes that were wrong or incomplete are shown in the closing line. */
enum { SHOWN_MAX = 64 };

struct session_preface {
	struct session *session;
	struct preface preface;
	size_t step;    /**< index of the current step */
	bool has_begun; /**< a byte has come */
	/* The result of that step, for the closing line: */
	const char *what; /**< what it looks at */
	const char *why;
	size_t n_shown;
	uint8_t shown[SHOWN_MAX];
};

/* ---- the PROXY header ---- */

static bool believes_headers(const struct offer *offer)
{
	return offer->accept_proxy != NULL;
}

static bool wants_header(const struct session *session)
{
	const struct offer *offer = session->terms->offer;

	return believes_headers(offer) && peer_list_has(offer->accept_proxy, &session->edge->peer);
}

/** From now on the client is the one that the header announces. 0 or -ENOMEM. */
static int believe(struct session *session, const struct proxy_header *header)
{
	union session_peer client;

	if (header->who != PROXY_HEADER_CLIENT) {
		return 0; /* LOCAL, or an unknown client: the client is the peer that connected */
	}
	client = session_peer(&header->source.sa.any, header->source.len);
	session_set_client(session, &client);
	return edge_announce(session->edge, &header->source);
}

static struct verdict look_at_header(struct session *session, struct span bytes)
{
	struct verdict verdict = {.said = SAID_DONE};
	struct proxy_header header;
	struct end end;
	int n = proxy_header_parse(bytes.bytes, bytes.n, &header, &verdict.why);
	int r;

	if (n <= 0) {
		verdict.said = n == 0 ? SAID_MORE : SAID_BAD;
		return verdict;
	}
	verdict.n_consumed = (size_t)n;
	r = edge_keep_header(session->edge, bytes.bytes, (size_t)n);
	if (r == 0) {
		r = believe(session, &header);
	}
	if (r < 0) {
		end = end_by_failure(SIDE_CLIENT, r);
	}
	/* The listener has not checked this, because only now the client is known. */
	if (r < 0 ||
		!admit_client(session->terms, &session->client, &session->edge->source, &end)) {
		session_refuse(session, end);
		verdict.said = SAID_OVER;
	}
	return verdict;
}

/* ---- the steps ---- */

/** The step for the ClientHello is in session_hello.c. */
static bool has_choice(const struct offer *offer)
{
	return offer->has_choice;
}

static const struct step {
	const char *what; /**< what it looks at, for the closing line */
	/** Whether sessions of the offer may need the step; whether this one does, by what is known
	 * so far. */
	bool (*possible)(const struct offer *offer);
	bool (*wanted)(const struct session *session);
	/** Looks at the bytes that were not consumed, at least one. */
	struct verdict (*look)(struct session *session, struct span bytes);
	size_t max; /**< with this many bytes it never returns MORE */
} steps[] = {
	{
		.what = "PROXY header",
		.possible = believes_headers,
		.wanted = wants_header,
		.look = look_at_header,
		.max = PROXY_HEADER_V2_MAX,
	},
	{
		.what = "ClientHello",
		.possible = has_choice,
		.wanted = session_wants_hello,
		.look = session_look_at_hello,
		.max = CLIENT_HELLO_MAX,
	},
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

/** The first step from `at` on that is needed; STEPS: none is. */
static size_t next_step(const struct session *session, size_t at)
{
	while (at < STEPS && !steps[at].wanted(session)) {
		at++;
	}
	return at;
}

/** Notes what the closing line has to show if the session ends now. */
static void note(struct session_preface *self, const char *why)
{
	struct span bytes = preface_bytes(&self->preface);

	self->what = steps[self->step].what;
	self->why = why;
	self->n_shown = bytes.n < SHOWN_MAX ? bytes.n : SHOWN_MAX;
	if (self->n_shown > 0) {
		memcpy(self->shown, bytes.bytes, self->n_shown);
	}
}

/** Ends the session, whose client has sent FIN although the step needs more bytes. */
static void end_early(struct session_preface *self)
{
	struct session *session = self->session;

	if (preface_bytes(&self->preface).n == 0) {
		session_dismiss(session, end_by_fins(SIDE_CLIENT));
	} else {
		note(self, "the client finished within it");
		session_refuse(session, end_by_weir(END_BAD_PREFACE));
	}
}

static struct verdict look(struct session_preface *self)
{
	struct span bytes = preface_bytes(&self->preface);

	if (bytes.n == 0) {
		return (struct verdict){.said = SAID_MORE};
	}
	self->has_begun = true;
	return steps[self->step].look(self->session, bytes);
}

static bool on_look(struct preface *preface, bool is_all)
{
	struct session_preface *self = container_of(preface, struct session_preface, preface);
	struct session *session = self->session;
	struct verdict verdict = look(self);

	while (verdict.said == SAID_DONE) {
		if (preface_consume(preface, verdict.n_consumed) < 0) {
			return false;
		}
		self->step = next_step(session, self->step + 1);
		if (self->step == STEPS) {
			session_enter(session, SESSION_CHOOSING);
			return false;
		}
		verdict = look(self);
	}
	if (verdict.said == SAID_MORE && !is_all) {
		note(self, preface_bytes(&self->preface).n == 0 ? "nothing has come"
								: "it is not complete");
		return true;
	}
	if (verdict.said == SAID_MORE) {
		end_early(self);
	} else if (verdict.said == SAID_BAD) {
		note(self, verdict.why);
		session_refuse(session, end_by_weir(END_BAD_PREFACE));
	}
	return false;
}

static void on_failed(struct preface *preface, int err)
{
	struct session_preface *self = container_of(preface, struct session_preface, preface);

	session_refuse(self->session, end_by_failure(SIDE_CLIENT, err));
}

/* ---- the stage ---- */

bool session_must_look(const struct session *session)
{
	return next_step(session, 0) < STEPS;
}

/** How many bytes are enough for all steps that may be needed. */
static size_t bytes_max(const struct offer *offer)
{
	size_t max = 0;

	for (size_t i = 0; i < STEPS; i++) {
		max += steps[i].possible(offer) ? steps[i].max : 0;
	}
	return max;
}

bool session_awaits_header(const struct session *session)
{
	return session->stage == SESSION_PREFACE &&
	       steps[session->setup->preface->step].look == look_at_header;
}

void session_look(struct session *session)
{
	static const struct preface_calls calls = {.look = on_look, .failed = on_failed};
	struct session_preface *self = calloc(1, sizeof(*self));

	if (self == NULL) {
		session_refuse(session, end_by_failure(SIDE_CLIENT, -ENOMEM));
		return;
	}
	self->session = session;
	self->step = next_step(session, 0);
	session->setup->preface = self;
	preface_open(
		&self->preface, session->setup->client, bytes_max(session->terms->offer), &calls);
	note(self, "nothing has come");
}

void session_look_once_more(struct session *session)
{
	preface_look(&session->setup->preface->preface);
}

void session_stop_looking(struct session *session)
{
	if (session->setup->preface != NULL) {
		preface_close(&session->setup->preface->preface);
	}
}

bool session_has_first_bytes(const struct session *session)
{
	const struct session_preface *self = session->setup->preface;

	return self != NULL && preface_bytes(&self->preface).n > 0;
}

struct span session_first_bytes(const struct session *session)
{
	const struct session_preface *self = session->setup->preface;

	return self == NULL ? (struct span){NULL, 0} : preface_left(&self->preface);
}

struct session_preface *session_preface_free(struct session_preface *self)
{
	if (self != NULL) {
		preface_free(&self->preface);
		free(self);
	}
	return NULL;
}

/* ---- the closing line ---- */

bool session_was_probe(const struct session *session)
{
	const struct session_preface *self =
		session->setup == NULL ? NULL : session->setup->preface;
	enum end_reason reason = session->end.reason;

	return self != NULL && session->end.by == END_BY_CLIENT &&
	       (reason == END_EOF || (reason == END_RESET && !self->has_begun));
}

void session_log_preface(const struct session *session, struct log_line *line)
{
	const struct session_preface *self = session->setup->preface;
	char text[256];

	(void)snprintf(text, sizeof(text), "%s: %s", self->what, self->why);
	log_str(line, "error", text);
	log_bytes(line, "first_bytes", self->shown, self->n_shown);
}
