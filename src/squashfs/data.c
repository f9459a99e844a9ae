/* SPDX-License-Identifier: MIT */

/*
 * The blocks of a file lie one behind the other; the inode has the size of each.
 *
 *     file      | block 0   | block 1   | sparse    | block 3   | tail |
 *     image     [packed ][packed   ][stored    ]       [fragment: .. tail ..]
 *
 *     size word: bits 0-23 bytes in the image, bit 24 stored as it is; 0 is sparse.
 *
 * The tail may be a block of its own, or a part of a fragment that files share. A
 * range of whole blocks is fetched in one go and unpacked straight to where the
 * caller wants it; of a block in part the codec keeps the rest for the next read.
 */

#include "squashfs/data.h"

#include <string.h>

#include "base/error.h"
#include "squashfs/bytes.h"
#include "squashfs/table.h"

#define WORD_STORED   (UINT32_C(1) << 24)
#define WORD_SIZE(w)  ((w) & (WORD_STORED - 1))
#define WORD_IS_KNOWN (WORD_STORED | (WORD_STORED - 1))
/* 16 GiB of 4 KiB blocks, or 512 GiB of the usual ones. */
#define MOST_BLOCKS (UINT64_C(1) << 22)
#define MARK_EVERY  64
/* Fetched at once. */
#define MOST_FETCH (256 << 10)

typedef struct {
	Source source;
	Squashfs *fs;
	uint32_t *words; /* one a block */
	uint64_t *marks; /* where every 64th block is in the image */
	uint64_t n_blocks;
	bool has_fragment;
	TableFragment fragment;
	uint32_t fragment_offset;
} DataSource;

static uint64_t block_at(const DataSource *data, uint64_t block)
{
	uint64_t at = data->marks[block / MARK_EVERY];

	for (uint64_t i = block - block % MARK_EVERY; i < block; i++)
		at += WORD_SIZE(data->words[i]);
	return at;
}

/* How much of the file is in this block: less than a whole one only at the end. */
static size_t block_length(const DataSource *data, uint64_t block)
{
	uint64_t from = block << data->fs->super.block_log;

	return (size_t)MIN(data->fs->super.block_size, data->source.size - from);
}

static bool unpack(Codec *codec, uint64_t at, uint32_t word, const void *from, void *to,
                   size_t length, GError **error)
{
	size_t made = length;

	if (word == 0) {
		memset(to, 0, length);
		return true;
	}
	if (word & WORD_STORED) {
		made = WORD_SIZE(word);
		memcpy(to, from, MIN(made, length));
	} else if (!codec_unpack(codec, at, from, WORD_SIZE(word), to, &made, error)) {
		return false;
	}
	if (made != length)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: block at byte %" G_GUINT64_FORMAT " has %zu bytes, not %zu",
		            at, made, length);
	return true;
}

/* Whole blocks that are stored as they are: nothing stands between image and caller. */
static bool read_stored(DataSource *data, uint64_t block, uint64_t n, uint8_t *to, GError **error)
{
	uint64_t at = block_at(data, block);
	size_t size = 0;

	for (uint64_t i = block; i < block + n; i++) {
		if (WORD_SIZE(data->words[i]) != block_length(data, i))
			return fail(error, FAILURE_FORMAT,
			            "squashfs: block at byte %" G_GUINT64_FORMAT
			            " has %u bytes, not %zu",
			            at + size, WORD_SIZE(data->words[i]), block_length(data, i));
		size += WORD_SIZE(data->words[i]);
	}
	return source_read_at(data->fs->source, to, size, at, error);
}

static bool read_packed(DataSource *data, Codec *codec, uint64_t block, uint64_t n, size_t size,
                        uint8_t *to, GError **error)
{
	uint64_t at = block_at(data, block);
	uint8_t *input = codec_input(codec, MAX(size, 1), error);

	if (!input || (size && !source_read_at(data->fs->source, input, size, at, error)))
		return false;
	for (uint64_t i = block; i < block + n; i++) {
		size_t length = block_length(data, i);

		if (!unpack(codec, at, data->words[i], input, to, length, error))
			return false;
		at += WORD_SIZE(data->words[i]);
		input += WORD_SIZE(data->words[i]);
		to += length;
	}
	return true;
}

/* As many whole blocks from `block` on as fit in `size` bytes and one fetch; sets
 * `*size` to what they have in the file. */
