/* SPDX-License-Identifier: MIT */

/* Bundles as bundle_verify() sees them: good ones, and one byte wrong in each region. */

#include "bundle/bundle.h"

#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "bundle/maker.h"

#define IMAGE_SIZE (300 * 1024)

static Maker *maker;
static GBytes *image;
static char *paths[2]; /* plain, verity */

static const char *const formats[] = { "plain", "verity" };

static void make_bundles(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *text = g_strdup_printf(
			"[update]\ncompatible=Test\nversion=1\n[bundle]\nformat=%s\n"
			"[image.rootfs]\nfilename=rootfs.img\n",
			formats[i]);
		g_autofree char *content = maker_content(maker, formats[i], text);
		g_autofree char *name = g_strconcat(formats[i], ".raucb", NULL);
		g_autoptr(GError) error = NULL;

		g_clear_pointer(&image, g_bytes_unref);
		image = maker_image(content, "rootfs.img", IMAGE_SIZE, 1);
		paths[i] = maker_bundle(maker, content, name, &error);
		g_assert_no_error(error);
	}
}

static void test_good(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Bundle) bundle = maker_open(maker, paths[i], &error);

		g_assert_no_error(error);
		g_assert_cmpstr(bundle_manifest(bundle)->compatible, ==, "Test");
		g_assert_cmpuint(strlen(bundle_manifest_hash(bundle)), ==, 64);
		g_assert_true(bundle_open_payload(bundle, &error));
		g_assert_no_error(error);

		g_autoptr(Source) member = bundle_open_member(bundle, "rootfs.img", &error);
		g_assert_no_error(error);
		g_autoptr(GBytes) back = source_read_all(member, IMAGE_SIZE, &error);
		g_assert_no_error(error);
		g_assert_true(g_bytes_equal(back, image));

		g_autoptr(Pool) pool = pool_new(2, 4);
		g_assert_true(bundle_check_payload(bundle, pool, NULL, &error));
		g_assert_null(bundle_open_member(bundle, "other.img", &error));
		g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
	}
}

/* Read all that a device would read; false with the reason where something refuses. */
static bool use(const char *path, GError **error)
{
	g_autoptr(Bundle) bundle = maker_open(maker, path, error);

	if (!bundle || !bundle_open_payload(bundle, error))
		return false;
	g_autoptr(Source) member = bundle_open_member(bundle, "rootfs.img", error);
	g_autoptr(GBytes) back = member ? source_read_all(member, IMAGE_SIZE, error) : NULL;
	if (!back)
		return false;
	/* What was let through must be what was signed. */
	g_assert_true(g_bytes_equal(back, image));
	g_autoptr(Pool) pool = pool_new(0, 1);
	return bundle_check_payload(bundle, pool, NULL, error);
}

static bool is_refused(const char *data, size_t size)
{
	g_autofree char *path = maker_path(maker, "broken.raucb");
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(path, data, (gssize)size, NULL));
	if (use(path, &error))
		return false;
	g_assert_nonnull(error);
	g_assert_null(strchr(error->message, '\n'));
	return true;
}

static void assert_refused(const char *data, size_t size, const char *what)
{
	if (!is_refused(data, size))
		g_error("%s was not noticed", what);
}

/*
 * No signature covers the two version numbers of a CMS, nor which name of its
 * algorithm the signer has written; use() has seen that nothing else changed.
 */
#define UNSIGNED_IN_CMS 3

static void test_flipped(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *data = NULL;
		size_t size;

		g_assert_true(g_file_get_contents(paths[i], &data, &size, NULL));
		uint64_t cms_size;
		memcpy(&cms_size, data + size - sizeof(cms_size), sizeof(cms_size));
		size_t cms = size - sizeof(cms_size) - GUINT64_FROM_BE(cms_size);
		unsigned n_passed = 0;
		/* A prime stride meets every region: squashfs, tree, CMS, trailer. */
		for (size_t at = 0; at < size; at += at + 4096 < size ? 1009 : 61) {
			g_autofree char *what = g_strdup_printf("%s, byte %zu", formats[i], at);

			data[at] ^= 0x10;
			if (at < cms || at >= size - sizeof(cms_size))
				assert_refused(data, size, what);
			else
				n_passed += !is_refused(data, size);
			data[at] ^= 0x10;
		}
		g_assert_cmpuint(n_passed, <=, UNSIGNED_IN_CMS);
	}
}

