/* SPDX-License-Identifier: MIT */

#include "squashfs/codec.h"

#include <zlib.h>

#include "base/error.h"

static const struct {
	unsigned number;
	const CodecOps *ops;
	int failure;
	const char *message;
} numbers[] = {
	{ 1, &CODEC_GZIP, 0, NULL },
	{ 4, &codec_xz, 0, NULL },
	{ 5, &codec_lz4, 0, NULL },
	{ 6, &codec_zstd, 0, NULL },
	{ 0, NULL, FAILURE_FORMAT, "squashfs: unknown compressor 0" },
	{ 7, NULL, FAILURE_FORMAT, "squashfs: unknown compressor 7" },
	{ 65535, NULL, FAILURE_FORMAT, "squashfs: unknown compressor 65535" },
	{ 2, NULL, FAILURE_UNSUPPORTED,
	  "squashfs: compressor lzma1 is not supported; use gzip, xz, lz4 or zstd" },
	{ 3, NULL, FAILURE_UNSUPPORTED,
	  "squashfs: compressor lzo is not supported; use gzip, xz, lz4 or zstd" },
};

static void test_find(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_true(codec_find(numbers[i].number, &error) == numbers[i].ops);
		if (numbers[i].message)
			g_assert_error(error, FAILURE, numbers[i].failure);
		g_assert_cmpstr(error ? error->message : NULL, ==, numbers[i].message);
	}
}

static void test_shelf(void)
{
	CodecShelf shelf = { .ops = &codec_zlib };
	Codec *taken[CODEC_SHELF + 2];

	for (unsigned i = 0; i < G_N_ELEMENTS(taken); i++) {
		taken[i] = codec_take(&shelf, NULL);
		for (unsigned j = 0; j < i; j++)
			g_assert_true(taken[i] != taken[j]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(taken); i++)
		codec_give(&shelf, taken[i]); /* the last two find no place */
	g_assert_true(codec_take(&shelf, NULL) == taken[0]);
	codec_give(&shelf, taken[0]);
	codec_clear_shelf(&shelf);
}

static void test_input(void)
{
	CodecShelf shelf = { .ops = &codec_lz4 };
	Codec *codec = codec_take(&shelf, NULL);
	uint8_t *input = codec_input(codec, 1000, NULL);

	g_assert_true(codec_input(codec, 10, NULL) == input);
	memset(codec_input(codec, 5000, NULL), 1, 5000);
	codec_give(&shelf, codec);
	codec_clear_shelf(&shelf);
}

static void test_unpack(void)
{
	CodecShelf shelf = { .ops = &codec_zlib };
	Codec *codec = codec_take(&shelf, NULL);
	uint8_t packed[100], to[100];
	uLongf packed_size = sizeof(packed);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(compress(packed, &packed_size, (const Bytef *)"hello", 5), ==, Z_OK);
	size_t size = sizeof(to);
	g_assert_true(codec_unpack(codec, 7, packed, packed_size, to, &size, &error));
	g_assert_cmpmem(to, size, "hello", 5);
	size = 4;
	g_assert_false(codec_unpack(codec, 7, packed, packed_size, to, &size, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_cmpstr(error->message, ==,
	                "squashfs: block at byte 7: gzip: more data than expected");
	codec_give(&shelf, codec);
	codec_clear_shelf(&shelf);
}

/* Many threads on one shelf: nobody ever has what another has. */
static void *hammer(void *data)
{
	CodecShelf *shelf = data;

	for (unsigned i = 0; i < 20000; i++) {
		Codec *codec = codec_take(shelf, NULL);

		g_assert_cmpuint(codec->block_at, ==, 0);
		codec->block_at = 1;
		if (i % 64 == 0)
			g_thread_yield();
		codec->block_at = 0;
		codec_give(shelf, codec);
	}
	return NULL;
}

static void test_threads(void)
{
	CodecShelf shelf = { .ops = &codec_lz4 };
	GThread *threads[4];

	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("hammer", hammer, &shelf);
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	codec_clear_shelf(&shelf);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/codec/find", test_find);
	g_test_add_func("/squashfs/codec/shelf", test_shelf);
	g_test_add_func("/squashfs/codec/input", test_input);
	g_test_add_func("/squashfs/codec/unpack", test_unpack);
	g_test_add_func("/squashfs/codec/threads", test_threads);
	return g_test_run();
}
