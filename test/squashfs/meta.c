/* SPDX-License-Identifier: MIT */

#include "squashfs/meta.h"

#include <zlib.h>

#include "base/error.h"

#define BEFORE 5 /* bytes of the image in front of the table */

static void append_header(GByteArray *table, unsigned header)
{
	uint8_t raw[2] = { (uint8_t)header, (uint8_t)(header >> 8) };

	g_byte_array_append(table, raw, 2);
}

static void append_packed(GByteArray *table, const uint8_t *plain, size_t size)
{
	uint8_t packed[META_BLOCK * 2];
	uLongf n = sizeof(packed);

	g_assert_cmpint(compress(packed, &n, plain, size), ==, Z_OK);
	append_header(table, (unsigned)n);
	g_byte_array_append(table, packed, (guint)n);
}

static void append_stored(GByteArray *table, const uint8_t *plain, size_t size)
{
	append_header(table, 0x8000 | (unsigned)size);
	g_byte_array_append(table, plain, (guint)size);
}

/* Ownership of `table` goes in; the bytes before the table are noise. */
static Source *image_of(GByteArray *table)
{
	g_byte_array_prepend(table, (const guint8 *)"noise", BEFORE);
	g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(table);

	return source_memory_new(bytes);
}

static void test_chain(void)
{
	GByteArray *table = g_byte_array_new();
	uint8_t plain[META_BLOCK * 2 + 100], to[sizeof(plain)];
	CodecShelf shelf = { .ops = &codec_zlib };
	g_autofree Meta *meta = g_new(Meta, 1);
	g_autoptr(GError) error = NULL;

	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (uint8_t)(i / 7);
	append_packed(table, plain, META_BLOCK);
	unsigned second = table->len;
	append_stored(table, plain + META_BLOCK, META_BLOCK);
	append_packed(table, plain + 2 * META_BLOCK, 100);
	g_autoptr(Source) source = image_of(table);

	meta_init(meta, source, &shelf, BEFORE, source->size);
	g_assert_true(meta_seek(meta, 0, 0, &error));
	g_assert_true(meta_read(meta, to, sizeof(to), &error));
	g_assert_cmpmem(to, sizeof(to), plain, sizeof(plain));
	g_assert_true(meta_read(meta, NULL, 0, &error));
	g_assert_false(meta_read(meta, to, 1, &error)); /* the table is over */
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_clear_error(&error);

	g_assert_true(meta_seek(meta, second, 10, &error));
	g_assert_true(meta_read(meta, to, META_BLOCK, &error));
	g_assert_cmpmem(to, META_BLOCK, plain + META_BLOCK + 10, META_BLOCK);
	g_assert_false(meta_seek(meta, second, META_BLOCK, &error));
	g_clear_error(&error);
	g_assert_false(meta_seek(meta, G_MAXUINT64, 0, &error));
	g_clear_error(&error);
	g_assert_false(meta_seek(meta, source->size - BEFORE, 0, &error));
	codec_clear_shelf(&shelf);
}

static const struct {
	const char *what;
	unsigned header;
	unsigned n_there; /* bytes behind the header */
	const char *message;
} bad[] = {
	{ "of nothing", 0, 100,
	  "squashfs: metadata block at byte 5 of 0 bytes, at most 100 can be" },
	{ "stored, of nothing", 0x8000, 100, NULL },
	{ "longer than the table", 101, 100,
	  "squashfs: metadata block at byte 5 of 101 bytes, at most 100 can be" },
	{ "stored, longer than the table", 0x8000 | 101, 100, NULL },
	{ "too large", 8193, 9000,
	  "squashfs: metadata block at byte 5 of 8193 bytes, at most 8192 can be" },
	{ "stored, too large", 0x8000 | 8193, 9000, NULL },
	{ "not packed", 50, 100, NULL },
};

static void test_bad(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		GByteArray *table = g_byte_array_new();
		g_autofree uint8_t *zeros = g_malloc0(bad[i].n_there);
		CodecShelf shelf = { .ops = &codec_zlib };
		g_autofree Meta *meta = g_new(Meta, 1);
		g_autoptr(GError) error = NULL;

		append_header(table, bad[i].header);
		g_byte_array_append(table, zeros, bad[i].n_there);
		g_autoptr(Source) source = image_of(table);
		meta_init(meta, source, &shelf, BEFORE, source->size);
		g_assert_false(meta_seek(meta, 0, 0, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		if (bad[i].message)
			g_assert_cmpstr(error->message, ==, bad[i].message);
		g_clear_error(&error);
		g_assert_false(meta_seek(meta, 0, 0, &error)); /* still bad */
		codec_clear_shelf(&shelf);
	}
}

/* Unpacked it would be larger than a block, or empty. */
static void test_sizes(void)
{
	static const unsigned sizes[] = { META_BLOCK + 1, 0 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		GByteArray *table = g_byte_array_new();
		uint8_t plain[META_BLOCK + 1] = { 0 };
		CodecShelf shelf = { .ops = &codec_zlib };
		g_autofree Meta *meta = g_new(Meta, 1);
		g_autoptr(GError) error = NULL;

		append_packed(table, plain, sizes[i]);
		g_autoptr(Source) source = image_of(table);
		meta_init(meta, source, &shelf, BEFORE, source->size);
		g_assert_false(meta_seek(meta, 0, 0, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		codec_clear_shelf(&shelf);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/meta/chain", test_chain);
	g_test_add_func("/squashfs/meta/bad", test_bad);
	g_test_add_func("/squashfs/meta/sizes", test_sizes);
	return g_test_run();
}
