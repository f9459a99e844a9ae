/* SPDX-License-Identifier: MIT */

#include "source/present.h"

#include <string.h>

#include "base/error.h"

#define CHUNK HASH_INDEX_CHUNK
#define N     300 /* chunks: a part, and some */

static GBytes *image, *index_bytes;
static Source *image_source;
static HashIndex *wanted;

static GBytes *change(GBytes *bytes, size_t at)
{
	size_t size;
	uint8_t *copy = g_memdup2(g_bytes_get_data(bytes, &size), g_bytes_get_size(bytes));

	g_assert_cmpuint(g_bytes_get_size(bytes), >, at);
	copy[at] ^= 1;
	return g_bytes_new_take(copy, g_bytes_get_size(bytes));
}

static void setup_image(void)
{
	uint8_t *data = g_malloc(N * CHUNK), *digests = g_malloc(N * DIGEST_SIZE);

	for (size_t i = 0; i < N * CHUNK; i++)
		data[i] = (uint8_t)(i / CHUNK * 7 + i % 251);
	for (size_t i = 0; i < N; i++)
		digest_bytes(data + i * CHUNK, CHUNK, digests + i * DIGEST_SIZE);
	image = g_bytes_new_take(data, N * CHUNK);
	index_bytes = g_bytes_new_take(digests, N * DIGEST_SIZE);
	image_source = source_memory_new(image);
	g_autoptr(Source) file = source_memory_new(index_bytes);
	wanted = hash_index_open(file, N * CHUNK, NULL);
}

static uint32_t count(const PresentSetup *setup)
{
	uint32_t n = 0;

	for (unsigned part = 0; part < 2; part++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Present) present = present_look(setup, part, &error);

		g_assert_no_error(error);
		g_assert_cmpuint(present->n, ==, part ? N - PRESENT_CHUNKS : PRESENT_CHUNKS);
		uint32_t found = 0;
		for (uint32_t i = 0; i < present->n; i++)
			found += present->is_in_place[i];
		g_assert_cmpuint(found, ==, present->n_in_place);
		n += found;
	}
	return n;
}

static void test_all(void)
{
	PresentSetup setup = { .wanted = wanted, .target = image_source, .index = wanted };
	g_autoptr(Present) present = present_look(&setup, 1, NULL);

	g_assert_cmpuint(count(&setup), ==, N);
	g_assert_cmpmem(present->bytes, present->n * CHUNK,
	                (const uint8_t *)g_bytes_get_data(image, NULL) + PRESENT_PART,
	                (N - PRESENT_CHUNKS) * CHUNK);
}

static void test_nothing(void)
{
	PresentSetup setup = { .wanted = wanted };

	g_assert_cmpuint(count(&setup), ==, 0);
	setup.target = image_source;
	g_assert_cmpuint(count(&setup), ==, 0);
	g_autoptr(Present) present = present_look(&setup, 0, NULL);
	g_assert_null(present->bytes);
	setup.n_likely = 10 * CHUNK + 5;
	g_assert_cmpuint(count(&setup), ==, 10);
	setup.n_likely = G_MAXUINT64;
	g_assert_cmpuint(count(&setup), ==, N);
}

static void test_lies(void)
{
	g_autoptr(GBytes) other = change(image, 260 * CHUNK);
	g_autoptr(Source) target = source_memory_new(other);
	g_autoptr(GBytes) digests = change(index_bytes, 5 * DIGEST_SIZE);
	g_autoptr(Source) file = source_memory_new(digests);
	g_autoptr(HashIndex) said = hash_index_open(file, 0, NULL);
	g_autoptr(Source) half = source_slice_new(image_source, 0, 100 * CHUNK + 1, NULL);
	PresentSetup setup = { .wanted = wanted, .target = target, .index = said };

	g_assert_cmpuint(count(&setup), ==, N - 2);
	setup.target = half;
	g_assert_cmpuint(count(&setup), ==, 99);
}

static bool no_read(Source *source G_GNUC_UNUSED, void *to G_GNUC_UNUSED, size_t size G_GNUC_UNUSED,
                    uint64_t at G_GNUC_UNUSED, GError **error)
{
	return fail(error, FAILURE_IO, "broken");
}

static void test_unreadable(void)
{
	static const SourceOps ops = { .kind = "broken", .read_at = no_read };
	Source broken, broken_index;
	g_autoptr(GError) error = NULL;

	source_init(&broken, &ops, N * CHUNK);
	source_init(&broken_index, &ops, N * DIGEST_SIZE);
	PresentSetup setup = { .wanted = wanted, .target = &broken, .index = wanted };
	g_assert_cmpuint(count(&setup), ==, 0);
	g_autoptr(HashIndex) index = hash_index_open(&broken_index, 0, NULL);
	setup.wanted = index;
	g_assert_null(present_look(&setup, 0, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	setup_image();
	g_test_add_func("/source/present/all", test_all);
	g_test_add_func("/source/present/nothing", test_nothing);
	g_test_add_func("/source/present/lies", test_lies);
	g_test_add_func("/source/present/unreadable", test_unreadable);
	int result = g_test_run();
	hash_index_free(wanted);
	source_unref(image_source);
	g_bytes_unref(image);
	g_bytes_unref(index_bytes);
	return result;
}
