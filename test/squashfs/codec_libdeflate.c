/* SPDX-License-Identifier: MIT */

#include "codec_check.h"

#include <zlib.h>

static void test_libdeflate(void)
{
	g_autofree uint8_t *plain = codec_check_plain();
	g_autofree uint8_t *packed = g_malloc(CODEC_CHECK_SIZE * 2);
	uLongf size = CODEC_CHECK_SIZE * 2;

	g_assert_cmpint(compress2(packed, &size, plain, CODEC_CHECK_SIZE, 9), ==, Z_OK);
	codec_check_all(&codec_libdeflate, packed, size, plain);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/codec_libdeflate", test_libdeflate);
	return g_test_run();
}
