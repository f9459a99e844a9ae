/* SPDX-License-Identifier: MIT */

#include "cli/update_settings.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"

static char *folder;

/* As if it were read from `folder`. */
static Config *make_config(const char *more)
{
	g_autofree char *path = g_build_filename(folder, "system.conf", NULL);
	g_autofree char *text =
		g_strdup_printf("[system]\ncompatible=X\nbootloader=noop\n%s", more);
	g_autoptr(GError) error = NULL;
	Config *config = config_parse(text, strlen(text), path, NULL, &error);

	g_assert_no_error(error);
	return config;
}

static void write_file(const char *text)
{
	g_autofree char *path = g_build_filename(folder, "update.env", NULL);

	g_unlink(path);
	if (text)
		g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void set_environment(const char *url, const char *reboot)
{
	g_unsetenv("RAUC_BUNDLE_URL");
	g_unsetenv("RAUC_FORCE_REBOOT_ON_UPDATE");
	if (url)
		g_setenv("RAUC_BUNDLE_URL", url, TRUE);
	if (reboot)
		g_setenv("RAUC_FORCE_REBOOT_ON_UPDATE", reboot, TRUE);
}

#define UPDATE "[update]\nurl=http://update\n"
#define POLL   "[polling]\nurl=http://poll\n"

/* Who says it first: option, environment, file, [update], [polling]. */
static const struct {
	const char *option, *env_url, *env_reboot, *file, *conf;
	const char *url; /* NULL: refused */
	bool is_polled, reboot;
	const char *words; /* of the refusal */
} rows[] = {
	{ "http://o", "http://e", NULL, "RAUC_BUNDLE_URL=http://f", UPDATE POLL, "http://o" },
	{ NULL, "http://e", NULL, "RAUC_BUNDLE_URL=http://f", UPDATE POLL, "http://e" },
	{ NULL, "", NULL, "RAUC_BUNDLE_URL=http://f", UPDATE POLL, "http://f" },
	{ NULL, NULL, NULL, "# nothing\n\n; here\nOTHER=x", UPDATE POLL, "http://update" },
	{ NULL, NULL, NULL, "RAUC_BUNDLE_URL=", UPDATE POLL, "http://update" },
	{ NULL, NULL, NULL, NULL, POLL, "http://poll", true },
	{ NULL, NULL, NULL, NULL, "", NULL,
	  .words = "no address to look for updates: set RAUC_BUNDLE_URL" },
	{ "ftp://x", NULL, NULL, NULL, "", NULL, .words = "'ftp://x' is no address of a server" },
	{ NULL, "/x.raucb", NULL, NULL, "", NULL, .words = "'/x.raucb' is no address of a server" },
	/* the file */
	{ NULL, NULL, NULL, "RAUC_BUNDLE_URL=\"http://f/a b\"\n", "", "http://f/a b" },
	{ NULL, NULL, NULL, "RAUC_BUNDLE_URL='http://f'", "", "http://f" },
	{ NULL, NULL, NULL, " RAUC_BUNDLE_URL = http://f?a=b&c=d#e \n", "", "http://f?a=b&c=d#e" },
	{ NULL, NULL, NULL, "RAUC_BUNDLE_URL=http://1\nRAUC_BUNDLE_URL=http://2", "", "http://2" },
	{ NULL, NULL, NULL, "A=b\nnonsense\n", "", NULL,
	  .words = "update.env:2: expected NAME=VALUE, found 'nonsense'" },
	{ NULL, NULL, NULL, "RAUC_BUNDLE_URL=\"http://f", "", NULL,
	  .words = "update.env:1: RAUC_BUNDLE_URL: " },
	/* reboot */
	{ "http://o", NULL, "1", NULL, "", "http://o", false, true },
	{ "http://o", NULL, "0", NULL, "[update]\nreboot=true\n", "http://o", false, false },
	{ "http://o", NULL, NULL, NULL, "[update]\nreboot=true\n", "http://o", false, true },
	{ "http://o", NULL, NULL, "RAUC_FORCE_REBOOT_ON_UPDATE=\"1\"", "", "http://o", false,
	  true },
	{ "http://o", NULL, "no", "RAUC_FORCE_REBOOT_ON_UPDATE=1", "", "http://o", false, false },
	{ "http://o", NULL, "maybe", NULL, "", NULL,
	  .words = "RAUC_FORCE_REBOOT_ON_UPDATE is 'maybe': expected 1 or 0" },
};

static void test_table(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(Config) config = make_config(rows[i].conf);
		g_auto(UpdateSettings) settings = { 0 };
		g_autoptr(GError) error = NULL;

		g_test_message("row %u", i);
		write_file(rows[i].file);
		set_environment(rows[i].env_url, rows[i].env_reboot);
		bool ok = update_settings_load(config, rows[i].option, &settings, &error);
		if (!rows[i].url) {
			g_assert_false(ok);
			g_test_message("%s", error->message);
			g_assert_nonnull(strstr(error->message, rows[i].words));
			continue;
		}
		g_assert_no_error(error);
		g_assert_true(ok);
		g_assert_cmpstr(settings.url, ==, rows[i].url);
		g_assert_true(settings.is_polled == rows[i].is_polled);
		g_assert_true(settings.reboot == rows[i].reboot);
	}
	set_environment(NULL, NULL);
}

static void test_unreadable(void)
{
	g_autoptr(Config) config = make_config("");
	g_auto(UpdateSettings) settings = { 0 };
	g_autofree char *path = g_build_filename(folder, "update.env", NULL);
	g_autoptr(GError) error = NULL;

	write_file(NULL);
	g_assert_cmpint(g_mkdir(path, 0755), ==, 0);
	g_assert_false(update_settings_load(config, NULL, &settings, &error));
	g_assert_nonnull(strstr(error->message, "update.env"));
	g_assert_cmpint(g_rmdir(path), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("settings-XXXXXX", NULL);
	g_test_add_func("/cli/update_settings/table", test_table);
	g_test_add_func("/cli/update_settings/unreadable", test_unreadable);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return result;
}
