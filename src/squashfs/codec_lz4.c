/* SPDX-License-Identifier: MIT */

/* One bare LZ4 block (no frame) a block; the decoder has no state. */

#include "squashfs/codec.h"

#include <lz4.h>

static const char *lz4_unpack(void *state G_GNUC_UNUSED, const void *from, size_t from_size,
                              void *to, size_t *size)
{
	int result = LZ4_decompress_safe(from, to, (int)from_size, (int)*size);

	if (result < 0)
		return "bad data, or more than expected";
	*size = (size_t)result;
	return NULL;
}

const CodecOps codec_lz4 = { .name = "lz4", .unpack = lz4_unpack };
