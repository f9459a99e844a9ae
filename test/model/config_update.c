/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static void test_all(void)
{
	g_autoptr(Config) config = load_config("update.conf");
	const ConfigUpdate *update = &config->update;

	g_assert_cmpstr(update->url, ==, "https://update.example.com/bundle.raucb");
	assert_list(update->criteria, "higher-semver|different-version");
	assert_list(update->window, "Mon..Fri 22:00-04:00|Sat,Sun 00:00-24:00");
	g_assert_cmpint(update->rollout_percent, ==, 25);
	assert_list(update->inhibit_files, "/run/a|/run/b");
	g_assert_true(update->reboot);
}

static void test_none(void)
{
	g_autoptr(Config) config = load_config("minimal.conf");
	const ConfigUpdate *update = &config->update;

	g_assert_null(update->url);
	assert_list(update->criteria, NULL);
	assert_list(update->window, NULL);
	g_assert_cmpint(update->rollout_percent, ==, 100);
	g_assert_false(update->reboot);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_update/all", test_all);
	g_test_add_func("/model/config_update/none", test_none);
	return g_test_run();
}
