/* SPDX-License-Identifier: MIT */

#include "system/slot_file.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/process.h"

static char *folder, *prefix, *device;

static SlotStatus *some_status(void)
{
	SlotStatus *status = slot_status_new();

	status->status = g_strdup("ok");
	status->sha256 = g_strdup("abcd");
	status->installed_count = 7;
	return status;
}

static Slot slot_of(SlotType type)
{
	return (Slot){ .name = (char *)"rootfs.1", .device = device, .type = type };
}

/* Where somebody has it mounted: no mount of ours. */
static void test_mounted_outside(void)
{
	static const struct {
		const char *before; /* NULL: no file */
		bool keeps;         /* the group of somebody else */
	} rows[] = { { NULL, false }, { "[other]\nkey=1\n", true }, { "\x01garbage\xff", false } };
	Slot slot = slot_of(SLOT_EXT4);
	g_autofree char *path = g_build_filename(folder, "slot.raucs", NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(SlotStatus) status = some_status();
		g_autoptr(GError) error = NULL;

		g_unlink(path);
		if (rows[i].before)
			g_assert_true(g_file_set_contents(path, rows[i].before, -1, NULL));
		g_autoptr(SlotStatus) before = slot_file_load("/nonexistent", &slot, folder);
		g_assert_true(slot_status_is_empty(before));
		g_assert_true(slot_file_save("/nonexistent", &slot, folder, status, &error));
		g_assert_no_error(error);
		g_autoptr(SlotStatus) back = slot_file_load("/nonexistent", &slot, folder);
		g_assert_cmpstr(back->sha256, ==, "abcd");
		g_autofree char *text = file_read(path, 4096, NULL, NULL);
		g_assert_nonnull(strstr(text, "[slot]\nstatus=ok\nsha256=abcd\n"));
		g_assert_true(!strstr(text, "[other]") == !rows[i].keeps);
	}
}

static void test_no_file_system(void)
{
	Slot slot = slot_of(SLOT_RAW);
	g_autoptr(SlotStatus) status = some_status();
	g_autoptr(SlotStatus) loaded = slot_file_load("/nonexistent", &slot, NULL);

	g_assert_true(slot_status_is_empty(loaded));
	g_assert_true(slot_file_save("/nonexistent", &slot, NULL, status, NULL));
}

static void test_mounted_by_us(void)
{
	Slot slot = slot_of(SLOT_EXT4);
	g_autoptr(SlotStatus) status = some_status();
	g_autoptr(GError) error = NULL;

	/* Nothing there to mount: no status, and none can be saved. */
	g_assert_true(g_file_set_contents(device, "", 0, NULL));
	g_assert_cmpint(truncate(device, 4 << 20), ==, 0);
	g_autoptr(SlotStatus) none = slot_file_load(prefix, &slot, NULL);
	g_assert_true(slot_status_is_empty(none));
	g_assert_false(slot_file_save(prefix, &slot, NULL, status, &error));
	g_assert_true(g_str_has_prefix(error->message, "saving slot status: failed to mount"));
	g_clear_error(&error);

	g_assert_true(process_run(NULL, "mkfs.ext4", "-q", "-F", device, NULL));
	if (!slot_file_save(prefix, &slot, NULL, status, &error)) {
		g_test_skip(error->message);
		return;
	}
	/* Reading does not change a bit. */
	g_autofree char *before = process_capture(NULL, "sha256sum", device, NULL);
	g_autoptr(SlotStatus) back = slot_file_load(prefix, &slot, NULL);
	g_assert_cmpstr(back->status, ==, "ok");
	g_assert_cmpuint(back->installed_count, ==, 7);
	g_autofree char *after = process_capture(NULL, "sha256sum", device, NULL);
	g_assert_cmpstr(before, ==, after);
	g_assert_true(process_run(&error, "e2fsck", "-fn", device, NULL));
	g_autofree char *text =
		process_capture(&error, "debugfs", "-R", "cat /slot.raucs", device, NULL);
	g_assert_nonnull(strstr(text, "[slot]\nstatus=ok\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("slot-file-XXXXXX", NULL);
	prefix = g_build_filename(folder, "mnt", NULL);
	device = g_build_filename(folder, "device", NULL);
	g_test_add_func("/system/slot_file/mounted-outside", test_mounted_outside);
	g_test_add_func("/system/slot_file/no-file-system", test_no_file_system);
	g_test_add_func("/system/slot_file/mounted-by-us", test_mounted_by_us);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	g_free(prefix);
	g_free(device);
	return result;
}
