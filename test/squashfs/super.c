/* SPDX-License-Identifier: MIT */

#include "squashfs/super.h"

#include "base/error.h"

#define IMAGE_SIZE 4096

/* One change to a good superblock: `size` bytes of `value` at `at`. */
static const struct {
	const char *what;
	unsigned at, size;
	uint64_t value;
	int failure; /* -1: still good */
	const char *message;
} changes[] = {
	{ "nothing", 0, 0, 0, -1, NULL },
	{ "magic", 0, 1, 'H', FAILURE_FORMAT, "squashfs: no magic number, not a squashfs" },
	{ "no inodes", 4, 4, 0, FAILURE_FORMAT, "squashfs: no inodes" },
	{ "block size", 12, 4, 131073, FAILURE_FORMAT, NULL },
	{ "block size 0", 12, 4, 0, FAILURE_FORMAT, NULL },
	{ "block log", 22, 2, 16, FAILURE_FORMAT, NULL },
	{ "block log 255", 22, 2, 255, FAILURE_FORMAT, NULL },
	{ "lzo", 20, 2, 3, FAILURE_UNSUPPORTED,
	  "squashfs: compressor lzo is not supported; use gzip, xz, lz4 or zstd" },
	{ "compressor", 20, 2, 9, FAILURE_FORMAT, "squashfs: unknown compressor 9" },
	{ "flags", 24, 2, 0x1000, FAILURE_FORMAT, "squashfs: unknown flags 0x1000" },
	{ "no ids", 26, 2, 0, FAILURE_FORMAT, "squashfs: no ids" },
	{ "version 3", 28, 2, 3, FAILURE_FORMAT, "squashfs: version 3.0, only 4.0 is read" },
	{ "version 4.1", 30, 2, 1, FAILURE_FORMAT, "squashfs: version 4.1, only 4.0 is read" },
	{ "too long", 40, 8, IMAGE_SIZE + 1, FAILURE_FORMAT,
	  "squashfs: truncated: 4096 bytes are there, the superblock says 4097" },
	{ "way too long", 40, 8, G_MAXUINT64, FAILURE_FORMAT, NULL },
	{ "nothing used", 40, 8, 0, FAILURE_FORMAT, NULL },
	{ "id table outside", 48, 8, IMAGE_SIZE, FAILURE_FORMAT,
	  "squashfs: id table at byte 4096, outside of the image of 4096 bytes" },
	{ "id table in superblock", 48, 8, 95, FAILURE_FORMAT, NULL },
	{ "id table nowhere", 48, 8, G_MAXUINT64, FAILURE_FORMAT, NULL },
	{ "inode table outside", 64, 8, IMAGE_SIZE, FAILURE_FORMAT, NULL },
	{ "inode table behind", 64, 8, 2000, FAILURE_FORMAT,
	  "squashfs: inode table at byte 2000 behind the directory table at byte 2000" },
	{ "directory table outside", 72, 8, G_MAXUINT64, FAILURE_FORMAT, NULL },
	{ "fragment table outside", 80, 8, G_MAXUINT64, FAILURE_FORMAT, NULL },
	{ "no export table", 88, 8, G_MAXUINT64, -1, NULL },
	{ "options", 24, 2, 0x0400, FAILURE_FORMAT,
	  "squashfs: compressor options of 0 bytes, gzip has 8" },
};

