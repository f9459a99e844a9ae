/* SPDX-License-Identifier: MIT */

#include "install/plan.h"

#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"

#define HEAD  "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
#define IMAGE "[image.rootfs]\nfilename=rootfs.img\n"

static Maker *maker;

static const struct {
	const char *manifest;
	const char *why; /* NULL: a plan of one step */
} plans[] = {
	{ HEAD IMAGE, NULL },
	{ HEAD "[image.appfs]\nfilename=rootfs.img\n",
	  "No target slot for class 'appfs' of image 'rootfs.img' found" },
	{ HEAD "[image.rootfs]\nfilename=rootfs.img\ntype=tar\n",
	  "Unsupported image type 'tar' for slot type 'raw'" },
	{ HEAD "[image.rootfs]\nfilename=rootfs.img\nhooks=pre-install\n[hooks]\nfilename=hook\n",
	  NULL },
	{ HEAD IMAGE "[hooks]\nfilename=hook\nhooks=install-check\n", NULL },
	{ HEAD "[image.files/x]\nfilename=rootfs.img\n", "has an artifact ('files/x')" },
	{ HEAD, "No installable image found" },
	{ HEAD "[image.rootfs.other]\nfilename=rootfs.img\n",
	  "Failed to find matching variant of image for slot class 'rootfs'" },
};

static void test_plans(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(plans); i++) {
		g_autofree char *content = maker_content(maker, "in", plans[i].manifest);
		g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, i);
		g_autofree char *hook = g_build_filename(content, "hook", NULL);
		g_autofree char *name = g_strdup_printf("%u.raucb", i);
		g_autoptr(Device) device = device_new();
		g_autoptr(GError) error = NULL;

		g_assert_true(g_file_set_contents_full(hook, "#!/bin/sh\n", -1,
		                                       G_FILE_SET_CONTENTS_NONE, 0755, NULL));
		g_autofree char *path = maker_bundle(maker, content, name, &error);
		g_assert_no_error(error);
		g_autoptr(System) system = device_open(device, maker->cert, NULL, &error);
		g_assert_no_error(error);
		g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
		g_assert_true(bundle && bundle_open_payload(bundle, &error));
		g_autoptr(GPtrArray) target = system_pick_target(system);
		g_autoptr(Plan) plan = plan_make(system, bundle, target, &error);
		if (plans[i].why) {
			g_assert_null(plan);
			if (!strstr(error->message, plans[i].why))
				g_error("row %u: %s", i, error->message);
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpuint(plan->steps->len, ==, 1);
		const PlanStep *step = plan->steps->pdata[0];
		g_assert_cmpstr(step->slot->name, ==, "rootfs.1");
		g_assert_true(plan->boot_slot == step->slot);
		g_assert_cmpuint(step->bytes->size, ==, 50000);
		g_assert_true(plan_job(step, system, NULL, NULL).verify);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/install/plan/plans", test_plans);
	int result = g_test_run();
	maker_free(maker);
	return result;
}
