/* SPDX-License-Identifier: MIT */

#include "bundle/rework.h"

#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"

static Maker *maker;

static void test_copy_and_end(void)
{
	g_autofree char *content =
		maker_content(maker, "in",
	                      "[update]\ncompatible=Test\n[bundle]\nformat=verity\n[image.rootfs]\n"
	                      "filename=rootfs.img\n");
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 100000, 1);
	g_autoptr(GError) error = NULL;
	g_autofree char *in = maker_bundle(maker, content, "in.raucb", &error);
	g_autofree char *out = maker_path(maker, "out.raucb");
	g_autoptr(Pool) pool = pool_new(0, 1);
	EnvelopeKey no_key = { 0 };
	Rework rework = { .input = in,
		          .output = out,
		          .max_cms = BUNDLE_MAX_CMS,
		          .decrypt = &no_key,
		          .pool = pool };
	g_auto(Result) result = RESULT_NONE, again = RESULT_NONE;

	g_assert_no_error(error);
	g_autoptr(Bundle) copy = rework_copy(&rework, &result, &error);
	g_assert_no_error(error);
	g_assert_null(bundle_signers(copy)); /* believed */
	g_assert_true(rework_end(copy, &result, bundle_file_cms(bundle_file(copy)), &error));
	g_assert_true(result_publish(&result, &error));

	/* the same end again: the same bytes */
	g_autofree char *a = NULL, *b = NULL;
	gsize n_a, n_b;
	g_assert_true(g_file_get_contents(in, &a, &n_a, NULL));
	g_assert_true(g_file_get_contents(out, &b, &n_b, NULL));
	g_assert_cmpmem(a, n_a, b, n_b);

	g_assert_null(rework_copy(&rework, &again, &error));
	g_assert_nonnull(strstr(error->message, "already exists"));
}

static void test_refused(void)
{
	g_autofree char *in = maker_path(maker, "text"), *out = maker_path(maker, "none");
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(GError) error = NULL;
	Rework rework = { .input = in, .output = out, .max_cms = BUNDLE_MAX_CMS };

	g_assert_true(g_file_set_contents(in, "this is text, and no bundle", -1, NULL));
	g_assert_null(rework_copy(&rework, &result, &error));
	g_assert_true(g_str_has_prefix(error->message, "Invalid bundle format: "));
	g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/rework/copy-and-end", test_copy_and_end);
	g_test_add_func("/bundle/rework/refused", test_refused);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