static bool read_blocks(DataSource *data, Codec *codec, uint64_t block, uint8_t *to, size_t *size,
                        GError **error)
{
	bool is_stored = data->words[block] & WORD_STORED;
	size_t room = *size, fetch = 0;
	uint64_t n = 0;

	for (*size = 0; block + n < data->n_blocks; n++) {
		uint32_t word = data->words[block + n];
		size_t length = block_length(data, block + n);

		if (length > room - *size || (is_stored && !(word & WORD_STORED)))
			break;
		if (!is_stored && n > 0 && fetch + WORD_SIZE(word) > MOST_FETCH)
			break;
		fetch += WORD_SIZE(word);
		*size += length;
	}
	if (is_stored)
		return read_stored(data, block, n, to, error);
	return read_packed(data, codec, block, n, fetch, to, error);
}

/* The block at `at`, unpacked in codec->block; of unknown length if `length` is 0. */
static bool load(DataSource *data, Codec *codec, uint64_t at, uint32_t word, size_t length,
                 GError **error)
{
	size_t room = data->fs->super.block_size, size = WORD_SIZE(word);

	if (word && codec->block_word == word && codec->block_at == at &&
	    (!length || length == codec->block_size))
		return true;
	codec->block_word = 0;
	if (codec->block_room < room) {
		g_free(codec->block);
		codec->block = g_try_malloc(room);
		codec->block_room = codec->block ? room : 0;
		if (!codec->block)
			return fail(error, FAILURE_IO, "squashfs: no memory for %zu bytes", room);
	}
	uint8_t *input = codec_input(codec, MAX(size, 1), error);
	if (!input || !source_read_at(data->fs->source, input, size, at, error))
		return false;

	codec->block_size = length ? length : room;
	if (!length && word & WORD_STORED)
		codec->block_size = size;
	if (!length && word && !(word & WORD_STORED)) {
		if (!codec_unpack(codec, at, input, size, codec->block, &codec->block_size, error))
			return false;
	} else if (!unpack(codec, at, word, input, codec->block, codec->block_size, error)) {
		return false;
	}
	codec->block_at = at;
	codec->block_word = word;
	return true;
}

/* `size` bytes from `offset` on in a block that is wanted in part. */
static bool read_part(DataSource *data, Codec *codec, uint64_t block, size_t offset, uint8_t *to,
                      size_t size, GError **error)
{
	if (data->words[block] == 0) {
		memset(to, 0, size);
		return true;
	}
	if (!load(data, codec, block_at(data, block), data->words[block], block_length(data, block),
	          error))
		return false;
	memcpy(to, codec->block + offset, size);
	return true;
}

static bool read_tail(DataSource *data, Codec *codec, size_t offset, uint8_t *to, size_t size,
                      GError **error)
{
	const TableFragment *fragment = &data->fragment;

	offset += data->fragment_offset;
	if (!load(data, codec, fragment->at, fragment->word, 0, error))
		return false;
	if (offset + size > codec->block_size)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: fragment at byte %" G_GUINT64_FORMAT
		            " has %zu bytes, a file ends in it at %zu",
		            fragment->at, codec->block_size, offset + size);
	memcpy(to, codec->block + offset, size);
	return true;
}

static bool read_with(DataSource *data, Codec *codec, uint8_t *to, size_t size, uint64_t at,
                      GError **error)
{
	uint32_t block_size = data->fs->super.block_size;

	while (size > 0) {
		uint64_t block = at >> data->fs->super.block_log;
		size_t offset = at & (block_size - 1), n;
		bool ok;

		if (block >= data->n_blocks) {
			n = size;
			ok = read_tail(data, codec, offset, to, n, error);
		} else if (offset == 0 && size >= block_length(data, block)) {
			n = size;
			ok = read_blocks(data, codec, block, to, &n, error);
		} else {
			n = MIN(size, block_length(data, block) - offset);
			ok = read_part(data, codec, block, offset, to, n, error);
		}
		if (!ok)
			return false;
		to += n;
		at += n;
		size -= n;
	}
	return true;
}

static bool data_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	DataSource *data = (DataSource *)source;
	Codec *codec = codec_take(&data->fs->codecs, error);

	if (!codec)
		return false;
	bool ok = read_with(data, codec, to, size, at, error);
	codec_give(&data->fs->codecs, codec);
	return ok;
}

static void data_prefetch(Source *source, uint64_t size, uint64_t at)
{
	DataSource *data = (DataSource *)source;
	unsigned log = data->fs->super.block_log;
	uint64_t first = at >> log, last = (at + size - 1) >> log;

	if (last >= data->n_blocks && data->has_fragment)
		source_prefetch(data->fs->source, WORD_SIZE(data->fragment.word),
		                data->fragment.at);
	if (data->n_blocks == 0 || first >= data->n_blocks)
		return;
	last = MIN(last, data->n_blocks - 1);
	uint64_t from = block_at(data, first);
	uint64_t end = block_at(data, last) + WORD_SIZE(data->words[last]);
	source_prefetch(data->fs->source, end - from, from);
}

