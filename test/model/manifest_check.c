/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include <string.h>

#include "base/error.h"
#include "test/model/corpus.h"

static const struct {
	const char *kind; /* what the name of the file begins with */
	bool (*check)(const Manifest *manifest, GError **error);
} checks[] = {
	{ "any-", manifest_check_input },
	{ "input-", manifest_check_input },
	{ "internal-", manifest_check_internal },
	{ "external-", manifest_check_external },
};

static void load(const char *path, const char *text, size_t size, GError **error)
{
	g_autoptr(Manifest) manifest = manifest_parse(text, size, error);
	g_autofree char *name = g_path_get_basename(path);

	if (!manifest)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(checks); i++) {
		if (g_str_has_prefix(name, checks[i].kind)) {
			checks[i].check(manifest, error);
			return;
		}
	}
	g_error("%s: of no kind", path);
}

static void expect_ok(const char *path, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;

	load(path, text, size, &error);
	g_assert_no_error(error);
}

static void expect_refusal(const char *path, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;

	load(path, text, size, &error);
	corpus_assert_refused(path, text, error);
}

static void test_ok(void)
{
	corpus_each("test/data/manifest/ok", ".raucm", expect_ok);
}

static void test_should_fail(void)
{
	corpus_each("test/data/manifest/should-fail", ".raucm", expect_refusal);
}

/* Names are checked again where somebody built the manifest by hand. */
static void test_built(void)
{
	static const char text[] = "[update]\ncompatible=X\n[bundle]\nformat=verity\n"
				   "[image.a]\nfilename=a.img\n";
	g_autoptr(Manifest) manifest = manifest_parse(text, strlen(text), NULL);
	g_autoptr(GError) error = NULL;
	Image *image = manifest->images->pdata[0];

	g_free(image->filename);
	image->filename = g_strdup("../a.img");
	g_assert_false(manifest_check_input(manifest, &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/manifest_check/ok", test_ok);
	g_test_add_func("/model/manifest_check/should-fail", test_should_fail);
	g_test_add_func("/model/manifest_check/built", test_built);
	return g_test_run();
}
