/* SPDX-License-Identifier: MIT */

/* One zstd frame a block. */

#include "squashfs/codec.h"

#include <zstd.h>

static void *zstd_make(void)
{
	return ZSTD_createDCtx();
}

static const char *zstd_unpack(void *state, const void *from, size_t from_size, void *to,
                               size_t *size)
{
	size_t result = ZSTD_decompressDCtx(state, to, *size, from, from_size);

	if (ZSTD_isError(result))
		return ZSTD_getErrorName(result);
	*size = result;
	return NULL;
}

static void zstd_free(void *state)
{
	ZSTD_freeDCtx(state);
}

const CodecOps codec_zstd = { "zstd", zstd_make, zstd_unpack, zstd_free };
