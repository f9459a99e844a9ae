/* SPDX-License-Identifier: MIT */

#include "bundle/convert.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "bundle/create.h"
#include "bundle/maker.h"

#define HEAD(format) "[update]\ncompatible=Test\n[bundle]\nformat=" format "\n"
#define IMAGES                                                                             \
	"[image.rootfs]\nfilename=r.tar\n[image.files/x]\nfilename=x.bin\n[image.appfs]\n" \
	"filename=a.img\n[meta.m]\nk=v\n"

static Maker *maker;

static void add_archive(const char *content, const char *name)
{
	g_autofree char *path = g_build_filename(content, name, NULL);
	g_autoptr(GError) error = NULL;

	process_run(&error, "tar", "-C", content, "-cf", path, "manifest.raucm", NULL);
	g_assert_no_error(error);
}

static char *make_bundle(const char *name, const char *manifest)
{
	g_autofree char *content = maker_content(maker, "in", manifest);
	g_autoptr(GBytes) image = maker_image(content, "a.img", 50000, 1);
	g_autoptr(GBytes) other = maker_image(content, "x.bin", 50000, 2);
	g_autoptr(GError) error = NULL;

	add_archive(content, "r.tar");
	char *path = maker_bundle(maker, content, name, &error);
	g_assert_no_error(error);
	return path;
}

static bool convert(const char *from, const char *to, const char *method, const char *ignored,
                    GError **error)
{
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(SignKey) key = sign_key_load(&files, NULL);
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autoptr(Pool) pool = pool_new(2, 5);
	g_autofree char *output = maker_path(maker, to);
	const char *methods[] = { method, NULL }, *classes[] = { ignored, NULL };
	BundleConvert request = {
		.output = output,
		.methods = methods,
		.ignored = classes,
		.pack = { .key = key, .check = { .keyring = keyring }, .pool = pool },
	};
	g_autoptr(Bundle) input = maker_open(maker, from, error);

	g_assert_nonnull(input);
	return bundle_convert(input, &request, error);
}

static void test_convert(void)
{
	g_autofree char *from = make_bundle("from.raucb", HEAD("verity") IMAGES);
	g_autofree char *path = maker_path(maker, "to.raucb");
	g_autoptr(GError) error = NULL;

	g_assert_true(convert(from, "to.raucb", "tar-extract", NULL, &error));
	g_assert_no_error(error);

	g_autoptr(Bundle) old = maker_open(maker, from, &error),
			  new = maker_open(maker, path, &error);
	g_assert_true(new &&bundle_open_payload(new, &error));
	const Manifest *before = bundle_manifest(old), *after = bundle_manifest(new);
	g_assert_cmpstr(before->verity_salt, !=, after->verity_salt);
	g_assert_cmpuint(after->images->len, ==, 3);
	g_assert_cmpuint(after->meta->len, ==, 1);
	for (unsigned i = 0; i < 3; i++) {
		const Image *was = before->images->pdata[i], *is = after->images->pdata[i];
		bool is_archive = g_str_equal(is->filename, "r.tar");
		g_autoptr(Source) file = bundle_open_member(new, is->filename, NULL);

		g_assert_cmpstr(was->sha256, ==, is->sha256);
		g_assert_cmpuint(was->size, ==, is->size);
		g_assert_true((is->converted != NULL) == is_archive);
		g_assert_true((file == NULL) == is_archive);
	}
	g_autoptr(Source) inner = bundle_open_member(new, "r.tar.extracted/manifest.raucm", &error);
	g_assert_no_error(error);
	g_assert_cmpuint(inner->size, ==, strlen(HEAD("verity") IMAGES));
}

static const struct {
	const char *manifest, *method, *ignored, *message;
} refused[] = {
	{ HEAD("plain") "[image.a]\nfilename=r.tar\n", "tar-extract", NULL,
	  "Image converters are not supported in plain bundles" },
	{ HEAD("verity") "[image.a]\nfilename=a.img\n", "tar-extract", NULL,
	  "there is nothing to convert: *" },
	{ HEAD("verity") "[image.a]\nfilename=r.tar\n", "tar-extract", "a",
	  "there is nothing to convert: *" },
	{ HEAD("verity") "[image.a]\nfilename=r.tar\n", "nonsense", NULL,
	  "Unsupported convert method: nonsense *" },
	{ HEAD("verity") "[image.a]\nfilename=x.bin\ntype=tar\n", "tar-extract", NULL,
	  "Failed to extract x.bin: *" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autofree char *name = g_strdup_printf("refused-%u.raucb", i);
		g_autofree char *from = make_bundle(name, refused[i].manifest);
		g_autofree char *to = maker_path(maker, "never.raucb");
		g_autoptr(GError) error = NULL;

		g_assert_false(convert(from, "never.raucb", refused[i].method, refused[i].ignored,
		                       &error));
		if (!g_pattern_match_simple(refused[i].message, error->message))
			g_error("%s", error->message);
		g_assert_false(g_file_test(to, G_FILE_TEST_EXISTS));
	}
}

/* What is not as it was signed is not signed again. */
static void test_corrupted(void)
{
	g_autofree char *from = make_bundle("good.raucb", HEAD("verity") IMAGES);
	g_autofree char *bytes = NULL;
	size_t size;
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_get_contents(from, &bytes, &size, NULL));
	bytes[5000] ^= 1;
	g_assert_true(g_file_set_contents(from, bytes, (gssize)size, NULL));
	g_assert_false(convert(from, "never.raucb", "tar-extract", NULL, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* What leaves the bundle for slots is a warning. */
	g_log_set_always_fatal(G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL);
	maker = maker_new();
	g_test_add_func("/bundle/convert/convert", test_convert);
	g_test_add_func("/bundle/convert/refused", test_refused);
	g_test_add_func("/bundle/convert/corrupted", test_corrupted);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
