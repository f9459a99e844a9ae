/* SPDX-License-Identifier: MIT */

/* Partition 1 of an MBR: pointing at a complete boot loader whenever the power goes. */

#include "writer/region.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cut.h"
#include "disk.h"

#define MIB       (1024 * 1024)
#define DISK_SIZE (4 * MIB)

/* start and size in sectors */
static char *table_of(uint64_t start, uint64_t size)
{
	return g_strdup_printf("label: dos\nlabel-id: 0xcafe0001\n"
	                       "start=%" G_GUINT64_FORMAT ", size=%" G_GUINT64_FORMAT
	                       ", type=c, bootable\n"
	                       "start=6144, size=1000, type=83\nstart=7200, size=800, type=83\n",
	                       start / 512, size / 512);
}

static const struct {
	uint64_t start, size; /* of the region */
	unsigned active;
	size_t old, new; /* boot loaders; 0: half the region */
} rows[] = {
	{ MIB, 512 * 1024, 0, 100000, 70000 },
	{ MIB, 512 * 1024, 1, 100000, 70000 },
	{ 512, 2048, 0, 1024, 1 },
	{ 512, 2048, 1, 512, 1024 },
	{ 33 * 512, 262144 + 1024, 0, 0, 0 },
	{ 33 * 512, 262144 + 1024, 1, 511, 513 },
	{ 65536, 2 * MIB, 0, 0, MIB },
	{ 65536, 2 * MIB, 1, 0, MIB - 1 },
};

typedef struct {
	TestDisk *disk;
	unsigned old_half;
	unsigned n_old, n_new;
	uint8_t judged[512]; /* by sfdisk */
	bool only_old;
} Expectation;

static TestDisk *disk_of(unsigned i)
{
	uint64_t half = rows[i].size / 2, at = rows[i].start + rows[i].active * half;
	/* Its size is not compared. */
	g_autofree char *table = table_of(at, half > 1024 ? half - 512 : half);
	TestDisk *disk = test_disk_new(SLOT_BOOT_MBR_SWITCH, DISK_SIZE, table);

	test_disk_set_region(disk, rows[i].start, rows[i].size);
	test_disk_set_boot(disk, rows[i].old ? rows[i].old : (size_t)half,
	                   rows[i].new ? rows[i].new : (size_t)half, at, half);
	return disk;
}

/* A reader that shares nothing with the writer. */
static uint64_t start_of_entry_0(const uint8_t *sector)
{
	g_assert_cmphex(sector[510], ==, 0x55);
	g_assert_cmphex(sector[511], ==, 0xaa);
	return (sector[454] + sector[455] * 256ull + sector[456] * 65536ull +
	        sector[457] * 16777216ull) *
	       512;
}

/* sfdisk sees the same partitions 2 and 3, and 1 where we see it. */
static void judge_table(const uint8_t *disk, size_t size, uint64_t start, const char *how)
{
	g_autofree char *path = g_strdup_printf("%s/mbr-judge-%d", g_get_tmp_dir(), getpid());

	g_assert_true(g_file_set_contents(path, (const char *)disk, (gssize)size, NULL));
	g_autofree char *dump = test_disk_dump(path);
	g_autofree char *line = g_strdup_printf("1 : start=%12" G_GUINT64_FORMAT ", ", start / 512);
	if (!dump || !strstr(dump, line) || !strstr(dump, "type=c, bootable") ||
	    !strstr(dump, "2 : start=        6144, size=        1000, type=83") ||
	    !strstr(dump, "3 : start=        7200, size=         800, type=83") ||
	    !strstr(dump, "label-id: 0xcafe0001"))
		g_error("%s: sfdisk says: %s", how, dump);
	g_unlink(path);
}

