/* SPDX-License-Identifier: MIT */

/* A whole installation in this process, and what is left after each way it can fail. */

#include "install/install.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"

#define IMAGE_SIZE 700000

static Maker *maker;
static GBytes *image;
static char *paths[2]; /* plain, verity */

static const char *const formats[] = { "plain", "verity" };

static void add_text(void *user, int percent, const char *text, int depth G_GNUC_UNUSED,
                     uint64_t bytes G_GNUC_UNUSED, uint64_t total G_GNUC_UNUSED)
{
	/* Percent reports of the copy itself come as they like. */
	if (!g_str_has_prefix(text, "Copying image to") || g_str_has_suffix(text, "."))
		g_string_append_printf(user, "%3d%% %s\n", percent, text);
}

static bool install(const Device *device, const char *extra, const char *path, GString *told,
                    GError **error)
{
	g_autoptr(System) system = device_open(device, maker->cert, extra, error);
	InstallRequest request = { .bundle = path };
	InstallEvents events = { .progress = told ? add_text : NULL, .user = told };

	return system && install_run(system, &request, &events, error);
}

static void assert_env(const Device *device, const char *key, const char *expected)
{
	g_autofree char *value = device_env(device, key);

	g_assert_cmpstr(value, ==, expected);
}

static void assert_slot(const Device *device, unsigned slot, const void *data, size_t size)
{
	g_autofree char *text = NULL;
	size_t found;

	g_assert_true(g_file_get_contents(device->slots[slot], &text, &found, NULL));
	g_assert_cmpmem(text, found, data, size);
}

static const char progress[] = "  0% Installing\n"
			       "  0% Determining slot states\n"
			       " 10% Determining slot states done.\n"
			       " 10% Checking bundle\n"
			       " 10% Verifying signature\n"
			       " 20% Verifying signature done.\n"
			       " 20% Checking bundle done.\n"
			       " 20% Checking manifest contents\n"
			       " 30% Checking manifest contents done.\n"
			       " 30% Determining target install group\n"
			       " 40% Determining target install group done.\n"
			       " 40% Updating slots\n"
			       " 40% Checking slot rootfs.1 (B)\n"
			       " 46% Checking slot rootfs.1 (B) done.\n"
			       " 99% Copying image to rootfs.1 done.\n"
			       " 99% Updating slots done.\n"
			       "100% Installing done.\n";

static void test_good(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(GString) told = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		size_t size;
		const void *data = g_bytes_get_data(image, &size);

		g_assert_true(install(device, NULL, paths[i], told, &error));
		g_assert_no_error(error);
		g_assert_cmpstr(told->str, ==, progress);
		assert_slot(device, 0, "old", 3);
		assert_slot(device, 1, data, size);
		assert_env(device, "ORDER", "B A");
		assert_env(device, "B_OK", "1");
		assert_env(device, "B_TRY", "0");
		assert_env(device, "A_OK", "1");

		g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
		const Slot *slot = system_config(system)->slots->pdata[1];
		const SlotStatus *status = system_status(system, slot);
		g_assert_cmpstr(status->status, ==, "ok");
		g_assert_cmpstr(status->bundle_version, ==, "1");
		g_assert_cmpuint(status->size, ==, IMAGE_SIZE);
		g_assert_cmpuint(status->installed_count, ==, 1);
		g_assert_cmpuint(status->activated_count, ==, 1);
	}
}

/* Damage in the data of a signed verity bundle shows while it is written: the target stays
 * bad, the status says failed, and a good bundle repairs all of it. */
