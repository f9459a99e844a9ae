/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A disk in a file, partitioned by sfdisk, and a job for a writer of boot slots.
 */

#include "writer/copy.h"
#include "writer/rows.h"

typedef struct {
	char *path;
	uint64_t size;
	Slot slot;
	Image image;
	GBytes *old, *new; /* boot loaders */
	Source *bytes;
	Pool *pool;
} TestDisk;

/* `table` for sfdisk, NULL: none. Bytes that no boot loader has are 0xA5. */
TestDisk *test_disk_new(SlotType type, uint64_t size, const char *table);
void test_disk_free(TestDisk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TestDisk, test_disk_free)

void test_disk_set_region(TestDisk *disk, uint64_t start, uint64_t size);
/* Boot loaders of these sizes; the old one is put at `at`, zeroes behind it up to `room`. */
void test_disk_set_boot(TestDisk *disk, size_t old, size_t new, uint64_t at, uint64_t room);

WriterJob test_disk_job(TestDisk *disk);
GBytes *test_disk_content(const TestDisk *disk);
void test_disk_put(const TestDisk *disk, const void *data, size_t size, uint64_t at);

/* `half` of `disk` is this boot loader to its last byte. */
bool test_disk_is_boot(const uint8_t *disk, Window half, GBytes *boot);
/* Nothing but [at, at + size) differs. */
void test_disk_assert_same_outside(GBytes *before, GBytes *after, Window but, Window and);
/* What `sfdisk -d` says, or NULL. */
char *test_disk_dump(const char *path);