static void judge(const uint8_t *content, size_t size, const char *how, void *user)
{
	Expectation *expected = user;
	TestDisk *disk = expected->disk;
	uint64_t start = start_of_entry_0(content);
	bool is_old = start == region_half(&disk->slot, expected->old_half).at;
	unsigned n = is_old ? expected->old_half : 1 - expected->old_half;

	if (start != region_half(&disk->slot, n).at)
		g_error("%s: the entry points at byte %" G_GUINT64_FORMAT, how, start);
	if (!test_disk_is_boot(content, region_half(&disk->slot, n),
	                       is_old ? disk->old : disk->new))
		g_error("%s: the entry points at an incomplete %s boot loader", how,
		        is_old ? "old" : "new");
	g_assert_true(is_old || !expected->only_old);
	expected->n_old += is_old;
	expected->n_new += !is_old;
	if (memcmp(expected->judged, content, 512) != 0)
		judge_table(content, size, start, how);
	memcpy(expected->judged, content, 512);
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
		g_assert_true(writer_mbr.check(&job, &error));
		g_assert_cmpuint(cut_count(), ==, 0);
		g_assert_true(writer_mbr.write(&job, &error));
		g_assert_no_error(error);
		unsigned n = cut_each(judge, &expected);
		g_test_message("row %u: %u operations, %u disks: %u old, %u new", i, cut_count(), n,
		               expected.n_old, expected.n_new);
		g_assert_cmpuint(expected.n_old, >=, 4);
		g_assert_cmpuint(expected.n_new, >=, 2);
		cut_end();

		/* In the end: the new half, partition 1, and nothing else. */
		g_autoptr(GBytes) after = test_disk_content(disk);
		test_disk_assert_same_outside(before, after,
		                              region_half(&disk->slot, 1 - rows[i].active),
		                              (Window){ 446, 16 });
		const uint8_t *a = g_bytes_get_data(before, NULL),
			      *b = g_bytes_get_data(after, NULL);
		g_assert_cmphex(a[446], ==, b[446]);
		g_assert_cmphex(a[450], ==, b[450]);
		g_assert_cmpuint(job.n_written + job.n_punched, ==, rows[i].size / 2);
	}
}

/* Every write and flush fails once: an error, and a disk that boots. */
static void test_every_failure(void)
{
	unsigned n_operations = 1;

	for (unsigned n = 0; n < n_operations; n++) {
		g_autoptr(TestDisk) disk = disk_of(5);
		g_autoptr(GError) error = NULL;
		WriterJob job = test_disk_job(disk);
		Expectation expected = { .disk = disk, .old_half = 1 };

		if (n == 0) {
			cut_begin(disk->path);
			g_assert_true(writer_mbr.write(&job, NULL));
			n_operations = cut_count();
			cut_end();
			g_assert_cmpuint(n_operations, >=, 4);
			continue;
		}
		cut_begin(disk->path);
		cut_fail_from(n - 1);
		g_assert_false(writer_mbr.write(&job, &error));
		g_assert_nonnull(strstr(error->message, disk->path));
		cut_each(judge, &expected);
		cut_end();
	}
}

/* A write that says yes and does something else. */
static void test_every_lie(void)
{
	for (unsigned n = 0;; n++) {
		g_autoptr(TestDisk) disk = disk_of(5);
		g_autoptr(GError) error = NULL;
		WriterJob job = test_disk_job(disk);

		cut_begin(disk->path);
		cut_lie_at(n);
		bool ok = writer_mbr.write(&job, &error);
		unsigned n_operations = cut_count();
		cut_end();
		if (n > n_operations) {
			g_assert_true(ok);
			break;
		}
		if (!ok)
			g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	}
}

typedef struct {
	TestDisk *disk;
	GBytes *before;
	unsigned n_write, n_switch;
	bool says_no;
} Hooks;

static bool before_write(void *user, GError **error)
{
	Hooks *hooks = user;
	g_autoptr(GBytes) now = test_disk_content(hooks->disk);

	hooks->n_write++;
	g_assert_true(g_bytes_equal(hooks->before, now));
	(void)error;
	return true;
}

static bool before_switch(void *user, GError **error)
{
	Hooks *hooks = user;
	g_autoptr(GBytes) now = test_disk_content(hooks->disk);
	const uint8_t *content = g_bytes_get_data(now, NULL);

	hooks->n_switch++;
	g_assert_cmpmem(content, 512, g_bytes_get_data(hooks->before, NULL), 512);
	g_assert_true(
		test_disk_is_boot(content, region_half(&hooks->disk->slot, 1), hooks->disk->new));
	return !hooks->says_no || fail(error, FAILURE_TOOL, "hook says no");
}