static void test_truncated(void)
{
	static const size_t keep[] = { 0, 1, 7, 8, 9, 4095, 4096, 4097, 20000 };

	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *data = NULL;
		size_t size;

		g_assert_true(g_file_get_contents(paths[i], &data, &size, NULL));
		for (unsigned k = 0; k < G_N_ELEMENTS(keep); k++)
			assert_refused(data, keep[k], "a truncated bundle");
		for (size_t cut = 1; cut < 3000; cut += 97)
			assert_refused(data, size - cut, "a bundle with its end cut off");
	}
}

static void test_rules(void)
{
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	BundleRules only_plain = { .keyring = keyring, .formats = MANIFEST_PLAIN };
	BundleRules strict = { .keyring = keyring, .formats = MANIFEST_PLAIN | MANIFEST_VERITY };
	g_autoptr(GError) format = NULL, large = NULL, folder = NULL, memory = NULL;

	g_assert_null(bundle_verify(bundle_file_open(paths[1], BUNDLE_MAX_CMS, NULL), &only_plain,
	                            &format));
	g_assert_cmpstr(format->message, ==, "Bundle format 'verity' not allowed");
	g_assert_null(bundle_file_open(paths[1], 100, &large));
	g_assert_true(g_str_has_prefix(large->message, "Invalid bundle format: Signature size ("));
	g_assert_null(bundle_file_open("/", BUNDLE_MAX_CMS, &folder));
	g_assert_true(g_str_has_prefix(folder->message,
	                               "Invalid bundle format: Bundle is not a regular file"));

	/* Nobody can say who else writes a plain bundle that is not a local file. */
	g_autoptr(Source) source = source_file_open(paths[0], NULL);
	BundleFile *file = bundle_file_open_source(source, "remote", BUNDLE_MAX_CMS, NULL);
	g_assert_null(bundle_verify(file, &strict, &memory));
	g_assert_error(memory, FAILURE, FAILURE_UNSUPPORTED);
}

static bool never(Source *source G_GNUC_UNUSED, void *to G_GNUC_UNUSED, size_t size G_GNUC_UNUSED,
                  uint64_t at G_GNUC_UNUSED, GError **error)
{
	return fail(error, FAILURE_NETWORK, "the server is gone");
}

/* It is not the bundle's fault. */
static void test_bytes_that_do_not_come(void)
{
	static const SourceOps ops = { .kind = "never", .read_at = never };
	g_autoptr(GError) error = NULL, small = NULL;
	Source source;

	source_init(&source, &ops, 100000);
	g_assert_null(bundle_file_open_source(&source, "http://x/b", BUNDLE_MAX_CMS, &error));
	g_assert_error(error, FAILURE, FAILURE_NETWORK);
	g_assert_cmpstr(error->message, ==, "Failed to read bundle http://x/b: the server is gone");
	source.size = 3;
	g_assert_null(bundle_file_open_source(&source, "http://x/b", BUNDLE_MAX_CMS, &small));
	g_assert_true(g_str_has_prefix(small->message, "Invalid bundle format: Bundle size (3)"));
}

static void test_peek(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autoptr(BundleFile) file = bundle_file_open(paths[i], BUNDLE_MAX_CMS, NULL);
		g_autofree char *hash = NULL;
		g_autoptr(Manifest) manifest = bundle_file_peek(file, &hash, NULL);

		g_assert_cmpstr(manifest->version, ==, "1");
		g_assert_cmpuint(strlen(hash), ==, 64);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	make_bundles();
	g_test_add_func("/bundle/bundle/good", test_good);
	g_test_add_func("/bundle/bundle/flipped", test_flipped);
	g_test_add_func("/bundle/bundle/truncated", test_truncated);
	g_test_add_func("/bundle/bundle/rules", test_rules);
	g_test_add_func("/bundle/bundle/bytes-that-do-not-come", test_bytes_that_do_not_come);
	g_test_add_func("/bundle/bundle/peek", test_peek);
	int result = g_test_run();
	g_bytes_unref(image);
	g_free(paths[0]);
	g_free(paths[1]);
	maker_free(maker);
	return result;
}
