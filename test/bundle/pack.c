/* SPDX-License-Identifier: MIT */

#include "bundle/pack.h"

#include <string.h>

#include "base/error.h"
#include "bundle/create.h"
#include "bundle/maker.h"

#define MANIFEST "[update]\ncompatible=Test\n[bundle]\nformat=verity\n"

static Maker *maker;

static const struct {
	const char *args;
	bool ok;
} rows[] = {
	{ NULL, true },         { "", true },         { "  ", true },
	{ "-comp zstd", true }, { "-b '64K'", true }, { "-comp 'zstd", false },
	{ "\"", false },
};

static void test_check(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Pack pack = { .mksquashfs_args = rows[i].args };
		g_autoptr(GError) error = NULL;

		g_assert_true(pack_check(&pack, &error) == rows[i].ok);
		if (!rows[i].ok)
			g_assert_true(g_str_has_prefix(error->message, "--mksquashfs-args: "));
	}
}

/* What is packed is signed, and its own manifest lacks what only the signed one can know. */
static void test_stage(void)
{
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(GError) error = NULL;
	g_autoptr(SignKey) key = sign_key_load(&files, &error);
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autoptr(Pool) pool = pool_new(2, 5);
	g_autofree char *stage = maker_content(maker, "stage", MANIFEST);
	g_autoptr(GBytes) image = maker_image(stage, "x.img", 100000, 1);
	g_autofree char *name = maker_path(maker, "packed.raucb");
	g_autoptr(Manifest) manifest = manifest_parse(MANIFEST, strlen(MANIFEST), &error);
	Pack pack = { .key = key, .check = { .keyring = keyring }, .pool = pool };
	g_auto(Result) result = RESULT_NONE;
	Tools tools = TOOLS_NONE;

	g_assert_true(result_open(&result, name, &error));
	g_assert_true(pack_stage(&pack, stage, manifest, &tools, &result, &error));
	g_assert_no_error(error);

	g_autoptr(Bundle) bundle = maker_open(maker, name, &error);
	g_assert_true(bundle && bundle_open_payload(bundle, &error));
	g_assert_nonnull(bundle_manifest(bundle)->verity_hash);
	g_autoptr(Source) inner = bundle_open_member(bundle, PACK_MANIFEST, &error);
	g_autoptr(GBytes) text = source_read_all(inner, 10000, &error);
	g_assert_no_error(error);
	g_assert_null(g_strstr_len(g_bytes_get_data(text, NULL), (gssize)g_bytes_get_size(text),
	                           "verity-hash"));
}

/* Small blocks for what is fetched in parts, unless the user knows better. */
static const struct {
	const char *image, *args;
	uint32_t size;
} blocks[] = {
	{ "", NULL, 131072 },
	{ "adaptive=block-hash-index\n", NULL, 65536 },
	{ "adaptive=block-hash-index\n", "-comp zstd", 65536 },
	{ "adaptive=block-hash-index\n", "-b 128K", 131072 },
	{ "adaptive=block-hash-index\n", "-comp gzip -b 32768", 32768 },
	{ "", "-b 1M", 1 << 20 },
};

static void test_block_size(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++) {
		SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
		g_autoptr(GError) error = NULL;
		g_autoptr(SignKey) key = sign_key_load(&files, &error);
		g_autoptr(Keyring) keyring = maker_keyring(maker);
		g_autoptr(Pool) pool = pool_new(2, 5);
		g_autofree char *text =
			g_strconcat(MANIFEST "[image.x]\nfilename=x.img\n", blocks[i].image, NULL);
		g_autofree char *folder = g_strdup_printf("blocks%u", i);
		g_autofree char *content = maker_content(maker, folder, text);
		g_autoptr(GBytes) image = maker_image(content, "x.img", 102400, 1);
		g_autofree char *file = g_strdup_printf("blocks%u.raucb", i);
		g_autofree char *path = maker_path(maker, file);
		BundleCreate request = { .input = content,
			                 .output = path,
			                 .key = key,
			                 .check = { .keyring = keyring },
			                 .mksquashfs_args = blocks[i].args,
			                 .pool = pool };

		g_assert_true(bundle_create(&request, &error));
		g_autoptr(Bundle) bundle = maker_open(maker, path, &error);
		g_assert_true(bundle && bundle_open_payload(bundle, &error));
		g_assert_cmpuint(squashfs_block_size(bundle_files(bundle)), ==, blocks[i].size);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_test_add_func("/bundle/pack/check", test_check);
	g_test_add_func("/bundle/pack/stage", test_stage);
	g_test_add_func("/bundle/pack/block-size", test_block_size);

	int status = g_test_run();
	maker_free(maker);
	return status;
}