static void test_hooks(void)
{
	for (unsigned says_no = 0; says_no < 2; says_no++) {
		g_autoptr(TestDisk) disk = disk_of(0);
		g_autoptr(GBytes) before = test_disk_content(disk);
		g_autoptr(GError) error = NULL;
		Hooks hooks = { .disk = disk, .before = before, .says_no = says_no };
		WriterJob job = test_disk_job(disk);

		job.before_write = before_write;
		job.before_switch = before_switch;
		job.before_user = &hooks;
		g_auto(GStrv) variables = writer_mbr.variables(&job, NULL);
		g_autofree char *text = g_strjoinv(" ", variables);
		g_assert_cmpstr(
			text, ==,
			"RAUC_BOOT_PARTITION_ACTIVATING=1 RAUC_BOOT_PARTITION_START=1310720 "
			"RAUC_BOOT_PARTITION_SIZE=262144");
		g_assert_true(writer_mbr.write(&job, &error) == !says_no);
		g_assert_cmpstr(error ? error->message : "", ==, says_no ? "hook says no" : "");
		g_assert_cmpuint(hooks.n_write, ==, 1);
		g_assert_cmpuint(hooks.n_switch, ==, 1);
		g_autoptr(GBytes) after = test_disk_content(disk);
		uint64_t start = start_of_entry_0(g_bytes_get_data(after, NULL));
		g_assert_cmpuint(start, ==, region_half(&disk->slot, says_no ? 0 : 1).at);
	}
}

/* Half 1 begins here, in sectors: cylinder 0, a cylinder's first sector, the 1024th and beyond. */
static const uint64_t chs[] = { 4096, 16065, 16434495, 16450560, 25165824 };

/* 255 heads, 63 sectors; what is more than 1023 cylinders is cut. */
static void assert_chs(const uint8_t *found, uint64_t lba)
{
	unsigned head = (unsigned)((lba / 63) % 255), sector = (unsigned)(lba % 63) + 1;
	unsigned cylinder = (unsigned)(lba / 16065) % 1024;

	g_assert_cmpuint(found[0], ==, head);
	g_assert_cmpuint(found[1] & 0x3f, ==, sector);
	g_assert_cmpuint(found[2] + ((found[1] & 0xc0u) << 2), ==, cylinder);
}

static void test_chs(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(chs); i++) {
		uint64_t start = (chs[i] - 2048) * 512;
		g_autofree char *table = g_strdup_printf("label: dos\nstart=%" G_GUINT64_FORMAT
		                                         ", size=2048, type=83\n",
		                                         chs[i] - 2048);
		g_autoptr(TestDisk) disk =
			test_disk_new(SLOT_BOOT_MBR_SWITCH, start + 4 * MIB, table);
		g_autoptr(GError) error = NULL;
		uint8_t sector[512];

		test_disk_set_region(disk, start, 2 * MIB);
		test_disk_set_boot(disk, 10, 20, start, 512);
		WriterJob job = test_disk_job(disk);
		g_assert_true(writer_mbr.write(&job, &error));
		g_assert_no_error(error);
		g_auto(Disk) back = { 0 };
		g_assert_true(disk_open(&back, disk->path, 0, NULL));
		g_assert_true(disk_read_sector(&back, sector, 0, NULL));
		assert_chs(sector + 447, chs[i]);
		assert_chs(sector + 451, chs[i] + 2047);
	}
}

