/* SPDX-License-Identifier: MIT */

#include "squashfs/inode.h"

#include "base/error.h"
#include "hand.h"

typedef struct {
	const char *what;
	unsigned type;
	uint8_t body[64]; /* behind the header */
	Inode inode;      /* as it must be read */
	const char *message;
} Row;

static const Row rows[] = {
	{ "folder",
	  1,
	  { 0x10, 0, 0, 0, 2, 0, 0, 0, 40, 0, 7, 0, 1 },
	  { .type = SQUASHFS_FOLDER, .size = 37, .block = 0x10, .offset = 7 },
	  NULL },
	{ "empty folder", 1, { 0, 0, 0, 0, 2, 0, 0, 0, 3 }, { .type = SQUASHFS_FOLDER }, NULL },
	{ "folder of less than nothing",
	  1,
	  { 0, 0, 0, 0, 2, 0, 0, 0, 2 },
	  { .type = SQUASHFS_FOLDER },
	  NULL },
	{ "extended folder",
	  8,
	  { 2, 0, 0, 0, 3, 0, 1, 0, 0x20, 0, 0, 0, 1, 0, 0, 0, 5, 0, 9, 0, 0xff, 0xff, 0xff, 0xff },
	  { .type = SQUASHFS_FOLDER, .size = 0x10000, .block = 0x20, .offset = 9 },
	  NULL },
	{ "file",
	  2,
	  { 96, 0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 0, 0x34, 0x12, 0, 0 },
	  { .type = SQUASHFS_FILE,
	    .size = 0x1234,
	    .block = 96,
	    .fragment = 1,
	    .fragment_offset = 512 },
	  NULL },
	{ "extended file",
	  9,
	  { 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,    0,    0,    0,
	    0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff },
	  { .type = SQUASHFS_FILE,
	    .size = UINT64_C(1) << 33,
	    .block = UINT64_C(1) << 32,
	    .fragment = INODE_NO_FRAGMENT },
	  NULL },
	{ "file larger than any",
	  9,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80 },
	  { 0 },
	  "squashfs: inode 7: a file of 9223372036854775808 bytes" },
	{ "link",
	  3,
	  { 1, 0, 0, 0, 3, 0, 0, 0, 'a', '/', 'b' },
	  { .type = SQUASHFS_SYMLINK, .target = (char *)"a/b" },
	  NULL },
	{ "extended link",
	  10,
	  { 1, 0, 0, 0, 1, 0, 0, 0, 'a', 0xff, 0xff, 0xff, 0xff },
	  { .type = SQUASHFS_SYMLINK, .target = (char *)"a" },
	  NULL },
	{ "link to nothing",
	  3,
	  { 1, 0, 0, 0, 0, 0, 0, 0 },
	  { 0 },
	  "squashfs: inode 7: symbolic link of 0 bytes, 1 to 65535 can be" },
	{ "link too long",
	  3,
	  { 1, 0, 0, 0, 0, 0, 1, 0 },
	  { 0 },
	  "squashfs: inode 7: symbolic link of 65536 bytes, 1 to 65535 can be" },
	{ "link with NUL",
	  3,
	  { 1, 0, 0, 0, 3, 0, 0, 0, 'a', 0, 'b' },
	  { 0 },
	  "squashfs: inode 7: symbolic link with a NUL" },
	{ "block device",
	  4,
	  { 1, 0, 0, 0, 0x01, 0x08, 0, 0 },
	  { .type = SQUASHFS_BLOCK_DEVICE, .device = 0x801 },
	  NULL },
	{ "character device",
	  5,
	  { 1, 0, 0, 0, 0x03, 0x01, 0, 0x10, 0xff, 0xff, 0xff, 0xff },
	  { .type = SQUASHFS_CHAR_DEVICE, .device = 0x10000103 },
	  NULL },
	{ "extended character device",
	  12,
	  { 1, 0, 0, 0, 0x05, 0x04, 0, 0, 0xff, 0xff, 0xff, 0xff },
	  { .type = SQUASHFS_CHAR_DEVICE, .device = 0x405 },
	  NULL },
	{ "FIFO", 6, { 1 }, { .type = SQUASHFS_FIFO }, NULL },
	{ "socket", 7, { 1 }, { .type = SQUASHFS_SOCKET }, NULL },
	{ "extended socket", 14, { 1 }, { .type = SQUASHFS_SOCKET }, NULL },
	{ "type 0", 0, { 0 }, { 0 }, "squashfs: inode 7: unknown type 0" },
	{ "type 15", 15, { 0 }, { 0 }, "squashfs: inode 7: unknown type 15" },
};

