/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Reading along a chain of metadata blocks.
 *
 * A Meta is a place in one table, with the block it stands in; it belongs to
 * one thread. Several on the same table do not disturb each other.
 */

#include "source/source.h"
#include "squashfs/codec.h"

#define META_BLOCK 8192

typedef struct {
	Source *source;
	CodecShelf *codecs;
	uint64_t start, end; /* of the table in the image */
	uint64_t block;      /* where the block in `data` begins, start-relative */
	uint64_t next;       /* and where the one behind it does */
	size_t size, used;   /* of `data` */
	uint8_t data[META_BLOCK];
} Meta;

/* Borrows `source` and `codecs`. */
void meta_init(Meta *meta, Source *source, CodecShelf *codecs, uint64_t start, uint64_t end);

/* Go to `offset` in the block that begins `block` bytes into the table. */
bool meta_seek(Meta *meta, uint64_t block, unsigned offset, GError **error);

/* Copy from here on, into the next blocks where need be. */
bool meta_read(Meta *meta, void *to, size_t size, GError **error);

/* No table of so many bytes can hold more than this when unpacked. */
uint64_t meta_most_unpacked(uint64_t size);
