/* SPDX-License-Identifier: MIT */

#include "install/environment.h"

#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"

typedef struct {
	const char *key, *value; /* value NULL: not there */
} Pair;

static Maker *maker;
static char *path;

static void assert_pairs(GStrv env, const Pair *pairs, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const char *value = g_environ_getenv(env, pairs[i].key);

		if (g_strcmp0(value, pairs[i].value) != 0)
			g_error("%s is %s, not %s", pairs[i].key, value, pairs[i].value);
	}
}

static const Pair check[] = {
	{ "RAUC_SYSTEM_COMPATIBLE", "Test" },
	{ "RAUC_SYSTEM_VARIANT", "one" },
	{ "RAUC_SYSTEM_VERSION", "" },
	{ "RAUC_MF_COMPATIBLE", "Test" },
	{ "RAUC_MF_VERSION", "7" },
	{ "RAUC_MF_BUILD", "" },
	{ "RAUC_META_RELEASE_NOTES_URL", "https://x" },
	{ "RAUC_MOUNT_PREFIX", "/mnt/rauc/" },
	{ "RAUC_TRANSACTION_ID", NULL },
};

static const Pair slot_hook[] = {
	{ "RAUC_SLOT_NAME", "rootfs.1" },
	{ "RAUC_SLOT_STATE", "inactive" },
	{ "RAUC_SLOT_CLASS", "rootfs" },
	{ "RAUC_SLOT_TYPE", "raw" },
	{ "RAUC_SLOT_BOOTNAME", "B" },
	{ "RAUC_SLOT_PARENT", "" },
	{ "RAUC_SLOT_MOUNT_POINT", NULL },
	{ "RAUC_IMAGE_NAME", "/content/rootfs.img" },
	{ "RAUC_IMAGE_SIZE", "50000" },
	{ "RAUC_IMAGE_CLASS", "rootfs" },
	{ "RAUC_BUNDLE_MOUNT_POINT", "/content" },
	{ "RAUC_TRANSACTION_ID", NULL },
};

static const Pair handlers[] = {
	{ "RAUC_CURRENT_BOOTNAME", "A" },
	{ "RAUC_BUNDLE_MOUNT_POINT", "/content" },
	{ "RAUC_UPDATE_SOURCE", "/content" },
	{ "RAUC_TRANSACTION_ID", "id" },
	{ "RAUC_SLOTS", "1 2" },
	{ "RAUC_TARGET_SLOTS", "2" },
	{ "RAUC_SLOT_NAME_1", "rootfs.0" },
	{ "RAUC_SLOT_BOOTNAME_2", "B" },
	{ "RAUC_SLOT_PARENT_2", "" },
	{ "RAUC_IMAGE_NAME_1", NULL },
	{ "RAUC_IMAGE_NAME_2", "rootfs.img" },
	{ "RAUC_IMAGE_CLASS_2", "rootfs" },
	{ "RAUC_META_RELEASE_NOTES_URL", "https://x" },
};

static void test_all(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = device_open(device, maker->cert, "variant-name=one", &error);
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
	g_assert_no_error(error);
	static const char *const boot[] = { "RAUC_BOOT_REGION_SIZE=512", "RAUC_BOOT_X=a=b", NULL };
	EnvironmentFacts facts = { system, bundle, "/content", "id", NULL };
	EnvironmentFacts with_boot = { system, bundle, "/content", "id", boot };
	g_autoptr(GPtrArray) target = system_pick_target(system);
	const Image *image = bundle_manifest(bundle)->images->pdata[0];
	g_auto(GStrv) for_check = environment_for_check(&facts);
	g_auto(GStrv) for_slot = environment_for_slot(&facts, image, target->pdata[0], NULL);
	g_auto(GStrv) for_boot = environment_for_slot(&with_boot, image, target->pdata[0], NULL);
	g_auto(GStrv) mounted = environment_for_slot(&facts, image, target->pdata[0], "/mnt/x");
	g_auto(GStrv) for_handlers = environment_for_handlers(&facts, target);

	assert_pairs(for_check, check, G_N_ELEMENTS(check));
	assert_pairs(for_slot, slot_hook, G_N_ELEMENTS(slot_hook));
	assert_pairs(for_handlers, handlers, G_N_ELEMENTS(handlers));
	g_assert_cmpstr(g_environ_getenv(mounted, "RAUC_SLOT_MOUNT_POINT"), ==, "/mnt/x");
	g_assert_cmpstr(g_environ_getenv(for_boot, "RAUC_BOOT_REGION_SIZE"), ==, "512");
	g_assert_cmpstr(g_environ_getenv(for_boot, "RAUC_BOOT_X"), ==, "a=b");
	g_assert_null(g_environ_getenv(for_slot, "RAUC_BOOT_X"));
	g_assert_cmpstr(g_environ_getenv(for_slot, "RAUC_IMAGE_DIGEST"), ==, image->sha256);
	g_assert_cmpuint(strlen(g_environ_getenv(for_slot, "RAUC_BUNDLE_SPKI_HASHES")), ==, 95);
	g_assert_cmpstr(g_environ_getenv(for_handlers, "PATH"), ==, g_getenv("PATH"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\nversion=7\n[bundle]\nformat=verity\n"
	                      "[image.rootfs]\nfilename=rootfs.img\n"
	                      "[meta.release]\nnotes-url=https://x\n");
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, 1);
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_test_add_func("/install/environment/all", test_all);
	int result = g_test_run();
	g_free(path);
	maker_free(maker);
	return result;
}
