/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static const struct {
	const char *name, *filename, *format, *events;
	uint64_t max_size;
	int max_files;
} expected[] = {
	{ "events", "/data/events.log", "readable", "all", 0, 10 },
	{ "json-all", "/var/log/rauc.json", "json", "boot|mark|install|service|writeslot", 65536,
	  1 },
	{ "short", "/s", "short", "all", 0, 1000 },
};

static void test_logs(void)
{
	g_autoptr(Config) config = load_config("logs.conf");

	g_assert_cmpuint(config->logs->len, ==, G_N_ELEMENTS(expected));
	for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
		const ConfigLog *log = config->logs->pdata[i];

		g_assert_cmpstr(log->name, ==, expected[i].name);
		g_assert_cmpstr(log->filename, ==, expected[i].filename);
		g_assert_cmpstr(log->format, ==, expected[i].format);
		assert_list(log->events, expected[i].events);
		g_assert_cmpuint(log->max_size, ==, expected[i].max_size);
		g_assert_cmpint(log->max_files, ==, expected[i].max_files);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_log/logs", test_logs);
	return g_test_run();
}
