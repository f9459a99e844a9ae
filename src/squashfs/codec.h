/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Decompressors, and where they wait for work.
 *
 * Making one is expensive (xz, zstd), so a file system keeps those it has made
 * on a shelf. Taking one off and putting it back is one atomic exchange; a
 * Codec belongs to whoever took it.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	const char *name;
	void *(*make)(void); /* NULL: there is no state */
	/* All of `from` into `to`. `*size` is the room in, what was made out; NULL or what
	 * is wrong. Input left over or not enough room is wrong. */
	const char *(*unpack)(void *state, const void *from, size_t from_size, void *to,
	                      size_t *size);
	void (*free)(void *state);
} CodecOps;

extern const CodecOps codec_zlib, codec_libdeflate, codec_xz, codec_zstd, codec_lz4;

/* By the number in the superblock; the others are refused by name. */
const CodecOps *codec_find(unsigned number, GError **error);

typedef struct {
	const CodecOps *ops;
	void *state;
	/* Compressed bytes on their way through; see codec_input(). */
	uint8_t *input;
	size_t input_room;
	/* A block of which only a part was wanted, and what it is, for the next part. */
	uint8_t *block;
	size_t block_room, block_size;
	uint64_t block_at;
	uint32_t block_word;
} Codec;

/* At least `size` bytes that last until the next call. NULL: no memory. */
uint8_t *codec_input(Codec *codec, size_t size, GError **error);

/* `at` is where `from` was in the image, `size` as in CodecOps. */
bool codec_unpack(Codec *codec, uint64_t at, const void *from, size_t from_size, void *to,
                  size_t *size, GError **error);

#define CODEC_SHELF 16

typedef struct {
	const CodecOps *ops;
	Codec *waiting[CODEC_SHELF];
} CodecShelf;

Codec *codec_take(CodecShelf *shelf, GError **error);
void codec_give(CodecShelf *shelf, Codec *codec);
void codec_clear_shelf(CodecShelf *shelf);