static void put_header(uint8_t *raw, unsigned type)
{
	hand_put(raw, 2, type);
	hand_put(raw + 2, 2, 0107644);
	hand_put(raw + 4, 2, 1);
	hand_put(raw + 6, 2, 2);
	hand_put(raw + 8, 4, 0x12345678);
	hand_put(raw + 12, 4, 7);
}

static void check_inode(const Inode *got, const Inode *expected)
{
	g_assert_cmpint(got->type, ==, expected->type);
	g_assert_cmpuint(got->mode, ==, 07644);
	g_assert_cmpuint(got->uid, ==, 1000);
	g_assert_cmpuint(got->gid, ==, 2000);
	g_assert_cmpuint(got->mtime, ==, 0x12345678);
	g_assert_cmpuint(got->number, ==, 7);
	g_assert_cmpuint(got->device, ==, expected->device);
	g_assert_cmpuint(got->size, ==, expected->size);
	g_assert_cmpuint(got->block, ==, expected->block);
	g_assert_cmpuint(got->offset, ==, expected->offset);
	g_assert_cmpstr(got->target, ==, expected->target);
	if (got->type == SQUASHFS_FILE) {
		g_assert_cmpuint(got->fragment, ==, expected->fragment);
		g_assert_cmpuint(got->fragment_offset, ==, expected->fragment_offset);
	}
}

static void test_types(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree Hand *hand = g_new0(Hand, 1);
		g_autoptr(GError) error = NULL;
		uint8_t raw[100] = { 0 };
		Inode inode;

		put_header(raw + 10, rows[i].type);
		memcpy(raw + 26, rows[i].body, sizeof(rows[i].body));
		hand_block(hand, HAND_INODES, raw, sizeof(raw));
		hand_open(hand);
		g_autofree Meta *meta = inode_reader(&hand->fs);
		bool ok = inode_read(&hand->fs, meta, 10, &inode, &error);
		g_test_message("%s: %s", rows[i].what, ok ? "good" : error->message);
		g_assert_cmpstr(error ? error->message : NULL, ==, rows[i].message);
		g_assert_true(ok == !rows[i].message);
		if (ok)
			check_inode(&inode, &rows[i].inode);
		inode_clear(&inode);
		hand_close(hand);
	}
}

static const struct {
	unsigned at;
	uint64_t value;
	const char *message;
} headers[] = {
	{ 4, 3, "squashfs: inode 7: id 3 of 3" },
	{ 6, 65535, "squashfs: inode 7: id 65535 of 3" },
	{ 12, 0, "squashfs: inode number 0 of 50" },
	{ 12, 51, "squashfs: inode number 51 of 50" },
};

static void test_headers(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(headers); i++) {
		g_autofree Hand *hand = g_new0(Hand, 1);
		g_autoptr(GError) error = NULL;
		uint8_t raw[40] = { 0 };
		Inode inode;

		put_header(raw, 6);
		hand_put(raw + headers[i].at, 2, headers[i].value);
		hand_block(hand, HAND_INODES, raw, sizeof(raw));
		hand_open(hand);
		g_autofree Meta *meta = inode_reader(&hand->fs);
		g_assert_false(inode_read(&hand->fs, meta, 0, &inode, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		g_assert_cmpstr(error->message, ==, headers[i].message);
		hand_close(hand);
	}
}

/* References that lead nowhere. */
static void test_references(void)
{
	static const uint64_t references[] = {
		40,
		0xffff,
		(uint64_t)HAND_FOLDERS << 16,
		G_MAXUINT64,
		UINT64_C(0x800000000000) << 16,
	};
	g_autofree Hand *hand = g_new0(Hand, 1);
	uint8_t raw[40] = { 0 };

	put_header(raw, 6);
	hand_block(hand, HAND_INODES, raw, sizeof(raw));
	hand_open(hand);
	g_autofree Meta *meta = inode_reader(&hand->fs);
	for (unsigned i = 0; i < G_N_ELEMENTS(references); i++) {
		g_autoptr(GError) error = NULL;
		Inode inode;

		g_assert_false(inode_read(&hand->fs, meta, references[i], &inode, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
	hand_close(hand);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/inode/types", test_types);
	g_test_add_func("/squashfs/inode/headers", test_headers);
	g_test_add_func("/squashfs/inode/references", test_references);
	return g_test_run();
}
