/* SPDX-License-Identifier: ISC */
/*
 * The secret that a serving end was started with, and the proof that a controller has it, too. Why
 * it is made so: docs/decisions/0460-a-serving-end-that-obeys.md.
 *
 * The serving end draws a challenge for each caller; the caller draws a nonce, and answers with a
 * hash of secret, challenge and nonce by crypt(3), SHA-512. So the secret is never sent, what was
 * once heard proves nothing a second time, and each guess costs about a millisecond.
 */
#ifndef WEIR_LOAD_SECRET_H
#define WEIR_LOAD_SECRET_H

#include <stdbool.h>
#include <stddef.h>

enum {
	SECRET_MIN = 16,
	SECRET_MAX = 256,
	SECRET_DRAWN_MAX = 33,  /**< 128 bits in hex, with the NUL */
	SECRET_PROOF_MAX = 128, /**< with the NUL */
};

/**
 * Reads the secret, the one line of a file: SECRET_MIN to SECRET_MAX bytes. 0, or -EINVAL and
 * ret_why (of OPTIONS_WHY_MAX): also where all others of the machine may read it.
 */
int secret_read(const char *path, char ret[SECRET_MAX + 1], char *ret_why);

/** Overwrites it. */
void secret_forget(char secret[SECRET_MAX + 1]);

/** A challenge or a nonce: 128 random bits in hex. 0 or a negative errno. */
int secret_draw(char ret[SECRET_DRAWN_MAX]);

/** The proof; `challenge` and `nonce` as secret_draw() made them. 0 or a negative errno. */
int secret_prove(
	const char *secret, const char *challenge, const char *nonce, char ret[SECRET_PROOF_MAX]);

/** Whether `text` may be what secret_draw() made. */
bool secret_is_drawn(const char *text);

/** Whether two proofs are the same, in a time that does not tell where they differ. */
bool secret_is_same(const char *a, const char *b);

#endif
