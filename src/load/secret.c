/* SPDX-License-Identifier: ISC */
#include "load/secret.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load/options.h"

/** SHA-512; the random part is in the phrase and not in the salt. */
static const char setting[] = "$6$rounds=1000$weirload$";

static int refuse(char *why, const char *path, const char *problem)
{
	(void)snprintf(why, OPTIONS_WHY_MAX, "--secret-file %s: %s", path, problem);
	return -EINVAL;
}

/** Reads at most `max` bytes. Returns their number or a negative errno. */
static ssize_t read_all(int fd, char *bytes, size_t max)
{
	size_t n = 0;
	ssize_t r;

	do {
		r = read(fd, bytes + n, max - n);
		n += r > 0 ? (size_t)r : 0;
	} while (r > 0 && n < max);
	return r < 0 ? -errno : (ssize_t)n;
}

static int check_secret(const char *path, char *secret, size_t n, char *why)
{
	if (n > 0 && secret[n - 1] == '\n') {
		n--;
	}
	secret[n < SECRET_MAX ? n : SECRET_MAX] = '\0';
	if (n < SECRET_MIN || n > SECRET_MAX) {
		return refuse(why, path,
			"write one line of 16 to 256 bytes, such as openssl rand -hex 32 makes");
	}
	if (strlen(secret) != n || strchr(secret, '\n') != NULL) {
		return refuse(why, path, "it has more than one line, or a NUL; write one line");
	}
	return 0;
}

int secret_read(const char *path, char ret[SECRET_MAX + 1], char *ret_why)
{
	char bytes[SECRET_MAX + 2] = ""; /* and the line feed */
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0) {
		return refuse(ret_why, path, strerror(errno));
	}
	n = fstat(fd, &st) < 0 ? -errno : read_all(fd, bytes, sizeof(bytes));
	(void)close(fd);
	if (n < 0) {
		return refuse(ret_why, path, strerror((int)-n));
	}
	if (S_ISREG(st.st_mode) && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
		r = refuse(ret_why, path, "everybody may read or write it; chmod o= it");
	} else {
		r = check_secret(path, bytes, (size_t)n, ret_why);
	}
	if (r == 0) {
		memcpy(ret, bytes, SECRET_MAX + 1);
	}
	explicit_bzero(bytes, sizeof(bytes));
	return r;
}

void secret_forget(char secret[SECRET_MAX + 1])
{
	explicit_bzero(secret, SECRET_MAX + 1);
}

int secret_draw(char ret[SECRET_DRAWN_MAX])
{
	uint8_t bytes[(SECRET_DRAWN_MAX - 1) / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		return -EIO;
	}
	for (size_t i = 0; i < sizeof(bytes); i++) {
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	}
	return 0;
}

bool secret_is_drawn(const char *text)
{
	return strlen(text) == SECRET_DRAWN_MAX - 1 &&
	       strspn(text, "0123456789abcdef") == SECRET_DRAWN_MAX - 1;
}

int secret_prove(
	const char *secret, const char *challenge, const char *nonce, char ret[SECRET_PROOF_MAX])
{
	char phrase[SECRET_MAX + 2 * SECRET_DRAWN_MAX + 2];
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *proof = NULL;
	int r = -ENOMEM;

	if (data != NULL) {
		(void)snprintf(phrase, sizeof(phrase), "%s\n%s\n%s", secret, challenge, nonce);
		/* crypt_rn() of libxcrypt returns NULL on failure, unlike crypt_r(). */
		proof = crypt_rn(phrase, setting, data, sizeof(*data));
		r = -EINVAL;
	}
	if (proof != NULL && strlen(proof) < SECRET_PROOF_MAX) {
		memcpy(ret, proof, strlen(proof) + 1);
		r = 0;
	}
	explicit_bzero(phrase, sizeof(phrase));
	if (data != NULL) {
		explicit_bzero(data, sizeof(*data));
	}
	free(data);
	return r;
}

bool secret_is_same(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned differs = 0;

	if (n != strlen(b)) {
		return false; /* the length is not secret */
	}
	for (size_t i = 0; i < n; i++) {
		differs |= (unsigned)(uint8_t)a[i] ^ (unsigned)(uint8_t)b[i];
	}
	return differs == 0;
}