static void put(uint8_t *to, unsigned size, uint64_t value)
{
	for (unsigned i = 0; i < size; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static void good(uint8_t *raw)
{
	memset(raw, 0, IMAGE_SIZE);
	memcpy(raw, "hsqs", 4);
	put(raw + 4, 4, 10);
	put(raw + 12, 4, 131072);
	put(raw + 16, 4, 1);
	put(raw + 20, 2, 1);
	put(raw + 22, 2, 17);
	put(raw + 26, 2, 1);
	put(raw + 28, 2, 4);
	put(raw + 32, 8, 0x12340056);
	put(raw + 40, 8, IMAGE_SIZE);
	put(raw + 48, 8, 3500);
	put(raw + 56, 8, G_MAXUINT64);
	put(raw + 64, 8, 1000);
	put(raw + 72, 8, 2000);
	put(raw + 80, 8, 3000);
	put(raw + 88, 8, 3300);
}

static bool read_raw(const uint8_t *raw, size_t size, Super *super, GError **error)
{
	g_autoptr(GBytes) bytes = g_bytes_new(raw, size);
	g_autoptr(Source) source = source_memory_new(bytes);

	return super_read(source, super, error);
}

static void test_changes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		uint8_t raw[IMAGE_SIZE];
		g_autoptr(GError) error = NULL;
		Super super;

		good(raw);
		put(raw + changes[i].at, changes[i].size, changes[i].value);
		bool ok = read_raw(raw, sizeof(raw), &super, &error);
		g_test_message("%s: %s", changes[i].what, ok ? "good" : error->message);
		g_assert_true(ok == (changes[i].failure == -1));
		if (!ok)
			g_assert_error(error, FAILURE, changes[i].failure);
		if (changes[i].message)
			g_assert_cmpstr(error->message, ==, changes[i].message);
	}
}

static void test_values(void)
{
	uint8_t raw[IMAGE_SIZE];
	Super super;

	good(raw);
	g_assert_true(read_raw(raw, sizeof(raw), &super, NULL));
	g_assert_true(super.codec == &CODEC_GZIP);
	g_assert_cmpuint(super.n_inodes, ==, 10);
	g_assert_cmpuint(super.block_size, ==, 131072);
	g_assert_cmpuint(super.n_fragments, ==, 1);
	g_assert_cmpuint(super.root, ==, 0x12340056);
	g_assert_cmpuint(super.inode_table, ==, 1000);
	g_assert_cmpuint(super.inode_table_end, ==, 2000);
	g_assert_cmpuint(super.folder_table, ==, 2000);
	g_assert_cmpuint(super.folder_table_end, ==, 3000);
	g_assert_cmpuint(super.fragment_table, ==, 3000);
	g_assert_cmpuint(super.id_table, ==, 3500);

	/* Without fragments it does not matter where they are not. */
	put(raw + 16, 4, 0);
	put(raw + 80, 8, G_MAXUINT64);
	g_assert_true(read_raw(raw, sizeof(raw), &super, NULL));
	g_assert_cmpuint(super.folder_table_end, ==, 3300);
}

static const struct {
	unsigned compressor;
	uint16_t header;
	uint32_t first;
	bool ok;
} options[] = {
	{ 1, 0x8008, 9, true },  { 1, 0x8004, 9, false }, { 1, 0x0008, 9, false },
	{ 4, 0x8008, 0, true },  { 4, 0xffff, 0, false }, { 5, 0x8008, 1, true },
	{ 5, 0x8008, 2, false }, { 6, 0x8004, 15, true }, { 6, 0x8008, 15, false },
};

static void test_options(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
		uint8_t raw[IMAGE_SIZE];
		Super super;

		good(raw);
		put(raw + 20, 2, options[i].compressor);
		put(raw + 24, 2, 0x0400);
		put(raw + 96, 2, options[i].header);
		put(raw + 98, 4, options[i].first);
		g_assert_true(read_raw(raw, sizeof(raw), &super, NULL) == options[i].ok);
	}
}

static void test_short(void)
{
	uint8_t raw[IMAGE_SIZE];

	good(raw);
	for (size_t size = 0; size < IMAGE_SIZE; size += 13) {
		g_autoptr(GError) error = NULL;
		Super super;

		g_assert_false(read_raw(raw, size, &super, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/super/changes", test_changes);
	g_test_add_func("/squashfs/super/values", test_values);
	g_test_add_func("/squashfs/super/options", test_options);
	g_test_add_func("/squashfs/super/short", test_short);
	return g_test_run();
}
