/* SPDX-License-Identifier: MIT */

/* Partition 1 of a GPT: pointing at a complete boot loader whenever the power goes. */

#include "writer/region.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cut.h"
#include "disk.h"

#define MIB       (1024 * 1024)
#define DISK_SIZE (8 * MIB)
#define LAST      (DISK_SIZE / 512 - 1) /* sector */
#define START     (2 * MIB)             /* of the region */
#define HALF      MIB

static const struct {
	unsigned active;
	size_t old, new; /* boot loaders */
	int spoilt;      /* before: sector whose header is not valid; 0: none */
} rows[] = {
	{ 0, 100000, 70000, 0 }, { 1, HALF, HALF, 0 },       { 0, 513, 1, 0 },
	{ 1, 100000, 70000, 1 }, { 0, 100000, 70000, LAST },
};

typedef struct {
	TestDisk *disk;
	unsigned old_half;
	unsigned n_old, n_new, n_backup;
	uint32_t judged; /* by sfdisk: a checksum */
} Expectation;

static TestDisk *disk_of(unsigned i)
{
	uint64_t at = START + rows[i].active * HALF;
	/* Its size is not compared. */
	g_autofree char *table = g_strdup_printf(
		"label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\n"
		"start=%" G_GUINT64_FORMAT ", size=1000, name=boot, "
		"type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "
		"uuid=AAAAAAAA-2222-3333-4444-555555555555, attrs=RequiredPartition\n"
		"start=10240, size=2048, name=data\n5: start=2048, size=2048, name=env\n",
		at / 512);
	TestDisk *disk = test_disk_new(SLOT_BOOT_GPT_SWITCH, DISK_SIZE, table);

	test_disk_set_region(disk, START, 2 * HALF);
	test_disk_set_boot(disk, rows[i].old, rows[i].new, at, HALF);
	if (rows[i].spoilt)
		test_disk_put(disk, "bad", 3, (uint64_t)rows[i].spoilt * 512 + 40);
	return disk;
}

/* A reader that shares nothing with the writer, nor with libfdisk. */
static uint32_t crc32_of(const uint8_t *data, size_t size)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

static uint64_t number(const uint8_t *at, unsigned size)
{
	uint64_t value = 0;

	while (size-- > 0)
		value = value << 8 | at[size];
	return value;
}

/* The entries of a copy whose two checksums are right, or NULL. */
static const uint8_t *entries_of(const uint8_t *disk, uint64_t lba)
{
	const uint8_t *at = disk + lba * 512;
	uint8_t header[92];

	if (memcmp(at, "EFI PART", 8) != 0 || number(at + 12, 4) != 92 || number(at + 24, 8) != lba)
		return NULL;
	memcpy(header, at, sizeof(header));
	memset(header + 16, 0, 4);
	if (crc32_of(header, sizeof(header)) != number(at + 16, 4))
		return NULL;
	g_assert_cmpuint(number(at + 80, 4) * number(at + 84, 4), ==, 16384);
	const uint8_t *entries = disk + number(at + 72, 8) * 512;
	return crc32_of(entries, 16384) == number(at + 88, 4) ? entries : NULL;
}

/* sfdisk sees partition 1 where we see it, and the others and all other fields as ever. */
static void judge_table(const uint8_t *disk, size_t size, uint64_t start, const char *how)
{
	g_autofree char *path = g_strdup_printf("%s/gpt-judge-%d", g_get_tmp_dir(), getpid());

	g_assert_true(g_file_set_contents(path, (const char *)disk, (gssize)size, NULL));
	g_autofree char *dump = test_disk_dump(path);
	g_autofree char *line = g_strdup_printf("1 : start=%12" G_GUINT64_FORMAT ", ", start / 512);
	if (!dump || !strstr(dump, line) || !strstr(dump, "label-id: 11111111-2222-3333-4444") ||
	    !strstr(dump, "uuid=AAAAAAAA-2222-3333-4444-555555555555, name=\"boot\", "
	                  "attrs=\"RequiredPartition\"") ||
	    !strstr(dump, "2 : start=       10240, size=        2048") ||
	    !strstr(dump, "5 : start=        2048, size=        2048"))
		g_error("%s: sfdisk says: %s", how, dump);
	g_unlink(path);
}

