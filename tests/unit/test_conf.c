/* SPDX-License-Identifier: ISC */
/* Valid configs are read correctly, and the files and manual pages that show the schema agree
 * with it. */
#include <fcntl.h>
#include <libconfig.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/parse.h"
#include "conf/conf.h"
#include "conf/schema.h"
#include "conf_case.h"
#include "suite.h"

#define SECONDS(n) ((uint64_t)(n)*NS_PER_S)

static void expect_default_timeouts(const struct conf_timeouts *timeouts)
{
	ck_assert_uint_eq(timeouts->connect_ns, SECONDS(5));
	ck_assert_uint_eq(timeouts->idle_ns, SECONDS(600));
	ck_assert_uint_eq(timeouts->half_close_ns, SECONDS(30));
	ck_assert_uint_eq(timeouts->half_close_max_ns, NS_NEVER);
	ck_assert_uint_eq(timeouts->write_stall_ns, SECONDS(300));
	ck_assert_uint_eq(timeouts->lifetime_ns, NS_NEVER);
	ck_assert_uint_eq(timeouts->lifetime_grace_ns, 0);
	ck_assert_uint_eq(timeouts->lifetime_spread_ns, 0);
	ck_assert_uint_eq(timeouts->preface_ns, SECONDS(5));
	ck_assert_uint_eq(timeouts->queue_ns, SECONDS(5));
	ck_assert_uint_eq(timeouts->first_byte_ns, NS_NEVER);
	ck_assert_uint_eq(timeouts->idle_client_ns, NS_NEVER);
	ck_assert_uint_eq(timeouts->idle_upstream_ns, NS_NEVER);
}