static void data_free(Source *source)
{
	DataSource *data = (DataSource *)source;

	squashfs_unref(data->fs);
	g_free(data->words);
	g_free(data->marks);
	g_free(data);
}

static const SourceOps data_ops = {
	.kind = "squashfs file",
	.read_at = data_read_at,
	.prefetch = data_prefetch,
	.free = data_free,
};

SquashfsBlock data_find_block(const Source *file, uint64_t at)
{
	const DataSource *data = (const DataSource *)file;
	uint64_t block = at >> data->fs->super.block_log;

	g_assert(file->ops == &data_ops && at < file->size);
	if (block >= data->n_blocks)
		return (SquashfsBlock){ data->fragment.at, WORD_SIZE(data->fragment.word) };
	return (SquashfsBlock){ block_at(data, block), WORD_SIZE(data->words[block]) };
}

static bool check_word(const DataSource *data, uint32_t number, uint64_t at, uint32_t word,
                       GError **error)
{
	const Super *super = &data->fs->super;

	if (word & ~WORD_IS_KNOWN || WORD_SIZE(word) > super->block_size ||
	    (word & WORD_STORED && WORD_SIZE(word) == 0))
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: a block of size 0x%08x, blocks have %u", number,
		            word, super->block_size);
	if (word &&
	    (at < SUPER_SIZE || at > super->bytes_used || WORD_SIZE(word) > super->bytes_used - at))
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: a block of %u bytes at byte %" G_GUINT64_FORMAT
		            ", outside of the image",
		            number, WORD_SIZE(word), at);
	return true;
}

/* All sizes, checked, and where each 64th block is. */
static bool read_words(DataSource *data, const Inode *file, Meta *meta, GError **error)
{
	uint64_t at = file->block;

	if (data->n_blocks > MOST_BLOCKS ||
	    data->n_blocks > meta_most_unpacked(meta->end - meta->start) / sizeof(uint32_t))
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: a file of %" G_GUINT64_FORMAT
		            " blocks, more than can be",
		            file->number, data->n_blocks);
	data->words = g_new(uint32_t, data->n_blocks);
	data->marks = g_new(uint64_t, data->n_blocks / MARK_EVERY + 1);
	if (!meta_read(meta, data->words, data->n_blocks * sizeof(uint32_t), error))
		return false;
	for (uint64_t i = 0; i < data->n_blocks; i++) {
		data->words[i] = GUINT32_FROM_LE(data->words[i]);
		if (i % MARK_EVERY == 0)
			data->marks[i / MARK_EVERY] = at;
		if (!check_word(data, file->number, at, data->words[i], error))
			return false;
		at += WORD_SIZE(data->words[i]);
	}
	return true;
}

static bool find_tail(DataSource *data, const Inode *file, size_t tail, GError **error)
{
	uint32_t block_size = data->fs->super.block_size;

	data->has_fragment = true;
	data->fragment_offset = file->fragment_offset;
	if (file->fragment_offset > block_size || tail > block_size - file->fragment_offset)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode %u: a tail of %zu bytes at %u of a fragment",
		            file->number, tail, file->fragment_offset);
	if (!table_read_fragment(data->fs, file->fragment, &data->fragment, error))
		return false;
	if (data->fragment.word == 0)
		return fail(error, FAILURE_FORMAT, "squashfs: fragment %u is empty",
		            file->fragment);
	return check_word(data, file->number, data->fragment.at, data->fragment.word, error);
}

Source *data_open(Squashfs *fs, const Inode *file, Meta *meta, GError **error)
{
	DataSource *data = g_new0(DataSource, 1);
	g_autoptr(Source) source = &data->source;
	size_t tail = file->size & (fs->super.block_size - 1);

	source_init(source, &data_ops, file->size);
	data->fs = squashfs_ref(fs);
	data->n_blocks = file->size >> fs->super.block_log;
	if (tail && file->fragment == INODE_NO_FRAGMENT)
		data->n_blocks++;
	if (!read_words(data, file, meta, error))
		return NULL;
	if (tail && file->fragment != INODE_NO_FRAGMENT && !find_tail(data, file, tail, error))
		return NULL;
	return g_steal_pointer(&source);
}
