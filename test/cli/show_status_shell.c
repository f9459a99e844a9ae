/* SPDX-License-Identifier: MIT */

#include "cli/show_status_shell.h"

#include <string.h>

#include "sample.h"

static void test_brief(void)
{
	ShowStatus status = sample_status(false);
	g_autoptr(GString) text = g_string_new(NULL);

	status.primary = NULL;
	show_status_shell(text, &status);
	g_assert_true(g_str_has_prefix(text->str,
	                               "RAUC_SYSTEM_COMPATIBLE='Test Config'\n"
	                               "RAUC_SYSTEM_VARIANT=''\n"
	                               "RAUC_SYSTEM_VERSION=''\n"
	                               "RAUC_SYSTEM_BOOTED_BOOTNAME='A'\n"
	                               "RAUC_BOOT_PRIMARY='(null)'\n"
	                               "RAUC_SYSTEM_SLOTS='rootfs.0 appfs.0 rescue.0 rootfs.1 "
	                               "appfs.1'\n"
	                               "RAUC_SLOTS='1 2 3 4 5'\n"
	                               "RAUC_SLOT_STATE_1='booted'\n"
	                               "RAUC_SLOT_CLASS_1='rootfs'\n"
	                               "RAUC_SLOT_DEVICE_1='/dev/sda2'\n"
	                               "RAUC_SLOT_TYPE_1='ext4'\n"
	                               "RAUC_SLOT_BOOTNAME_1='A'\n"
	                               "RAUC_SLOT_PARENT_1=''\n"
	                               "RAUC_SLOT_MOUNTPOINT_1='/'\n"
	                               "RAUC_SLOT_BOOT_STATUS_1='good'\n"
	                               "RAUC_SLOT_STATE_2='active'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_PARENT_2='rootfs.0'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_BOOT_STATUS_2=''\n"));
	g_assert_null(strstr(text->str, "RAUC_SLOT_STATUS_"));
	g_assert_true(g_str_has_suffix(text->str, "RAUC_REPOS=''\n"));
}

static void test_detailed(void)
{
	ShowStatus status = sample_status(true);
	g_autoptr(GString) text = g_string_new(NULL);

	show_status_shell(text, &status);
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_STATUS_BUNDLE_COMPATIBLE_1='Test Config'\n"
	                                   "RAUC_SLOT_STATUS_BUNDLE_VERSION_1='1.0'\n"
	                                   "RAUC_SLOT_STATUS_BUNDLE_DESCRIPTION_1=''\n"
	                                   "RAUC_SLOT_STATUS_BUNDLE_BUILD_1=''\n"
	                                   "RAUC_SLOT_STATUS_BUNDLE_HASH_1=''\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_STATUS_CHECKSUM_SIZE_1='8192'\n"
	                                   "RAUC_SLOT_STATUS_INSTALLED_TIMESTAMP_1='2026-01-01T00:"
	                                   "00:00Z'\n"
	                                   "RAUC_SLOT_STATUS_INSTALLED_COUNT_1='2'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_STATUS_STATUS_1='ok'\n"
	                                   "RAUC_SLOT_STATUS_BUNDLE_SECURITY_EPOCH_1='0'\n"));
	g_assert_nonnull(strstr(text->str, "RAUC_SLOT_STATUS_CHECKSUM_SIZE_2='0'\n"));
}

static void test_trust(void)
{
	ShowStatus status = sample_status(true);
	g_autoptr(GString) text = g_string_new(NULL);

	status.trust = (ShowTrust){ true,        3,    "2026-03-02T00:00:00Z", "build",
		                    "the words", true, "it's the demo's" };
	show_status_shell(text, &status);
	g_assert_nonnull(strstr(text->str, "RAUC_REPOS=''\n"
	                                   "RAUC_TRUST_SECURITY_EPOCH='3'\n"
	                                   "RAUC_TRUST_TIME_FLOOR='2026-03-02T00:00:00Z'\n"
	                                   "RAUC_TRUST_TIME_FLOOR_SOURCE='build'\n"
	                                   "RAUC_TRUST_KEPT='1'\n"
	                                   "RAUC_TRUST_DEMO_KEYS='it'\\''s the demo'\\''s'\n"));
}

static void test_repos(void)
{
	ShowStatus status = sample_status(false);
	ConfigRepo repo = { "apps", "/data/apps", "trees", NULL };
	g_autoptr(GPtrArray) repos = g_ptr_array_new();
	g_autoptr(GString) text = g_string_new(NULL);

	g_ptr_array_add(repos, &repo);
	status.repos = repos;
	show_status_shell(text, &status);
	g_assert_true(g_str_has_suffix(text->str, "RAUC_REPO_NAME_1='apps'\n"
	                                          "RAUC_REPO_PATH_1='/data/apps'\n"
	                                          "RAUC_REPO_TYPE_1='trees'\n"
	                                          "RAUC_REPO_ARTIFACTS_1=''\n"
	                                          "RAUC_REPOS='1'\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_status_shell/brief", test_brief);
	g_test_add_func("/cli/show_status_shell/detailed", test_detailed);
	g_test_add_func("/cli/show_status_shell/trust", test_trust);
	g_test_add_func("/cli/show_status_shell/repos", test_repos);
	return g_test_run();
}
