/* SPDX-License-Identifier: MIT */

#include "install/check.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"
#include "system/trust_state.h"

#define MANIFEST                                                            \
	"[update]\ncompatible=Test\nversion=1.2\n[bundle]\nformat=verity\n" \
	"[image.rootfs]\nfilename=rootfs.img\n"                             \
	"[meta.moonforge]\nsecurity-epoch=2\n"

static Maker *maker;
static char *path;

static const struct {
	const char *extra; /* of [system] */
	InstallRequest request;
	const char *why; /* NULL: fine */
	Failure code;
} checks[] = {
	{ NULL, { 0 }, NULL },
	{ "compatible=Other",
	  { 0 },
	  "Compatible mismatch: Expected 'Other' but bundle manifest has 'Test'",
	  FAILURE_COMPATIBLE },
	{ "compatible=Other", { .ignore_compatible = true }, NULL },
	{ "min-bundle-version=1.2", { 0 }, NULL },
	{ "min-bundle-version=1.3",
	  { 0 },
	  "Version mismatch: Expected at least '1.3' but bundle manifest has '1.2'",
	  FAILURE_VERSION },
	{ "min-bundle-version=1.3", { .ignore_version_limit = true }, NULL },
	{ NULL,
	  { .require_manifest_hash = "00" },
	  "Refusing to install bundle with unexpected hash (expected 00, got ",
	  FAILURE_REJECTED },
};

static void test_bundle(void)
{
	g_autoptr(Device) device = device_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(System) system =
			device_open(device, maker->cert, checks[i].extra, &error);
		g_assert_no_error(error);
		g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
		g_assert_no_error(error);

		bool ok = check_bundle(system, &checks[i].request, bundle, &error);
		g_assert_true(ok == !checks[i].why);
		if (!ok) {
			g_assert_error(error, FAILURE, (int)checks[i].code);
			g_assert_true(g_str_has_prefix(error->message, checks[i].why));
		}
	}

	/* The right hash is accepted, in either case of letters. */
	g_autoptr(System) system = device_open(device, maker->cert, NULL, NULL);
	g_autoptr(Bundle) bundle = maker_open(maker, path, NULL);
	g_autofree char *upper = g_ascii_strup(bundle_manifest_hash(bundle), -1);
	InstallRequest request = { .require_manifest_hash = upper };
	g_assert_true(check_bundle(system, &request, bundle, NULL));
}

/* The device's own number; no option is a way around it. */
static void test_epoch(void)
{
	InstallRequest all = { .ignore_compatible = true, .ignore_version_limit = true };

	for (uint32_t own = 1; own <= 3; own++) {
		g_autoptr(Device) device = device_new();
		g_autofree char *folder = g_build_filename(device->folder, "data", NULL);
		TrustStateFound found = { .state = { .security_epoch = own } };
		g_autoptr(GError) error = NULL;
		g_autoptr(System) system = device_open(device, maker->cert, NULL, &error);
		g_autoptr(Bundle) bundle = maker_open(maker, path, &error);

		g_assert_true(trust_state_save(folder, &found, NULL));
		if (own <= 2) {
			g_assert_true(check_bundle(system, &all, bundle, &error));
			continue;
		}
		g_assert_false(check_bundle(system, &all, bundle, &error));
		g_assert_error(error, FAILURE, FAILURE_VERSION);
		g_assert_true(g_str_has_prefix(
			error->message,
			"Security epoch too low: the bundle has 2, this device is at 3"));
	}
}

static void test_plan(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = device_open(device, maker->cert, NULL, &error);
	g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
	g_autoptr(Pool) pool = pool_new(0, 1);

	g_assert_true(bundle_open_payload(bundle, &error));
	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_autoptr(Plan) plan = plan_make(system, bundle, target, &error);
	g_assert_no_error(error);
	g_assert_true(check_plan(system, plan, pool, &error));
	g_assert_no_error(error);

	g_unlink(device->slots[1]);
	g_assert_false(check_plan(system, plan, pool, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
	g_assert_true(g_str_has_prefix(error->message, "Destination device '"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_autofree char *content = maker_content(maker, "in", MANIFEST);
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, 1);
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_test_add_func("/install/check/bundle", test_bundle);
	g_test_add_func("/install/check/epoch", test_epoch);
	g_test_add_func("/install/check/plan", test_plan);
	int result = g_test_run();
	g_free(path);
	maker_free(maker);
	return result;
}
