/* SPDX-License-Identifier: ISC */
/*
 * Sets values about clients: names and protocols in a hello, rates; and those of weir's own doors.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/parse.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/schema.h"
#include "conf/value.h"

enum { NAME_MAX_CHARS = 253, LABEL_MAX_CHARS = 63 }; /* RFC 1035, 2.3.4 */

#define LABEL_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static bool is_address(const char *name)
{
	struct in6_addr any;

	return inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1 ||
	       *name == '[';
}

/* Why this cannot be the name of a host; NULL: it can. */
static const char *name_problem(const char *name)
{
	size_t len = strlen(name);
	size_t label;

	if (len > 1 && name[len - 1] == '.' && name[len - 2] != '.') {
		return "clients send names without the dot at their end; write it without";
	}
	if (len > NAME_MAX_CHARS) {
		return "a name has at most 253 characters; write a shorter one";
	}
	for (;; name += label + 1) {
		label = strspn(name, LABEL_CHARS);
		if (name[label] != '.' && name[label] != '\0') {
			return "names have letters, digits, '-' and '_' between their dots; write "
			       "it as clients send it, other letters as \"xn--...\"";
		}
		if (label == 0) {
			return "a part of the name is empty; write a name like "
			       "\"a.example.com\"";
		}
		if (label > LABEL_MAX_CHARS) {
			return "at most 63 characters may be between two dots; write a shorter "
			       "name";
		}
		if (name[label] == '\0') {
			return NULL;
		}
	}
}

/* Why no client can ask for a name in SNI; NULL: one can. `name` is without the "*." at its
 * beginning. */
static const char *sni_problem(const char *name)
{
	if (is_address(name)) {
		return "clients send no address in SNI; write a name, or leave sni out of the "
		       "route";
	}
	if (strchr(name, '*') != NULL) {
		return "'*' can only be the whole first part; write a name, or one like "
		       "\"*.example.com\"";
	}
	return name_problem(name);
}

/* Sets a copy in lower case. 0 or -ENOMEM. */
static int set_lower(const char *text, char **value)
{
	char *name = strdup(text);

	if (name == NULL) {
		return -ENOMEM;
	}
	for (char *pos = name; *pos != '\0'; pos++) {
		*pos = (char)text_lower((uint8_t)*pos);
	}
	*value = name;
	return 0;
}

int conf_value_sni(const char *text, char **value, char why[CONF_WHY_MAX])
{
	bool is_wildcard = strncmp(text, "*.", 2) == 0;
	const char *what = strlen(text) > NAME_MAX_CHARS
				   ? "a name has at most 253 characters; write a shorter one"
				   : sni_problem(text + (is_wildcard ? 2 : 0));

	return what != NULL ? conf_refuse(why, text, what) : set_lower(text, value);
}

int conf_value_host(const char *text, char **value, char why[CONF_WHY_MAX])
{
	const char *what = is_address(text)
				   ? "addresses are answered anyway; take it out, and write names"
				   : name_problem(text);

	return what != NULL ? conf_refuse(why, text, what) : set_lower(text, value);
}

int conf_value_door(
	const struct conf_key *key, const char *text, struct addr *value, char why[CONF_WHY_MAX])
{
	struct addr addr;
	const char *what;

	if (addr_parse(text, &addr, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (key->type == CONF_PATH && (addr.kind != ADDR_UNIX || addr.sa.un.sun_path[0] == '\0')) {
		return conf_refuse(why, text,
			"the mode of a file says who may use it; write a path, like "
			"\"unix:/run/weir/control\"");
	}
	if (addr.kind == ADDR_NAME || addr.kind == ADDR_SYSTEMD) {
		return conf_refuse(why, text,
			"weir binds it by itself; write an address, like \"127.0.0.1:8404\" or "
			"\"unix:/run/weir/http\"");
	}
	*value = addr;
	return 0;
}

int conf_value_alpn(const char *text, char **value, char why[CONF_WHY_MAX])
{
	size_t len = strlen(text);

	if (len == 0 || len > CONF_ALPN_MAX) {
		return conf_refuse(why, text,
			"a protocol has 1 to 255 bytes; write one like \"h2\" or \"http/1.1\"");
	}
	*value = strdup(text);
	return *value == NULL ? -ENOMEM : 0;
}

/* Splits the number off a rate, into `number`; false: it is not a rate. */
static bool split_rate(const char *text, char number[32])
{
	size_t len = strcspn(text, "/");

	if (len == 0 || len >= 32 || strcmp(text + len, "/s") != 0) {
		return false;
	}
	memcpy(number, text, len);
	number[len] = '\0';
	return true;
}

static int refuse_range(const struct conf_key *key, const char *text, char why[CONF_WHY_MAX])
{
	char shown[CONF_SHOWN_MAX];

	if (key->type == CONF_RATE) {
		(void)snprintf(why, CONF_WHY_MAX,
			"%s is out of range; write \"%" PRIu64 "/s\" to \"%" PRIu64
			"/s\", or take it out for no limit",
			conf_shown(text, shown), key->min, key->max);
	} else {
		(void)snprintf(why, CONF_WHY_MAX,
			"%s is out of range; write \"%" PRIu64 "k/s\" to \"%" PRIu64
			"G/s\", or take it out for no limit",
			conf_shown(text, shown), key->min >> 10, key->max >> 30);
	}
	return -EINVAL;
}

int conf_value_rate(
	const struct conf_key *key, const char *text, uint64_t *value, char why[CONF_WHY_MAX])
{
	char number[32];
	char what[CONF_WHY_MAX];
	const char *wrong;
	uint64_t n;

	if (!split_rate(text, number)) {
		(void)snprintf(what, sizeof(what),
			"a rate is a number a second; write one like \"%s\"", key->example);
		return conf_refuse(why, text, what);
	}
	if (key->type == CONF_RATE && strspn(number, "0123456789") != strlen(number)) {
		(void)snprintf(what, sizeof(what),
			"clients are counted in whole numbers without a unit; write one like "
			"\"%s\"",
			key->example);
		return conf_refuse(why, text, what);
	}
	if (parse_size(number, &n, &wrong) < 0) {
		return conf_refuse(why, text, wrong);
	}
	if (n < key->min || n > key->max) {
		return refuse_range(key, text, why);
	}
	*value = n;
	return 0;
}
