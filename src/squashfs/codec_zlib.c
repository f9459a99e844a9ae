/* SPDX-License-Identifier: MIT */

/* "gzip" in the superblock means streams of zlib (RFC 1950), one a block. */

#include "squashfs/codec.h"

#define ZLIB_CONST
#include <zlib.h>

static void *zlib_make(void)
{
	z_stream *stream = g_new0(z_stream, 1);

	if (inflateInit(stream) != Z_OK)
		g_clear_pointer(&stream, g_free);
	return stream;
}

static const char *zlib_unpack(void *state, const void *from, size_t from_size, void *to,
                               size_t *size)
{
	z_stream *stream = state;

	if (inflateReset(stream) != Z_OK)
		return "cannot start";
	stream->next_in = from;
	stream->avail_in = (uInt)from_size;
	stream->next_out = to;
	stream->avail_out = (uInt)*size;

	int result = inflate(stream, Z_FINISH);
	if (result == Z_MEM_ERROR)
		return "no memory";
	if (result == Z_BUF_ERROR)
		return stream->avail_out ? "ends too early" : "more data than expected";
	if (result != Z_STREAM_END)
		return stream->msg ? stream->msg : "bad data";
	if (stream->avail_in)
		return "bytes left over";
	*size -= stream->avail_out;
	return NULL;
}

static void zlib_free(void *state)
{
	inflateEnd(state);
	g_free(state);
}

const CodecOps codec_zlib = { "gzip", zlib_make, zlib_unpack, zlib_free };
