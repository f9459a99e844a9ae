/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include "base/error.h"

void source_init(Source *source, const SourceOps *ops, uint64_t size)
{
	source->ops = ops;
	source->size = size;
	source->refs = 1;
}

Source *source_ref(Source *source)
{
	g_atomic_int_inc(&source->refs);
	return source;
}

void source_unref(Source *source)
{
	if (source && g_atomic_int_dec_and_test(&source->refs))
		source->ops->free(source);
}

bool source_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	/* In this order nothing can overflow. */
	if (size > source->size || at > source->size - size)
		return fail(error, FAILURE_FORMAT,
		            "%s: %zu bytes at %" G_GUINT64_FORMAT
		            " reach past the end at %" G_GUINT64_FORMAT,
		            source->ops->kind, size, at, source->size);
	return size == 0 || source->ops->read_at(source, to, size, at, error);
}

void source_prefetch(Source *source, uint64_t size, uint64_t at)
{
	if (!source->ops->prefetch || at >= source->size || size == 0)
		return;
	source->ops->prefetch(source, MIN(size, source->size - at), at);
}

GBytes *source_read_all(Source *source, size_t limit, GError **error)
{
	if (source->size > limit)
		return fail_null(error, FAILURE_FORMAT,
		                 "%s: %" G_GUINT64_FORMAT " bytes are more than the %zu allowed",
		                 source->ops->kind, source->size, limit);

	size_t size = (size_t)source->size;
	g_autofree uint8_t *data = g_try_malloc(MAX(size, 1));
	if (!data)
		return fail_null(error, FAILURE_IO, "%s: no memory for %zu bytes",
		                 source->ops->kind, size);
	if (!source_read_at(source, data, size, 0, error))
		return NULL;
	return g_bytes_new_take(g_steal_pointer(&data), size);
}
