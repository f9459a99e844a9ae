/* SPDX-License-Identifier: MIT */

#include "bundle/trailer.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* `body` bytes, then the size field. */
static Source *bundle_of(size_t body, uint64_t cms_size)
{
	uint8_t *data = g_malloc0(body + 8);
	uint64_t stored = GUINT64_TO_BE(cms_size);

	memset(data, 'x', body);
	memcpy(data + body, &stored, 8);
	g_autoptr(GBytes) bytes = g_bytes_new_take(data, body + 8);
	return source_memory_new(bytes);
}

static const struct {
	size_t body;
	uint64_t cms_size, max;
	uint64_t payload_size; /* G_MAXUINT64: refused */
	const char *why;
} trailers[] = {
	{ 100, 10, 1000, 90, NULL },
	{ 100, 100, 1000, 0, NULL },
	{ 100, 0, 1000, G_MAXUINT64, "Signature size is 0" },
	{ 100, 101, 1000, G_MAXUINT64, "exceeds bundle size" },
	{ 100, 1001, 1000, G_MAXUINT64, "exceeds bundle size" },
	{ 2000, 1001, 1000, G_MAXUINT64, "exceeds max-bundle-signature-size (1000)" },
	{ 100, G_MAXUINT64, G_MAXUINT64, G_MAXUINT64, "exceeds bundle size" },
	{ 100, G_MAXUINT64 - 100, G_MAXUINT64, G_MAXUINT64, "exceeds bundle size" },
	{ 0, 0, 1000, G_MAXUINT64, "too small" },
};

static void test_read(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(trailers); i++) {
		g_autoptr(Source) source = bundle_of(trailers[i].body, trailers[i].cms_size);
		g_autoptr(GError) error = NULL;
		Trailer trailer = { 0 };

		bool ok = trailer_read(source, trailers[i].max, &trailer, &error);
		g_assert_true(ok == (trailers[i].payload_size != G_MAXUINT64));
		if (!ok) {
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
			g_assert_nonnull(strstr(error->message, trailers[i].why));
			continue;
		}
		g_assert_cmpuint(trailer.payload_size, ==, trailers[i].payload_size);
		g_assert_cmpuint(g_bytes_get_size(trailer.cms), ==, trailers[i].cms_size);
		trailer_clear(&trailer);
	}
}

static void test_write(void)
{
	g_autofree char *path = NULL;
	int fd = g_file_open_tmp("trailer-XXXXXX", &path, NULL);
	g_autoptr(GBytes) cms = g_bytes_new_static("signature", 9);
	Trailer trailer;

	g_assert_true(trailer_write(fd, 4096, cms, path, NULL));
	g_autoptr(Source) source = source_file_take(fd, path, NULL);
	g_assert_true(trailer_read(source, 100, &trailer, NULL));
	g_assert_cmpuint(trailer.payload_size, ==, 4096);
	g_assert_true(g_bytes_equal(trailer.cms, cms));
	trailer_clear(&trailer);
	unlink(path);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bundle/trailer/read", test_read);
	g_test_add_func("/bundle/trailer/write", test_write);
	return g_test_run();
}
