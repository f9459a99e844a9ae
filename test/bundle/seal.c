/* SPDX-License-Identifier: MIT */

#include "bundle/seal.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "bundle/maker.h"

static Maker *maker;

static const struct {
	ManifestFormat format;
	size_t size;
	const char *why; /* NULL: sealed */
} seals[] = {
	{ MANIFEST_VERITY, 8192, NULL },
	{ MANIFEST_VERITY, 4096 * 129, NULL },
	{ MANIFEST_VERITY, 4096, "squashfs size (4096) must be larger than 4096 bytes" },
	{ MANIFEST_VERITY, 8191, "squashfs size (8191) is not a multiple of 4096 bytes" },
	{ MANIFEST_PLAIN, 4096, NULL },
	{ MANIFEST_CRYPT, 8192, NULL },
	{ MANIFEST_CRYPT, 4096, "squashfs size (4096) must be larger than 4096 bytes" },
	{ MANIFEST_CRYPT, 8191, "squashfs size (8191) is not a multiple of 4096 bytes" },
};

static void test_table(void)
{
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(SignKey) key = sign_key_load(&files, NULL);
	g_autoptr(Pool) pool = pool_new(2, 4);

	for (unsigned i = 0; i < G_N_ELEMENTS(seals); i++) {
		g_autoptr(Manifest) manifest = manifest_new();
		g_autofree char *path = NULL;
		g_autoptr(GError) error = NULL;
		int fd = g_file_open_tmp("seal-XXXXXX", &path, NULL);

		manifest->compatible = g_strdup("Test");
		manifest->format = seals[i].format;
		manifest->format_is_explicit = true;
		g_assert_cmpint(ftruncate(fd, (off_t)seals[i].size), ==, 0);
		bool ok = seal_bundle(fd, path, manifest, key, pool, &error);
		close(fd);
		if (seals[i].why) {
			g_assert_false(ok);
			g_assert_nonnull(strstr(error->message, seals[i].why));
		} else {
			g_assert_no_error(error);
			g_autoptr(BundleFile) file = bundle_file_open(path, BUNDLE_MAX_CMS, &error);
			g_assert_no_error(error);
			g_assert_cmpuint(bundle_file_payload_size(file), ==,
			                 seals[i].size + manifest->verity_size);
		}
		unlink(path);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/seal/table", test_table);
	int result = g_test_run();
	maker_free(maker);
	return result;
}
