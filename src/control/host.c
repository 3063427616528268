/* SPDX-License-Identifier: ISC */
#include "control/host.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

enum { HOST_MAX = 256, PORT_DIGITS = 5 };

/** Cuts a port off the end. Returns whether the name is followed by a port or by nothing. */
static bool cut_port(char *text)
{
	char *bracket = strchr(text, ']');
	char *colon = strchr(bracket == NULL ? text : bracket, ':');
	size_t n;

	if (colon == NULL) {
		return true;
	}
	n = strlen(colon + 1);
	if (n > PORT_DIGITS || strspn(colon + 1, "0123456789") != n) {
		return false;
	}
	*colon = '\0';
	return true;
}

/** Cuts off the dot of the root: "localhost." is "localhost". */
static void cut_root(char *text)
{
	size_t n = strlen(text);

	if (n > 1 && text[n - 1] == '.' && *text != '[') {
		text[n - 1] = '\0';
	}
}

/** Whether `name`, with or without the dot of the root, is the one that was asked for. */
static bool is_same_name(const char *asked, const char *name)
{
	size_t n = strlen(asked);

	return strncmp(asked, name, n) == 0 && (name[n] == '\0' || strcmp(name + n, ".") == 0);
}

static bool is_address(char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];
	size_t n = strlen(text);

	if (text[0] == '[' && text[n - 1] == ']') {
		text[n - 1] = '\0';
		return inet_pton(AF_INET6, text + 1, bytes) == 1;
	}
	return inet_pton(AF_INET, text, bytes) == 1;
}

static bool is_name(const char *text)
{
	size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	return n > 0 && text[n] == '\0';
}

bool host_is_fit(struct span host, char *const *names, size_t n_names)
{
	char text[HOST_MAX];

	if (host.n == 0 || host.n >= sizeof(text)) {
		return false;
	}
	for (size_t i = 0; i < host.n; i++) {
		text[i] = (char)tolower(host.bytes[i]);
	}
	text[host.n] = '\0';
	if (!cut_port(text) || *text == '\0') {
		return false;
	}
	cut_root(text);
	for (size_t i = 0; i < n_names; i++) {
		if (is_same_name(text, names[i])) {
			return true;
		}
	}
	return is_name(text) || is_address(text);
}
