/* SPDX-License-Identifier: MIT */

/* Two copies of a boot loader: one of them is complete whenever the power goes. */

#include "writer/region.h"

#include <string.h>

#include "base/error.h"
#include "cut.h"
#include "disk.h"

#define MIB       (1024 * 1024)
#define DISK_SIZE (2 * MIB)

static const struct {
	uint64_t start, size;
	const char *has; /* a copy in the primary, the fallback, both; the header of none */
	uint8_t blank;   /* what the header of a missing copy is made of */
	size_t old, new;
} rows[] = {
	{ 0, MIB, "PF", 0, 300000, 200000 },
	{ 65536, MIB, "PF", 0, 70000, 512 * 1024 },
	{ 512, 64 * 1024 + 1024, "PF", 0, 600, 513 },
	{ 512, 3072, "PF", 0, 1536, 1536 },
	{ 0, 2 * MIB, "PF", 0, MIB, MIB },
	{ 4096, MIB, " F", 0, 300000, 200000 },
	{ 4096, MIB, " F", 0xff, 300000, 400000 },
	{ 4096, MIB, "P ", 0, 300000, 200000 },
	{ 512, 2048, "PF", 0, 100, 100 },
	{ 4096, MIB, "  ", 0, 300000, 200000 },
	{ 4096, MIB, "  ", 0xff, 300000, 200000 },
};

typedef struct {
	TestDisk *disk;
	bool has_old;
	unsigned n_old, n_new;
} Expectation;

static TestDisk *disk_of(unsigned i)
{
	TestDisk *disk = test_disk_new(SLOT_BOOT_RAW_FALLBACK, DISK_SIZE, NULL);
	uint64_t half = rows[i].size / 2;
	uint8_t blank[REGION_SECTOR];

	memset(blank, rows[i].blank, sizeof(blank));
	test_disk_set_region(disk, rows[i].start, rows[i].size);
	for (unsigned n = 0; n < 2; n++) {
		uint64_t at = rows[i].start + n * half;

		test_disk_set_boot(disk, rows[i].old, rows[i].new, at, half);
		if (rows[i].has[n] == ' ')
			test_disk_put(disk, blank, sizeof(blank), at);
	}
	return disk;
}

/* As a boot ROM: a header that is one of a boot loader we know, and only then its body. */
static GBytes *header_of(const TestDisk *disk, const uint8_t *at)
{
	GBytes *known[] = { disk->old, disk->new };

	for (unsigned i = 0; i < 2; i++) {
		size_t size;
		const void *data = g_bytes_get_data(known[i], &size);

		if (memcmp(at, data, MIN(size, REGION_SECTOR)) == 0)
			return known[i];
	}
	return NULL;
}

static void judge(const uint8_t *content, size_t size G_GNUC_UNUSED, const char *how, void *user)
{
	Expectation *expected = user;
	TestDisk *disk = expected->disk;

	for (unsigned n = 0; n < 2; n++) {
		Window half = { disk->slot.region_start + n * (disk->slot.region_size / 2),
			        disk->slot.region_size / 2 };
		GBytes *boot = header_of(disk, content + half.at);

		if (!boot)
			continue;
		if (!test_disk_is_boot(content, half, boot))
			g_error("%s: %s has the header of a boot loader that is not there", how,
			        n ? "fallback" : "primary");
		expected->n_old += boot == disk->old;
		expected->n_new += boot == disk->new;
		return;
	}
	if (expected->has_old)
		g_error("%s: no boot loader is left", how);
}

static void test_cut_anywhere(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(TestDisk) disk = disk_of(i);
		g_autoptr(GError) error = NULL;
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		Expectation expected = { .disk = disk, .has_old = strcmp(rows[i].has, "  ") != 0 };

		cut_begin(disk->path);
		g_assert_true(writer_fallback.check(&job, &error));
		g_assert_cmpuint(cut_count(), ==, 0);
		g_assert_true(writer_fallback.write(&job, &error));
		g_assert_no_error(error);
		unsigned n = cut_each(judge, &expected);
		g_test_message("row %u: %u operations, %u disks: %u old, %u new", i, cut_count(), n,
		               expected.n_old, expected.n_new);
		cut_end();

		/* Both copies are new, and nothing around them was touched. */
		g_autoptr(GBytes) after = test_disk_content(disk);
		for (unsigned half = 0; half < 2; half++)
			g_assert_true(test_disk_is_boot(g_bytes_get_data(after, NULL),
			                                region_half(&disk->slot, half), disk->new));
		test_disk_assert_same_outside(before, after,
		                              (Window){ rows[i].start, rows[i].size },
		                              (Window){ 0, 0 });
	}
}