static void judge(const uint8_t *content, size_t size, const char *how, void *user)
{
	Expectation *expected = user;
	TestDisk *disk = expected->disk;
	const uint8_t *primary = entries_of(content, 1), *backup = entries_of(content, LAST);
	const uint8_t *entries = primary ? primary : backup;

	if (!entries)
		g_error("%s: neither copy of the table is valid", how);
	uint64_t start = number(entries + 32, 8) * 512;
	bool is_old = start == region_half(&disk->slot, expected->old_half).at;
	unsigned n = is_old ? expected->old_half : 1 - expected->old_half;
	if (start != region_half(&disk->slot, n).at)
		g_error("%s: the entry points at byte %" G_GUINT64_FORMAT, how, start);
	if (!test_disk_is_boot(content, region_half(&disk->slot, n),
	                       is_old ? disk->old : disk->new))
		g_error("%s: the entry points at an incomplete %s boot loader", how,
		        is_old ? "old" : "new");
	expected->n_old += is_old;
	expected->n_new += !is_old;
	expected->n_backup += !primary;
	uint32_t table =
		crc32_of(content, 34 * 512) ^ crc32_of(content + (LAST - 32) * 512, 33 * 512);
	if (table != expected->judged)
		judge_table(content, size, start, how);
	expected->judged = table;
}

static void assert_done(TestDisk *disk, GBytes *before, unsigned active)
{
	g_autoptr(GBytes) after = test_disk_content(disk);
	const uint8_t *content = g_bytes_get_data(after, NULL);
	const uint8_t *primary = entries_of(content, 1), *backup = entries_of(content, LAST);

	g_assert_true(primary && backup && memcmp(primary, backup, 16384) == 0);
	g_assert_cmpuint(number(primary + 40, 8) - number(primary + 32, 8) + 1, ==, HALF / 512);
	/* Outside of the tables and the half nothing; the data partition is at 5 MiB. */
	const uint8_t *was = g_bytes_get_data(before, NULL);
	uint64_t half = region_half(&disk->slot, 1 - active).at;
	g_assert_cmpmem(was, 512, content, 512);
	g_assert_cmpmem(was + 34 * 512, half - 34 * 512, content + 34 * 512, half - 34 * 512);
	size_t rest = (LAST - 32) * 512 - half - HALF;
	g_assert_cmpmem(was + half + HALF, rest, content + half + HALF, rest);
}

static void test_cut_anywhere(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(TestDisk) disk = disk_of(i);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		Expectation expected = { .disk = disk, .old_half = rows[i].active };

		cut_begin(disk->path);
		g_assert_true(writer_gpt.check(&job, &error));
		g_autoptr(GBytes) checked = test_disk_content(disk);
		g_assert_true(g_bytes_equal(before, checked));
		g_assert_true(writer_gpt.write(&job, &error));
		g_assert_no_error(error);
		unsigned n = cut_each(judge, &expected);
		g_test_message("row %u: %u operations, %u disks: %u old, %u new, %u by the backup",
		               i, cut_count(), n, expected.n_old, expected.n_new,
		               expected.n_backup);
		g_assert_cmpuint(expected.n_old, >=, 4);
		g_assert_cmpuint(expected.n_new, >=, 2);
		cut_end();
		assert_done(disk, before, rows[i].active);
	}
}

static void test_every_failure(void)
{
	unsigned n_operations = 1, n_failed = 0;

	for (unsigned n = 0; n < n_operations; n++) {
		g_autoptr(TestDisk) disk = disk_of(0);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		Expectation expected = { .disk = disk, .old_half = 0 };

		cut_begin(disk->path);
		if (n > 0)
			cut_fail_from(n - 1);
		/* libfdisk flushes once more when all is done, and may fail to. */
		if (writer_gpt.write(&job, &error))
			assert_done(disk, before, 0);
		else
			n_failed++;
		if (n == 0)
			n_operations = cut_count() + 1;
		cut_end();
		g_autoptr(GBytes) left = test_disk_content(disk);
		judge(g_bytes_get_data(left, NULL), DISK_SIZE, "failure", &expected);
	}
	g_assert_cmpuint(n_operations, >=, 9);
	g_assert_cmpuint(n_failed, >=, n_operations - 3);
}

static bool before_switch(void *user, GError **error)
{
	TestDisk *disk = user;
	g_autoptr(GBytes) now = test_disk_content(disk);
	const uint8_t *content = g_bytes_get_data(now, NULL);

	g_assert_cmpuint(number(entries_of(content, 1) + 32, 8) * 512, ==, START);
	g_assert_true(test_disk_is_boot(content, region_half(&disk->slot, 1), disk->new));
	return fail(error, FAILURE_TOOL, "hook says no");
}

