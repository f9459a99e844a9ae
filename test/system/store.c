/* SPDX-License-Identifier: MIT */

#include "system/store.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "system/device.h"

static void test_round_trip(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);
	const Slot *slot = config->slots->pdata[1];
	g_autoptr(Store) store = store_load(device->status_file, config->slots);
	g_autoptr(SlotStatus) status = slot_status_copy(store_get(store, slot));
	g_autoptr(GError) error = NULL;

	g_assert_null(status->status);
	status->status = g_strdup("ok");
	status->bundle_version = g_strdup("2");
	status->installed_transaction = g_strdup("t");
	status->installed_count = 7;
	g_assert_true(store_set(store, slot, status, &error));
	g_assert_no_error(error);

	g_autoptr(Store) again = store_load(device->status_file, config->slots);
	const SlotStatus *back = store_get(again, slot);
	g_assert_cmpstr(back->status, ==, "ok");
	g_assert_cmpstr(back->bundle_version, ==, "2");
	g_assert_cmpstr(back->installed_transaction, ==, "t");
	g_assert_cmpuint(back->installed_count, ==, 7);
	g_assert_null(store_get(again, config->slots->pdata[0])->status);
}

static void test_broken_is_kept_aside(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);
	g_autofree char *folder = g_path_get_dirname(device->status_file);
	g_autofree char *aside = g_strconcat(device->status_file, ".broken", NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;

	g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(device->status_file, "\x01garbage\xff", -1, NULL));
	g_autoptr(Store) store = store_load(device->status_file, config->slots);
	g_assert_true(store_save(store, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_get_contents(aside, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "\x01garbage\xff");
	g_assert_true(store_save(store, &error));
}

static void test_nowhere_to_save(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);
	g_autoptr(Store) none = store_load(NULL, config->slots);
	g_autoptr(Store) bad = store_load("/proc/nonexistent/status", config->slots);
	g_autoptr(GError) error = NULL;

	g_assert_true(store_save(none, NULL));
	g_assert_false(store_save(bad, &error));
	g_assert_true(g_str_has_prefix(error->message, "saving slot status: "));
}

static void test_probe(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL, NULL, NULL);
	g_autofree char *folder = g_path_get_dirname(device->status_file);
	g_autoptr(Store) none = store_load(NULL, config->slots);
	g_autoptr(Store) bad = store_load("/proc/nonexistent/status", config->slots);
	g_autoptr(Store) store = store_load(device->status_file, config->slots);
	g_autoptr(GError) error = NULL;

	g_assert_true(store_probe(none, NULL));
	g_assert_false(store_probe(bad, &error));
	g_assert_true(g_str_has_prefix(error->message, "saving slot status: "));
	g_assert_true(store_probe(store, NULL));
	/* Empty again: it can be removed. */
	g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* Warnings are what these tests are about. */
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_test_add_func("/system/store/round-trip", test_round_trip);
	g_test_add_func("/system/store/broken", test_broken_is_kept_aside);
	g_test_add_func("/system/store/nowhere", test_nowhere_to_save);
	g_test_add_func("/system/store/probe", test_probe);
	return g_test_run();
}
