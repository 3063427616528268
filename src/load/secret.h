/* SPDX-License-Identifier: ISC */
/*
 * The secret with which a serving end was started, and the proof that a controller has it too.
 * docs/decisions/0460-a-serving-end-that-obeys.md says why it is made so.
 *
 * The serving end sends a random challenge to each caller. The caller draws a random nonce and
 * answers with a hash of secret, challenge and nonce, by crypt(3) with SHA-512. So the secret is
 * never sent, a proof is useless a second time, and each guess costs about a millisecond.
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
 * Reads the secret, the only line of a file: SECRET_MIN to SECRET_MAX bytes. 0, or -EINVAL and
 * ret_why (of OPTIONS_WHY_MAX); also if all users of the machine may read or write the file.
 */
int secret_read(const char *path, char ret[SECRET_MAX + 1], char *ret_why);

/** Overwrites the secret in memory. */
void secret_forget(char secret[SECRET_MAX + 1]);

/** Makes a challenge or a nonce: 128 random bits in hex. 0 or a negative errno. */
int secret_draw(char ret[SECRET_DRAWN_MAX]);

/** Makes the proof; `challenge` and `nonce` are from secret_draw(). 0 or a negative errno. */
int secret_prove(
	const char *secret, const char *challenge, const char *nonce, char ret[SECRET_PROOF_MAX]);

/** Whether `text` has the form that secret_draw() makes. */
bool secret_is_drawn(const char *text);

/** Whether two proofs are equal, in a time that does not depend on where they differ. */
bool secret_is_same(const char *a, const char *b);

#endif
