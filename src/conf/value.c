/* SPDX-License-Identifier: ISC */
#include "conf/value.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/parse.h"
#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/range.h"
#include "conf/schema.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

/* Parses the integer at the beginning of `text` by libconfig's rules. False: it is negative.
 * UINT64_MAX: it has more than 64 bits. */
static bool parse_integer(const char *text, uint64_t *ret_number)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned long long number;

	if (*text == '-') {
		return false;
	}
	errno = 0;
	number = strtoull(text, NULL, hex ? 16 : 10);
	*ret_number = errno == ERANGE ? UINT64_MAX : number;
	return true;
}

bool conf_refuse_unit(const char *text, char why[CONF_WHY_MAX])
{
	static const char units[] = "kKmMgG";
	size_t len = strspn(text, "0123456789");
	const char *unit = text[len] == '\0' ? NULL : strchr(units, text[len]);
	uint64_t number;

	/* Nine digits of G fit 64 bits. */
	if (len == 0 || len > 9 || unit == NULL || strspn(text + len + 1, NAME_CHARS) > 0) {
		return false;
	}
	number = strtoull(text, NULL, 10);
	for (const char *pos = units; pos <= unit; pos += 2) {
		number *= 1000;
	}
	(void)snprintf(why, CONF_WHY_MAX, "counts have no unit; write %" PRIu64, number);
	return true;
}

/* Sets an integer from its text, which may have more than 64 bits. */
static int set_int(
	const struct conf_key *key, const char *text, uint32_t *value, char why[CONF_WHY_MAX])
{
	size_t len = strspn(text, "+-0123456789abcdefABCDEFxXL");
	uint64_t number;

	if (!parse_integer(text, &number) || number < key->min || number > key->max) {
		(void)snprintf(why, CONF_WHY_MAX,
			"%.*s is out of range; write an integer from %" PRIu64 " to %" PRIu64,
			len < CONF_SHOWN_CHARS ? (int)len : CONF_SHOWN_CHARS, text, key->min,
			key->max);
		return -EINVAL;
	}
	*value = (uint32_t)number;
	return 0;
}

static int set_duration(
	const struct conf_key *key, const char *text, uint64_t *value, char why[CONF_WHY_MAX])
{
	const char *wrong;
	char what[80];
	uint64_t ns;

	if (parse_duration(text, &ns, &wrong) < 0) {
		return conf_refuse(why, text, wrong);
	}
	if (ns < key->min) {
		return conf_refuse(why, text,
			key->min == 1 ? "a timer of no time at all would strike at once; "
					"write \"none\" to switch it off"
				      : "too short; write at least \"1ms\"");
	}
	if (ns > key->max && key->min == 0) {
		return conf_refuse(why, text, "this is no timer to switch off; write \"0s\"");
	}
	if (ns > key->max) {
		(void)snprintf(what, sizeof(what),
			"this cannot be switched off; write a duration like \"%s\"", key->example);
		return conf_refuse(why, text, what);
	}
	*value = ns;
	return 0;
}