static void test_hooks(void)
{
	g_autoptr(TestDisk) disk = disk_of(0);
	g_autoptr(GError) error = NULL;
	WriterJob job = test_disk_job(disk);
	g_auto(GStrv) variables = writer_gpt.variables(&job, NULL);
	g_autofree char *text = g_strjoinv(" ", variables);

	g_assert_cmpstr(text, ==,
	                "RAUC_BOOT_PARTITION_ACTIVATING=1 RAUC_BOOT_PARTITION_START=3145728 "
	                "RAUC_BOOT_PARTITION_SIZE=1048576");
	job.before_switch = before_switch;
	job.before_user = disk;
	g_assert_false(writer_gpt.write(&job, &error));
	g_assert_cmpstr(error->message, ==, "hook says no");
	g_autoptr(GBytes) after = test_disk_content(disk);
	const uint8_t *entries = entries_of(g_bytes_get_data(after, NULL), 1);
	g_assert_cmpuint(number(entries + 32, 8) * 512, ==, START);
}

#define TABLE "label: gpt\nstart=4096, size=1024\n"
static const struct {
	const char *table;
	uint64_t start, size; /* of the region */
	size_t image;
	const char *message;
} refusals[] = {
	{ TABLE, 0, MIB, 9, "no valid configuration for region" },
	{ TABLE, 34 * 512 - 1, MIB, 9, "no valid configuration for region" },
	{ TABLE, START, 0, 9, "no valid configuration for region" },
	{ TABLE, START + 512, 2 * MIB, 9, "is not a multiple of 1048576 bytes" },
	{ TABLE, START, MIB, 9, "is not a multiple of two times 1048576 bytes" },
	{ TABLE, START, 6 * MIB, 9, "the region ends at byte 8388608" },
	{ TABLE, START, 1ull << 60, 9, "the region ends at byte" },
	{ TABLE, 1ull << 60, 2 * MIB, 9, "the region ends at byte" },
	{ TABLE, START, 2 * MIB, MIB + 1,
	  "Size of image (1048577) does not fit to slot size 1048576" },
	{ TABLE, START, 2 * MIB, 0, "is empty" },
	{ TABLE, MIB, 4 * MIB, 9,
	  "Boot partition's start address does not match region configuration" },
	{ TABLE "start=8191, size=100\n", START, 2 * MIB, 9, "overlaps partition 2" },
	{ TABLE "9: start=6000, size=1\n", START, 2 * MIB, 9, "overlaps partition 9" },
	{ "label: gpt\n2: start=10000, size=10\n", START, 2 * MIB, 9,
	  "No boot partition found in entry 0" },
	{ "label: gpt\n", START, 2 * MIB, 9, "No boot partition found in entry 0" },
	{ "label: dos\nstart=4096, size=1024\n", START, 2 * MIB, 9, "there is no GPT on " },
	{ NULL, START, 2 * MIB, 9, "there is no GPT on " },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(TestDisk) disk =
			test_disk_new(SLOT_BOOT_GPT_SWITCH, DISK_SIZE, refusals[i].table);
		g_autoptr(GError) error = NULL;

		test_disk_set_boot(disk, 9, refusals[i].image, START, 512);
		test_disk_set_region(disk, refusals[i].start, refusals[i].size);
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		g_assert_false(writer_gpt.check(&job, &error));
		if (!strstr(error->message, refusals[i].message))
			g_error("row %u: %s", i, error->message);
		g_autoptr(GBytes) after = test_disk_content(disk);
		g_assert_true(g_bytes_equal(before, after));
	}
}

/* An MBR that is more than a protective one. */
static void test_hybrid(void)
{
	static const uint8_t entry[16] = { 0x80, 0, 2, 0, 0x0c, 0, 3, 0, 0, 16, 0, 0, 0, 4, 0, 0 };
	g_autoptr(TestDisk) disk = disk_of(0);
	g_autoptr(GError) error = NULL;
	WriterJob job = test_disk_job(disk);

	test_disk_put(disk, entry, sizeof(entry), 446 + 16);
	g_assert_false(writer_gpt.check(&job, &error));
	g_assert_nonnull(strstr(error->message, "has a hybrid MBR"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/gpt/cut-anywhere", test_cut_anywhere);
	g_test_add_func("/writer/gpt/every-failure", test_every_failure);
	g_test_add_func("/writer/gpt/hooks", test_hooks);
	g_test_add_func("/writer/gpt/refusals", test_refusals);
	g_test_add_func("/writer/gpt/hybrid", test_hybrid);
	return g_test_run();
}
