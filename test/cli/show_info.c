/* SPDX-License-Identifier: MIT */

#include "cli/show_info.h"

#include <string.h>

#include "crypto/verify.h"
#include "sample.h"

#define HEX  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NBSP "\xc2\xa0"

static char *show(const ShowInfo *info, OutputFormat format, OutputLook look)
{
	GString *text = g_string_new(NULL);

	show_info(text, info, format, look);
	if (format == OUTPUT_READABLE)
		show_info_signers(text, info);
	return g_string_free(text, FALSE);
}

static void test_small(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	ShowInfo info = { .manifest = manifest, .hash = "abc" };
	g_autofree char *text = show(&info, OUTPUT_READABLE, sample_plain);

	g_assert_cmpstr(text, ==,
	                "Compatible:     'Test Config'\n"
	                "Version:        '(null)'\n"
	                "Description:    '(null)'\n"
	                "Build:          '(null)'\n"
	                "Hooks:          ''\n"
	                "Bundle Format:  verity\n"
	                "  Verity Salt:  '" HEX "'\n"
	                "  Verity Hash:  '" HEX "'\n"
	                "  Verity Size:  4096\n"
	                "Manifest Hash:  'abc'\n"
	                "\n"
	                "\n"
	                "1 Image:\n"
	                "  [rootfs]\n"
	                "    Filename:  root.img\n"
	                "    Type:      raw (detected)\n"
	                "    Checksum:  " HEX "\n"
	                "    Size:      5 bytes\n"
	                "    Hooks:     \n"
	                "\n"
	                "Signature unverified\n");
}

static void test_full(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(true);
	ShowInfo info = { .manifest = manifest, .hash = "abc" };
	g_autofree char *text = show(&info, OUTPUT_READABLE, sample_colour);
	const char *middle = strstr(text, "Manifest Hash:");

	g_assert_cmpstr(middle, ==,
	                "Manifest Hash:  'abc'\n"
	                "\n"
	                "Metadata:\n"
	                "  foo-bar:\n"
	                "    a-key: val ue\n"
	                "\n"
	                "3 Images:\n"
	                "  \033[1m[rootfs]\033[0m\n"
	                "    Variant:   big\n"
	                "    Filename:  root.img\n"
	                "    Type:      ext4\n"
	                "    Checksum:  " HEX "\n"
	                "    Size:      8.2" NBSP "kB (8192 bytes)\n"
	                "    Hooks:     pre-install post-install\n"
	                "    Adaptive:  block-hash-index\n"
	                "  \033[1m[trees]\033[0m\n"
	                "    Artifact:  app\n"
	                "    Filename:  app.tar\n"
	                "    Checksum:  " HEX "\n"
	                "    Size:      5 bytes\n"
	                "    Hooks:     \n"
	                "    Convert:   tar-extract keep\n"
	                "    Converted: 'app.tar.extracted' 'app.tar'\n"
	                "  \033[1m[data]\033[0m\n"
	                "    (no image file)\n"
	                "    Type:      (null)\n"
	                "    Hooks:     install\n"
	                "\n"
	                "Signature unverified\n");
}

static void test_crypt(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	ShowInfo info = { .manifest = manifest, .is_encrypted = true };

	manifest->format = MANIFEST_CRYPT;
	manifest->crypt_key = g_strdup(HEX);
	g_autofree char *closed = show(&info, OUTPUT_READABLE, sample_colour);
	g_assert_nonnull(strstr(closed,
	                        "Bundle Format:  crypt\033[1m\033[32m [encrypted CMS]\033[0m\n"
	                        "  Crypt Key:    '<hidden>'\n  Verity Salt:"));
	info.is_encrypted = false;
	g_autofree char *open = show(&info, OUTPUT_READABLE, sample_plain);
	g_assert_nonnull(strstr(open, "Bundle Format:  crypt [unencrypted CMS]\n"));
}

static void test_chain(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	g_autoptr(GPtrArray) chain = g_ptr_array_new();
	SignerCert leaf = { "CN = leaf", "CN = root", "AA:BB", "then", "now", 0 };
	SignerCert root = { "CN = root", "CN = root", "CC:DD", "then", "now", 0 };
	ShowInfo info = { .manifest = manifest, .hash = "abc", .chain = chain };

	g_ptr_array_add(chain, &leaf);
	g_ptr_array_add(chain, &root);
	g_autofree char *text = show(&info, OUTPUT_READABLE, sample_plain);
	g_assert_cmpstr(strstr(text, "Certificate"), ==,
	                "Certificate Chain:\n"
	                " 0 Subject: CN = leaf\n"
	                "   Issuer: CN = root\n"
	                "   SPKI sha256: AA:BB\n"
	                "   Not Before: then\n"
	                "   Not After:  now\n"
	                " 1 Subject: CN = root\n"
	                "   Issuer: CN = root\n"
	                "   SPKI sha256: CC:DD\n"
	                "   Not Before: then\n"
	                "   Not After:  now\n"
	                "\n");
}

