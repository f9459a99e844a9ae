/* SPDX-License-Identifier: MIT */

#include "codec_check.h"

#include <lz4hc.h>

static void test_lz4(void)
{
	g_autofree uint8_t *plain = codec_check_plain();
	g_autofree uint8_t *packed = g_malloc(CODEC_CHECK_SIZE * 2);
	int size = LZ4_compress_HC((const char *)plain, (char *)packed, CODEC_CHECK_SIZE,
	                           CODEC_CHECK_SIZE * 2, 9);

	g_assert_cmpint(size, >, 0);
	codec_check_all(&codec_lz4, packed, (size_t)size, plain);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/codec_lz4", test_lz4);
	return g_test_run();
}