static int set_size(
	const struct conf_key *key, const char *text, size_t *value, char why[CONF_WHY_MAX])
{
	const char *what;
	uint64_t bytes;
	char shown[CONF_SHOWN_MAX];

	if (parse_size(text, &bytes, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (bytes < key->min || bytes > key->max) {
		(void)snprintf(why, CONF_WHY_MAX,
			"%s is out of range; write a size from \"%" PRIu64 "k\" to \"%" PRIu64
			"M\"",
			conf_shown(text, shown), key->min >> 10, key->max >> 20);
		return -EINVAL;
	}
	*value = (size_t)bytes;
	return 0;
}

static int set_mode(
	const struct conf_key *key, const char *text, mode_t *value, char why[CONF_WHY_MAX])
{
	size_t len = strlen(text);
	unsigned long mode;

	if (len == 0 || strspn(text, "01234567") != len) {
		return conf_refuse(why, text, "a mode is octal digits; write one like \"0660\"");
	}
	mode = len > 8 ? ULONG_MAX : strtoul(text, NULL, 8);
	if (mode > key->max) {
		return conf_refuse(
			why, text, "a socket has only permission bits; write at most \"0777\"");
	}
	*value = (mode_t)mode;
	return 0;
}

/* Parses the number of a user or a group, without a look-up. True: it is one, in *ret_id. The
 * highest number means "unchanged" to chown(2), so it is refused. */
static bool parse_id(const char *text, uint32_t *ret_id)
{
	size_t len = strlen(text);
	unsigned long long id;

	if (len == 0 || len > 10 || strspn(text, "0123456789") != len) {
		return false;
	}
	id = strtoull(text, NULL, 10);
	*ret_id = (uint32_t)id;
	return id < UINT32_MAX;
}

enum { PASSWD_ROOM_MAX = 1024 * 1024 }; /* a group may have many members */

/* Looks up a user or a group. 0 and its number; 1: there is none; or a negative errno. */
static int look_up(const char *text, bool is_group, uint32_t *ret_id)
{
	size_t room = 1024;
	struct passwd user;
	struct passwd *found_user = NULL;
	struct group group;
	struct group *found_group = NULL;
	int r;

	do {
		char *buffer;

		room *= 4;
		buffer = malloc(room);
		if (buffer == NULL) {
			return -ENOMEM;
		}
		r = is_group ? getgrnam_r(text, &group, buffer, room, &found_group)
			     : getpwnam_r(text, &user, buffer, room, &found_user);
		if (found_group != NULL) {
			*ret_id = group.gr_gid;
		} else if (found_user != NULL) {
			*ret_id = user.pw_uid;
		}
		free(buffer);
	} while (r == ERANGE && room < PASSWD_ROOM_MAX);
	if (r == ENOMEM) {
		return -ENOMEM;
	}
	return found_user != NULL || found_group != NULL ? 0 : 1;
}

static int set_owner(
	const char *text, bool is_group, struct file_access *value, char why[CONF_WHY_MAX])
{
	uint32_t id = 0;
	int r = parse_id(text, &id) ? 0 : look_up(text, is_group, &id);

	if (r < 0) {
		return r;
	}
	if (r > 0) {
		return conf_refuse(why, text,
			is_group ? "this machine has no such group; write one that `getent group` "
				   "shows, or its number"
				 : "this machine has no such user; write one that `getent passwd` "
				   "shows, or its number");
	}
	if (is_group) {
		value->sets_group = true;
		value->group = id;
	} else {
		value->sets_owner = true;
		value->owner = id;
	}
	return 0;
}

static int set_name(const char *text, char **value, char why[CONF_WHY_MAX])
{
	size_t len = strlen(text);
	char *name;

	if (len == 0 || len > CONF_NAME_MAX || strspn(text, NAME_CHARS) != len) {
		return conf_refuse(
			why, text, "not a name; write 1 to 64 letters, digits, '_', '.' and '-'");
	}
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
		return conf_refuse(why, text,
			"cannot be part of a path, like those of the control socket; write another "
			"name");
	}
	if (*value != NULL) {
		return conf_refuse(why, text, "is a second one; write it once");
	}
	name = strdup(text);
	if (name == NULL) {
		return -ENOMEM;
	}
	*value = name;
	return 0;
}

/* Sets the text of a server that is named instead of an upstream, if it is valid. */
static int set_forward(const char *text, char **value, char why[CONF_WHY_MAX])
{
	struct conf_range range;
	int r = conf_range_parse(text, &range, why);

	if (r == 0) {
		r = conf_range_check_server(text, &range.first, why);
	}
	if (r < 0) {
		return r;
	}
	*value = strdup(text);
	return *value == NULL ? -ENOMEM : 0;
}

/* The index of a word. */
static int find_word(
	const struct conf_key *key, const char *text, unsigned *ret_index, char why[CONF_WHY_MAX])
{
	char what[128];
	size_t len;
	unsigned n = 0;

	for (unsigned i = 0; key->words[i] != NULL; i++) {
		if (strcmp(text, key->words[i]) == 0) {
			*ret_index = i;
			return 0;
		}
		n++;
	}
	len = (size_t)snprintf(what, sizeof(what), "unknown; write ");
	for (unsigned i = 0; i < n; i++) {
		const char *between = i == 0 ? "" : i + 1 == n ? " or " : ", ";

		len += (size_t)snprintf(
			what + len, sizeof(what) - len, "%s\"%s\"", between, key->words[i]);
		assert(len < sizeof(what)); /* the schema has few words */
	}
	return conf_refuse(why, text, what);
}

/* An address without a port, which the kernel picks. */
static int set_source(const char *text, struct addr *value, char why[CONF_WHY_MAX])
{
	struct addr addr;
	const char *what;
	char whole[ADDR_TEXT_MAX];
	bool v6 = strchr(text, ':') != NULL;
	int len = snprintf(whole, sizeof(whole), "%s%s%s:1", v6 ? "[" : "", text, v6 ? "]" : "");

	if (len >= (int)sizeof(whole) || text[0] == '[' || addr_parse(whole, &addr, &what) < 0 ||
		addr.kind != ADDR_INET) {
		return conf_refuse(why, text,
			"not an IP address alone; write one like \"192.0.2.1\" or \"2001:db8::1\"");
	}
	addr.port = 0;
	addr.sa.in.sin_port = 0; /* at the same offset in both families */
	*value = addr;
	return 0;
}

/* Sets an address of a server, and its text as written. */
static int set_server(
	const char *text, struct addr *value, char kept[ADDR_TEXT_MAX], char why[CONF_WHY_MAX])
{
	struct addr addr;
	const char *what;

	if (addr_parse(text, &addr, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (conf_range_check_server(text, &addr, why) < 0) {
		return -EINVAL;
	}
	*value = addr;
	assert(strlen(text) < ADDR_TEXT_MAX); /* a text that addr_parse() accepts fits */
	(void)strcpy(kept, text);
	return 0;
}

static int set_resolver(const char *text, struct addr *value, char why[CONF_WHY_MAX])
{
	struct addr addr;
	const char *what;

	if (addr_parse(text, &addr, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (addr.kind != ADDR_INET) {
		return conf_refuse(why, text,
			"a DNS server has an IP address and a port; write one like "
			"\"127.0.0.53:53\" or \"[::1]:53\"");
	}
	if (strchr(text, '%') != NULL) {
		return conf_refuse(why, text,
			"a DNS server cannot be asked through a zone; write an address without "
			"one");
	}
	*value = addr;
	return 0;
}

/* Sets discovery from "dns:NAME:PORT", or from "srv:NAME", whose answers have the ports. */
static int set_discover(const char *text, struct conf_discovery *value, char why[CONF_WHY_MAX])
{
	static const char no_name[] =
		"there is no name in it that DNS could be asked; write "
		"\"dns:app.example.com:9000\", or write an address in servers";
	bool is_srv = strncmp(text, "srv:", 4) == 0;
	struct addr addr;
	const char *what;
	char whole[ADDR_TEXT_MAX];
	int len;

	if (!is_srv && strncmp(text, "dns:", 4) != 0) {
		return conf_refuse(why, text,
			"begins with neither \"dns:\" nor \"srv:\"; write "
			"\"dns:app.example.com:9000\", or \"srv:_app._tcp.example.com\"");
	}
	if (is_srv && strchr(text + 4, ':') != NULL) {
		return conf_refuse(why, text,
			"SRV records have the ports themselves; write a name alone, like "
			"\"srv:_app._tcp.example.com\"");
	}
	if (text[4] == '\0' || text[4] == ':') {
		return conf_refuse(why, text, no_name);
	}
	if (!is_srv && strchr(text + 4, ':') == NULL) {
		return conf_refuse(
			why, text, "it has no port; write one like \"dns:app.example.com:9000\"");
	}
	len = snprintf(whole, sizeof(whole), "%s%s", text + 4, is_srv ? ":1" : "");
	if (len >= (int)sizeof(whole)) {
		return conf_refuse(
			why, text, "a host name has at most 253 characters; write a shorter one");
	}
	if (addr_parse(whole, &addr, &what) < 0) {
		return conf_refuse(why, text, what);
	}
	if (addr.kind != ADDR_NAME) {
		return conf_refuse(why, text, no_name);
	}
	len = (int)strlen(addr.host);
	value->name = strndup(addr.host, (size_t)len - (addr.host[len - 1] == '.' ? 1 : 0));
	if (value->name == NULL) {
		return -ENOMEM;
	}
	value->kind = is_srv ? DISCOVER_SRV : DISCOVER_DNS;
	value->port = is_srv ? 0 : addr.port;
	return 0;
}

/* Sets bytes. The old ones are not freed, because they may be shared (conf.c). */
static int set_bytes(const struct conf_key *key, const char *text, struct conf_bytes *value,
	char why[CONF_WHY_MAX])
{
	size_t n = strlen(text);
	char *bytes;

	if (n == 0) {
		return conf_refuse(why, text, "no byte is in it; write some, or take it out");
	}
	if (n > key->max) {
		(void)snprintf(why, CONF_WHY_MAX,
			"has %zu bytes; write at most %" PRIu64 ", which is 4 KiB", n, key->max);
		return -EINVAL;
	}
	bytes = malloc(n);
	if (bytes == NULL) {
		return -ENOMEM;
	}
	*value = (struct conf_bytes){.bytes = memcpy(bytes, text, n), .n = n};
	return 0;
}

/* Sets a bool, an enum or a bit from a word. */
static int set_word(
	const struct conf_key *key, const char *text, void *value, char why[CONF_WHY_MAX])
{
	unsigned index = 0;
	int r = find_word(key, text, &index, why);

	if (r < 0) {
		return r;
	}
	if (key->type == CONF_FLAGS) {
		*(unsigned *)value |= 1u << index;
	} else if (key->type == CONF_WORD) {
		memcpy(value, &index, sizeof(index)); /* as large as an enum */
	} else {
		*(bool *)value = index == 0;
	}
	return 0;
}

static int set_level(const char *text, enum log_level *value, char why[CONF_WHY_MAX])
{
	return log_level_parse(text, value) == 0
		       ? 0
		       : conf_refuse(why, text,
				 "not a level; write \"error\", \"warn\", \"info\" or \"debug\"");
}

/* Sets one element of an array. */
static int set_element(
	const struct conf_key *key, const char *text, void *element, char why[CONF_WHY_MAX])
{
	switch (key->type) {
	case CONF_RESOLVERS:
		return set_resolver(text, element, why);
	case CONF_SNI:
		return conf_value_sni(text, element, why);
	case CONF_HOSTS:
		return conf_value_host(text, element, why);
	default:
		return conf_value_alpn(text, element, why);
	}
}

/* Sets TCP Fast Open: a queue length for listeners, a word towards servers; the top level may have
 * either. */
static int set_fastopen(const struct conf_key *key, const char *text, struct sockopts *value,
	char why[CONF_WHY_MAX])
{
	bool is_number = strspn(text, "+-0123456789") > 0;
	unsigned index = 0;
	int r;

	if (is_number && strncmp(key->path, "upstreams", 9) == 0) {
		return conf_refuse(
			why, text, "a number is the queue of a listener; write \"on\" or \"off\"");
	}
	if (is_number) {
		return set_int(key, text, &value->fastopen_queue, why);
	}
	r = find_word(key, text, &index, why);
	if (r == 0 && index == 0 && strncmp(key->path, "listeners", 9) == 0) {
		return conf_refuse(why, text,
			"a listener has a queue; write how many clients may be in it, like 256");
	}
	if (r == 0) {
		value->fastopen = index == 0;
		value->fastopen_queue = index == 0 ? value->fastopen_queue : 0;
	}
	return r;
}

/* Sets the value of a key that is an address, or of `discover` or `fastopen`. */
static int set_place(
	const struct conf_key *key, const char *text, void *object, char why[CONF_WHY_MAX])
{
	struct conf_server *server = object;
	struct conf_check *check = object;
	void *value = (char *)object + key->offset;

	switch (key->type) {
	case CONF_FASTOPEN:
		return set_fastopen(key, text, value, why);
	case CONF_SOURCE:
		return set_source(text, value, why);
	case CONF_SERVER:
		return set_server(text, &server->addr, server->text, why);
	case CONF_TARGET:
		return set_server(text, &check->addr, check->text, why);
	case CONF_DISCOVER:
		return set_discover(text, value, why);
	default:
		return conf_value_door(key, text, value, why);
	}
}

int conf_value_set(
	const struct conf_key *key, const char *text, void *object, char why[CONF_WHY_MAX])
{
	void *value = (char *)object + key->offset;

	switch (key->type) {
	case CONF_INT:
		return set_int(key, text, value, why);
	case CONF_DURATION:
		return set_duration(key, text, value, why);
	case CONF_SIZE:
		return set_size(key, text, value, why);
	case CONF_LEVEL:
		return set_level(text, value, why);
	case CONF_EITHER:
	case CONF_WORD:
	case CONF_OPTION:
	case CONF_FLAGS:
		return set_word(key, text, value, why);
	case CONF_BOOL:
		*(bool *)value = strcasecmp(text, "true") == 0; /* the scanner accepts only two */
		return 0;
	case CONF_BYTES:
		return set_bytes(key, text, value, why);
	case CONF_MODE:
		return set_mode(key, text, value, why);
	case CONF_OWNER:
		return set_owner(text, false, value, why);
	case CONF_TEAM:
		return set_owner(text, true, value, why);
	case CONF_NAME:
		return set_name(text, value, why);
	case CONF_FORWARD:
		return set_forward(text, value, why);
	case CONF_INCLUDE: /* include_files.c has read the files */
	case CONF_REFERENCE:
		return 0; /* conf_check_model() resolves it when all upstreams are known */
	case CONF_RESOLVERS:
	case CONF_SNI:
	case CONF_ALPN:
	case CONF_HOSTS:
		return set_element(key, text, object, why);
	case CONF_FASTOPEN:
	case CONF_SOURCE:
	case CONF_SERVER:
	case CONF_TARGET:
	case CONF_DISCOVER:
	case CONF_PATH:
	case CONF_DOOR:
		return set_place(key, text, object, why);
	case CONF_RATE:
	case CONF_BANDWIDTH:
		return conf_value_rate(key, text, value, why);
	case CONF_GROUP:
	case CONF_CHECK:
	case CONF_LIST:
	case CONF_LISTEN:
	case CONF_PREFIXES:
		break; /* each of these has its own function */
	}
	return -EINVAL;
}
