/* SPDX-License-Identifier: MIT */

#include "bundle/create.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "bundle/maker.h"
#include "bundle/stage.h"

#define HEAD "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"

static Maker *maker;

static const struct {
	const char *manifest;
	const char *why;
} refusals[] = {
	{ HEAD "[image.rootfs]\nfilename=missing.img\n", "image file 'missing.img' for slot" },
	{ HEAD "[image.rootfs]\nfilename=../rootfs.img\n", "../rootfs.img" },
	{ HEAD "[image.rootfs]\nfilename=rootfs.img\nsha256=00\n", "sha256" },
	{ HEAD "[image.rootfs]\nfilename=rootfs.img\nfoo=1\n", "Invalid key 'foo'" },
	{ HEAD "[hooks]\nfilename=hook.sh\nhooks=install-check\n", "hook file 'hook.sh'" },
	{ "no key file", "Failed to load manifest: " },
	{ "", "Failed to load manifest: " },
};

static void assert_clean(const char *content)
{
	g_autofree char *stage = g_build_filename(content, STAGE_FOLDER, NULL);
	g_autoptr(GDir) dir = g_dir_open(maker->folder, 0, NULL);

	g_assert_false(g_file_test(stage, G_FILE_TEST_EXISTS));
	for (const char *name; (name = g_dir_read_name(dir));)
		g_assert_null(strstr(name, ".part"));
}

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autofree char *content = maker_content(maker, "in", refusals[i].manifest);
		g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, 1);
		g_autoptr(GError) error = NULL;

		g_assert_null(maker_bundle(maker, content, "out.raucb", &error));
		if (!strstr(error->message, refusals[i].why))
			g_error("row %u: %s", i, error->message);
		assert_clean(content);
	}
}

static void test_output(void)
{
	static const char manifest[] = HEAD "[image.rootfs]\nfilename=rootfs.img\n";
	g_autofree char *content = maker_content(maker, "in", manifest);
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, 1);
	g_autofree char *source = g_build_filename(content, "manifest.raucm", NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = maker_bundle(maker, content, "good.raucb", &error);
	g_autofree char *text = NULL;

	g_assert_no_error(error);
	assert_clean(content);
	/* The user's manifest is not written to, though the staged one is a link to it. */
	g_assert_true(g_file_get_contents(source, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, manifest);
	g_assert_null(maker_bundle(maker, content, "good.raucb", &error));
	g_assert_true(g_str_has_suffix(error->message, "already exists"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/create/refusals", test_refusals);
	g_test_add_func("/bundle/create/output", test_output);
	int result = g_test_run();
	maker_free(maker);
	return result;
}
