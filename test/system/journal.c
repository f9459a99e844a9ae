/* SPDX-License-Identifier: MIT */

#include "system/journal.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/digest.h"

#define MIB  (1024 * 1024)
#define HEAD 128

static char *folder;
static unsigned n_warnings;
static const Slot slot = { .name = (char *)"rootfs.1" };
static const char image[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
static const char other[] = "ff23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

static char *journal_path(void)
{
	return g_build_filename(folder, "slot.rootfs.1", "write-journal", NULL);
}

static void put(const char *sha256, uint64_t size, uint64_t first, size_t n, char fill)
{
	g_autoptr(Journal) journal = journal_open(folder, &slot, sha256, size);
	g_autofree uint8_t *digests = g_malloc(n * DIGEST_SIZE);

	memset(digests, fill, n * DIGEST_SIZE);
	journal_put(journal, first, digests, n);
}

/* What is known: a letter a MiB. */
static char *known(const char *sha256, uint64_t size)
{
	g_autoptr(Journal) journal = journal_open(folder, &slot, sha256, size);
	uint64_t n;
	const uint8_t *digests = journal_known(journal, &n);
	GString *text = g_string_new(NULL);

	for (uint64_t i = 0; i < n; i++) {
		for (unsigned k = 1; k < DIGEST_SIZE; k++)
			g_assert_cmpuint(digests[i * DIGEST_SIZE + k], ==,
			                 digests[i * DIGEST_SIZE]);
		g_string_append_c(text, (char)digests[i * DIGEST_SIZE]);
	}
	return g_string_free(text, FALSE);
}

static void assert_known(const char *sha256, uint64_t size, const char *expected)
{
	g_autofree char *found = known(sha256, size);

	g_assert_cmpstr(found, ==, expected);
}

static void test_kept(void)
{
	assert_known(image, 10 * MIB + 1, "");
	put(image, 10 * MIB + 1, 0, 3, 'a');
	assert_known(image, 10 * MIB + 1, "aaa");
	put(image, 10 * MIB + 1, 3, 2, 'b');
	put(image, 10 * MIB + 1, 1, 1, 'c');
	assert_known(image, 10 * MIB + 1, "acabb");
	put(image, 10 * MIB + 1, 5, 6, 'd');
	assert_known(image, 10 * MIB + 1, "acabbdddddd");
}

static void test_another_image(void)
{
	put(image, 4 * MIB, 0, 3, 'a');
	assert_known(other, 4 * MIB, "");
	assert_known(image, 5 * MIB, "");
	assert_known(image, 4 * MIB, "aaa"); /* asking touches nothing */
	put(other, 4 * MIB, 0, 1, 'b');
	assert_known(other, 4 * MIB, "b");
	assert_known(image, 4 * MIB, "");
}

/* Whatever a file system makes of the last write: a digest is there or not. */
static void test_torn(void)
{
	for (size_t cut = 0; cut <= HEAD + 4 * DIGEST_SIZE; cut++) {
		g_autofree char *path = journal_path(), *text = NULL;
		size_t size, n = cut < HEAD ? 0 : (cut - HEAD) / DIGEST_SIZE;
		g_autofree char *expected = g_strnfill(n, 'a');

		put(image, 4 * MIB, 0, 4, 'a');
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		g_assert_cmpuint(size, ==, HEAD + 4 * DIGEST_SIZE);
		g_assert_true(g_file_set_contents(path, text, (gssize)cut, NULL));
		assert_known(image, 4 * MIB, expected);
		g_unlink(path);
	}
}

static void test_bad_files(void)
{
	g_autofree char *path = journal_path(), *text = NULL;
	size_t size;

	put(image, 4 * MIB, 0, 4, 'a');
	g_assert_true(g_file_get_contents(path, &text, &size, NULL));
	for (size_t i = 0; i < HEAD; i++) {
		text[i] ^= 1;
		g_assert_true(g_file_set_contents(path, text, (gssize)size, NULL));
		text[i] ^= 1;
		assert_known(image, 4 * MIB, "");
	}
	/* more than the image has */
	g_autofree char *long_text = g_malloc0(size + 1);
	memcpy(long_text, text, size);
	g_assert_true(g_file_set_contents(path, long_text, (gssize)size + 1, NULL));
	assert_known(image, 4 * MIB, "");
	/* and it is replaced */
	put(image, 4 * MIB, 0, 2, 'b');
	assert_known(image, 4 * MIB, "bb");
}

static const struct {
	const char *sha256;
	uint64_t size;
} none[] = {
	{ NULL, MIB },
	{ image, 0 },
	{ "0123", MIB },
	{ image, G_MAXUINT64 },
	{ image, (UINT64_C(1) << 37) + 1 },
};

static void test_no_journal(void)
{
	g_assert_null(journal_open(NULL, &slot, image, MIB));
	for (unsigned i = 0; i < G_N_ELEMENTS(none); i++)
		g_assert_null(journal_open(folder, &slot, none[i].sha256, none[i].size));
}

/* It is a help, not a condition: one warning, and no file. */
static void test_no_place(void)
{
	g_autofree char *in_the_way = g_build_filename(folder, "slot.rootfs.1", NULL);
	uint8_t digest[DIGEST_SIZE] = { 0 };

	g_assert_true(file_remove_tree(in_the_way, NULL));
	g_assert_true(g_file_set_contents(in_the_way, "x", 1, NULL));
	g_autoptr(Journal) journal = journal_open(folder, &slot, image, 4 * MIB);
	n_warnings = 0;
	journal_put(journal, 0, digest, 1);
	journal_put(journal, 1, digest, 1);
	g_assert_cmpuint(n_warnings, ==, 1);
	g_unlink(in_the_way);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	folder = g_dir_make_tmp("journal-XXXXXX", NULL);
	g_test_add_func("/system/journal/kept", test_kept);
	g_test_add_func("/system/journal/another-image", test_another_image);
	g_test_add_func("/system/journal/torn", test_torn);
	g_test_add_func("/system/journal/bad-files", test_bad_files);
	g_test_add_func("/system/journal/no-journal", test_no_journal);
	g_test_add_func("/system/journal/no-place", test_no_place);
	int result = g_test_run();
	file_remove_tree(folder, NULL);
	g_free(folder);
	return result;
}
