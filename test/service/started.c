/* SPDX-License-Identifier: MIT */

#include "service/started.h"

#include "system/device.h"

#define LOG "[log.x]\nfilename=events\nformat=short\n"

static void start(const Device *device, const char *boot_id)
{
	g_autoptr(System) system = device_open(device, NULL, LOG, NULL);

	g_assert_nonnull(system);
	started_note(system, boot_id);
}

static void test_boots(void)
{
	static const char *const expected[] = {
		"Booted into rootfs.0 (A)", "Service restarted",           "Service restarted",
		"Booted into rootfs.0 (A)", "Booted from external source", "Service restarted",
	};
	static const char *const ids[] = { "1", "1", "1", "2", "3", "3" };
	g_autoptr(Device) device = device_new();
	g_autofree char *path = g_build_filename(device->folder, "data", "events", NULL);
	g_autofree char *text = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
		if (i == 4)
			g_setenv("RAUC_TEST_CMDLINE", "rauc.external", TRUE);
		start(device, ids[i]);
	}
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
	g_assert_cmpuint(g_strv_length(lines), ==, G_N_ELEMENTS(expected));
	for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++)
		g_assert_true(g_str_has_suffix(lines[i], expected[i]));
}

static void test_id(void)
{
	g_autofree char *id = started_boot_id();

	g_assert_true(g_uuid_string_is_valid(id) || g_str_equal(id, "unknown"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/started/boots", test_boots);
	g_test_add_func("/started/id", test_id);
	return g_test_run();
}
