/* SPDX-License-Identifier: MIT */

#include "squashfs/data.h"

#include <zlib.h>

#include "base/error.h"
#include "hand.h"

#define FRAGMENTS_BLOCK 15000
#define FRAGMENTS_LIST  18000
#define STORED          UINT32_C(0x1000000)

/* Files made of block words, over an image of 20000 bytes with blocks of 4096. */
static const struct {
	const char *what;
	uint64_t size, at;
	uint32_t words[4];
	uint32_t fragment, fragment_offset;
	const char *message;
} rows[] = {
	{ "stored", 8192, 96, { STORED | 4096, STORED | 4096 }, INODE_NO_FRAGMENT, 0, NULL },
	{ "sparse", 8192, G_MAXUINT64, { 0, 0 }, INODE_NO_FRAGMENT, 0, NULL },
	{ "fragment", 100, 0, { 0 }, 0, 3996, NULL },
	{ "no use for the fragment", 4096, 0, { 0 }, 77, 0, NULL },
	{ "unknown bit",
	  4096,
	  96,
	  { 0x2000000 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of size 0x02000000, blocks have 4096" },
	{ "larger than a block",
	  4096,
	  96,
	  { 4097 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of size 0x00001001, blocks have 4096" },
	{ "stored nothing",
	  4096,
	  96,
	  { STORED },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of size 0x01000000, blocks have 4096" },
	{ "in the superblock",
	  4096,
	  95,
	  { 100 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of 100 bytes at byte 95, outside of the image" },
	{ "behind the image",
	  4096,
	  19901,
	  { 100 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of 100 bytes at byte 19901, outside of the image" },
	{ "far behind the image",
	  4096,
	  G_MAXUINT64,
	  { 100 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a block of 100 bytes at byte 18446744073709551615, outside of the image" },
	{ "absurd",
	  G_MAXINT64,
	  96,
	  { 0 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a file of 2251799813685248 blocks, more than can be" },
	{ "more than the table",
	  UINT64_C(8192000000),
	  96,
	  { 0 },
	  INODE_NO_FRAGMENT,
	  0,
	  "squashfs: inode 5: a file of 2000000 blocks, more than can be" },
	{ "no such fragment", 100, 0, { 0 }, 2, 0, "squashfs: fragment 2 of 2" },
	{ "past the fragment",
	  100,
	  0,
	  { 0 },
	  0,
	  3997,
	  "squashfs: inode 5: a tail of 100 bytes at 3997 of a fragment" },
	{ "far past the fragment",
	  100,
	  0,
	  { 0 },
	  0,
	  UINT32_MAX,
	  "squashfs: inode 5: a tail of 100 bytes at 4294967295 of a fragment" },
	{ "empty fragment", 100, 0, { 0 }, 1, 0, "squashfs: fragment 1 is empty" },
};

static Hand *data_hand(const uint32_t *words)
{
	Hand *hand = g_new0(Hand, 1);
	uint8_t raw[64] = { 0 };

	for (unsigned i = 0; i < 4; i++)
		hand_put(raw + 4 * i, 4, words[i]);
	for (unsigned i = 96; i < HAND_SIZE; i++)
		hand->raw[i] = (uint8_t)(i / 3);
	hand_block(hand, HAND_INODES, raw, sizeof(raw));
	memset(raw, 0, sizeof(raw));
	hand_put(raw, 8, 2000); /* fragment 0 is 4096 stored bytes, fragment 1 nothing */
	hand_put(raw + 8, 4, STORED | 4096);
	hand_block(hand, FRAGMENTS_BLOCK, raw, 32);
	hand_put(hand->raw + FRAGMENTS_LIST, 8, FRAGMENTS_BLOCK);
	hand_open(hand);
	hand->fs.super.fragment_table = FRAGMENTS_LIST;
	return hand;
}

static Source *open_row(Hand *hand, unsigned i, GError **error)
{
	g_autofree Meta *meta = inode_reader(&hand->fs);
	Inode file = { .type = SQUASHFS_FILE,
		       .number = 5,
		       .size = rows[i].size,
		       .block = rows[i].at,
		       .fragment = rows[i].fragment,
		       .fragment_offset = rows[i].fragment_offset };

	g_assert_true(meta_seek(meta, 0, 0, error));
	return data_open(&hand->fs, &file, meta, error);
}

static void test_open(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Hand *hand = data_hand(rows[i].words);
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) source = open_row(hand, i, &error);

		g_test_message("%s: %s", rows[i].what, error ? error->message : "good");
		g_assert_cmpstr(error ? error->message : NULL, ==, rows[i].message);
		if (source) {
			g_autoptr(GBytes) all = source_read_all(source, 100000, &error);
			g_assert_no_error(error);
			source_prefetch(source, source->size, 0);
		} else {
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
		}
		g_clear_pointer(&source, source_unref);
		g_assert_cmpint(hand->fs.refs, ==, 1);
		hand_close(hand);
		g_free(hand);
	}
}

/* Every part of a file of stored blocks, and of a tail in a fragment. */
static void test_parts(void)
{
	for (unsigned i = 0; i < 3; i++) {
		Hand *hand = data_hand(rows[i].words);
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) source = open_row(hand, i, &error);
		uint8_t to[8192];

		for (unsigned at = 0; at < source->size; at += 37)
			for (unsigned n = 1; n <= source->size - at; n += 411) {
				g_assert_true(source_read_at(source, to, n, at, &error));
				uint64_t from = i == 2 ? 2000 + 3996 + at : 96 + at;
				for (unsigned j = 0; j < n; j++)
					g_assert_cmpuint(to[j], ==,
					                 i == 1 ? 0 : hand->raw[from + j]);
			}
		g_clear_pointer(&source, source_unref);
		hand_close(hand);
		g_free(hand);
	}
}

/* Where what a byte of a file needs lies in the image. */
static const struct {
	unsigned row;
	uint64_t at, from, size;
} blocks[] = {
	{ 0, 0, 96, 4096 },           { 0, 4095, 96, 4096 }, { 0, 4096, 96 + 4096, 4096 },
	{ 0, 8191, 96 + 4096, 4096 }, { 1, 5000, 0, 0 },     { 2, 99, 2000, 4096 },
};

static void test_find_block(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++) {
		Hand *hand = data_hand(rows[blocks[i].row].words);
		g_autoptr(Source) source = open_row(hand, blocks[i].row, NULL);
		SquashfsBlock block = data_find_block(source, blocks[i].at);

		g_assert_cmpuint(block.size, ==, blocks[i].size);
		if (block.size)
			g_assert_cmpuint(block.at, ==, blocks[i].from);
		g_clear_pointer(&source, source_unref);
		hand_close(hand);
		g_free(hand);
	}
}

/* What is only found out when it is read. */
static const struct {
	uint64_t size;
	uint32_t words[4];
	const char *message;
} late[] = {
	{ 4096, { STORED | 4095 }, "squashfs: block at byte 96 has 4095 bytes, not 4096" },
	{ 4000, { STORED | 4096 }, "squashfs: block at byte 96 has 4096 bytes, not 4000" },
	{ 4096, { 100 }, NULL },
	{ 8192,
	  { STORED | 4096, STORED | 1 },
	  "squashfs: block at byte 4192 has 1 bytes, not 4096" },
};

static void test_late(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(late); i++) {
		Hand *hand = data_hand(late[i].words);
		g_autofree Meta *meta = inode_reader(&hand->fs);
		Inode file = { .type = SQUASHFS_FILE,
			       .size = late[i].size,
			       .block = 96,
			       .fragment = INODE_NO_FRAGMENT };
		uint8_t to[8192];

		g_assert_true(meta_seek(meta, 0, 0, NULL));
		g_autoptr(Source) source = data_open(&hand->fs, &file, meta, NULL);
		for (unsigned part = 0; part < 2; part++) {
			g_autoptr(GError) error = NULL;

			/* Whole, and only its last byte. */
			bool ok = part ? source_read_at(source, to, 1, source->size - 1, &error)
			               : source_read_at(source, to, source->size, 0, &error);
			g_assert_false(ok);
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
			if (late[i].message)
				g_assert_cmpstr(error->message, ==, late[i].message);
		}
		g_clear_pointer(&source, source_unref);
		hand_close(hand);
		g_free(hand);
	}
}

#define HUGE_BLOCK  (1 << 20)
#define HUGE_BLOCKS 5120 /* 5 GiB, all holes but the block behind 4 GiB and the last */

/* The list of blocks as packed metadata; returns where the next thing goes. */
static unsigned put_huge_words(Hand *hand, uint32_t word)
{
	static uint8_t words[3 * META_BLOCK];
	unsigned at = HAND_INODES;

	hand_put(words + (size_t)4 * 4096, 4, word);
	hand_put(words + (size_t)4 * (HUGE_BLOCKS - 1), 4, word);
	for (unsigned i = 0; i < 3; i++) {
		uLongf size = HAND_FOLDERS - at;

		g_assert_cmpint(compress(hand->raw + at + 2, &size, words + (size_t)i * META_BLOCK,
		                         META_BLOCK),
		                ==, Z_OK);
		hand_put(hand->raw + at, 2, size);
		at += 2 + (unsigned)size;
	}
	return at;
}

/* The two blocks that are there lie one behind the other, and are the same. */
static Hand *huge_hand(uint64_t *start)
{
	Hand *hand = g_new0(Hand, 1);
	g_autofree uint8_t *plain = g_malloc0(HUGE_BLOCK);
	uLongf size = HAND_SIZE;
	g_autofree uint8_t *packed = g_malloc(size);

	memcpy(plain, "begin", 5);
	memcpy(plain + HUGE_BLOCK - 3, "end", 3);
	g_assert_cmpint(compress(packed, &size, plain, HUGE_BLOCK), ==, Z_OK);
	*start = put_huge_words(hand, (uint32_t)size);
	memcpy(hand->raw + *start, packed, size);
	memcpy(hand->raw + *start + size, packed, size);
	hand_open(hand);
	hand->fs.super.block_size = HUGE_BLOCK;
	hand->fs.super.block_log = 20;
	return hand;
}

static const struct {
	uint64_t at;
	const char *text; /* with zeros in front */
} huge_reads[] = {
	{ 0, "" },
	{ UINT64_C(4) << 30, "begin" },
	{ (UINT64_C(4) << 30) + HUGE_BLOCK - 3, "end" },
	{ (UINT64_C(5) << 30) - HUGE_BLOCK, "begin" },
	{ (UINT64_C(5) << 30) - 3, "end" },
	{ UINT64_C(3) << 30, "" },
};

static void test_huge(void)
{
	uint64_t start;
	Hand *hand = huge_hand(&start);
	g_autofree Meta *meta = inode_reader(&hand->fs);
	Inode file = { .type = SQUASHFS_FILE,
		       .size = UINT64_C(5) << 30,
		       .block = start,
		       .fragment = INODE_NO_FRAGMENT };
	g_autoptr(GError) error = NULL;
	g_autofree uint8_t *to = g_malloc(3 * HUGE_BLOCK);

	g_assert_true(meta_seek(meta, 0, 0, &error));
	g_autoptr(Source) source = data_open(&hand->fs, &file, meta, &error);
	g_assert_no_error(error);
	for (unsigned i = 0; i < G_N_ELEMENTS(huge_reads); i++) {
		size_t n = strlen(huge_reads[i].text);

		g_assert_true(source_read_at(source, to, n, huge_reads[i].at, &error));
		g_assert_cmpmem(to, n, huge_reads[i].text, n);
	}
	/* Hole, block, hole at once. */
	memset(to, 0xaa, 3 * HUGE_BLOCK);
	g_assert_true(source_read_at(source, to, 3 * HUGE_BLOCK, (UINT64_C(4) << 30) - HUGE_BLOCK,
	                             &error));
	g_assert_cmpint(to[0], ==, 0);
	g_assert_cmpmem(to + HUGE_BLOCK, 6, "begin", 6);
	g_assert_cmpmem(to + 2 * HUGE_BLOCK - 3, 4, "end", 4);
	g_assert_cmpint(to[3 * HUGE_BLOCK - 1], ==, 0);
	source_prefetch(source, source->size, 0);
	g_clear_pointer(&source, source_unref);
	hand_close(hand);
	g_free(hand);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/data/open", test_open);
	g_test_add_func("/squashfs/data/parts", test_parts);
	g_test_add_func("/squashfs/data/find-block", test_find_block);
	g_test_add_func("/squashfs/data/late", test_late);
	g_test_add_func("/squashfs/data/huge", test_huge);
	return g_test_run();
}
