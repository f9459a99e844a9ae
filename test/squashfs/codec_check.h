/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What every codec must do with a block that was packed by its own library.
 */

#include <string.h>

#include "squashfs/codec.h"

#define CODEC_CHECK_SIZE 100000

/* Text-like, so that it packs, with some noise. */
static inline uint8_t *codec_check_plain(void)
{
	uint8_t *plain = g_malloc(CODEC_CHECK_SIZE);
	g_autoptr(GRand) rand = g_rand_new_with_seed(4);

	for (unsigned i = 0; i < CODEC_CHECK_SIZE; i++)
		plain[i] = (uint8_t)(i % 100 < 90 ? i / 100 : g_rand_int(rand));
	return plain;
}

static inline void codec_check_all(const CodecOps *ops, const uint8_t *packed, size_t n,
                                   const uint8_t *plain)
{
	void *state = ops->make ? ops->make() : NULL;
	g_autofree uint8_t *to = g_malloc(CODEC_CHECK_SIZE + 10);
	g_autofree uint8_t *longer = g_malloc0(n + 1);
	size_t size;

	for (unsigned again = 0; again < 3; again++) {
		size = CODEC_CHECK_SIZE;
		g_assert_cmpstr(ops->unpack(state, packed, n, to, &size), ==, NULL);
		g_assert_cmpmem(to, size, plain, CODEC_CHECK_SIZE);

		size = CODEC_CHECK_SIZE + 10; /* more room than needed */
		g_assert_cmpstr(ops->unpack(state, packed, n, to, &size), ==, NULL);
		g_assert_cmpmem(to, size, plain, CODEC_CHECK_SIZE);

		size = CODEC_CHECK_SIZE - 1;
		g_assert_nonnull(ops->unpack(state, packed, n, to, &size));
		size = CODEC_CHECK_SIZE;
		g_assert_nonnull(ops->unpack(state, packed, n - 1, to, &size));
		size = CODEC_CHECK_SIZE;
		g_assert_nonnull(ops->unpack(state, "\xff\xff\xff", 3, to, &size));
	}
	memcpy(longer, packed, n);
	size = CODEC_CHECK_SIZE + 10;
	const char *wrong = ops->unpack(state, longer, n + 1, to, &size);
	g_assert_true(wrong || size > CODEC_CHECK_SIZE);

	/* No flipped byte may do more than fail or change what comes out. */
	g_autoptr(GRand) rand = g_rand_new_with_seed(7);
	for (unsigned i = 0; i < 500; i++) {
		unsigned at = (unsigned)g_rand_int_range(rand, 0, (gint32)n);

		memcpy(longer, packed, n);
		longer[at] ^= (uint8_t)g_rand_int_range(rand, 1, 256);
		size = CODEC_CHECK_SIZE;
		if (!ops->unpack(state, longer, n, to, &size))
			g_assert_cmpuint(size, <=, CODEC_CHECK_SIZE);
	}
	if (state)
		ops->free(state);
}
