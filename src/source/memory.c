/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include <string.h>

typedef struct {
	Source source;
	GBytes *bytes;
	const uint8_t *data; /* of `bytes` */
} MemorySource;

static bool memory_read_at(Source *source, void *to, size_t size, uint64_t at,
                           GError **error G_GNUC_UNUSED)
{
	const MemorySource *memory = (const MemorySource *)source;

	memcpy(to, memory->data + at, size);
	return true;
}

static void memory_free(Source *source)
{
	MemorySource *memory = (MemorySource *)source;

	g_bytes_unref(memory->bytes);
	g_free(memory);
}

static const SourceOps memory_ops = {
	.kind = "memory",
	.read_at = memory_read_at,
	.free = memory_free,
};

Source *source_memory_new(GBytes *bytes)
{
	MemorySource *memory = g_new0(MemorySource, 1);
	size_t size;

	memory->bytes = g_bytes_ref(bytes);
	memory->data = g_bytes_get_data(bytes, &size);
	source_init(&memory->source, &memory_ops, size);
	return &memory->source;
}
