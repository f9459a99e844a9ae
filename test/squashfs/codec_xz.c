/* SPDX-License-Identifier: MIT */

#include "codec_check.h"

#include <lzma.h>

static size_t pack(uint32_t dictionary, bool has_bcj, const uint8_t *plain, uint8_t *packed)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_X86, NULL },
		                  { LZMA_FILTER_LZMA2, &options },
		                  { LZMA_VLI_UNKNOWN, NULL } };
	size_t size = 0;

	g_assert_false(lzma_lzma_preset(&options, 1));
	options.dict_size = dictionary;
	g_assert_cmpint(lzma_stream_buffer_encode(filters + !has_bcj, LZMA_CHECK_CRC32, NULL, plain,
	                                          CODEC_CHECK_SIZE, packed, &size,
	                                          CODEC_CHECK_SIZE * 2),
	                ==, LZMA_OK);
	return size;
}

static void test_xz(gconstpointer has_bcj)
{
	g_autofree uint8_t *plain = codec_check_plain();
	g_autofree uint8_t *packed = g_malloc(CODEC_CHECK_SIZE * 2);

	size_t size = pack(1 << 17, has_bcj, plain, packed);
	codec_check_all(&codec_xz, packed, size, plain);
}

static void test_dictionary(void)
{
	g_autofree uint8_t *plain = codec_check_plain();
	g_autofree uint8_t *packed = g_malloc(CODEC_CHECK_SIZE * 2);
	size_t packed_size = pack(64 << 20, false, plain, packed), size = CODEC_CHECK_SIZE;
	g_autofree uint8_t *to = g_malloc(size);
	void *state = codec_xz.make();

	g_assert_cmpstr(codec_xz.unpack(state, packed, packed_size, to, &size), ==,
	                "needs a dictionary larger than any block");
	codec_xz.free(state);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_data_func("/squashfs/codec_xz/plain", NULL, test_xz);
	g_test_add_data_func("/squashfs/codec_xz/bcj", "x86", test_xz);
	g_test_add_func("/squashfs/codec_xz/dictionary", test_dictionary);
	return g_test_run();
}
