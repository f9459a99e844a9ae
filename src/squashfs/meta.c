/* SPDX-License-Identifier: MIT */

/*
 * Tables of inodes, directories, fragments and ids are chains of metadata blocks:
 *
 *     +------------------+---------------------+
 *     | u16              | that many bytes     |
 *     |  bit 15: stored  | unpacked 8192 bytes |  the last of a table may have fewer
 *     |  else   : packed |                     |
 *     +------------------+---------------------+
 *
 * A place in a table is where its block begins and an offset in the unpacked block.
 */

#include "squashfs/meta.h"

#include <string.h>

#include "base/error.h"
#include "squashfs/bytes.h"

#define HEADER 2
#define STORED 0x8000
/* The smallest packed form of a whole block, that of zstd, with its header. */
#define LEAST_PACKED 12

void meta_init(Meta *meta, Source *source, CodecShelf *codecs, uint64_t start, uint64_t end)
{
	meta->source = source;
	meta->codecs = codecs;
	meta->start = start;
	meta->end = end;
	meta->block = G_MAXUINT64;
	meta->next = 0;
	meta->size = meta->used = 0;
}

uint64_t meta_most_unpacked(uint64_t size)
{
	return (size / LEAST_PACKED + 1) * META_BLOCK;
}

static bool unpack(Meta *meta, uint64_t at, const uint8_t *raw, size_t there, GError **error)
{
	unsigned header = bytes_u16(raw);
	size_t packed = header & ~STORED;

	if (packed == 0 || packed > META_BLOCK || packed > there - HEADER)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: metadata block at byte %" G_GUINT64_FORMAT
		            " of %zu bytes, at most %zu can be",
		            at, packed, MIN(there - HEADER, META_BLOCK));
	meta->next = at + HEADER + packed - meta->start;
	if (header & STORED) {
		memcpy(meta->data, raw + HEADER, packed);
		meta->size = packed;
		return true;
	}

	Codec *codec = codec_take(meta->codecs, error);
	if (!codec)
		return false;
	size_t size = META_BLOCK;
	bool ok = codec_unpack(codec, at, raw + HEADER, packed, meta->data, &size, error);
	codec_give(meta->codecs, codec);
	if (ok && size == 0)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: metadata block at byte %" G_GUINT64_FORMAT " is empty", at);
	meta->size = size;
	return ok;
}

static bool load(Meta *meta, uint64_t block, GError **error)
{
	uint8_t raw[HEADER + META_BLOCK];
	uint64_t length = meta->end - meta->start;

	meta->block = G_MAXUINT64; /* nothing, should this fail */
	meta->size = meta->used = 0;
	if (length < HEADER || block > length - HEADER)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: metadata at byte %" G_GUINT64_FORMAT
		            " of a table of %" G_GUINT64_FORMAT " bytes",
		            block, length);

	size_t there = (size_t)MIN(sizeof(raw), length - block);
	uint64_t at = meta->start + block;
	if (!source_read_at(meta->source, raw, there, at, error) ||
	    !unpack(meta, at, raw, there, error))
		return false;
	meta->block = block;
	return true;
}

bool meta_seek(Meta *meta, uint64_t block, unsigned offset, GError **error)
{
	if (block != meta->block && !load(meta, block, error))
		return false;
	if (offset >= meta->size)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: offset %u in a metadata block of %zu bytes", offset,
		            meta->size);
	meta->used = offset;
	return true;
}

bool meta_read(Meta *meta, void *to, size_t size, GError **error)
{
	for (uint8_t *put = to; size > 0;) {
		if (meta->used == meta->size && !load(meta, meta->next, error))
			return false;
		size_t n = MIN(size, meta->size - meta->used);
		memcpy(put, meta->data + meta->used, n);
		meta->used += n;
		put += n;
		size -= n;
	}
	return true;
}
