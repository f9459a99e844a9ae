/* SPDX-License-Identifier: MIT */

/*
 * The superblock points at a list of metadata blocks, which hold the entries:
 *
 *     superblock -> | u64 | u64 | ... |     one for each 8192 bytes of entries
 *                      |     |
 *                      v     v
 *                   [block] [block] ...     metadata blocks, anywhere before the list
 *
 *     id (4):         user or group
 *     fragment (16):  position (8), size and flag (4), unused (4)
 */

#include "squashfs/table.h"

#include "base/error.h"
#include "squashfs/bytes.h"
#include "squashfs/meta.h"

#define ID_SIZE       4
#define FRAGMENT_SIZE 16

/* Set `meta` to byte `at` of the entries of the table whose list is at `list`. */
static bool seek(Squashfs *fs, Meta *meta, uint64_t list, uint64_t at, GError **error)
{
	uint64_t pointer_at = list + at / META_BLOCK * 8;
	uint8_t raw[8];

	/* `list` is below bytes_used, so nothing overflows here. */
	if (pointer_at > fs->super.bytes_used - MIN(fs->super.bytes_used, sizeof(raw)))
		return fail(error, FAILURE_FORMAT,
		            "squashfs: table at byte %" G_GUINT64_FORMAT " reaches past the end",
		            list);
	if (!source_read_at(fs->source, raw, sizeof(raw), pointer_at, error))
		return false;

	uint64_t block = bytes_u64(raw);
	if (block < SUPER_SIZE || block >= list)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: table at byte %" G_GUINT64_FORMAT
		            " points to byte %" G_GUINT64_FORMAT ", which is not before it",
		            list, block);
	meta_init(meta, fs->source, &fs->codecs, block, list);
	return meta_seek(meta, 0, (unsigned)(at % META_BLOCK), error);
}

uint32_t *table_read_ids(Squashfs *fs, GError **error)
{
	size_t size = (size_t)fs->super.n_ids * ID_SIZE;
	g_autofree uint8_t *raw = g_malloc(size);
	g_autofree Meta *meta = g_new(Meta, 1);

	for (size_t at = 0; at < size; at += META_BLOCK)
		if (!seek(fs, meta, fs->super.id_table, at, error) ||
		    !meta_read(meta, raw + at, MIN(META_BLOCK, size - at), error))
			return NULL;

	uint32_t *ids = g_new(uint32_t, fs->super.n_ids);
	for (unsigned i = 0; i < fs->super.n_ids; i++)
		ids[i] = bytes_u32(raw + (size_t)i * ID_SIZE);
	return ids;
}

bool table_read_fragment(Squashfs *fs, uint32_t index, TableFragment *fragment, GError **error)
{
	g_autofree Meta *meta = g_new(Meta, 1);
	uint8_t raw[FRAGMENT_SIZE];

	if (index >= fs->super.n_fragments)
		return fail(error, FAILURE_FORMAT, "squashfs: fragment %u of %u", index,
		            fs->super.n_fragments);
	if (!seek(fs, meta, fs->super.fragment_table, (uint64_t)index * FRAGMENT_SIZE, error) ||
	    !meta_read(meta, raw, sizeof(raw), error))
		return false;
	fragment->at = bytes_u64(raw);
	fragment->word = bytes_u32(raw + 8);
	return true;
}
