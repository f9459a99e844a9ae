/* SPDX-License-Identifier: MIT */

/*
 * A complete .xz stream a block, possibly through a BCJ filter. Starting the
 * decoder anew in the same lzma_stream keeps its memory.
 */

#include "squashfs/codec.h"

#include <lzma.h>

/* A dictionary is at most as large as a block, 1 MiB. */
#define MOST_MEMORY (8 << 20)

static void *xz_make(void)
{
	lzma_stream *stream = g_new(lzma_stream, 1);

	*stream = (lzma_stream)LZMA_STREAM_INIT;
	return stream;
}

static const char *xz_unpack(void *state, const void *from, size_t from_size, void *to,
                             size_t *size)
{
	lzma_stream *stream = state;

	if (lzma_stream_decoder(stream, MOST_MEMORY, 0) != LZMA_OK)
		return "no memory";
	stream->next_in = from;
	stream->avail_in = from_size;
	stream->next_out = to;
	stream->avail_out = *size;

	switch (lzma_code(stream, LZMA_FINISH)) {
	case LZMA_STREAM_END:
		if (stream->avail_in)
			return "bytes left over";
		*size -= stream->avail_out;
		return NULL;
	case LZMA_OK:
	case LZMA_BUF_ERROR:
		return stream->avail_out ? "ends too early" : "more data than expected";
	case LZMA_MEM_ERROR:
		return "no memory";
	case LZMA_MEMLIMIT_ERROR:
		return "needs a dictionary larger than any block";
	case LZMA_OPTIONS_ERROR:
		return "unknown filter or option";
	case LZMA_FORMAT_ERROR:
		return "not an xz stream";
	default:
		return "bad data";
	}
}

static void xz_free(void *state)
{
	lzma_end(state);
	g_free(state);
}

const CodecOps codec_xz = { "xz", xz_make, xz_unpack, xz_free };