START_TEST(the_smallest_config_gets_all_defaults)
{
	const struct conf *conf = conf_case_load_text(CONF_REST);

	ck_assert_uint_eq(conf->workers, 0);
	ck_assert_uint_eq(conf->max_pairs, 0);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_INFO);
	ck_assert_uint_eq(conf->high_water_mark, 64 * 1024);
	ck_assert(conf->splice);
	ck_assert_uint_eq(conf->apply, 0);
	expect_default_timeouts(&conf->timeouts);
	ck_assert_uint_eq(conf->timeouts.drain_ns, SECONDS(30));
	ck_assert_uint_eq(conf->drain.grace_ns, 0);
	ck_assert_uint_eq(conf->drain.idle_first_ns, SECONDS(1));
	ck_assert_uint_eq(conf->drain.spread_ns, SECONDS(5));
	ck_assert_uint_eq(conf->n_listeners, 1);
	ck_assert_str_eq(conf->listeners[0].name, "web");
	ck_assert_uint_eq(conf->listeners[0].n_addresses, 1);
	ck_assert_int_eq(conf->listeners[0].addresses[0].kind, ADDR_ANY);
	ck_assert_uint_eq(conf->listeners[0].addresses[0].port, 80);
	ck_assert_ptr_eq(conf->listeners[0].upstream, &conf->upstreams[0]);
	ck_assert_uint_eq(conf->listeners[0].max_pairs, 0);
	ck_assert_uint_eq(conf->listeners[0].access.mode, 0666);
	ck_assert(!conf->listeners[0].idle_resets);
	expect_default_timeouts(&conf->listeners[0].timeouts);
	ck_assert_uint_eq(conf->n_upstreams, 1);
	ck_assert_str_eq(conf->upstreams[0].name, "app");
	ck_assert_uint_eq(conf->upstreams[0].n_servers, 1);
	ck_assert_str_eq(conf->upstreams[0].servers[0].text, "h:1");
	ck_assert_int_eq(conf->upstreams[0].servers[0].addr.kind, ADDR_NAME);
	ck_assert_str_eq(conf->upstreams[0].servers[0].addr.host, "h");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(every_value_that_is_written_is_read)
{
	const struct conf *conf = conf_case_load_text(
		"workers = 3; max_pairs = 10000000; log = { level = \"debug\"; };\n"
		"relay = { high_water_mark = \"16M\"; splice = \"off\"; };\n"
		"reload = { apply_to_open_pairs = [ \"timeouts\", \"access\" ]; };\n"
		"timeouts = { connect = \"1ms\"; idle = \"2s\"; half_close = \"3s\";\n"
		"  half_close_max = \"4s\"; write_stall = \"5s\"; lifetime = \"10000d\"; drain = "
		"\"9s\"; };\n"
		"drain = { grace = \"2s\"; idle_first = \"none\"; spread = \"7s\"; };\n"
		"listeners = ({ name = \"A.b_c-1\"; listen = [\"unix:@x\", \"[::1]:1\"]; upstream "
		"= \"u\"; routes = ({from = \"any\"; sni = \"a\"; upstream = \"used\";});\n"
		"  max_pairs = 0x10L; on_idle = \"reset\"; mode = \"0\"; timeouts = { idle = "
		"\"none\"; }; });\n"
		"upstreams = ({ name = \"u\"; balance = \"first\"; servers = ({ address = "
		"\"unix:/a\"; },\n"
		"  { address = \"127.0.0.1:\" \"2\"; }); }, { name = \"used\"; servers = "
		"({address=\"h:1\"}); });\n");
	const struct conf_listener *listener = &conf->listeners[0];

	ck_assert_uint_eq(conf->workers, 3);
	ck_assert_uint_eq(conf->max_pairs, 10000000);
	ck_assert_int_eq(conf->log_level, LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(conf->high_water_mark, 16 * 1024 * 1024);
	ck_assert(!conf->splice);
	ck_assert_uint_eq(conf->apply, CONF_APPLY_TIMEOUTS | CONF_APPLY_ACCESS);
	ck_assert_uint_eq(conf->timeouts.connect_ns, NS_PER_MS);
	ck_assert_uint_eq(conf->timeouts.idle_ns, SECONDS(2));
	ck_assert_uint_eq(conf->timeouts.half_close_ns, SECONDS(3));
	ck_assert_uint_eq(conf->timeouts.half_close_max_ns, SECONDS(4));
	ck_assert_uint_eq(conf->timeouts.write_stall_ns, SECONDS(5));
	ck_assert_uint_eq(conf->timeouts.lifetime_ns, SECONDS(864000000));
	ck_assert_uint_eq(conf->timeouts.drain_ns, SECONDS(9));
	ck_assert_uint_eq(conf->drain.grace_ns, SECONDS(2));
	ck_assert_uint_eq(conf->drain.idle_first_ns, NS_NEVER);
	ck_assert_uint_eq(conf->drain.spread_ns, SECONDS(7));
	ck_assert_str_eq(listener->name, "A.b_c-1");
	ck_assert_uint_eq(listener->n_addresses, 2);
	ck_assert_int_eq(listener->addresses[0].kind, ADDR_UNIX);
	ck_assert_int_eq(listener->addresses[1].sa.any.sa_family, AF_INET6);
	ck_assert_uint_eq(listener->max_pairs, 16);
	ck_assert_uint_eq(listener->access.mode, 0);
	ck_assert(listener->idle_resets);
	ck_assert_uint_eq(listener->timeouts.idle_ns, NS_NEVER);
	ck_assert_uint_eq(conf->n_upstreams, 2);
	ck_assert_str_eq(conf->upstreams[0].servers[0].text, "unix:/a");
	ck_assert_str_eq(conf->upstreams[0].servers[1].text, "127.0.0.1:2");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(owner_and_group_are_names_or_numbers)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"a\"; listen = \"unix:/a\"; upstream = \"app\";\n"
		"  owner = \"4294967294\"; group = \"root\"; },\n"
		"  {name = \"b\"; listen = \"*:80\"; upstream = \"app\"; owner = \"root\";\n"
		"  socket = { freebind = \"on\"; }; });\n" CONF_UPSTREAMS);
	const struct file_access *access = &conf->listeners[0].access;

	ck_assert(access->sets_owner && access->sets_group);
	ck_assert_uint_eq(access->owner, 4294967294);
	ck_assert_uint_eq(access->group, 0);
	ck_assert(!conf->listeners[0].socket.freebind);
	access = &conf->listeners[1].access;
	ck_assert(access->sets_owner && !access->sets_group);
	ck_assert_uint_eq(access->owner, 0);
	ck_assert(conf->listeners[1].socket.freebind);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_listener_inherits_timeouts_that_stand_behind_it)
{
	const struct conf *conf = conf_case_load_text(
		"listeners = ({name = \"web\"; listen = \"*:80\"; upstream = \"app\";\n"
		"  timeouts = { connect = \"7s\"; }; });\n" CONF_UPSTREAMS
		"timeouts = { idle = \"8s\"; connect = \"9s\"; };\n");

	ck_assert_uint_eq(conf->timeouts.connect_ns, SECONDS(9));
	ck_assert_uint_eq(conf->listeners[0].timeouts.connect_ns, SECONDS(7));
	ck_assert_uint_eq(conf->listeners[0].timeouts.idle_ns, SECONDS(8));
	ck_assert_uint_eq(conf->listeners[0].timeouts.write_stall_ns, SECONDS(300));
	(void)conf_unref(conf);
}
END_TEST

