/* SPDX-License-Identifier: MIT */

#include "disk.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "crypto/digest.h"

static void partition(const char *path, const char *table)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *script = g_strconcat(path, ".sfdisk", NULL);
	g_autofree char *line = g_strdup_printf("sfdisk -q --no-reread '%s' < '%s'", path, script);

	g_assert_true(g_file_set_contents(script, table, -1, NULL));
	process_run(&error, "sh", "-c", line, NULL);
	g_assert_no_error(error);
	g_unlink(script);
}

TestDisk *test_disk_new(SlotType type, uint64_t size, const char *table)
{
	static int n;
	TestDisk *disk = g_new0(TestDisk, 1);

	disk->path = g_strdup_printf("%s/disk-%d-%d", g_get_tmp_dir(), getpid(), n++);
	disk->size = size;
	g_close(g_creat(disk->path, 0600), NULL);
	g_assert_cmpint(truncate(disk->path, (off_t)size), ==, 0);
	if (size <= 64 << 20) {
		g_autofree uint8_t *fill = g_malloc((size_t)size);

		memset(fill, 0xa5, (size_t)size);
		test_disk_put(disk, fill, (size_t)size, 0);
		/* No remains of a table. */
		memset(fill, 0, 65536);
		test_disk_put(disk, fill, 34 * 512, 0);
		test_disk_put(disk, fill, 34 * 512, size - 34 * 512);
	}
	if (table)
		partition(disk->path, table);
	disk->pool = pool_new(2, 4);
	disk->slot = (Slot){ .name = (char *)"bootloader.0",
		             .class = (char *)"bootloader",
		             .device = disk->path,
		             .type = type };
	disk->image = (Image){ .class = (char *)"bootloader",
		               .filename = (char *)"boot.img",
		               .has_size = true };
	return disk;
}

static void clear_boot(TestDisk *disk)
{
	g_clear_pointer(&disk->old, g_bytes_unref);
	g_clear_pointer(&disk->new, g_bytes_unref);
	g_clear_pointer(&disk->bytes, source_unref);
	g_clear_pointer(&disk->image.sha256, g_free);
}

void test_disk_free(TestDisk *disk)
{
	clear_boot(disk);
	g_unlink(disk->path);
	g_free(disk->path);
	pool_free(disk->pool);
	g_free(disk);
}

void test_disk_set_region(TestDisk *disk, uint64_t start, uint64_t size)
{
	disk->slot.region_start = start;
	disk->slot.region_size = size;
}

static GBytes *boot_of(size_t size, uint8_t seed)
{
	uint8_t *data = g_malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(seed + i / 512 * 7 + i % 251);
	return g_bytes_new_take(data, size);
}

void test_disk_set_boot(TestDisk *disk, size_t old, size_t new, uint64_t at, uint64_t room)
{
	uint8_t hash[DIGEST_SIZE];

	clear_boot(disk);
	disk->old = boot_of(old, 3);
	disk->new = boot_of(new, 100);
	disk->bytes = source_memory_new(disk->new);
	digest_bytes(g_bytes_get_data(disk->new, NULL), new, hash);
	disk->image.sha256 = digest_hex(hash, DIGEST_SIZE);
	disk->image.size = new;
	g_autofree uint8_t *half = g_malloc0((size_t)room);
	memcpy(half, g_bytes_get_data(disk->old, NULL), old);
	test_disk_put(disk, half, (size_t)room, at);
}

WriterJob test_disk_job(TestDisk *disk)
{
	return (WriterJob){ .image = &disk->image,
		            .bytes = disk->bytes,
		            .slot = &disk->slot,
		            .pool = disk->pool,
		            .verify = true };
}

GBytes *test_disk_content(const TestDisk *disk)
{
	char *data;
	size_t size;

	g_assert_true(g_file_get_contents(disk->path, &data, &size, NULL));
	return g_bytes_new_take(data, size);
}

void test_disk_put(const TestDisk *disk, const void *data, size_t size, uint64_t at)
{
	fd_auto int fd = fd_open(disk->path, O_WRONLY, 0, NULL);

	g_assert_true(fd_write_at(fd, data, size, at, disk->path, NULL));
}

bool test_disk_is_boot(const uint8_t *disk, Window half, GBytes *boot)
{
	size_t size;
	const uint8_t *data = g_bytes_get_data(boot, &size), *at = disk + half.at;

	if (memcmp(at, data, size) != 0)
		return false;
	for (size_t i = size; i < half.size; i++) {
		if (at[i] != 0)
			return false;
	}
	return true;
}

static bool is_in(Window window, size_t at)
{
	return at >= window.at && at - window.at < window.size;
}

void test_disk_assert_same_outside(GBytes *before, GBytes *after, Window but, Window and)
{
	size_t size;
	const uint8_t *a = g_bytes_get_data(before, &size), *b = g_bytes_get_data(after, NULL);

	g_assert_cmpuint(size, ==, g_bytes_get_size(after));
	for (size_t i = 0; i < size; i++) {
		if (a[i] != b[i] && !is_in(but, i) && !is_in(and, i))
			g_error("byte %zu was changed", i);
	}
}

char *test_disk_dump(const char *path)
{
	return process_capture(NULL, "sfdisk", "-d", path, NULL);
}
