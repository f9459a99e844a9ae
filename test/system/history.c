/* SPDX-License-Identifier: MIT */

#include "system/history.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/file.h"
#include "system/device.h"

/* `folder` below the device's, NULL: its data directory is not configured. */
static System *open_device(const Device *device, const char *folder)
{
	g_autoptr(GError) error = NULL;
	System *system = device_open(device, NULL, NULL, &error);
	Config *config = (Config *)system_config(system);

	g_assert_no_error(error);
	g_free(config->data_directory);
	config->data_directory = folder ? g_build_filename(device->folder, folder, NULL) : NULL;
	return system;
}

static void fill(History *history)
{
	history->url = g_strdup("https://x/y.raucb");
	history->etag = g_strdup("\"e;\\=\"");
	history->hash = g_strdup("aa");
	history->version = g_strdup(" 2.0 ");
	history->compatible = g_strdup("Test");
	history->size = 1ULL << 40;
	history->tried_hash = g_strdup("bb");
	history->tried_boot = g_strdup("boot");
	history->is_installed = true;
	history->n_refused = 2;
	history->n_errors = 3;
	history->retry_at = 1772409600;
	history_reject(history, "cc");
	history_reject(history, "dd");
}

static void check(const History *history)
{
	g_assert_cmpstr(history->url, ==, "https://x/y.raucb");
	g_assert_cmpstr(history->etag, ==, "\"e;\\=\"");
	g_assert_cmpstr(history->hash, ==, "aa");
	g_assert_cmpstr(history->version, ==, " 2.0 ");
	g_assert_cmpstr(history->compatible, ==, "Test");
	g_assert_cmpuint(history->size, ==, 1ULL << 40);
	g_assert_cmpstr(history->tried_hash, ==, "bb");
	g_assert_null(history->tried_version);
	g_assert_cmpstr(history->tried_boot, ==, "boot");
	g_assert_true(history->is_installed);
	g_assert_cmpuint(history->n_refused, ==, 2);
	g_assert_cmpuint(history->n_errors, ==, 3);
	g_assert_cmpint(history->retry_at, ==, 1772409600);
	g_assert_true(history_is_rejected(history, "cc") && history_is_rejected(history, "dd"));
	g_assert_false(history_is_rejected(history, "aa"));
}

/* In the data directory, or where there is none, until the next boot. */
static void test_round_trip(void)
{
	for (unsigned has_data = 0; has_data < 2; has_data++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = open_device(device, has_data ? "data" : NULL);
		g_autoptr(History) first = history_load(system);

		g_assert_null(first->url);
		fill(first);
		g_assert_true(history_save(system, first, NULL));
		g_autoptr(History) second = history_load(system);
		check(second);
		g_autofree char *path = g_build_filename(device->folder, has_data ? "data" : ".",
		                                         "update.state", NULL);
		g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
		g_unlink(path);
	}
}

static void test_same_is_not_written(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device, "data");
	g_autoptr(History) history = history_load(system);
	g_autofree char *path = g_build_filename(device->folder, "data", "update.state", NULL);
	GStatBuf before, after;

	fill(history);
	g_assert_true(history_save(system, history, NULL));
	g_assert_cmpint(g_stat(path, &before), ==, 0);
	g_assert_true(history_save(system, history, NULL));
	g_assert_cmpint(g_stat(path, &after), ==, 0);
	g_assert_cmpuint(before.st_ino, ==, after.st_ino);
	history->n_errors++;
	g_assert_true(history_save(system, history, NULL));
	g_assert_cmpint(g_stat(path, &after), ==, 0);
	g_assert_cmpuint(before.st_ino, !=, after.st_ino);
}

static void test_damaged(void)
{
	static const char *const texts[] = { "", "\x01\xff", "[offer",
		                             "[tried]\nrefused=-5\ninstalled=7\n" };
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device, "data");
	g_autofree char *path = g_build_filename(device->folder, "data", "update.state", NULL);

	g_assert_true(file_make_folders(system_config(system)->data_directory, 0700, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_assert_true(g_file_set_contents(path, texts[i], -1, NULL));
		g_autoptr(History) history = history_load(system);
		g_assert_null(history->hash);
		g_assert_cmpuint(history->n_refused, ==, 0);
		g_assert_false(history->is_installed);
		g_assert_true(history_save(system, history, NULL));
	}
}

static void test_nowhere(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *file = g_build_filename(device->folder, "file", NULL);
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(file, "", 0, NULL));
	g_autoptr(System) system = open_device(device, "file/data");
	g_autoptr(History) history = history_load(system);
	g_assert_false(history_save(system, history, &error));
	g_assert_nonnull(strstr(error->message, "remembering updates"));
}

static void test_rejected(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device, "data");
	g_autoptr(History) history = history_load(system);

	for (unsigned i = 0; i < HISTORY_MAX_REJECTED + 3; i++) {
		g_autofree char *hash = g_strdup_printf("%u", i);

		history_reject(history, hash);
		history_reject(history, hash);
	}
	g_assert_cmpuint(history->rejected->len, ==, HISTORY_MAX_REJECTED);
	g_assert_false(history_is_rejected(history, "2"));
	g_assert_true(history_is_rejected(history, "3"));
	history_forgive(history, "3");
	history_forgive(history, "nobody");
	g_assert_false(history_is_rejected(history, "3"));
	fill(history);
	history_forget_offer(history);
	g_assert_null(history->hash);
	g_assert_null(history->etag);
	g_assert_nonnull(history->tried_hash);
}

static void test_boot_id(void)
{
	g_autofree char *one = history_boot_id(), *two = history_boot_id();

	g_assert_cmpstr(one, ==, two);
	g_assert_cmpuint(strlen(one), >, 6);
	g_setenv("RAUC_TEST_BOOT_ID", "another", TRUE);
	g_autofree char *other = history_boot_id();
	g_unsetenv("RAUC_TEST_BOOT_ID");
	g_assert_cmpstr(other, ==, "another");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_test_add_func("/system/history/round-trip", test_round_trip);
	g_test_add_func("/system/history/same-is-not-written", test_same_is_not_written);
	g_test_add_func("/system/history/damaged", test_damaged);
	g_test_add_func("/system/history/nowhere", test_nowhere);
	g_test_add_func("/system/history/rejected", test_rejected);
	g_test_add_func("/system/history/boot-id", test_boot_id);
	return g_test_run();
}
