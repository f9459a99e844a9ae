/* SPDX-License-Identifier: MIT */

/* An image: opened, walked, and every file read, up to a number of bytes. */

#include "fuzz.h"

#include <glib.h>
#include <stdlib.h>

#include "squashfs/squashfs.h"

#define MOST_BYTES   (1 << 21)
#define MOST_ENTRIES 5000

typedef struct {
	Squashfs *fs;
	uint8_t *to;
	size_t left;
	unsigned n_entries;
} Reading;

/* In pieces that begin and end anywhere, so that all ways to read are taken. */
static void read_file(Reading *reading, Source *source)
{
	uint64_t at = source->size > MOST_BYTES ? source->size - 70000 : 0;

	source_prefetch(source, source->size, 0);
	for (size_t n = 1; at < source->size && reading->left > 0; n = n * 3 + 4095) {
		size_t size = (size_t)MIN(MIN(n, reading->left), source->size - at);
		g_autoptr(GError) error = NULL;

		if (source_read_at(source, reading->to, size, at, &error) == !!error)
			abort();
		at += size;
		reading->left -= size;
	}
}

static bool visit(void *user, const char *path, const SquashfsEntry *entry, GError **error)
{
	Reading *reading = user;
	g_autoptr(GError) wrong = NULL;

	if (path[0] == '\0' || path[0] == '/')
		abort();
	if (entry->type == SQUASHFS_FILE) {
		g_autoptr(Source) source = squashfs_open_inode(reading->fs, entry, &wrong);

		if (!source == !wrong || (source && source->size != entry->size))
			abort();
		if (source)
			read_file(reading, source);
	}
	if (reading->n_entries++ < MOST_ENTRIES)
		return true;
	g_set_error_literal(error, g_quark_from_static_string("fuzz"), 0, "enough");
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static(data, size);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(GError) error = NULL;
	g_autoptr(Squashfs) fs = squashfs_open(source, &error);
	g_autofree uint8_t *to = g_malloc(MOST_BYTES);
	Reading reading = { fs, to, MOST_BYTES, 0 };
	SquashfsEntry entry = { 0 };

	if (!fs == !error)
		abort();
	if (!fs)
		return 0;
	if (!squashfs_walk(fs, "", visit, &reading, &error) && !error)
		abort();
	g_clear_error(&error);
	if (squashfs_find(fs, "folder/file", &entry, &error) == !!error)
		abort();
	squashfs_entry_clear(&entry);
	return 0;
}
