/* SPDX-License-Identifier: MIT */

#include "source/crypt.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

static const uint8_t key[CIPHER_KEY_SIZE] = "0123456789abcdef0123456789abcde";

static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 12));
}

/* An encrypted file of so many sectors, made with so many workers; removed by the caller. */
static Source *make(unsigned n_sectors, unsigned workers, char **path)
{
	g_autoptr(Pool) pool = pool_new(workers, workers * 2);
	g_autoptr(GError) error = NULL;
	size_t size = (size_t)n_sectors * CIPHER_SECTOR;
	g_autofree uint8_t *data = g_malloc(size + 1);
	fd_auto int fd = g_file_open_tmp("crypt-XXXXXX", path, &error);

	for (size_t i = 0; i < size; i++)
		data[i] = byte_at(i);
	g_assert_true(fd_write_at(fd, data, size, 0, *path, &error));
	g_autoptr(Source) plain = source_file_open(*path, &error);
	g_assert_no_error(error);
	g_assert_true(source_crypt_encrypt(plain, fd, key, pool, &error));

	Source *below = source_file_open(*path, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(below->size, ==, size);
	return below;
}

static void check_reads(Source *source, unsigned n)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	g_autofree uint8_t *to = g_malloc(source->size);
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < n; i++) {
		guint32 at = (guint32)g_rand_int_range(rand, 0, (gint32)source->size);
		guint32 size = (guint32)g_rand_int_range(rand, 0, 20000);

		if (i % 4 == 0)
			at -= at % CIPHER_SECTOR;
		size = MIN(size, (guint32)source->size - at);
		source_prefetch(source, size, at);
		g_assert_true(source_read_at(source, to, size, at, &error));
		for (guint32 j = 0; j < size; j++)
			if (to[j] != byte_at((uint64_t)at + j))
				g_error("byte %u is wrong", at + j);
	}
}

static void test_reads(void)
{
	static const unsigned sizes[] = { 1, 2, 255, 256, 257, 700 }; /* 256: one part */

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autofree char *path = NULL;
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) below = make(sizes[i], i % 3, &path);
		g_autoptr(Source) source = source_crypt_new(below, key, &error);

		g_assert_no_error(error);
		g_assert_cmpuint(source->size, ==, below->size);
		check_reads(source, 100);
		g_assert_false(source_read_at(source, NULL, 1, source->size, &error));
		g_unlink(path);
	}
}

static gpointer read_much(gpointer source)
{
	check_reads(source, 300);
	return NULL;
}

static void test_threads(void)
{
	g_autofree char *path = NULL;
	g_autoptr(Source) below = make(300, 2, &path);
	g_autoptr(Source) source = source_crypt_new(below, key, NULL);
	GThread *threads[4];

	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		threads[i] = g_thread_new("reader", read_much, source);
	for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++)
		g_thread_join(threads[i]);
	g_unlink(path);
}

static void test_refused(void)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static("not whole sectors", 17);
	g_autoptr(Source) odd = source_memory_new(bytes);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) reading = NULL, writing = NULL, denied = NULL;
	g_autofree char *path = NULL;
	g_autoptr(Source) below = make(3, 0, &path);
	fd_auto int readonly = g_open(path, O_RDONLY);

	g_assert_null(source_crypt_new(odd, key, &reading));
	g_assert_error(reading, FAILURE, FAILURE_FORMAT);
	g_assert_false(source_crypt_encrypt(odd, -1, key, pool, &writing));
	g_assert_error(writing, FAILURE, FAILURE_FORMAT);
	g_assert_nonnull(strstr(writing->message, "17"));
	g_assert_false(source_crypt_encrypt(below, readonly, key, pool, &denied));
	g_assert_nonnull(denied);
	g_unlink(path);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/crypt/reads", test_reads);
	g_test_add_func("/source/crypt/threads", test_threads);
	g_test_add_func("/source/crypt/refused", test_refused);
	return g_test_run();
}
