/* SPDX-License-Identifier: MIT */

/* What is kept beside slots, and what of it is used; through the step that asks for it. */

#include "install/reuse.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"
#include "crypto/digest.h"
#include "system/device.h"
#include "system/slot_data.h"

#define SIZE (600 * 4096)

static Maker *maker;
static char *path;
static char *sha256;
static GString *told;

static void message(void *user G_GNUC_UNUSED, const char *text)
{
	g_string_append_printf(told, "%s\n", text);
}

static GLogWriterOutput note(GLogLevelFlags level G_GNUC_UNUSED, const GLogField *fields,
                             gsize n_fields, gpointer user G_GNUC_UNUSED)
{
	for (gsize i = 0; i < n_fields; i++) {
		if (g_str_equal(fields[i].key, "MESSAGE"))
			g_string_append_printf(told, "%s\n", (const char *)fields[i].value);
	}
	return G_LOG_WRITER_HANDLED;
}

/* Install; what was said is in `told`. */
static void install(System *system)
{
	InstallReport report = { 0 };
	InstallEvents events = { .message = message, .report = &report };
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
	g_autoptr(Pool) pool = pool_new(2, 6);

	g_assert_no_error(error);
	g_assert_true(bundle_open_payload(bundle, &error));
	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_autoptr(Plan) plan = plan_make(system, bundle, target, &error);
	g_assert_no_error(error);
	StepContext context = {
		.facts = { .system = system, .bundle = bundle, .transaction = "id" },
		.events = &events,
		.pool = pool
	};
	g_string_truncate(told, 0);
	step_run(&context, plan->steps->pdata[0], &error);
	g_assert_no_error(error);
}

static bool is_told(const char *text)
{
	return strstr(told->str, text) != NULL;
}

static bool has_index(System *system, unsigned slot, const char *digest)
{
	g_autoptr(Source) file =
		slot_data_open_index(system_config(system)->data_directory,
	                             system_config(system)->slots->pdata[slot], digest, NULL);

	return file && file->size == SIZE / 4096 * DIGEST_SIZE;
}

static System *open_device(const Device *device)
{
	g_autofree char *old = g_strnfill(SIZE, 'o');
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < 2; i++)
		g_assert_true(g_file_set_contents(device->slots[i], old, SIZE, NULL));
	System *system = device_open(device, maker->cert, NULL, &error);

	g_assert_no_error(error);
	return system;
}

static void test_kept(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device);

	g_assert_false(has_index(system, 1, sha256));
	install(system);
	g_assert_true(is_told("Building new hash index for rootfs.0 with "));
	g_assert_true(is_told("Building new hash index for rootfs.1 with "));
	g_assert_true(has_index(system, 1, sha256));
	g_assert_false(has_index(system, 1, NULL));

	install(system);
	g_assert_false(is_told("Building"));
	g_assert_true(is_told(" 0 bytes written"));
	g_assert_true(has_index(system, 1, sha256));
}

/* What was left of an attempt that was cut short is what the next one goes by. */
static void test_left(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device);
	const Slot *slot = system_config(system)->slots->pdata[1];
	g_autoptr(SlotStatus) pending = slot_status_new();
	g_autoptr(GError) error = NULL;

	install(system);
	pending->status = g_strdup("pending");
	g_assert_true(system_save_status(system, slot, pending, &error));
	install(system);
	g_assert_true(is_told(" 0 bytes written"));
	g_assert_true(has_index(system, 1, sha256));
}

/* A folder that is none: one line, and all of the image. */
static void test_no_use(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device);
	g_autofree char *folder =
		g_build_filename(system_config(system)->data_directory, "slot.rootfs.1", NULL);

	g_assert_cmpint(g_mkdir_with_parents(system_config(system)->data_directory, 0700), ==, 0);
	g_assert_true(g_file_set_contents(folder, "", 0, NULL));
	install(system);
	g_assert_true(is_told("Continuing after adaptive mode error: "));
	g_assert_cmpstr(system_status(system, system_config(system)->slots->pdata[1])->status, ==,
	                "ok");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	told = g_string_new(NULL);
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
	                      "[image.rootfs]\nfilename=rootfs.img\nadaptive=block-hash-index\n");
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", SIZE, 1);
	sha256 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, image);
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_log_set_writer_func(note, NULL, NULL);
	g_test_add_func("/install/reuse/kept", test_kept);
	g_test_add_func("/install/reuse/left", test_left);
	g_test_add_func("/install/reuse/no-use", test_no_use);
	int result = g_test_run();
	g_free(path);
	g_free(sha256);
	g_string_free(told, TRUE);
	maker_free(maker);
	return result;
}
