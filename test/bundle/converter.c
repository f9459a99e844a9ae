/* SPDX-License-Identifier: MIT */

#include "bundle/converter.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "bundle/maker.h"

#define HEAD "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"
#define FILE "[image.files/x]\nfilename=x.tar.gz\n"

static Maker *maker;

static Manifest *parse(const char *text)
{
	g_autofree char *all = g_strconcat(HEAD, text, NULL);
	g_autoptr(GError) error = NULL;
	Manifest *manifest = manifest_parse(all, strlen(all), &error);

	g_assert_no_error(error);
	return manifest;
}

static const struct {
	const char *text, *message;
} checks[] = {
	{ FILE, NULL },
	{ FILE "convert=tar-extract\n", NULL },
	{ FILE "convert=tar-extract;keep\n", NULL },
	{ FILE "convert=keep\n", NULL },
	{ FILE "convert=foo\n",
	  "Unsupported convert method: foo (image 'x.tar.gz'; known are tar-extract and keep)" },
	{ FILE "convert=tar-extract;tar-extract\n",
	  "image 'x.tar.gz': convert method tar-extract is named twice" },
	{ FILE "convert=keep;composefs\n",
	  "Convert method 'composefs' not enabled: this program is built without it, use tar-extract "
	  "(image 'x.tar.gz')" },
};

static void test_check(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
		g_autoptr(Manifest) manifest = parse(checks[i].text);
		g_autoptr(GError) error = NULL;
		bool ok = converter_check(manifest, &error);

		g_assert_cmpstr(error ? error->message : NULL, ==, checks[i].message);
		g_assert_true(ok == !checks[i].message);
	}
}

static void test_has_owners(void)
{
	g_autoptr(Manifest) none = parse(FILE), keep = parse(FILE "convert=keep\n"),
			    tar = parse(FILE "convert=keep;tar-extract\n");

	g_assert_false(converter_has_owners(none));
	g_assert_false(converter_has_owners(keep));
	g_assert_true(converter_has_owners(tar));
}

/* A stage with an archive x.tar.gz of one file. */
static char *make_stage(void)
{
	char *stage = maker_content(maker, "stage", "");
	g_autofree char *archive = g_build_filename(stage, "x.tar.gz", NULL);
	g_autofree char *folder = maker_content(maker, "inner", "hello");
	g_autoptr(GError) error = NULL;

	process_run(&error, "tar", "-C", folder, "--owner=12", "--group=34", "-czf", archive,
	            "manifest.raucm", NULL);
	g_assert_no_error(error);
	return stage;
}

static const struct {
	const char *text;
	const char *converted[3]; /* of each image, joined by ";" */
	bool has_original, has_folder;
} conversions[] = {
	{ FILE, { NULL }, true, false },
	{ FILE "convert=tar-extract\n", { "x.tar.gz.extracted" }, false, true },
	{ FILE "convert=keep\n", { "x.tar.gz" }, true, false },
	{ FILE "convert=tar-extract;keep\n", { "x.tar.gz.extracted;x.tar.gz" }, true, true },
	{ FILE "convert=keep;tar-extract\n", { "x.tar.gz;x.tar.gz.extracted" }, true, true },
	/* who shares the file keeps it, in whatever order they come */
	{ FILE "convert=tar-extract\n[image.rootfs]\nfilename=x.tar.gz\n",
	  { "x.tar.gz.extracted", NULL },
	  true,
	  true },
	{ "[image.rootfs]\nfilename=x.tar.gz\n" FILE "convert=tar-extract\n",
	  { NULL, "x.tar.gz.extracted" },
	  true,
	  true },
	{ FILE "convert=tar-extract\n[image.trees/y]\nfilename=x.tar.gz\nconvert=tar-extract\n",
	  { "x.tar.gz.extracted", "x.tar.gz.extracted" },
	  false,
	  true },
	/* converted before: nothing happens */
	{ FILE "convert=tar-extract\nconverted=x.tar.gz.extracted\n",
	  { "x.tar.gz.extracted" },
	  true,
	  false },
};

static void test_run(void)
{
	g_auto(Tools) tools = TOOLS_NONE;

	for (unsigned i = 0; i < G_N_ELEMENTS(conversions); i++) {
		g_autofree char *stage = make_stage();
		g_autofree char *original = g_build_filename(stage, "x.tar.gz", NULL);
		g_autofree char *folder = g_build_filename(stage, "x.tar.gz.extracted", NULL);
		g_autofree char *file = g_build_filename(folder, "manifest.raucm", NULL);
		g_autoptr(Manifest) manifest = parse(conversions[i].text);
		g_autoptr(GError) error = NULL;

		g_assert_true(converter_run(manifest, stage, &tools, &error));
		g_assert_no_error(error);
		for (unsigned j = 0; j < manifest->images->len; j++) {
			const Image *image = manifest->images->pdata[j];
			g_autofree char *got =
				image->converted ? g_strjoinv(";", image->converted) : NULL;

			g_assert_cmpstr(got, ==, conversions[i].converted[j]);
		}
		g_assert_true(g_file_test(original, G_FILE_TEST_EXISTS) ==
		              conversions[i].has_original);
		g_assert_true(g_file_test(file, G_FILE_TEST_EXISTS) == conversions[i].has_folder);
	}
}

static void test_run_refused(void)
{
	g_auto(Tools) tools = TOOLS_NONE;
	g_autofree char *stage = make_stage();
	g_autofree char *folder = g_build_filename(stage, "x.tar.gz.extracted", NULL);
	g_autofree char *archive = g_build_filename(stage, "x.tar.gz", NULL);
	g_autoptr(Manifest) manifest = parse(FILE "convert=tar-extract\n");
	g_autoptr(GError) taken = NULL, junk = NULL;

	g_assert_cmpint(g_mkdir(folder, 0755), ==, 0);
	g_assert_false(converter_run(manifest, stage, &tools, &taken));
	g_assert_cmpstr(taken->message, ==,
	                "Failed to extract x.tar.gz: 'x.tar.gz.extracted' is in the bundle content "
	                "already: it would be replaced");
	g_assert_cmpint(g_rmdir(folder), ==, 0);
	g_assert_true(g_file_set_contents(archive, "junk", -1, NULL));
	g_assert_false(converter_run(manifest, stage, &tools, &junk));
	g_assert_true(g_str_has_prefix(junk->message, "Failed to extract x.tar.gz: tar exited"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/converter/check", test_check);
	g_test_add_func("/bundle/converter/has-owners", test_has_owners);
	g_test_add_func("/bundle/converter/run", test_run);
	g_test_add_func("/bundle/converter/run-refused", test_run_refused);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
