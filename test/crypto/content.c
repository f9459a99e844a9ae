/* SPDX-License-Identifier: MIT */

#include "crypto/content.h"

#include <string.h>

#include "pki.h"

typedef struct {
	uint64_t fail_at, n_reads;
} Disk;

/* Each byte is a function of where it lies. */
static bool read_disk(void *user, void *to, size_t size, uint64_t at, GError **error)
{
	Disk *disk = user;

	disk->n_reads++;
	if (at + size > disk->fail_at)
		return fail(error, FAILURE_INTEGRITY, "the disk is scratched");
	for (size_t i = 0; i < size; i++)
		((uint8_t *)to)[i] = (uint8_t)((at + i) * 31 >> 3);
	return true;
}

static void read_all(uint64_t size, int step)
{
	Disk disk = { .fail_at = UINT64_MAX };
	VerifyContent content = { size, read_disk, &disk };
	g_autoptr(ContentStream) stream = content_open(&content, NULL);
	g_autofree uint8_t *part = g_malloc((gsize)step);
	uint64_t at = 0;

	for (int got; (got = BIO_read(content_bio(stream), part, step)) > 0;)
		for (int i = 0; i < got; i++, at++)
			if (part[i] != (uint8_t)(at * 31 >> 3))
				g_error("wrong byte at %" G_GUINT64_FORMAT, at);
	g_assert_cmpuint(at, ==, size);
	g_assert_true(BIO_eof(content_bio(stream)));
	g_assert_true(content_check(stream, NULL));
	g_assert_cmpuint(disk.n_reads, ==, (size + 131071) / 131072);
}

static void test_read(void)
{
	static const uint64_t sizes[] = { 0, 1, 4096, 131071, 131072, 131073, 1000000 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		read_all(sizes[i], 4096);
		read_all(sizes[i], 333333);
	}
	pki_assert_clean();
}

static void test_failure(void)
{
	Disk disk = { .fail_at = 200000 };
	VerifyContent content = { 400000, read_disk, &disk };
	g_autoptr(ContentStream) stream = content_open(&content, NULL);
	g_autoptr(GError) error = NULL, again = NULL;
	char part[4096];
	int got;

	while ((got = BIO_read(content_bio(stream), part, sizeof(part))) > 0)
		;
	g_assert_cmpint(got, ==, -1);
	g_assert_cmpint(BIO_read(content_bio(stream), part, 1), ==, -1);
	g_assert_true(content_failed(stream, &error));
	pki_assert_error(error, FAILURE_INTEGRITY, "the disk is scratched");
	g_assert_false(content_check(stream, &again));
	pki_assert_error(again, FAILURE_INTEGRITY, "the disk is scratched");
	g_assert_cmpuint(disk.n_reads, ==, 2);
}

static void test_unread(void)
{
	Disk disk = { .fail_at = UINT64_MAX };
	VerifyContent content = { 5000, read_disk, &disk };
	g_autoptr(ContentStream) stream = content_open(&content, NULL);
	g_autoptr(GError) error = NULL;
	char part[4096];

	g_assert_cmpint(BIO_read(content_bio(stream), part, sizeof(part)), ==, 4096);
	g_assert_false(content_failed(stream, NULL));
	g_assert_false(content_check(stream, &error));
	pki_assert_error(error, FAILURE_IO, "only 4096 of 5000 bytes");
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/content/read", test_read);
	g_test_add_func("/crypto/content/failure", test_failure);
	g_test_add_func("/crypto/content/unread", test_unread);
	return pki_run();
}
