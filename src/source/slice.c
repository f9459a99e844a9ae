/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include "base/error.h"

typedef struct {
	Source source;
	Source *below;
	uint64_t at;
} SliceSource;

static bool slice_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	SliceSource *slice = (SliceSource *)source;

	return source_read_at(slice->below, to, size, slice->at + at, error);
}

static void slice_prefetch(Source *source, uint64_t size, uint64_t at)
{
	SliceSource *slice = (SliceSource *)source;

	source_prefetch(slice->below, size, slice->at + at);
}

static void slice_free(Source *source)
{
	SliceSource *slice = (SliceSource *)source;

	source_unref(slice->below);
	g_free(slice);
}

static const SourceOps slice_ops = {
	.kind = "slice",
	.read_at = slice_read_at,
	.prefetch = slice_prefetch,
	.free = slice_free,
};

Source *source_slice_new(Source *below, uint64_t at, uint64_t size, GError **error)
{
	if (size > below->size || at > below->size - size)
		return fail_null(error, FAILURE_FORMAT,
		                 "%s: a part of %" G_GUINT64_FORMAT " bytes at %" G_GUINT64_FORMAT
		                 " reaches past the end at %" G_GUINT64_FORMAT,
		                 below->ops->kind, size, at, below->size);

	SliceSource *slice = g_new0(SliceSource, 1);
	slice->below = source_ref(below);
	slice->at = at;
	source_init(&slice->source, &slice_ops, size);
	return &slice->source;
}
