/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Bytes that can be read at any offset, wherever they come from.
 *
 * The one road from a bundle to a slot. Files, memory and the fetch helper are
 * sources; so are the views stacked on them: slice (a window), cache, crypt
 * (decrypts), verity (checks every block against the signed root hash), and a
 * file inside a squashfs. A reader cannot tell which it has.
 *
 * Reads are whole or fail, and are safe from several threads at once. A source
 * does not change once made. Counted references; NULL is a fine unref.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Source Source;

typedef struct {
	const char *kind; /* "file", "verity", ... for messages */
	bool (*read_at)(Source *source, void *to, size_t size, uint64_t at, GError **error);
	/* These bytes will be wanted soon; a hint, NULL: nothing to gain. */
	void (*prefetch)(Source *source, uint64_t size, uint64_t at);
	void (*free)(Source *source);
} SourceOps;

struct Source {
	const SourceOps *ops;
	uint64_t size;
	gint refs;
};

/* For implementations: first call of every constructor. */
void source_init(Source *source, const SourceOps *ops, uint64_t size);

Source *source_ref(Source *source);
void source_unref(Source *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Source, source_unref)

/* Fill `to` from offset `at`; reaching past the end is FAILURE_FORMAT. */
bool source_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error);

void source_prefetch(Source *source, uint64_t size, uint64_t at);

/* All of it, for things known to be small: refuses more than `limit` bytes. */
GBytes *source_read_all(Source *source, size_t limit, GError **error);

/* A regular file or block device (source/file.c). */
Source *source_file_open(const char *path, GError **error);
/* Takes `fd`. `name` is for messages. */
Source *source_file_take(int fd, const char *name, GError **error);

/* source/memory.c; keeps a reference to `bytes`. */
Source *source_memory_new(GBytes *bytes);

/* The window [at, at + size) of `below`, which it keeps (source/slice.c). */
Source *source_slice_new(Source *below, uint64_t at, uint64_t size, GError **error);
