/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include <string.h>

#include "base/error.h"

static Manifest *load(const char *name)
{
	g_autofree char *path = g_build_filename("test/data/manifest/ok", name, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(path, &text, &size, NULL));

	Manifest *manifest = manifest_parse(text, size, &error);
	g_assert_no_error(error);
	return manifest;
}

static void test_update(void)
{
	g_autoptr(Manifest) m = load("input-verity.raucm");

	g_assert_cmpstr(m->compatible, ==, "Board rev. A");
	g_assert_cmpstr(m->version, ==, "1.2.3");
	g_assert_cmpstr(m->description, ==, "First line\nsecond line");
	g_assert_cmpstr(m->build, ==, "20261122");
	g_assert_cmpint(m->format, ==, MANIFEST_VERITY);
	g_assert_true(m->format_is_explicit);
	g_assert_cmpstr(m->hook_filename, ==, "hook.sh");
	g_assert_true(m->has_install_check);
}

static void test_images(void)
{
	g_autoptr(Manifest) m = load("input-verity.raucm");

	g_assert_cmpuint(m->images->len, ==, 4);
	const Image *bootloader = m->images->pdata[0], *rootfs = m->images->pdata[1],
		    *variant = m->images->pdata[2], *appfs = m->images->pdata[3];

	g_assert_cmpstr(bootloader->class, ==, "bootloader");
	g_assert_cmpint(bootloader->type, ==, IMAGE_RAW);
	g_assert_cmpint(bootloader->hooks, ==, IMAGE_HOOK_PRE_INSTALL | IMAGE_HOOK_POST_INSTALL);
	g_assert_cmpint(rootfs->type, ==, IMAGE_SQUASHFS);
	g_assert_false(rootfs->type_is_explicit);
	g_assert_null(rootfs->variant);
	g_assert_cmpstr(rootfs->adaptive[0], ==, "block-hash-index");
	g_assert_null(rootfs->adaptive[1]);
	g_assert_cmpstr(variant->class, ==, "rootfs");
	g_assert_cmpstr(variant->variant, ==, "rev.b");
	g_assert_cmpint(appfs->type, ==, IMAGE_TAR);
	g_assert_false(appfs->has_size);
	g_assert_null(appfs->sha256);
}

static void test_meta(void)
{
	g_autoptr(Manifest) m = load("input-verity.raucm");

	g_assert_cmpuint(m->meta->len, ==, 2);
	const MetaGroup *release = m->meta->pdata[0], *second = m->meta->pdata[1];
	const MetaEntry *url = release->entries->pdata[1], *z = second->entries->pdata[0];

	g_assert_cmpstr(release->label, ==, "release");
	g_assert_cmpstr(url->key, ==, "URL_1");
	g_assert_cmpstr(url->value, ==, "https://x.org/?a=b;c");
	g_assert_cmpstr(second->label, ==, "2nd");
	g_assert_cmpstr(z->key, ==, "z");
}

static void test_artifacts(void)
{
	g_autoptr(Manifest) m = load("input-artifacts.raucm");
	const Image *app = m->images->pdata[0], *web = m->images->pdata[1],
		    *variant = m->images->pdata[2];

	g_assert_cmpstr(app->class, ==, "files");
	g_assert_cmpstr(app->artifact, ==, "app-1");
	g_assert_cmpint(app->type, ==, IMAGE_UNKNOWN);
	g_assert_cmpuint(g_strv_length(web->convert), ==, 2);
	g_assert_cmpstr(variant->artifact, ==, "c");
	g_assert_cmpstr(variant->variant, ==, "variant");
}

/* The hook alone knows: no type is derived, and a foreign one is kept. */
static void test_install_hook(void)
{
	g_autoptr(Manifest) m = load("input-install-hook.raucm");
	const Image *app = m->images->pdata[1], *data = m->images->pdata[2];

	g_assert_cmpint(app->type, ==, IMAGE_UNKNOWN);
	g_assert_false(app->type_is_explicit);
	g_assert_cmpstr(data->foreign_type, ==, "flash");
	g_assert_true(data->type_is_explicit);
}

static void test_stored(void)
{
	g_autoptr(Manifest) m = load("external-crypt.raucm");
	const Image *image = m->images->pdata[0];

	g_assert_cmpint(m->format, ==, MANIFEST_CRYPT);
	g_assert_cmpuint(strlen(m->crypt_key), ==, 64);
	g_assert_cmpuint(strlen(m->verity_hash), ==, 64);
	g_assert_cmpuint(m->verity_size, ==, 4096);
	g_assert_true(image->has_size);
	g_assert_cmpuint(image->size, ==, 4096);
}

static void test_unset(void)
{
	g_autoptr(Manifest) m = load("input-empty-values.raucm");
	const Image *image = m->images->pdata[0];

	g_assert_null(m->version);
	g_assert_null(m->description);
	g_assert_null(m->build);
	g_assert_null(image->adaptive);
	g_assert_cmpint(m->format, ==, MANIFEST_PLAIN);
	g_assert_false(m->format_is_explicit);
	g_assert_cmpuint(m->warnings->len, ==, 0);
}

static void test_warnings(void)
{
	g_autoptr(Manifest) m = load("input-legacy-keys.raucm");

	g_assert_cmpuint(m->warnings->len, ==, 3);
	g_assert_nonnull(strstr(m->warnings->pdata[0], "'version' in group '[image.rootfs]'"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/manifest_parse/update", test_update);
	g_test_add_func("/model/manifest_parse/images", test_images);
	g_test_add_func("/model/manifest_parse/meta", test_meta);
	g_test_add_func("/model/manifest_parse/artifacts", test_artifacts);
	g_test_add_func("/model/manifest_parse/install-hook", test_install_hook);
	g_test_add_func("/model/manifest_parse/stored", test_stored);
	g_test_add_func("/model/manifest_parse/unset", test_unset);
	g_test_add_func("/model/manifest_parse/warnings", test_warnings);
	return g_test_run();
}