/* From whichever state an interrupted installation left, the next one is as safe. */
static void test_again_after_every_failure(void)
{
	unsigned n_operations = 1;

	for (unsigned n = 0; n < n_operations; n++) {
		g_autoptr(TestDisk) disk = disk_of(0);
		g_autoptr(GError) error = NULL;
		WriterJob job = test_disk_job(disk);
		Expectation expected = { .disk = disk, .has_old = true };

		cut_begin(disk->path);
		if (n > 0)
			cut_fail_from(n - 1);
		g_assert_true(writer_fallback.write(&job, &error) == (n == 0));
		if (n == 0)
			n_operations = cut_count() + 1;
		else
			g_assert_nonnull(strstr(error->message, "boot loader: "));
		cut_each(judge, &expected);
		cut_end();

		cut_begin(disk->path);
		g_assert_true(writer_fallback.write(&job, NULL));
		cut_each(judge, &expected);
		cut_end();
	}
	g_assert_cmpuint(n_operations, >=, 11);
}

static void test_every_lie(void)
{
	unsigned n_seen = 0;

	for (unsigned n = 0;; n++) {
		g_autoptr(TestDisk) disk = disk_of(2);
		g_autoptr(GError) error = NULL;
		WriterJob job = test_disk_job(disk);

		cut_begin(disk->path);
		cut_lie_at(n);
		bool ok = writer_fallback.write(&job, &error);
		bool is_over = n > cut_count();
		cut_end();
		if (is_over) {
			g_assert_true(ok);
			break;
		}
		if (ok)
			continue;
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		n_seen++;
	}
	g_assert_cmpuint(n_seen, >=, 6);
}

static void test_variables(void)
{
	g_autoptr(TestDisk) disk = disk_of(1);
	WriterJob job = test_disk_job(disk);
	g_auto(GStrv) variables = writer_fallback.variables(&job, NULL);
	g_autofree char *text = g_strjoinv(" ", variables);

	g_assert_cmpstr(text, ==, "RAUC_BOOT_REGION_START=65536 RAUC_BOOT_REGION_SIZE=1048576");
	g_assert_cmpint(writer_fallback.post_hook, ==, WRITER_UNMOUNTED);
}

static const struct {
	uint64_t start, size;
	size_t image;
	uint64_t said;
	const char *message;
} refusals[] = {
	{ 0, 0, 9, 0, "no valid configuration for region" },
	{ 1, MIB, 9, 0, "no valid configuration for region" },
	{ 0, MIB + 512, 9, 0, "no valid configuration for region" },
	{ 512, 2 * MIB, 9, 0, "behind the end of " },
	{ 1ull << 62, 2 * MIB, 9, 0, "behind the end of " },
	{ 0, 1ull << 62, 9, 0, "behind the end of " },
	{ 0, MIB, MIB / 2 + 1, 0, "Size of image (524289) does not fit to slot size 524288" },
	{ 0, MIB, 0, 0, "is empty" },
	{ 0, MIB, 9, 8, "has 9 bytes, but the manifest says 8" },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		g_autoptr(TestDisk) disk = test_disk_new(SLOT_BOOT_RAW_FALLBACK, DISK_SIZE, NULL);
		g_autoptr(GError) error = NULL;

		test_disk_set_boot(disk, 9, refusals[i].image, 0, 512);
		test_disk_set_region(disk, refusals[i].start, refusals[i].size);
		if (refusals[i].said)
			disk->image.size = refusals[i].said;
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		g_assert_false(writer_fallback.check(&job, &error));
		if (!strstr(error->message, refusals[i].message))
			g_error("row %u: %s", i, error->message);
		g_autoptr(GBytes) after = test_disk_content(disk);
		g_assert_true(g_bytes_equal(before, after));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/fallback/cut-anywhere", test_cut_anywhere);
	g_test_add_func("/writer/fallback/again-after-every-failure",
	                test_again_after_every_failure);
	g_test_add_func("/writer/fallback/every-lie", test_every_lie);
	g_test_add_func("/writer/fallback/variables", test_variables);
	g_test_add_func("/writer/fallback/refusals", test_refusals);
	return g_test_run();
}