static void test_no_images(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	ShowInfo info = { .manifest = manifest };

	g_ptr_array_set_size(manifest->images, 0);
	g_autofree char *text = show(&info, OUTPUT_READABLE, sample_plain);
	g_assert_nonnull(strstr(text, "\n0 Images\n"));
}

/* An unverified manifest must not be able to repaint the terminal. */
static void test_control_characters(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(false);
	ShowInfo info = { .manifest = manifest };

	g_free(manifest->description);
	manifest->description = g_strdup("a\033[2J\xc2\x9b"
	                                 "b\177\rc");
	g_autofree char *text = show(&info, OUTPUT_READABLE, sample_colour);
	g_assert_nonnull(strstr(text, "Description:    'a\\x1b[2J\\x9bb\\x7f\\x0dc'\n"));
}

static void test_shell(void)
{
	g_autoptr(Manifest) manifest = sample_manifest(true);
	ShowInfo info = { .manifest = manifest, .hash = "abc" };
	g_autofree char *text = show(&info, OUTPUT_SHELL, sample_colour);

	g_assert_cmpstr(text, ==,
	                "RAUC_MF_COMPATIBLE='It'\\''s'\n"
	                "RAUC_MF_VERSION='1.0'\n"
	                "RAUC_MF_DESCRIPTION='all'\n"
	                "RAUC_MF_BUILD='20'\n"
	                "RAUC_MF_HASH='abc'\n"
	                "RAUC_MF_FORMAT='verity'\n"
	                "RAUC_MF_IMAGES=3\n"
	                "RAUC_MF_HOOKS='install-check'\n"
	                "RAUC_META_FOO_BAR_A_KEY='val ue'\n"
	                "RAUC_IMAGE_NAME_0='root.img'\n"
	                "RAUC_IMAGE_CLASS_0='rootfs'\n"
	                "RAUC_IMAGE_ARTIFACT_0=''\n"
	                "RAUC_IMAGE_VARIANT_0='big'\n"
	                "RAUC_IMAGE_DIGEST_0='" HEX "'\n"
	                "RAUC_IMAGE_SIZE_0=8192\n"
	                "RAUC_IMAGE_HOOKS_0='pre-install post-install'\n"
	                "RAUC_IMAGE_ADAPTIVE_0='block-hash-index'\n"
	                "RAUC_IMAGE_NAME_1='app.tar'\n"
	                "RAUC_IMAGE_CLASS_1='trees'\n"
	                "RAUC_IMAGE_ARTIFACT_1='app'\n"
	                "RAUC_IMAGE_VARIANT_1=''\n"
	                "RAUC_IMAGE_DIGEST_1='" HEX "'\n"
	                "RAUC_IMAGE_SIZE_1=5\n"
	                "RAUC_IMAGE_HOOKS_1=''\n"
	                "RAUC_IMAGE_CONVERT_1='tar-extract keep'\n"
	                "RAUC_IMAGE_CONVERTED_1='app.tar.extracted app.tar'\n"
	                "RAUC_IMAGE_NAME_2=''\n"
	                "RAUC_IMAGE_CLASS_2='data'\n"
	                "RAUC_IMAGE_ARTIFACT_2=''\n"
	                "RAUC_IMAGE_VARIANT_2=''\n"
	                "RAUC_IMAGE_DIGEST_2=''\n"
	                "RAUC_IMAGE_SIZE_2=-1\n"
	                "RAUC_IMAGE_HOOKS_2='install'\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/show_info/small", test_small);
	g_test_add_func("/cli/show_info/full", test_full);
	g_test_add_func("/cli/show_info/crypt", test_crypt);
	g_test_add_func("/cli/show_info/chain", test_chain);
	g_test_add_func("/cli/show_info/no-images", test_no_images);
	g_test_add_func("/cli/show_info/control-characters", test_control_characters);
	g_test_add_func("/cli/show_info/shell", test_shell);
	return g_test_run();
}
