/* SPDX-License-Identifier: MIT */

#include "source/source.h"

#include <string.h>

#include "base/error.h"

/* Remembers what it was asked; answers with the low byte of each offset. */
typedef struct {
	Source source;
	unsigned *n_freed;
	uint64_t size, at;
	unsigned n_reads, n_prefetches;
} Spy;

static bool spy_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	Spy *spy = (Spy *)source;

	spy->n_reads++;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)(at + i);
	if (at == 13)
		return fail(error, FAILURE_IO, "unlucky");
	return true;
}

static void spy_prefetch(Source *source, uint64_t size, uint64_t at)
{
	Spy *spy = (Spy *)source;

	spy->n_prefetches++;
	spy->size = size;
	spy->at = at;
}

static void spy_free(Source *source)
{
	(*((Spy *)source)->n_freed)++;
	g_free(source);
}

static const SourceOps spy_ops = { "spy", spy_read_at, spy_prefetch, spy_free };

static Spy *spy_new(uint64_t size, unsigned *n_freed)
{
	Spy *spy = g_new0(Spy, 1);

	spy->n_freed = n_freed;
	source_init(&spy->source, &spy_ops, size);
	return spy;
}

static const struct {
	uint64_t source_size;
	size_t size;
	uint64_t at;
	bool ok;
	unsigned n_reads;
} bounds[] = {
	{ 10, 10, 0, true, 1 },
	{ 10, 1, 9, true, 1 },
	{ 10, 0, 10, true, 0 },
	{ 0, 0, 0, true, 0 },
	{ 10, 11, 0, false, 0 },
	{ 10, 1, 10, false, 0 },
	{ 10, 0, 11, false, 0 },
	{ 10, 4, 7, false, 0 },
	{ 10, 2, G_MAXUINT64, false, 0 },
	{ 10, 2, G_MAXUINT64 - 1, false, 0 },
	{ 10, SIZE_MAX, 1, false, 0 },
	{ 10, SIZE_MAX, G_MAXUINT64, false, 0 },
	{ G_MAXUINT64, 4, G_MAXUINT64 - 4, true, 1 },
	{ G_MAXUINT64, 4, G_MAXUINT64 - 3, false, 0 },
};

static void test_bounds(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bounds); i++) {
		unsigned n_freed = 0;
		Spy *spy = spy_new(bounds[i].source_size, &n_freed);
		g_autoptr(GError) error = NULL;
		uint8_t to[16];

		bool ok = source_read_at(&spy->source, to, bounds[i].size, bounds[i].at, &error);
		g_assert_true(ok == bounds[i].ok);
		g_assert_cmpuint(spy->n_reads, ==, bounds[i].n_reads);
		if (!ok)
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
		source_unref(&spy->source);
		g_assert_cmpuint(n_freed, ==, 1);
	}
}

static void test_bounds_message(void)
{
	unsigned n_freed = 0;
	g_autoptr(Source) source = &spy_new(10, &n_freed)->source;
	g_autoptr(GError) error = NULL;
	uint8_t to[16];

	g_assert_false(source_read_at(source, to, 4, 7, &error));
	g_assert_cmpstr(error->message, ==, "spy: 4 bytes at 7 reach past the end at 10");
}

static void test_refs(void)
{
	unsigned n_freed = 0;
	Source *source = &spy_new(10, &n_freed)->source;

	g_assert_true(source_ref(source) == source);
	source_unref(source);
	g_assert_cmpuint(n_freed, ==, 0);
	source_unref(source);
	g_assert_cmpuint(n_freed, ==, 1);
	source_unref(NULL);
}

static void test_prefetch(void)
{
	unsigned n_freed = 0;
	Spy *spy = spy_new(10, &n_freed);
	g_autoptr(Source) source = &spy->source;

	source_prefetch(source, G_MAXUINT64, 4);
	g_assert_cmpuint(spy->size, ==, 6);
	g_assert_cmpuint(spy->at, ==, 4);
	source_prefetch(source, 1, 10);
	source_prefetch(source, 0, 1);
	g_assert_cmpuint(spy->n_prefetches, ==, 1);

	g_autoptr(GBytes) bytes = g_bytes_new_static("x", 1);
	g_autoptr(Source) memory = source_memory_new(bytes);
	source_prefetch(memory, 1, 0); /* has none: nothing happens */
}

static void test_read_all(void)
{
	unsigned n_freed = 0;
	g_autoptr(Source) source = &spy_new(300, &n_freed)->source;
	g_autoptr(Source) empty = &spy_new(0, &n_freed)->source;
	g_autoptr(Source) huge = &spy_new(G_MAXUINT64, &n_freed)->source;
	g_autoptr(GError) error = NULL;

	g_autoptr(GBytes) all = source_read_all(source, 300, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_bytes_get_size(all), ==, 300);
	g_assert_cmpuint(((const uint8_t *)g_bytes_get_data(all, NULL))[299], ==, 299 & 0xff);

	g_autoptr(GBytes) none = source_read_all(empty, 0, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(g_bytes_get_size(none), ==, 0);

	g_assert_null(source_read_all(source, 299, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_cmpstr(error->message, ==, "spy: 300 bytes are more than the 299 allowed");
	g_clear_error(&error);
	g_assert_null(source_read_all(huge, 1 << 20, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/source/bounds", test_bounds);
	g_test_add_func("/source/source/bounds-message", test_bounds_message);
	g_test_add_func("/source/source/refs", test_refs);
	g_test_add_func("/source/source/prefetch", test_prefetch);
	g_test_add_func("/source/source/read-all", test_read_all);
	return g_test_run();
}
