/* SPDX-License-Identifier: MIT */

#include "writer/region.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "disk.h"

#define MIB (1024 * 1024)

static void test_halves(void)
{
	Slot slot = { .region_start = 4096, .region_size = 8192 };
	unsigned inactive = 7;

	g_assert_cmpuint(region_half(&slot, 0).at, ==, 4096);
	g_assert_cmpuint(region_half(&slot, 1).at, ==, 8192);
	g_assert_cmpuint(region_half(&slot, 1).size, ==, 4096);
	g_assert_true(region_pick_inactive(&slot, 4096, &inactive, NULL));
	g_assert_cmpuint(inactive, ==, 1);
	g_assert_true(region_pick_inactive(&slot, 8192, &inactive, NULL));
	g_assert_cmpuint(inactive, ==, 0);
	g_assert_false(region_pick_inactive(&slot, 4097, &inactive, NULL));
	g_assert_false(region_pick_inactive(&slot, 12288, &inactive, NULL));
}

static const struct {
	uint64_t at, size;
	bool overlaps;
} overlaps[] = {
	{ 0, 4096, false }, { 0, 4097, true },    { 12287, 1, true }, { 12288, 1, false },
	{ 5000, 1, true },  { 0, 1 << 20, true }, { 5000, 0, false }, { 12288, 1 << 20, false },
};

static void test_overlaps(void)
{
	Slot slot = { .region_start = 4096, .region_size = 8192 };

	for (unsigned i = 0; i < G_N_ELEMENTS(overlaps); i++)
		g_assert_true(region_overlaps(&slot, overlaps[i].at, overlaps[i].size) ==
		              overlaps[i].overlaps);
}

/* Windows that begin and end at any sector: filled to their last byte, and not one byte more. */
static void test_fill(void)
{
	static const uint64_t starts[] = { 0, 512, 4096, 65536, 65536 + 512 };
	static const uint64_t sizes[] = { 512, 4096, 65536, 70144, MIB, MIB + 66048 };
	static const bool heads[] = { false, true };

	for (unsigned i = 0; i < G_N_ELEMENTS(starts) * G_N_ELEMENTS(sizes) * 2; i++) {
		Window window = { starts[i % 5], sizes[i / 5 % 6] };
		bool has_head = heads[i / 30];
		uint64_t image = MAX(window.size * 3 / 4, 1);
		g_autoptr(TestDisk) disk = test_disk_new(SLOT_RAW, 2 * MIB, NULL);
		g_autoptr(GError) error = NULL;
		uint8_t head[REGION_SECTOR] = { 0 };

		test_disk_set_boot(disk, 1, (size_t)image, window.at, window.size);
		g_autoptr(GBytes) before = test_disk_content(disk);
		WriterJob job = test_disk_job(disk);
		g_assert_true(region_fill(&job, &window, has_head ? head : NULL, &error));
		g_assert_no_error(error);
		if (has_head) {
			test_disk_put(disk, head, REGION_SECTOR, window.at);
			g_assert_cmpmem(head, MIN(image, 512), g_bytes_get_data(disk->new, NULL),
			                MIN(image, 512));
		}
		g_autoptr(GBytes) after = test_disk_content(disk);
		g_assert_true(test_disk_is_boot(g_bytes_get_data(after, NULL), window, disk->new));
		test_disk_assert_same_outside(before, after, window, (Window){ 0, 0 });
		g_assert_cmpuint(job.n_written + job.n_punched, ==, window.size);
	}
}

/* Halves beyond 4 GiB end, and are cleared to their end. */
static void test_large(void)
{
	Window window = { MIB, (4ull << 30) + 2 * MIB };
	uint64_t last = window.at + window.size - 512;
	g_autoptr(TestDisk) disk = test_disk_new(SLOT_RAW, 5ull << 30, NULL);
	g_autoptr(GError) error = NULL;
	uint8_t sector[REGION_SECTOR], dirt[REGION_SECTOR * 2];
	g_auto(Disk) back = { 0 };

	memset(dirt, 'd', sizeof(dirt));
	test_disk_put(disk, dirt, sizeof(dirt), last);
	test_disk_set_boot(disk, 1, 1000, window.at, 512);
	WriterJob job = test_disk_job(disk);
	job.verify = false; /* reading 4 GiB of zeroes back shows nothing here */
	g_assert_true(region_fill(&job, &window, NULL, &error));
	g_assert_no_error(error);
	g_assert_true(disk_open(&back, disk->path, O_RDONLY, NULL));
	g_assert_cmpuint(back.size, ==, 5ull << 30);
	g_assert_true(disk_read_sector(&back, sector, last, NULL));
	g_assert_cmpuint(sector[0], ==, 0);
	g_assert_cmpuint(sector[511], ==, 0);
	g_assert_true(disk_read_sector(&back, sector, last + 512, NULL));
	g_assert_cmpmem(sector, 512, dirt, 512);
}

static void test_wrong_digest(void)
{
	Window window = { MIB, MIB };

	for (unsigned has_head = 0; has_head < 2; has_head++) {
		for (unsigned verify = 0; verify < 2; verify++) {
			g_autoptr(TestDisk) disk = test_disk_new(SLOT_RAW, 2 * MIB, NULL);
			g_autoptr(GError) error = NULL;
			uint8_t head[REGION_SECTOR];

			test_disk_set_boot(disk, 1, 5000, 0, 512);
			disk->image.sha256[5] = disk->image.sha256[5] == '0' ? '1' : '0';
			WriterJob job = test_disk_job(disk);
			job.verify = verify;
			g_assert_false(region_fill(&job, &window, has_head ? head : NULL, &error));
			g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
			g_assert_nonnull(strstr(error->message, "but the manifest says"));
		}
	}
}

static void test_disk_refusals(void)
{
	static const char *const paths[] = { "/dev/null", "/nonexistent/disk", "/tmp" };

	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_auto(Disk) disk = { 0 };
		g_autoptr(GError) error = NULL;

		g_assert_false(disk_open(&disk, paths[i], O_RDWR, &error));
		g_assert_nonnull(strstr(error->message, paths[i]));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/region/halves", test_halves);
	g_test_add_func("/writer/region/overlaps", test_overlaps);
	g_test_add_func("/writer/region/fill", test_fill);
	g_test_add_func("/writer/region/large", test_large);
	g_test_add_func("/writer/region/wrong-digest", test_wrong_digest);
	g_test_add_func("/writer/region/disk-refusals", test_disk_refusals);
	return g_test_run();
}