static void test_damaged_while_writing(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *broken = maker_path(maker, "broken.raucb");
	g_autofree char *data = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(paths[1], &data, &size, NULL));
	data[size / 2] ^= 1;
	g_assert_true(g_file_set_contents(broken, data, (gssize)size, NULL));

	/* With the check before: nothing is touched. */
	device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n");
	g_assert_false(install(device, "perform-pre-check=true", broken, NULL, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	assert_env(device, "B_OK", "1");
	assert_slot(device, 1, "old", 3);
	g_clear_error(&error);
	g_assert_false(install(device, NULL, broken, NULL, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	g_assert_true(g_str_has_prefix(error->message,
	                               "Installation error: Failed updating slot rootfs.1: "));
	assert_env(device, "ORDER", "A B");
	assert_env(device, "A_OK", "1");
	assert_env(device, "B_OK", "0");
	assert_slot(device, 0, "old", 3);
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_assert_cmpstr(system_status(system, system_config(system)->slots->pdata[1])->status, ==,
	                "failed");
	g_assert_true(install(device, "perform-pre-check=true", paths[1], NULL, NULL));
	assert_env(device, "B_OK", "1");
}

static const struct {
	const char *extra;
	const char *why;
} refusals[] = {
	{ "compatible=Other", "Compatible mismatch" },
	{ "bundle-formats=plain", "Bundle format 'verity' not allowed" },
	{ "max-bundle-signature-size=10", "Invalid bundle format: Signature size (" },
	{ "statusfile=/proc/nonexistent/x", "saving slot status: " },
};

/* Refused before anything is touched: not one byte of slots or boot state differs. */
static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(GError) error = NULL;

		device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\nx=y\n");
		g_assert_false(install(device, refusals[i].extra, paths[1], NULL, &error));
		if (!g_str_has_prefix(error->message, refusals[i].why))
			g_error("row %u: %s", i, error->message);
		assert_env(device, "B_OK", "1");
		assert_env(device, "x", "y");
		assert_slot(device, 1, "old", 3);
	}
}

static void test_not_activated(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;

	g_assert_true(install(device, "activate-installed=false", paths[1], NULL, &error));
	assert_env(device, "ORDER", "A B");
	assert_env(device, "B_OK", "0");
}

typedef struct {
	Cancel *cancel;
	const char *at; /* where somebody asks */
	bool is_taken;
} Asking;

static void ask_at_message(void *user, const char *text)
{
	Asking *asking = user;

	if (g_str_equal(text, asking->at))
		asking->is_taken = cancel_ask(asking->cancel, "by a test");
}

static void ask_at_progress(void *user, int percent G_GNUC_UNUSED, const char *text,
                            int depth G_GNUC_UNUSED, uint64_t bytes G_GNUC_UNUSED,
                            uint64_t total G_GNUC_UNUSED)
{
	ask_at_message(user, text);
}

static const struct {
	const char *at;
	const char *why; /* NULL: too late */
	const char *target, *status;
} cancelled[] = {
	{ "started", "before a slot was changed", "1", NULL },
	{ "Checking bundle", "before a slot was changed", "1", NULL },
	{ "Determining target install group done.", "before a slot was changed", "1", NULL },
	{ "Updating slots...", "before a slot was changed", "1", NULL },
	{ "Updating slot rootfs.1", "while slot rootfs.1 was written", "0", "failed" },
	{ "Copying image to rootfs.1", "while slot rootfs.1 was written", "0", "failed" },
	{ "Updating slot rootfs.1 done", "while slot rootfs.1 was written", "0", "ok" },
	{ "All slots updated", NULL, "1", "ok" },
	{ "finished", NULL, "1", "ok" },
};

/* Whenever it is: either the old system boots, or it was too late and the new one does. */
static void test_cancelled(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(cancelled); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(Cancel) cancel = cancel_new();
		g_autoptr(GError) error = NULL;
		g_autofree char *expected =
			g_strconcat("Installation cancelled by a test ", cancelled[i].why, NULL);
		Asking asking = { .cancel = cancel, .at = cancelled[i].at };
		InstallRequest request = { .bundle = paths[1], .cancel = cancel };
		InstallReport report;
		InstallEvents events = { ask_at_message, ask_at_progress, &asking, &report, NULL };

		device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n");
		g_autoptr(System) system = device_open(device, maker->cert, NULL, &error);
		bool ok = install_run(system, &request, &events, &error);
		g_assert_true(ok == !cancelled[i].why);
		g_assert_true(ok == !asking.is_taken);
		g_assert_true(ok == (report.stage == INSTALL_DONE));
		if (!ok) {
			g_assert_error(error, FAILURE, FAILURE_CANCELLED);
			g_assert_cmpstr(error->message, ==, expected);
		}
		assert_env(device, "ORDER", ok ? "B A" : "A B");
		assert_env(device, "A_OK", "1");
		assert_env(device, "B_OK", cancelled[i].target);
		const SlotStatus *status =
			system_status(system, system_config(system)->slots->pdata[1]);
		g_assert_cmpstr(status->status, ==, cancelled[i].status);
		g_assert_false(cancel_ask(cancel, "afterwards"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *text = g_strdup_printf(
			"[update]\ncompatible=Test\nversion=1\n[bundle]\nformat=%s\n"
			"[image.rootfs]\nfilename=rootfs.img\n",
			formats[i]);
		g_autofree char *content = maker_content(maker, formats[i], text);
		g_autofree char *name = g_strconcat(formats[i], ".raucb", NULL);

		g_clear_pointer(&image, g_bytes_unref);
		image = maker_image(content, "rootfs.img", IMAGE_SIZE, 1);
		paths[i] = maker_bundle(maker, content, name, NULL);
		g_assert_nonnull(paths[i]);
	}
	g_test_add_func("/install/install/good", test_good);
	g_test_add_func("/install/install/damaged-while-writing", test_damaged_while_writing);
	g_test_add_func("/install/install/refusals", test_refusals);
	g_test_add_func("/install/install/not-activated", test_not_activated);
	g_test_add_func("/install/install/cancelled", test_cancelled);
	int result = g_test_run();
	g_bytes_unref(image);
	g_free(paths[0]);
	g_free(paths[1]);
	maker_free(maker);
	return result;
}
