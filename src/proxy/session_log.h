/* SPDX-License-Identifier: ISC */
/* What the log says of a session: an opening line (debug) and the one closing line: of
 * level info, but for failures, see failures.h. */
#ifndef WEIR_PROXY_SESSION_LOG_H
#define WEIR_PROXY_SESSION_LOG_H

struct connector_attempt;
struct session;

/** "event=open", when the pair starts to relay. */
void session_log_open(const struct session *session);

/** "event=close", with everything that is known; the streams must not be freed yet. */
void session_log_close(const struct session *session);

/** Remembers a failed attempt for the closing line; of retries, the last error must do. */
void session_log_attempt(struct session *session, const struct connector_attempt *attempt);

#endif
