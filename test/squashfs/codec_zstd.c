/* SPDX-License-Identifier: MIT */

#include "codec_check.h"

#include <zstd.h>

static void test_zstd(void)
{
	g_autofree uint8_t *plain = codec_check_plain();
	g_autofree uint8_t *packed = g_malloc(CODEC_CHECK_SIZE * 2);
	size_t size = ZSTD_compress(packed, CODEC_CHECK_SIZE * 2, plain, CODEC_CHECK_SIZE, 15);

	g_assert_false(ZSTD_isError(size));
	codec_check_all(&codec_zstd, packed, size, plain);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/codec_zstd", test_zstd);
	return g_test_run();
}
