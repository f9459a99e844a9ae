/* SPDX-License-Identifier: MIT */

#include "source/hash_index.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/process.h"

#define CHUNK HASH_INDEX_CHUNK

/* A source of any size, of bytes that differ from chunk to chunk; none of them are stored. */
static bool pattern_read_at(Source *source G_GNUC_UNUSED, void *to, size_t size, uint64_t at,
                            GError **error G_GNUC_UNUSED)
{
	uint8_t *bytes = to;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)((at + i) / CHUNK % 251 + (at + i) % 7);
	return true;
}

static const SourceOps pattern_ops = { .kind = "pattern", .read_at = pattern_read_at };

static Source *pattern_new(uint64_t size)
{
	Source *source = g_new0(Source, 1);

	source_init(source, &pattern_ops, size);
	return source;
}

static void pattern_free(Source *source)
{
	g_free(source);
}

static const struct {
	uint64_t size;
	const char *message;
} sizes[] = {
	{ 4096, NULL },
	{ UINT64_C(0x7ffffff) * 4096, NULL },
	{ 0, "image/partition is empty" },
	{ 1, "image/partition size (1) is not a multiple of 4096 bytes" },
	{ 4095, "image/partition size (4095) is not a multiple of 4096 bytes" },
	{ 8193, "image/partition size (8193) is not a multiple of 4096 bytes" },
	{ UINT64_C(0x8000000) * 4096,
	  "image/partition size (549755813888) is too large: an index has at most 134217727 chunks "
	  "of 4096 bytes" },
	{ G_MAXUINT64 - 4095,
	  "image/partition size (18446744073709547520) is too large: an index has at most 134217727 "
	  "chunks of 4096 bytes" },
};

static void test_sizes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		bool ok = hash_index_check_size(sizes[i].size, &error);

		g_assert_cmpstr(error ? error->message : NULL, ==, sizes[i].message);
		g_assert_true(ok == !sizes[i].message);
	}
}

/* What sha256sum, which knows nothing of us, says of some bytes. */
static char *judge(const void *bytes, size_t size)
{
	g_autofree char *path = NULL;
	g_autoptr(GError) error = NULL;
	fd_auto int fd = g_file_open_tmp("chunk-XXXXXX", &path, &error);

	g_assert_true(fd_write(fd, bytes, size, path, &error));
	char *out = process_capture(&error, "sha256sum", path, NULL);
	g_assert_no_error(error);
	out[DIGEST_HEX] = '\0';
	g_unlink(path);
	return out;
}

static void check_created(uint64_t size, unsigned workers)
{
	g_autoptr(Pool) pool = pool_new(workers, 4);
	Source *image = pattern_new(size);
	g_autofree char *path = NULL;
	g_autofree uint8_t *all = g_malloc(size);
	g_autoptr(GError) error = NULL;
	fd_auto int fd = g_file_open_tmp("index-XXXXXX", &path, &error);
	uint8_t whole[DIGEST_SIZE], expected[DIGEST_SIZE];

	g_assert_true(hash_index_create(image, fd, pool, whole, &error));
	g_assert_no_error(error);
	g_assert_true(source_read_at(image, all, size, 0, &error));
	digest_bytes(all, size, expected);
	g_assert_cmpmem(whole, DIGEST_SIZE, expected, DIGEST_SIZE);

	g_autoptr(Source) file = source_file_open(path, &error);
	g_autoptr(HashIndex) index = hash_index_load(file, size, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(file->size, ==, size / 128);
	g_assert_cmpuint(hash_index_count(index), ==, size / CHUNK);
	for (uint32_t i = 0; i < size / CHUNK; i++) {
		digest_bytes(all + (size_t)i * CHUNK, CHUNK, expected);
		g_assert_cmpmem(hash_index_digest(index, i), DIGEST_SIZE, expected, DIGEST_SIZE);
	}
	g_autofree char *hex = digest_hex(hash_index_digest(index, 0), DIGEST_SIZE);
	g_autofree char *told = judge(all, CHUNK);
	g_assert_cmpstr(hex, ==, told);
	g_unlink(path);
	pattern_free(image);
}

static void test_create(void)
{
	static const unsigned chunks[] = { 1, 2, 8, 9, 63, 64, 65, 128, 1000 };

	for (unsigned i = 0; i < G_N_ELEMENTS(chunks); i++)
		for (unsigned workers = 0; workers < 3; workers++)
			check_created((uint64_t)chunks[i] * CHUNK, workers);
}

static void test_create_refused(void)
{
	g_autoptr(Pool) pool = pool_new(1, 4);
	Source *image = pattern_new(CHUNK * 100), *rest = pattern_new(CHUNK * 2 + 1);
	uint8_t whole[DIGEST_SIZE];
	g_autoptr(GError) full = NULL, odd = NULL;
	fd_auto int fd = fd_open("/dev/full", O_WRONLY, 0, NULL);

	g_assert_false(hash_index_create(image, fd, pool, whole, &full));
	g_assert_error(full, FAILURE, FAILURE_NO_SPACE);
	g_assert_false(hash_index_create(rest, fd, pool, whole, &odd));
	g_assert_error(odd, FAILURE, FAILURE_CONFIG);
	pattern_free(image);
	pattern_free(rest);
}

static const struct {
	size_t size;
	uint64_t image;
	bool ok;
} loads[] = {
	{ 32, 4096, true },    { 320, 40960, true }, { 32, 0, true },
	{ 320, 0, true },      { 0, 0, false },      { 0, 4096, false },
	{ 31, 0, false },      { 33, 0, false },     { 33, 4096, false },
	{ 32, 8192, false },   { 64, 4096, false },  { 320, 40961, false },
	{ 320, 40959, false }, { 32, 4097, false },  { 32, G_MAXUINT64, false },
};

static void test_load(void)
{
	g_autofree uint8_t *zeroes = g_malloc0(320);

	for (unsigned i = 0; i < G_N_ELEMENTS(loads); i++) {
		g_autoptr(GBytes) bytes = g_bytes_new_static(zeroes, loads[i].size);
		g_autoptr(Source) file = source_memory_new(bytes);
		g_autoptr(GError) error = NULL;
		g_autoptr(HashIndex) index = hash_index_load(file, loads[i].image, &error);

		g_assert_true((index != NULL) == loads[i].ok);
		if (index)
			g_assert_cmpuint(hash_index_count(index), ==, loads[i].size / 32);
		else
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

/* More chunks than there can be are refused before memory is asked for. */
static void test_load_huge(void)
{
	Source *file = pattern_new((UINT64_C(0x7ffffff) + 1) * DIGEST_SIZE);
	g_autoptr(GError) error = NULL;

	g_assert_null(hash_index_load(file, 0, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	pattern_free(file);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/hash_index/sizes", test_sizes);
	g_test_add_func("/source/hash_index/create", test_create);
	g_test_add_func("/source/hash_index/create-refused", test_create_refused);
	g_test_add_func("/source/hash_index/load", test_load);
	g_test_add_func("/source/hash_index/load-huge", test_load_huge);
	return g_test_run();
}
