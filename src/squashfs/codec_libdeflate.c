/* SPDX-License-Identifier: MIT */

/* The streams of codec_zlib.c, by a library that wants whole blocks and is faster for it. */

#include "squashfs/codec.h"

#include <libdeflate.h>

static void *libdeflate_make(void)
{
	return libdeflate_alloc_decompressor();
}

static const char *libdeflate_unpack(void *state, const void *from, size_t from_size, void *to,
                                     size_t *size)
{
	size_t taken, made;

	switch (libdeflate_zlib_decompress_ex(state, from, from_size, to, *size, &taken, &made)) {
	case LIBDEFLATE_SUCCESS:
		*size = made;
		return taken == from_size ? NULL : "bytes left over";
	case LIBDEFLATE_INSUFFICIENT_SPACE:
		return "more data than expected";
	default:
		return "bad data";
	}
}

static void libdeflate_free(void *state)
{
	libdeflate_free_decompressor(state);
}

const CodecOps codec_libdeflate = { "gzip", libdeflate_make, libdeflate_unpack, libdeflate_free };