START_TEST(what_looks_like_an_include_in_a_string_or_comment_is_none)
{
	const struct conf *conf = conf_case_load_text(
		"/*\n@include \"no\"\n*/\n# @include \"no\"\n"
		"// \"\n" CONF_UPSTREAMS "listeners = ({name = \"w\"; listen = \"unix:/a"
		"\\\\\\\"\"\n\"/b\"; upstream = \"app\";});");

	ck_assert_str_eq(conf->listeners[0].addresses[0].sa.un.sun_path, "/a\\\"/b");
	(void)conf_unref(conf);
}
END_TEST

START_TEST(includes_come_from_the_folder_of_the_main_file)
{
	const struct conf *conf;
	char *path;

	ck_assert_int_eq(mkdir("d", 0700), 0);
	ck_assert_int_eq(mkdir("d/e", 0700), 0);
	ck_assert_int_gt(asprintf(&path, "@include \"%s/d/absolute\"", conf_case_folder), 0);
	conf_case_write("d/weir.conf", "@include \"e/one\" workers = 2;\nlisteners = (\n"
				       "@include \"list\"\n);\n\t@include\t\"q\\\"uote\"\n");
	conf_case_write("d/e/one", path);
	conf_case_write("d/absolute", CONF_UPSTREAMS "# ends in a comment");
	conf_case_write("d/list", "{name = \"web\"; listen = \"*:80\"; upstream = \"app\";}");
	conf_case_write("d/q\"uote", "");
	free(path);
	conf = conf_case_load("d/weir.conf");
	ck_assert_uint_eq(conf->workers, 2);
	ck_assert_uint_eq(conf->n_listeners, 1);
	ck_assert_uint_eq(conf->n_upstreams, 1);
	(void)conf_unref(conf);
}
END_TEST

START_TEST(a_file_may_be_included_twice_and_ten_levels_deep)
{
	char name[2] = "a";
	char text[32];

	for (; *name < 'j'; (*name)++) {
		(void)snprintf(text, sizeof(text), "@include \"%c\"\n", *name + 1);
		conf_case_write(name, text);
	}
	conf_case_write("j", "");
	conf_case_write("weir.conf", "@include \"a\"\n@include \"a\"\n" CONF_REST);
	(void)conf_unref(conf_case_load("weir.conf"));
}
END_TEST

START_TEST(the_main_file_may_be_a_pipe)
{
	char path[32];
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	ck_assert_int_eq(write(fds[1], CONF_REST, strlen(CONF_REST)), (int)strlen(CONF_REST));
	(void)close(fds[1]);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	(void)conf_unref(conf_case_load(path));
	(void)close(fds[0]);
}
END_TEST

START_TEST(the_model_lives_until_its_last_reference_is_given_back)
{
	const struct conf *conf = conf_case_load_text(CONF_REST);

	ck_assert_ptr_eq(conf_ref(conf), conf);
	ck_assert_ptr_null(conf_unref(conf));
	ck_assert_str_eq(conf->listeners[0].name, "web");
	ck_assert_ptr_null(conf_unref(conf));
	ck_assert_ptr_null(conf_unref(NULL));
}
END_TEST

/* A path in the source tree, which meson names in the environment. */
static const char *source_path(const char *name, char path[PATH_MAX])
{
	const char *root = getenv("WEIR_SOURCE_ROOT");

	ck_assert_msg(root != NULL, "WEIR_SOURCE_ROOT is not set");
	ck_assert_int_lt(snprintf(path, PATH_MAX, "%s/%s", root, name), PATH_MAX);
	return path;
}

