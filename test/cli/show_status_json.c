/* SPDX-License-Identifier: MIT */

#include "cli/show_status_json.h"

#include <string.h>

#include "sample.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_brief(void)
{
	ShowStatus status = sample_status(false);
	g_autoptr(GString) text = g_string_new(NULL);

	status.n_slots = 2;
	show_status_json(text, &status, false);
	g_assert_cmpstr(
		text->str, ==,
		"{\"compatible\":\"Test Config\",\"variant\":\"\",\"system_version\":\"\","
		"\"booted\":\"A\",\"boot_primary\":\"rootfs.0\",\"slots\":["
		"{\"rootfs.0\":{\"class\":\"rootfs\",\"device\":\"/dev/sda2\",\"type\":\"ext4\","
		"\"bootname\":\"A\",\"state\":\"booted\",\"parent\":null,\"mountpoint\":\"/\","
		"\"boot_status\":\"good\"}},"
		"{\"appfs.0\":{\"class\":\"appfs\",\"device\":\"/dev/sda4\",\"type\":\"raw\","
		"\"bootname\":null,\"state\":\"active\",\"parent\":\"rootfs.0\","
		"\"mountpoint\":null,\"boot_status\":null}}],\"artifact-repositories\":[]}\n");
}

static void test_detailed(void)
{
	ShowStatus status = sample_status(true);
	g_autoptr(GString) text = g_string_new(NULL);

	show_status_json(text, &status, false);
	g_assert_nonnull(strstr(
		text->str,
		"\"slot_status\":{\"bundle\":{\"compatible\":\"Test Config\",\"version\":\"1.0\"},"
		"\"checksum\":{\"sha256\":\"" HEX "\",\"size\":8192},"
		"\"installed\":{\"timestamp\":\"2026-01-01T00:00:00Z\",\"count\":2},"
		"\"activated\":{\"timestamp\":\"2026-01-01T00:00:01Z\",\"count\":3},"
		"\"status\":\"ok\"}"));
	g_assert_nonnull(strstr(text->str, "\"slot_status\":{\"bundle\":{\"compatible\":null}}"));
}

static void test_trust(void)
{
	ShowStatus status = sample_status(true);
	SlotStatus installed = *status.slots[0].status;
	ShowSlot slot = { status.slots[0].slot, status.slots[0].state, &installed };
	g_autoptr(GString) text = g_string_new(NULL), bare = g_string_new(NULL);

	installed.bundle_epoch = 4294967295;
	status.slots = &slot;
	status.n_slots = 1;
	status.trust =
		(ShowTrust){ true, 3, "2026-03-02T00:00:00Z", "build", "the words", true, NULL };
	show_status_json(text, &status, false);
	g_assert_nonnull(strstr(text->str, "\"version\":\"1.0\",\"security_epoch\":4294967295}"));
	g_assert_true(g_str_has_suffix(
		text->str,
		"\"artifact-repositories\":[],\"trust\":{\"security_epoch\":3,"
		"\"time_floor\":\"2026-03-02T00:00:00Z\",\"time_floor_source\":\"build\","
		"\"kept\":true,\"demo_keys\":null}}\n"));
	status.trust = (ShowTrust){ .is_known = true, .source = "unknown", .demo = "x" };
	show_status_json(bare, &status, false);
	g_assert_true(g_str_has_suffix(
		bare->str, "\"trust\":{\"security_epoch\":0,\"time_floor\":null,"
			   "\"time_floor_source\":null,\"kept\":false,\"demo_keys\":\"x\"}}\n"));
}

static void test_unknown(void)
{
	ShowStatus status = sample_status(false);
	ConfigRepo repo = { "apps", "/data/apps", "trees", "programs" };
	g_autoptr(GPtrArray) repos = g_ptr_array_new();
	g_autoptr(GString) text = g_string_new(NULL);

	g_ptr_array_add(repos, &repo);
	status.repos = repos;
	status.primary = NULL;
	status.n_slots = 0;
	show_status_json(text, &status, true);
	g_assert_nonnull(strstr(text->str, "  \"boot_primary\" : null,\n"
	                                   "  \"slots\" : [],\n"
	                                   "  \"artifact-repositories\" : [\n"
	                                   "    {\n"
	                                   "      \"name\" : \"apps\",\n"
	                                   "      \"description\" : \"programs\",\n"
	                                   "      \"path\" : \"/data/apps\",\n"
	                                   "      \"type\" : \"trees\",\n"
	                                   "      \"artifacts\" : []\n"
	                                   "    }\n"
	                                   "  ]\n"
	                                   "}\n"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_status_json/brief", test_brief);
	g_test_add_func("/cli/show_status_json/detailed", test_detailed);
	g_test_add_func("/cli/show_status_json/trust", test_trust);
	g_test_add_func("/cli/show_status_json/unknown", test_unknown);
	return g_test_run();
}
