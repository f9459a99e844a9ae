/* SPDX-License-Identifier: MIT */

#include "cli/show_status.h"

#include <string.h>

#include "sample.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *show(const ShowStatus *status, OutputLook look)
{
	GString *text = g_string_new(NULL);

	show_status(text, status, OUTPUT_READABLE, look);
	return g_string_free(text, FALSE);
}

static void test_plain(void)
{
	ShowStatus status = sample_status(false);
	g_autofree char *text = show(&status, sample_plain);

	g_assert_cmpstr(text, ==,
	                "=== System Info ===\n"
	                "Compatible:     Test Config\n"
	                "Variant:        \n"
	                "System Version: \n"
	                "Booted from:    rootfs.0 (A)\n"
	                "\n"
	                "=== Bootloader ===\n"
	                "Activated: rootfs.0 (A)\n"
	                "\n"
	                "=== Slot States ===\n"
	                "\xe2\x8f\xba [rootfs.0] (/dev/sda2, ext4, booted)\n"
	                "      bootname: A\n"
	                "      mounted: /\n"
	                "      boot status: good\n"
	                "    [appfs.0] (/dev/sda4, raw, active)\n"
	                "\n"
	                "\xe2\x97\x8b [rootfs.1] (/dev/sda3, ext4, inactive)\n"
	                "      bootname: B\n"
	                "      description: the other\n"
	                "      boot status: bad\n"
	                "    [appfs.1] (/dev/sda5, raw, inactive)\n"
	                "\n"
	                "  [rescue.0] (/dev/sda1, raw, inactive)\n");
}

static void test_colour(void)
{
	ShowStatus status = sample_status(false);
	OutputLook look = { .has_colour = true, .has_utf8 = false };
	g_autofree char *text = show(&status, look);

	g_assert_cmpstr(strstr(text, "=== Slot"), ==,
	                "=== Slot States ===\n"
	                "\033[1mx\033[0m \033[32m\033[32m\033[1m[rootfs.0]\033[0m "
	                "(/dev/sda2, ext4, \033[1mbooted\033[0m)\n"
	                "      bootname: \033[34mA\033[0m\n"
	                "      mounted: /\n"
	                "      boot status: \033[32mgood\033[0m\n"
	                "    \033[32m\033[1m[appfs.0]\033[0m (/dev/sda4, raw, active\033[0m)\n"
	                "\n"
	                "o \033[1m[rootfs.1]\033[0m (/dev/sda3, ext4, inactive\033[0m)\n"
	                "      bootname: \033[34mB\033[0m\n"
	                "      description: the other\n"
	                "      boot status: \033[31mbad\033[0m\n"
	                "    \033[1m[appfs.1]\033[0m (/dev/sda5, raw, inactive\033[0m)\n"
	                "\n"
	                "  \033[1m[rescue.0]\033[0m (/dev/sda1, raw, inactive\033[0m)\n");
}

static void test_detailed(void)
{
	ShowStatus status = sample_status(true);
	g_autofree char *text = show(&status, sample_plain);
	const char *slot = strstr(text, "      slot status:");

	g_assert_true(g_str_has_prefix(slot, "      slot status:\n"
	                                     "          bundle:\n"
	                                     "              compatible=Test Config\n"
	                                     "              version=1.0\n"
	                                     "          checksum:\n"
	                                     "              sha256=" HEX "\n"
	                                     "              size=8.2\xc2\xa0kB (8192 bytes)\n"
	                                     "          installed:\n"
	                                     "              timestamp=2026-01-01T00:00:00Z\n"
	                                     "              count=2\n"
	                                     "              transaction=tx\n"
	                                     "          activated:\n"
	                                     "              timestamp=2026-01-01T00:00:01Z\n"
	                                     "              count=3\n"
	                                     "          status=ok\n"
	                                     "    [appfs.0] (/dev/sda4, raw, active)\n"
	                                     "      slot status:\n"
	                                     "          bundle:\n"
	                                     "              compatible=(null)\n"
	                                     "\n"));
}

static const ShowTrust learned = {
	true, 3, "2026-03-02T00:00:00Z", "build", "the build time of the image", true, NULL
};

static void test_trust(void)
{
	ShowStatus status = sample_status(true);
	SlotStatus installed = *status.slots[0].status;
	ShowSlot slot = { status.slots[0].slot, status.slots[0].state, &installed };

	installed.bundle_epoch = 2;
	status.slots = &slot;
	status.n_slots = 1;
	status.trust = learned;
	g_autofree char *kept = show(&status, sample_plain);
	g_assert_nonnull(strstr(kept, "              version=1.0\n"
	                              "              security-epoch=2\n"));
	g_assert_true(g_str_has_suffix(kept, "          status=ok\n"
	                                     "\n"
	                                     "=== Trust ===\n"
	                                     "Security epoch: 3\n"
	                                     "Time floor:     2026-03-02T00:00:00Z (the build "
	                                     "time of the image)\n"));
	status.trust = (ShowTrust){ .is_known = true, .demo = "ring\033" };
	g_autofree char *bare = show(&status, sample_plain);
	g_assert_true(g_str_has_suffix(bare, "=== Trust ===\n"
	                                     "Security epoch: 0 (not kept: no data-directory)\n"
	                                     "Time floor:     unknown\n"
	                                     "Demo keys:      ring\\x1b\n"));
	status.is_detailed = false; /* RAUC's, to the letter */
	g_autofree char *brief = show(&status, sample_plain);
	g_assert_null(strstr(brief, "Trust"));
}

static void test_external(void)
{
	ShowStatus status = sample_status(false);

	status.booted = status.primary = NULL;
	status.boot_slot = "_external_";
	g_autofree char *text = show(&status, sample_plain);
	g_assert_nonnull(strstr(text, "Booted from:    (null) (_external_)\n"));
	g_assert_nonnull(strstr(text, "Activated: none\n"));
}

static void test_repos(void)
{
	ShowStatus status = sample_status(false);
	ConfigRepo repo = { "apps", "/data/apps", "trees", NULL };
	g_autoptr(GPtrArray) repos = g_ptr_array_new();

	g_ptr_array_add(repos, &repo);
	status.repos = repos;
	g_autofree char *text = show(&status, sample_plain);
	g_assert_true(g_str_has_suffix(text, "inactive)\n"
	                                     "\n"
	                                     "=== Artifact Repo States ===\n"
	                                     "[apps] (/data/apps)\n"
	                                     "  type: trees\n"
	                                     "  artifacts: (none)\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_status/plain", test_plain);
	g_test_add_func("/cli/show_status/colour", test_colour);
	g_test_add_func("/cli/show_status/detailed", test_detailed);
	g_test_add_func("/cli/show_status/trust", test_trust);
	g_test_add_func("/cli/show_status/external", test_external);
	g_test_add_func("/cli/show_status/repos", test_repos);
	return g_test_run();
}
