/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include <string.h>

#include "base/error.h"

static Manifest *with_images(const char *sections)
{
	g_autoptr(GString) text = g_string_new("[update]\ncompatible=X\n[bundle]\nformat=verity\n");
	g_auto(GStrv) names = g_strsplit(sections, " ", -1);
	g_autoptr(GError) error = NULL;

	for (char **name = names; *name; name++)
		g_string_append_printf(text, "[image.%s]\nfilename=x.img\n", *name);

	Manifest *manifest = manifest_parse(text->str, text->len, &error);
	g_assert_no_error(error);
	return manifest;
}

static const struct {
	const char *images, *variant;
	const char *picks; /* NULL: class "a" has none */
} picked[] = {
	{ "a b", NULL, "image.a image.b" },
	{ "a a.v b", NULL, "image.a image.b" },
	{ "a a.v b", "v", "image.a.v image.b" },
	{ "a.v a b", "v", "image.a.v image.b" },
	{ "a.v b", "v", "image.a.v image.b" },
	{ "a.v b", "w", NULL },
	{ "b a.v", NULL, NULL },
	{ "b a.v a.w.x", "w.x", "image.b image.a.w.x" },
	{ "a f/x f/y.v b", NULL, "image.a image.f/x image.f/y.v image.b" },
	{ "f/x.v f/x.w", "u", "image.f/x.v image.f/x.w" }, /* artifacts know no variant */
	{ "a/x a", NULL, "image.a/x image.a" },
};

static void test_pick(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(picked); i++) {
		g_autoptr(Manifest) manifest = with_images(picked[i].images);
		g_autoptr(GError) error = NULL;
		g_autoptr(GPtrArray) images =
			manifest_pick_images(manifest, picked[i].variant, &error);
		g_autoptr(GString) picks = g_string_new(NULL);

		for (unsigned k = 0; images && k < images->len; k++) {
			g_autofree char *section = manifest_image_section(images->pdata[k]);

			g_string_append_printf(picks, "%s%s", k ? " " : "", section);
		}
		g_test_message("%s for %s", picked[i].images, picked[i].variant);
		if (picked[i].picks)
			g_assert_cmpstr(picks->str, ==, picked[i].picks);
		else
			g_assert_cmpstr(
				error->message, ==,
				"Failed to find matching variant of image for slot class 'a'");
	}
}

static void test_names(void)
{
	ManifestFormat format;
	ImageHooks hook;
	g_auto(GStrv) all = image_hook_names(IMAGE_HOOK_POST_INSTALL | IMAGE_HOOK_INSTALL |
	                                     IMAGE_HOOK_PRE_INSTALL);
	g_auto(GStrv) none = image_hook_names(0);
	g_autofree char *words = g_strjoinv(" ", all);

	g_assert_true(manifest_format_by_name("crypt", &format));
	g_assert_cmpint(format, ==, MANIFEST_CRYPT);
	g_assert_cmpstr(manifest_format_name(MANIFEST_VERITY), ==, "verity");
	g_assert_cmpstr(manifest_format_name(7), ==, "unknown");
	g_assert_false(manifest_format_by_name("squash", &format));
	g_assert_cmpstr(words, ==, "pre-install install post-install");
	g_assert_null(*none);
	g_assert_true(image_hook_by_name("install", &hook));
	g_assert_cmpint(hook, ==, IMAGE_HOOK_INSTALL);
	g_assert_false(image_hook_by_name("install-check", &hook));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/manifest/pick", test_pick);
	g_test_add_func("/model/manifest/names", test_names);
	return g_test_run();
}
