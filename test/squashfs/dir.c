/* SPDX-License-Identifier: MIT */

#include "squashfs/dir.h"

#include "base/error.h"
#include "hand.h"

typedef struct {
	const char *what;
	/* Runs of names; NULL ends a run, two end all. */
	const char *names[8];
	int extra;      /* bytes the folder says it has more than that */
	uint32_t count; /* in the first run, in place of the true one; 0: true */
	const char *message;
} Row;

static const char *const over_long = "x"
				     "0123456789012345678901234567890123456789012345678901234567"
				     "0123456789012345678901234567890123456789012345678901234567"
				     "0123456789012345678901234567890123456789012345678901234567"
				     "0123456789012345678901234567890123456789012345678901234567"
				     "0123456789012345678901234567890123456789012345678901234567";

static Row rows[] = {
	{ "empty", { NULL }, 0, 0, NULL },
	{ "one", { "a" }, 0, 0, NULL },
	{ "two runs", { "a", "b", NULL, "c" }, 0, 0, NULL },
	{ "by bytes", { "A", "a", "\xc3\xa4" }, 0, 0, NULL },
	{ "dot first", { "..b", ".a" }, 0, 0, NULL },
	{ "dot", { "." }, 0, 0, "squashfs: folder 3: bad name '.'" },
	{ "dots", { ".." }, 0, 0, "squashfs: folder 3: bad name '..'" },
	{ "slash", { "a/b" }, 0, 0, "squashfs: folder 3: bad name 'a/b'" },
	{ "not in order", { "b", "a" }, 0, 0, "squashfs: folder 3: name 'a' is out of order" },
	{ "twice", { "a", NULL, "a" }, 0, 0, "squashfs: folder 3: name 'a' is out of order" },
	{ "strange",
	  { "b\n\x1b", "a\n" },
	  0,
	  0,
	  "squashfs: folder 3: name 'a\\n' is out of order" },
	{ "too long", { NULL }, 0, 0, "squashfs: folder 3: a name of 291 bytes" },
	{ "count too large",
	  { "a" },
	  0,
	  2,
	  "squashfs: folder 3: the listing ends within an entry" },
	{ "count far too large",
	  { "a" },
	  0,
	  257,
	  "squashfs: folder 3: a run of more than 256 entries" },
	{ "count overflows",
	  { "a" },
	  0,
	  UINT32_MAX,
	  "squashfs: folder 3: a run of more than 256 entries" },
	{ "size too large", { "a" }, 5, 0, "squashfs: folder 3: the listing ends within an entry" },
	{ "size too small",
	  { "a" },
	  -1,
	  0,
	  "squashfs: folder 3: the listing ends within an entry" },
	{ "larger than the table",
	  { "a" },
	  1 << 30,
	  0,
	  "squashfs: folder 3: a listing of 1073741845 bytes, larger than the directory table" },
};

/* The listing of a row in `raw`; returns its size. */
static unsigned make(const Row *row, uint8_t *raw)
{
	unsigned size = 0;

	for (unsigned i = 0; row->names[i]; i++) {
		unsigned n = 0;

		while (row->names[i + n])
			n++;
		uint32_t count = row->count && i == 0 ? row->count : n;
		hand_put(raw + size, 4, count - 1);
		hand_put(raw + size + 4, 4, 0x100 + i);
		hand_put(raw + size + 8, 4, 20);
		size += 12;
		for (; row->names[i]; i++) {
			size_t length = strlen(row->names[i]);

			hand_put(raw + size, 2, 16 * i);
			hand_put(raw + size + 2, 2, i % 2 ? 0xffff : i); /* -1 */
			hand_put(raw + size + 4, 2, SQUASHFS_FIFO);
			hand_put(raw + size + 6, 2, length - 1);
			memcpy(raw + size + 8, row->names[i], length);
			size += 8 + (unsigned)length;
		}
	}
	return size;
}

static DirNext read_all(Hand *hand, const Inode *folder, const Row *row, GError **error)
{
	g_autoptr(Dir) dir = dir_open(&hand->fs, folder, error);
	DirNext next = DIR_FAILED;
	DirEntry entry;

	for (unsigned i = 0; dir && (next = dir_next(dir, &entry, error)) == DIR_ENTRY; i++) {
		unsigned first = 0;

		if (!row->names[i]) {
			i++;
			first = i;
		} else if (i >= 3 && !row->names[2]) {
			first = 3;
		}
		g_assert_cmpstr(entry.name, ==, row->names[i]);
		g_assert_cmpint(entry.type, ==, SQUASHFS_FIFO);
		g_assert_cmpuint(entry.number, ==, i % 2 ? 19 : 20 + i);
		g_assert_cmpuint(entry.inode, ==, (uint64_t)(0x100 + first) << 16 | 16 * i);
	}
	return next;
}

static void test_listings(void)
{
	rows[11].names[0] = over_long;
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree Hand *hand = g_new0(Hand, 1);
		g_autoptr(GError) error = NULL;
		uint8_t raw[1000] = { 0 };
		unsigned size = make(&rows[i], raw + 10);
		Inode folder = { .type = SQUASHFS_FOLDER, .number = 3, .offset = 10 };

		folder.size = (uint64_t)((int64_t)size + rows[i].extra);
		hand_block(hand, HAND_FOLDERS, raw, size + 10);
		hand_open(hand);
		DirNext next = read_all(hand, &folder, &rows[i], &error);
		g_test_message("%s: %s", rows[i].what, error ? error->message : "good");
		g_assert_cmpstr(error ? error->message : NULL, ==, rows[i].message);
		g_assert_cmpint(next, ==, rows[i].message ? DIR_FAILED : DIR_END);
		if (error)
			g_assert_error(error, FAILURE, FAILURE_FORMAT);
		hand_close(hand);
	}
}

static void test_nul(void)
{
	g_autofree Hand *hand = g_new0(Hand, 1);
	g_autoptr(GError) error = NULL;
	Row row = { .names = { "abc" } };
	uint8_t raw[100] = { 0 };
	unsigned size = make(&row, raw);
	Inode folder = { .type = SQUASHFS_FOLDER, .number = 3, .size = size };

	raw[size - 2] = '\0';
	hand_block(hand, HAND_FOLDERS, raw, size);
	hand_open(hand);
	g_assert_cmpint(read_all(hand, &folder, &row, &error), ==, DIR_FAILED);
	g_assert_cmpstr(error->message, ==, "squashfs: folder 3: bad name 'a'");
	hand_close(hand);
}

static void test_not_a_folder(void)
{
	g_autofree Hand *hand = g_new0(Hand, 1);
	g_autoptr(GError) error = NULL;
	Inode file = { .type = SQUASHFS_FILE, .number = 3 };

	hand_open(hand);
	g_assert_null(dir_open(&hand->fs, &file, &error));
	g_assert_cmpstr(error->message, ==, "squashfs: inode 3 is not a folder");
	hand_close(hand);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/dir/listings", test_listings);
	g_test_add_func("/squashfs/dir/nul", test_nul);
	g_test_add_func("/squashfs/dir/not-a-folder", test_not_a_folder);
	return g_test_run();
}