/* Returns the text of a file of the source tree, which the caller frees. */
static char *slurp(const char *name)
{
	char path[PATH_MAX];
	FILE *file = fopen(source_path(name, path), "r");
	char *text = NULL;
	size_t room = 0;

	ck_assert_msg(file != NULL, "%s: %m", path);
	ck_assert_int_gt(getdelim(&text, &room, '\0', file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

/* Options that cannot be used together with all others: hash_on needs another rule than the
 * default one, and server replaces upstream. */
static const char *const alone[] = {"hash_on = ", "server = "};

static bool is_alone(const char *text)
{
	bool is = false;

	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
		is = is || strncmp(text, alone[i], strlen(alone[i])) == 0;
	}
	return is;
}

static bool is_option(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz_46");

	return (len > 0 && strncmp(text + len, " = ", 3) == 0) || *text == '}';
}

/* Uncomments the options: takes the "# " away. With `fits`, it leaves out those of `alone`. */
static void uncomment(char *text, bool fits)
{
	char *to = text;

	while (*text != '\0') {
		size_t blanks = strspn(text, " ");
		size_t len = strcspn(text, "\n") + 1;
		char *rest = text + blanks + 2;

		if (strncmp(text + blanks, "# ", 2) == 0 && is_option(rest + strspn(rest, " ")) &&
			!(fits && is_alone(rest))) {
			memset(text + blanks, ' ', 2);
		}
		memmove(to, text, len);
		to += len;
		text += len;
	}
	*to = '\0';
}

static void compare_value(const config_setting_t *setting, const struct conf_key *key)
{
	const char *expected = key->preset != NULL ? key->preset : key->example;
	char value[64];

	switch (key->type) {
	case CONF_FLAGS:
		ck_assert(config_setting_is_array(setting));
		ck_assert_int_eq(config_setting_length(setting), 0);
		break;
	case CONF_INCLUDE:
	case CONF_RESOLVERS:
	case CONF_PREFIXES:
	case CONF_SNI:
	case CONF_ALPN:
	case CONF_HOSTS:
		ck_assert_str_eq(config_setting_get_string_elem(setting, 0), expected);
		break;
	case CONF_INT:
	case CONF_FASTOPEN:
		if (config_setting_get_string(setting) != NULL) {
			ck_assert_str_eq(config_setting_get_string(setting), expected);
			break;
		}
		(void)snprintf(value, sizeof(value), "%d", config_setting_get_int(setting));
		ck_assert_str_eq(value, expected);
		break;
	case CONF_BOOL:
		ck_assert_str_eq(config_setting_get_bool(setting) == CONFIG_TRUE ? "true" : "false",
			expected);
		break;
	case CONF_BYTES: /* compared up to the first escape in the example */
		ck_assert_int_eq(strncmp(config_setting_get_string(setting), expected,
					 strcspn(expected, "\\")),
			0);
		break;
	default:
		ck_assert_str_eq(config_setting_get_string(setting), expected);
	}
}

/* Counts how often each entry of the schema is in the tree, and compares its value. */
static void compare(const config_setting_t *group, const char *parent, unsigned counts[])
{
	for (unsigned i = 0; i < (unsigned)config_setting_length(group); i++) {
		const config_setting_t *setting = config_setting_get_elem(group, i);
		const char *name = config_setting_name(setting);
		const struct conf_key *key = conf_schema_find(parent, name);
		char path[64];

		ck_assert_msg(key != NULL, "%s.%s is not in the schema", parent, name);
		counts[key - conf_schema]++;
		if (config_setting_is_group(setting) == CONFIG_TRUE) {
			compare(setting, key->path, counts);
		} else if (key->type == CONF_LIST) {
			(void)snprintf(path, sizeof(path), "%s[]", key->path);
			ck_assert_int_eq(config_setting_length(setting), 1);
			compare(config_setting_get_elem(setting, 0), path, counts);
		} else {
			compare_value(setting, key);
		}
	}
}

START_TEST(the_default_config_shows_every_key_once_with_its_default)
{
	unsigned counts[200] = {0};
	config_t config;
	char *text = slurp("conf/weir.conf");

	uncomment(text, false);
	config_init(&config);
	ck_assert_msg(config_read_string(&config, text) == CONFIG_TRUE, "line %d: %s",
		config_error_line(&config), config_error_text(&config));
	ck_assert_uint_le(conf_schema_len, 200);
	compare(config_root_setting(&config), "", counts);
	for (size_t i = 0; i < conf_schema_len; i++) {
		ck_assert_msg(
			counts[i] == 1, "%s is there %u times", conf_schema[i].path, counts[i]);
	}
	config_destroy(&config);
	free(text);
}
END_TEST

START_TEST(the_default_config_loads_the_same_with_its_options_uncommented)
{
	char *text = slurp("conf/weir.conf");
	const struct conf *installed = conf_case_load_text(text);
	const struct conf *written;
	char address[ADDR_TEXT_MAX];

	uncomment(text, true);
	written = conf_case_load_text(text);
	free(text);
	expect_default_timeouts(&installed->timeouts);
	ck_assert_mem_eq(&installed->timeouts, &written->timeouts, sizeof(written->timeouts));
	ck_assert_mem_eq(&installed->drain, &written->drain, sizeof(written->drain));
	ck_assert_int_eq(installed->log_level, written->log_level);
	ck_assert(installed->log_tcp_info == written->log_tcp_info);
	ck_assert_uint_eq(installed->high_water_mark, written->high_water_mark);
	ck_assert(installed->splice == written->splice);
	ck_assert_uint_eq(installed->n_listeners, 1);
	ck_assert_uint_eq(installed->listeners[0].access.mode, written->listeners[0].access.mode);
	ck_assert_mem_eq(&installed->listeners[0].timeouts, &written->listeners[0].timeouts,
		sizeof(written->timeouts));
	ck_assert_str_eq(
		addr_text(&installed->listeners[0].addresses[0], address), "127.0.0.1:8080");
	ck_assert_str_eq(installed->upstreams[0].servers[0].text, "127.0.0.1:9000");
	ck_assert(installed->listeners[0].socket.nodelay && installed->upstreams[0].socket.nodelay);
	ck_assert_uint_eq(installed->listeners[0].socket.keepalive_idle_ns, NS_NEVER);
	ck_assert_uint_eq(installed->listeners[0].socket.send_buffer, 0);
	ck_assert_uint_eq(installed->upstreams[0].source.sa_len, 0);
	ck_assert_uint_eq(installed->upstreams[0].retry_for_ns, NS_NEVER);
	ck_assert_uint_eq(written->upstreams[0].retry_for_ns, NS_NEVER);
	ck_assert_int_eq(installed->upstreams[0].balance, written->upstreams[0].balance);
	ck_assert(written->upstreams[0].eject.on);
	ck_assert_mem_eq(&installed->upstreams[0].eject, &written->upstreams[0].eject,
		sizeof(written->upstreams[0].eject));
	ck_assert_uint_eq(
		installed->upstreams[0].slow_start_ns, written->upstreams[0].slow_start_ns);
	ck_assert(installed->upstreams[0].ends_pairs == written->upstreams[0].ends_pairs);
	ck_assert_uint_eq(installed->upstreams[0].queue_max, written->upstreams[0].queue_max);
	ck_assert_uint_eq(
		installed->upstreams[0].servers[0].weight, written->upstreams[0].servers[0].weight);
	ck_assert_uint_eq(installed->resolver.timeout_ns, written->resolver.timeout_ns);
	/* The file shows examples for these, as their defaults are not numbers. */
	ck_assert_uint_eq(installed->workers, 0);
	ck_assert_uint_eq(installed->max_pairs, 0);
	ck_assert_uint_eq(written->workers, 4);
	(void)conf_unref(installed);
	(void)conf_unref(written);
}
END_TEST

static bool has_prefix(const char *text, const char *prefix)
{
	return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

START_TEST(the_man_page_names_every_key)
{
	char *page = slurp("man/weir.conf.5");

	for (size_t i = 0; i < conf_schema_len; i++) {
		const char *dot = strrchr(conf_schema[i].path, '.');
		const char *name = dot == NULL ? conf_schema[i].path : dot + 1;
		bool has_default = conf_schema[i].preset != NULL && dot != NULL;
		char item[64];
		char value[64];
		const char *entry;

		bool bare = conf_schema[i].type == CONF_INT || conf_schema[i].type == CONF_BOOL;

		(void)snprintf(item, sizeof(item), "\n.It Ic %s\n", name);
		(void)snprintf(value, sizeof(value),
			bare ? "default: %s." : "default: \\(dq%s\\(dq",
			has_default ? conf_schema[i].preset : "");
		entry = strstr(page, item);
		ck_assert_msg(entry != NULL, "no entry for %s", conf_schema[i].path);
		/* Two groups may each have a key with the same name, and each key has its own
		 * entry. */
		while (has_default && entry != NULL &&
			!has_prefix(strstr(entry, "default: "), value)) {
			entry = strstr(entry + 1, item);
		}
		ck_assert_msg(
			entry != NULL, "the page has another default for %s", conf_schema[i].path);
	}
	free(page);
}
END_TEST

static const char *const examples[] = {"access", "activation", "balance", "discover", "failover",
	"homelab", "include", "ipv6", "minimal", "postgresql", "proxy", "redis", "smtp", "sni",
	"ssh", "timeouts", "tls", "unix", "vnc"};

enum { N_EXAMPLES = sizeof(examples) / sizeof(examples[0]) };

START_TEST(the_example_loads)
{
	char name[64];
	char path[PATH_MAX];

	(void)snprintf(name, sizeof(name), "conf/examples/%s.conf", examples[_i]);
	(void)conf_unref(conf_case_load(source_path(name, path)));
}
END_TEST

START_TEST(the_example_of_include_takes_a_file_for_each_service)
{
	char path[PATH_MAX];
	const struct conf *conf = conf_case_load(source_path("conf/examples/include.conf", path));

	ck_assert_uint_eq(conf->n_listeners, 2);
	ck_assert_str_eq(conf->listeners[0].name, "mail");
	ck_assert_str_eq(conf->listeners[1].name, "web");
	(void)conf_unref(conf);
}
END_TEST

/* Sections are the entries of the top level that are no plain values. */
START_TEST(the_man_page_shows_an_example_of_each_section)
{
	char *page = slurp("man/weir.conf.5");

	for (size_t i = 0; i < conf_schema_len; i++) {
		const struct conf_key *entry = &conf_schema[i];
		char line[64];

		(void)snprintf(line, sizeof(line), "\n.Dl %s = ", entry->path);
		if (strchr(entry->path, '.') == NULL &&
			(entry->type == CONF_GROUP || entry->type == CONF_LIST ||
				entry->type == CONF_INCLUDE)) {
			ck_assert_msg(strstr(page, line) != NULL, "no example of %s", entry->path);
		}
	}
	free(page);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conf");
	TCase *tc = tcase_create("conf");

	tcase_add_checked_fixture(tc, conf_case_setup, conf_case_teardown);
	tcase_add_test(tc, the_smallest_config_gets_all_defaults);
	tcase_add_test(tc, every_value_that_is_written_is_read);
	tcase_add_test(tc, owner_and_group_are_names_or_numbers);
	tcase_add_test(tc, a_listener_inherits_timeouts_that_stand_behind_it);
	tcase_add_test(tc, what_looks_like_an_include_in_a_string_or_comment_is_none);
	tcase_add_test(tc, includes_come_from_the_folder_of_the_main_file);
	tcase_add_test(tc, a_file_may_be_included_twice_and_ten_levels_deep);
	tcase_add_test(tc, the_main_file_may_be_a_pipe);
	tcase_add_test(tc, the_model_lives_until_its_last_reference_is_given_back);
	tcase_add_test(tc, the_default_config_shows_every_key_once_with_its_default);
	tcase_add_test(tc, the_default_config_loads_the_same_with_its_options_uncommented);
	tcase_add_test(tc, the_man_page_names_every_key);
	tcase_add_test(tc, the_man_page_shows_an_example_of_each_section);
	tcase_add_loop_test(tc, the_example_loads, 0, N_EXAMPLES);
	tcase_add_test(tc, the_example_of_include_takes_a_file_for_each_service);
	suite_add_tcase(suite, tc);
	return suite_run(suite);
}
