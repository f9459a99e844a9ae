/* SPDX-License-Identifier: MIT */

/* The status a slot has while it is written, and after. */

#include "install/step.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"

static Maker *maker;
static char *path;
static GString *told;

static void message(void *user G_GNUC_UNUSED, const char *text)
{
	g_string_append_printf(told, "%s\n", text);
}

static bool run(System *system, GError **error)
{
	InstallReport report = { 0 };
	InstallEvents events = { .message = message, .report = &report };
	g_autoptr(Bundle) bundle = maker_open(maker, path, error);
	g_autoptr(Pool) pool = pool_new(0, 1);

	if (!bundle || !bundle_open_payload(bundle, error))
		return false;
	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_autoptr(Plan) plan = plan_make(system, bundle, target, error);
	StepContext context = {
		.facts = { .system = system, .bundle = bundle, .transaction = "id" },
		.events = &events,
		.pool = pool
	};
	g_string_truncate(told, 0);
	return plan && step_run(&context, plan->steps->pdata[0], error);
}

static void test_ok_then_failed(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = device_open(device, maker->cert, NULL, &error);
	const Slot *slot = system_config(system)->slots->pdata[1];

	g_assert_true(run(system, &error));
	g_assert_no_error(error);
	g_assert_cmpstr(told->str, ==,
	                "Checking slot rootfs.1\nUpdating slot rootfs.1\n"
	                "Updating slot rootfs.1 done\n");
	g_assert_cmpstr(system_status(system, slot)->status, ==, "ok");
	g_assert_cmpstr(system_status(system, slot)->installed_transaction, ==, "id");

	g_assert_cmpint(g_unlink(device->slots[1]), ==, 0);
	g_assert_cmpint(g_mkdir(device->slots[1], 0700), ==, 0);
	g_assert_false(run(system, &error));
	g_assert_true(g_str_has_prefix(error->message, "Failed updating slot rootfs.1: "));
	g_assert_cmpstr(system_status(system, slot)->status, ==, "failed");
	g_assert_cmpuint(system_status(system, slot)->installed_count, ==, 2);
}

static void test_same_is_skipped(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autofree char *conf = g_strdup_printf("compatible=Test\n[slot.rootfs.1]\n"
	                                        "install-same=false\n[system]");
	g_autoptr(System) system = device_open(device, maker->cert, conf, &error);

	g_assert_no_error(error);
	g_assert_true(run(system, &error));
	g_assert_true(run(system, &error));
	g_assert_cmpstr(told->str, ==,
	                "Checking slot rootfs.1\nSkipping update for correct image 'rootfs.img'\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	told = g_string_new(NULL);
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
	                      "[image.rootfs]\nfilename=rootfs.img\n");
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, 1);
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_test_add_func("/install/step/ok-then-failed", test_ok_then_failed);
	g_test_add_func("/install/step/same-is-skipped", test_same_is_skipped);
	int result = g_test_run();
	g_free(path);
	g_string_free(told, TRUE);
	maker_free(maker);
	return result;
}
