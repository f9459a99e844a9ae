/* SPDX-License-Identifier: MIT */

#include "cli/show_info_json.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "sample.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char *show(bool is_full, OutputFormat format)
{
	g_autoptr(Manifest) manifest = sample_manifest(is_full);
	ShowInfo info = { .manifest = manifest, .hash = "abc" };
	GString *text = g_string_new(NULL);

	show_info(text, &info, format, sample_plain);
	return g_string_free(text, FALSE);
}

static void test_compact(void)
{
	g_autofree char *text = show(true, OUTPUT_JSON);

	g_assert_cmpstr(
		text, ==,
		"{\"compatible\":\"It's\",\"version\":\"1.0\",\"description\":\"all\",\"build\":\"20\","
		"\"format\":\"verity\",\"hooks\":[\"install-check\"],\"hash\":\"abc\",\"images\":["
		"{\"rootfs\":{\"artifact\":null,\"variant\":\"big\",\"filename\":\"root.img\","
		"\"type\":\"ext4\",\"checksum\":\"" HEX "\",\"size\":8192,"
		"\"hooks\":[\"pre-install\",\"post-install\"],\"adaptive\":[\"block-hash-index\"]}},"
		"{\"trees\":{\"artifact\":\"app\",\"variant\":null,\"filename\":\"app.tar\","
		"\"type\":null,\"checksum\":\"" HEX "\",\"size\":5,\"hooks\":[],\"adaptive\":[],"
		"\"convert\":[\"tar-extract\",\"keep\"],"
		"\"converted\":[\"app.tar.extracted\",\"app.tar\"]}},"
		"{\"data\":{\"artifact\":null,\"variant\":null,\"filename\":null,\"type\":null,"
		"\"checksum\":null,\"size\":-1,\"hooks\":[\"install\"],\"adaptive\":[]}}]}\n");
}

static void test_pretty(void)
{
	g_autofree char *text = show(false, OUTPUT_JSON_PRETTY);

	g_assert_cmpstr(text, ==,
	                "{\n"
	                "  \"compatible\" : \"Test Config\",\n"
	                "  \"version\" : null,\n"
	                "  \"description\" : null,\n"
	                "  \"build\" : null,\n"
	                "  \"format\" : \"verity\",\n"
	                "  \"hooks\" : [],\n"
	                "  \"hash\" : \"abc\",\n"
	                "  \"images\" : [\n"
	                "    {\n"
	                "      \"rootfs\" : {\n"
	                "        \"artifact\" : null,\n"
	                "        \"variant\" : null,\n"
	                "        \"filename\" : \"root.img\",\n"
	                "        \"type\" : \"raw\",\n"
	                "        \"checksum\" : \"" HEX "\",\n"
	                "        \"size\" : 5,\n"
	                "        \"hooks\" : [],\n"
	                "        \"adaptive\" : []\n"
	                "      }\n"
	                "    }\n"
	                "  ]\n"
	                "}\n");
}

static void assert_member(JsonNode *root, const char *path, const char *expected)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(JsonNode) found = json_path_query(path, root, &error);

	g_assert_no_error(error);
	g_autofree char *text = json_to_string(found, FALSE);
	g_assert_cmpstr(text, ==, expected);
}

static void test_complete(void)
{
	g_autofree char *text = show(true, OUTPUT_JSON_2);
	g_autoptr(JsonNode) root = json_from_string(text, NULL);

	g_assert_nonnull(root);
	assert_member(root, "$['manifest-hash']", "[\"abc\"]");
	assert_member(root, "$.update.build", "[\"20\"]");
	assert_member(root, "$.bundle['verity-size']", "[8192]");
	assert_member(root, "$.hooks",
	              "[{\"filename\":\"hook.sh\",\"hooks\":[\"install-check\"]}]");
	assert_member(root, "$.handler", "[{\"filename\":\"handler.sh\",\"args\":\"-v\"}]");
	assert_member(root, "$.images[1]['slot-class']", "[\"trees\"]");
	assert_member(root, "$.images[1].artifact", "[\"app\"]");
	assert_member(root, "$.images[2].filename", "[]");
	assert_member(root, "$.images[2].size", "[-1]");
	assert_member(root, "$.meta", "[{\"foo-bar\":{\"a-key\":\"val ue\"}}]");
}

/* The key of a crypt bundle is a secret. */
static void test_no_key(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	ShowInfo info = { .manifest = manifest };
	g_autoptr(GString) text = g_string_new(NULL);

	manifest->format = MANIFEST_CRYPT;
	manifest->crypt_key = g_strdup("5ec2e7");
	for (OutputFormat format = OUTPUT_READABLE; format <= OUTPUT_JSON_2; format++)
		show_info(text, &info, format, sample_plain);
	g_assert_null(strstr(text->str, "5ec2e7"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_info_json/compact", test_compact);
	g_test_add_func("/cli/show_info_json/pretty", test_pretty);
	g_test_add_func("/cli/show_info_json/complete", test_complete);
	g_test_add_func("/cli/show_info_json/no-key", test_no_key);
	return g_test_run();
}
