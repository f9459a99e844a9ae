/* SPDX-License-Identifier: MIT */

/*
 *   0                    payload_size                size - 8       size
 *   +--------------------+---------------------------+--------------+
 *   | payload, hash tree | CMS, DER                  | its size, BE |
 *   +--------------------+---------------------------+--------------+
 */

#include "bundle/trailer.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define SIZE_FIELD 8

bool trailer_read(Source *source, uint64_t max_cms, Trailer *trailer, GError **error)
{
	uint64_t stored;

	if (source->size <= SIZE_FIELD)
		return fail(error, FAILURE_FORMAT,
		            "Bundle size (%" G_GUINT64_FORMAT
		            ") is too small: this is no bundle, or it was cut off",
		            source->size);

	uint64_t end = source->size - SIZE_FIELD;
	if (!source_read_at(source, &stored, sizeof(stored), end, error))
		return false;
	uint64_t cms_size = GUINT64_FROM_BE(stored);
	if (cms_size == 0)
		return fail(error, FAILURE_FORMAT, "Signature size is 0");
	if (cms_size > end)
		return fail(error, FAILURE_FORMAT,
		            "Signature size (%" G_GUINT64_FORMAT
		            ") exceeds bundle size: this is no bundle, or it was cut off",
		            cms_size);
	if (cms_size > max_cms)
		return fail(error, FAILURE_FORMAT,
		            "Signature size (%" G_GUINT64_FORMAT
		            ") exceeds max-bundle-signature-size (%" G_GUINT64_FORMAT ")",
		            cms_size, max_cms);

	uint8_t *der = g_malloc(cms_size);
	g_autoptr(GBytes) cms = g_bytes_new_take(der, cms_size);
	if (!source_read_at(source, der, cms_size, end - cms_size, error))
		return false;
	*trailer = (Trailer){ end - cms_size, g_steal_pointer(&cms) };
	return true;
}

void trailer_clear(Trailer *trailer)
{
	g_clear_pointer(&trailer->cms, g_bytes_unref);
}

bool trailer_write(int fd, uint64_t at, GBytes *cms, const char *what, GError **error)
{
	size_t size;
	const void *der = g_bytes_get_data(cms, &size);
	uint64_t stored = GUINT64_TO_BE((uint64_t)size);

	return fd_write_at(fd, der, size, at, what, error) &&
	       fd_write_at(fd, &stored, sizeof(stored), at + size, what, error);
}
