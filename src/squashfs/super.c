/* SPDX-License-Identifier: MIT */

/*
 * All numbers are little-endian.
 *
 *      0  "hsqs"                       32  root inode reference (8)
 *      4  number of inodes (4)         40  bytes used (8)
 *      8  time made (4)                48  id table (8)
 *     12  block size (4)               56  xattr table (8)
 *     16  number of fragments (4)      64  inode table (8)
 *     20  compressor (2)               72  directory table (8)
 *     22  log2 of block size (2)       80  fragment table (8)
 *     24  flags (2)                    88  export table (8)
 *     26  number of ids (2)            96  [compressor options]
 *     28  version 4 (2), 0 (2)
 *
 *     +-------+---------+--------+-----------+--------+-------------+
 *     | super | options | data   | fragments | inodes | directories |
 *     +-------+---------+--------+-----------+--------+-------------+
 *     | fragment table | export table | id table | xattr table |   up to bytes used
 *     +----------------+--------------+----------+-------------+
 *
 * Options, present when the flag says so, are an uncompressed metadata block:
 *
 *     0x8000 | size (2)
 *     gzip: level (4), window (2), strategies (2)     lz4: version 1 (4), flags (4)
 *     xz: dictionary (4), filters (4)                 zstd: level (4)
 */

#include "squashfs/super.h"

#include <string.h>

#include "base/error.h"
#include "squashfs/bytes.h"

#define FLAG_OPTIONS     0x0400
#define KNOWN_FLAGS      0x0fff
#define LEAST_BLOCK_LOG  12
#define MOST_BLOCK_LOG   20
#define OPTIONS_UNPACKED 0x8000

static bool check_kind(const uint8_t *raw, GError **error)
{
	if (memcmp(raw, "hsqs", 4) != 0)
		return fail(error, FAILURE_FORMAT, "squashfs: no magic number, not a squashfs");

	unsigned major = bytes_u16(raw + 28), minor = bytes_u16(raw + 30);
	if (major != 4 || minor != 0)
		return fail(error, FAILURE_FORMAT, "squashfs: version %u.%u, only 4.0 is read",
		            major, minor);
	if (bytes_u16(raw + 24) & ~KNOWN_FLAGS)
		return fail(error, FAILURE_FORMAT, "squashfs: unknown flags 0x%04x",
		            bytes_u16(raw + 24));
	return true;
}

static bool check_block_size(const Super *super, GError **error)
{
	if (super->block_log < LEAST_BLOCK_LOG || super->block_log > MOST_BLOCK_LOG ||
	    super->block_size != UINT32_C(1) << super->block_log)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: block size %u with log %u, must be a power of two from 4096 "
		            "to 1048576",
		            super->block_size, super->block_log);
	return true;
}

static bool check_place(const Super *super, const char *what, uint64_t at, GError **error)
{
	if (at < SUPER_SIZE || at >= super->bytes_used)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: %s table at byte %" G_GUINT64_FORMAT
		            ", outside of the image of %" G_GUINT64_FORMAT " bytes",
		            what, at, super->bytes_used);
	return true;
}

/* The directory table ends no later than the first table behind it begins. */
static uint64_t folder_table_end(const Super *super, const uint8_t *raw)
{
	uint64_t end = super->bytes_used;

	for (unsigned field = 48; field < SUPER_SIZE; field += 8) {
		uint64_t at = bytes_u64(raw + field);

		if (at > super->folder_table && at < end)
			end = at;
	}
	return end;
}

static bool read_tables(Super *super, const uint8_t *raw, GError **error)
{
	super->id_table = bytes_u64(raw + 48);
	super->inode_table = bytes_u64(raw + 64);
	super->folder_table = bytes_u64(raw + 72);
	super->fragment_table = bytes_u64(raw + 80);

	if (!check_place(super, "id", super->id_table, error) ||
	    !check_place(super, "inode", super->inode_table, error) ||
	    !check_place(super, "directory", super->folder_table, error))
		return false;
	if (super->n_fragments && !check_place(super, "fragment", super->fragment_table, error))
		return false;
	if (super->inode_table >= super->folder_table)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: inode table at byte %" G_GUINT64_FORMAT
		            " behind the directory table at byte %" G_GUINT64_FORMAT,
		            super->inode_table, super->folder_table);
	if (super->n_ids == 0)
		return fail(error, FAILURE_FORMAT, "squashfs: no ids");
	if (super->n_inodes == 0)
		return fail(error, FAILURE_FORMAT, "squashfs: no inodes");
	super->inode_table_end = super->folder_table;
	super->folder_table_end = folder_table_end(super, raw);
	return true;
}

/* Nothing in the options changes how we read; a block that is not one is refused. */
static bool check_options(Source *source, const Super *super, GError **error)
{
	size_t expected = super->codec == &codec_zstd ? 4 : 8;
	uint8_t raw[10];

	if (super->bytes_used < SUPER_SIZE + 2 + expected)
		return fail(error, FAILURE_FORMAT, "squashfs: no room for compressor options");
	if (!source_read_at(source, raw, 2 + expected, SUPER_SIZE, error))
		return false;
	if (bytes_u16(raw) != (OPTIONS_UNPACKED | expected))
		return fail(error, FAILURE_FORMAT,
		            "squashfs: compressor options of %u bytes, %s has %zu",
		            bytes_u16(raw) & ~OPTIONS_UNPACKED, super->codec->name, expected);
	if (super->codec == &codec_lz4 && bytes_u32(raw + 2) != 1)
		return fail(error, FAILURE_UNSUPPORTED, "squashfs: lz4 format %u, only 1 is read",
		            bytes_u32(raw + 2));
	return true;
}

bool super_read(Source *source, Super *super, GError **error)
{
	uint8_t raw[SUPER_SIZE];

	if (source->size < SUPER_SIZE)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: %" G_GUINT64_FORMAT " bytes are too few for a superblock",
		            source->size);
	if (!source_read_at(source, raw, sizeof(raw), 0, error) || !check_kind(raw, error))
		return false;

	*super = (Super){
		.n_inodes = bytes_u32(raw + 4),
		.block_size = bytes_u32(raw + 12),
		.n_fragments = bytes_u32(raw + 16),
		.codec = codec_find(bytes_u16(raw + 20), error),
		.block_log = bytes_u16(raw + 22),
		.n_ids = bytes_u16(raw + 26),
		.root = bytes_u64(raw + 32),
		.bytes_used = bytes_u64(raw + 40),
	};
	if (!super->codec || !check_block_size(super, error))
		return false;
	if (super->bytes_used > source->size)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: truncated: %" G_GUINT64_FORMAT
		            " bytes are there, the superblock says %" G_GUINT64_FORMAT,
		            source->size, super->bytes_used);
	if (!read_tables(super, raw, error))
		return false;
	return !(bytes_u16(raw + 24) & FLAG_OPTIONS) || check_options(source, super, error);
}