static const struct {
	const char *table;
	uint64_t start, size; /* of the region */
	size_t image;
	uint64_t said; /* by the manifest; 0: the truth */
	const char *message;
} refusals[] = {
#define TABLE "label: dos\nstart=2048, size=1024, type=c\n"
	{ TABLE, 0, MIB, 9, 0, "no valid configuration for region" },
	{ TABLE, 511, MIB, 9, 0, "no valid configuration for region" },
	{ TABLE, MIB, 0, 9, 0, "no valid configuration for region" },
	{ TABLE, MIB + 1, MIB, 9, 0, "not a multiple of the sector size 512" },
	{ TABLE, MIB, MIB + 512, 9, 0, "not a multiple of two sectors" },
	{ TABLE, MIB, 3 * MIB, 9, 0, "it must end before the end of " },
	{ TABLE, MIB, G_MAXINT64 - MIB - 1023, 9, 0, "it must end before the end of " },
	{ TABLE, MIB, 1ull << 60, 9, 0, "it must end before the end of " },
	{ TABLE, 1ull << 60, MIB, 9, 0, "it must end before the end of " },
	{ TABLE, MIB, MIB, MIB / 2 + 1, 0,
	  "Size of image (524289) does not fit to slot size 524288" },
	{ TABLE, MIB, MIB, 0, 0, "is empty" },
	{ TABLE, MIB, MIB, 9, 10, "has 9 bytes, but the manifest says 10" },
	{ TABLE, MIB - 512, MIB, 9, 0,
	  "Boot partition's start address does not match region configuration" },
	{ TABLE "start=4095, size=100, type=83\n", MIB, 1024 * 1024 + 1024, 9, 0,
	  "overlaps partition 2" },
	{ "label: dos\nfirst-lba: 1\n1: start=3072, size=9, type=c\n2: start=2000, size=49, type=83\n",
	  MIB, MIB, 9, 0, "overlaps partition 2" },
	{ TABLE "2: start=5000, size=100, type=83\n4: start=3500, size=50, type=5\n", MIB, MIB, 9,
	  0, "overlaps partition 4" },
	{ "label: dos\n2: start=6000, size=10, type=83\n", MIB, MIB, 9, 0,
	  "No boot partition found in entry 0" },
	{ "label: gpt\nstart=2048, size=1024\n", MIB, MIB, 9, 0,
	  "Boot partition's start address does not match region configuration" },
	{ NULL, MIB, MIB, 9, 0, "there is no MBR on " },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(TestDisk) disk =
			test_disk_new(SLOT_BOOT_MBR_SWITCH, DISK_SIZE, refusals[i].table);
		g_autoptr(GError) error = NULL, again = NULL;

		test_disk_set_boot(disk, 9, refusals[i].image, MIB, 512);
		test_disk_set_region(disk, refusals[i].start, refusals[i].size);
		if (refusals[i].said)
			disk->image.size = refusals[i].said;
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		g_assert_false(writer_mbr.check(&job, &error));
		if (!strstr(error->message, refusals[i].message))
			g_error("row %u: %s", i, error->message);
		g_autoptr(GBytes) after = test_disk_content(disk);
		g_assert_true(g_bytes_equal(before, after));
	}
}

static bool steal_table(void *user, GError **error G_GNUC_UNUSED)
{
	const uint8_t start[4] = { 0, 10, 0, 0 };

	test_disk_put(user, start, 4, 454);
	return true;
}

/* What a hook did to the table in between is seen, and not written over. */
static void test_table_changed_meanwhile(void)
{
	g_autoptr(TestDisk) disk = disk_of(0);
	g_autoptr(GError) error = NULL;
	WriterJob job = test_disk_job(disk);

	job.before_switch = steal_table;
	job.before_user = disk;
	g_assert_false(writer_mbr.write(&job, &error));
	g_assert_nonnull(strstr(error->message, "was changed during the installation"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/mbr/cut-anywhere", test_cut_anywhere);
	g_test_add_func("/writer/mbr/every-failure", test_every_failure);
	g_test_add_func("/writer/mbr/every-lie", test_every_lie);
	g_test_add_func("/writer/mbr/hooks", test_hooks);
	g_test_add_func("/writer/mbr/chs", test_chs);
	g_test_add_func("/writer/mbr/refusals", test_refusals);
	g_test_add_func("/writer/mbr/table-changed-meanwhile", test_table_changed_meanwhile);
	return g_test_run();
}
