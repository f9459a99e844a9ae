/* SPDX-License-Identifier: MIT */

#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "test/model/corpus.h"

static void expect_ok(const char *path, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = config_parse(text, size, path, NULL, &error);

	if (error)
		g_error("%s: %s", path, error->message);
	g_assert_nonnull(config->compatible);
}

static void expect_refusal(const char *path, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = config_parse(text, size, path, NULL, &error);

	g_assert_null(config);
	corpus_assert_refused(path, text, error);
}

static void test_ok(void)
{
	corpus_each("test/data/config/ok", ".conf", expect_ok);
}

static void test_should_fail(void)
{
	corpus_each("test/data/config/should-fail", ".conf", expect_refusal);
}

static void test_empty(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_null(config_parse("", 0, "/etc/rauc/system.conf", NULL, &error));
	g_assert_cmpstr(error->message, ==, "Input file is empty");
}

static const struct {
	const char *text;
	const char *section, *key, *value; /* section NULL: refused, `value` is the message */
} overrides[] = {
	{ "keyring:path=/x", "keyring", "path", "/x" },
	{ "slot.rootfs.0:device=a:b=c", "slot.rootfs.0", "device", "a:b=c" },
	{ "system:compatible=", "system", "compatible", "" },
	{ "streaming:tls-ca=http://x", "streaming", "tls-ca", "http://x" },
	{ "", NULL, NULL,
	  "Error in parsing override: you must specify it in format "
	  "SECTION:KEY=VALUE" },
	{ "keyring:path", NULL, NULL, "Error in parsing override: Missing '='" },
	{ "path=/x", NULL, NULL, "Error in parsing override: Missing ':'" },
	{ "path=a:b", NULL, NULL, "Error in parsing override: Missing ':'" },
	{ ":path=/x", NULL, NULL, "Error in parsing override: " },
	{ "keyring:=/x", NULL, NULL, "Error in parsing override: " },
	{ "a]b:path=/x", NULL, NULL, "Error in parsing override: " },
	{ "keyring:pa[th=/x", NULL, NULL, "Error in parsing override: " },
	{ "keyring: path =/x", NULL, NULL, "Error in parsing override: " },
	{ "key\nring:path=/x", NULL, NULL, "Error in parsing override: " },
	{ "keyring:path=\xff", NULL, NULL, "Error in parsing override: " },
	{ "keyring:path=a\nb=c", NULL, NULL, "Error in parsing override: " },
};

static void test_override_parse(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(overrides); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(ConfigOverride) override =
			config_override_parse(overrides[i].text, &error);

		g_test_message("%u", i);
		if (!overrides[i].section) {
			g_assert_null(override);
			g_assert_error(error, FAILURE, FAILURE_USAGE);
			g_assert_true(g_str_has_prefix(error->message, overrides[i].value));
			continue;
		}
		g_assert_no_error(error);
		g_assert_cmpstr(override->section, ==, overrides[i].section);
		g_assert_cmpstr(override->key, ==, overrides[i].key);
		g_assert_cmpstr(override->value, ==, overrides[i].value);
	}
}

/* `words`: "SECTION:KEY=VALUE" separated by spaces. */
static GPtrArray *parse_overrides(const char *words)
{
	GPtrArray *array = g_ptr_array_new_with_free_func((GDestroyNotify)config_override_free);
	g_auto(GStrv) each = g_strsplit(words, " ", -1);

	for (char **word = each; *word; word++)
		g_ptr_array_add(array, config_override_parse(*word, NULL));
	return array;
}

static void test_override(void)
{
	static const char text[] = "[system]\ncompatible=X\nbootloader=noop\n";
	g_autoptr(GPtrArray) array =
		parse_overrides("system:bootloader=uboot system:boot-attempts=7 "
	                        "slot.rootfs.0:device=/dev/sda1 keyring:path=ca.pem");
	g_autoptr(GPtrArray) bad = parse_overrides("system:bootlaoder=uboot");
	g_autoptr(GError) error = NULL, refusal = NULL;
	g_autoptr(Config) config =
		config_parse(text, strlen(text), "/etc/rauc/system.conf", array, &error);

	g_assert_no_error(error);
	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_UBOOT);
	g_assert_cmpint(config->boot_attempts, ==, 7);
	g_assert_cmpuint(config->slots->len, ==, 1);
	g_assert_cmpstr(config->keyring.path, ==, "/etc/rauc/ca.pem");
	g_assert_null(config_parse(text, strlen(text), NULL, bad, &refusal));
	g_assert_cmpstr(refusal->message, ==, "Invalid key 'bootlaoder' in group '[system]'");
}

static void test_default(void)
{
	g_autoptr(GPtrArray) array = parse_overrides("keyring:path=/x");
	g_autoptr(GPtrArray) bad = parse_overrides("keyrings:path=/x");
	g_autoptr(GError) error = NULL, refusal = NULL;
	g_autoptr(Config) plain = config_new_default(NULL, &error);
	g_autoptr(Config) config = config_new_default(array, &error);

	g_assert_no_error(error);
	g_assert_null(plain->compatible);
	g_assert_cmpint(plain->bootloader, ==, BOOTLOADER_NONE);
	g_assert_cmpint(plain->bundle_formats, ==,
	                MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT);
	g_assert_cmpuint(plain->max_bundle_signature_size, ==, 65536);
	g_assert_cmpuint(plain->max_bundle_download_size, ==, 8388608);
	g_assert_cmpstr(plain->mount_prefix, ==, "/mnt/rauc/");
	g_assert_true(plain->activate_installed);
	g_assert_true(plain->verify_written);
	g_assert_cmpint(plain->keyring.expiry_warning_days, ==, 180);
	g_assert_null(plain->status_file);
	g_assert_null(plain->keyring.path);
	g_assert_cmpstr(config->keyring.path, ==, "/x");
	g_assert_null(config_new_default(bad, &refusal));
	g_assert_cmpstr(refusal->message, ==, "Invalid group '[keyrings]'");
}

static void test_bootloader_names(void)
{
	g_assert_cmpstr(config_bootloader_name(BOOTLOADER_EFI), ==, "efi");
	g_assert_cmpstr(config_bootloader_name((Bootloader)99), ==, "unknown");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config/ok", test_ok);
	g_test_add_func("/model/config/should-fail", test_should_fail);
	g_test_add_func("/model/config/empty", test_empty);
	g_test_add_func("/model/config/override-parse", test_override_parse);
	g_test_add_func("/model/config/override", test_override);
	g_test_add_func("/model/config/default", test_default);
	g_test_add_func("/model/config/bootloader-names", test_bootloader_names);
	return g_test_run();
}
