/* SPDX-License-Identifier: MIT */

/* A small ext4 into a larger slot: with resize=true it fills the slot afterwards. */

#include "writer/rows.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"

static char *image_path, *slot_path;

static char *block_count(const char *path)
{
	g_autofree char *text = process_capture(NULL, "dumpe2fs", "-h", path, NULL);
	const char *line = text ? strstr(text, "Block count:") : NULL;

	g_assert_nonnull(line);
	return g_strstrip(g_strndup(line + 12, strcspn(line + 12, "\n")));
}

static void test_resize(void)
{
	static const struct {
		bool resize;
		const char *blocks; /* of 1 KiB */
	} rows[] = { { false, "4096" }, { true, "8192" } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Image image = { .class = (char *)"rootfs", .filename = (char *)"x.ext4" };
		Slot slot = { .name = (char *)"rootfs.1",
			      .device = slot_path,
			      .type = SLOT_EXT4,
			      .resize = rows[i].resize };
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) source = source_file_open(image_path, &error);
		g_autoptr(Pool) pool = pool_new(2, 4);
		WriterJob job = { .image = &image,
			          .bytes = source,
			          .slot = &slot,
			          .pool = pool,
			          .verify = true };

		g_assert_no_error(error);
		g_assert_true(g_file_set_contents(slot_path, "", 0, NULL));
		g_assert_cmpint(truncate(slot_path, 8 << 20), ==, 0);
		g_assert_true(writer_filesystem.check(&job, &error));
		g_assert_true(writer_filesystem.write(&job, &error));
		g_assert_no_error(error);
		g_autofree char *blocks = block_count(slot_path);
		g_assert_cmpstr(blocks, ==, rows[i].blocks);
		g_assert_true(process_run(&error, "e2fsck", "-fn", slot_path, NULL));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	image_path = g_strdup_printf("%s/fs-image-%d", g_get_tmp_dir(), getpid());
	slot_path = g_strdup_printf("%s/fs-slot-%d", g_get_tmp_dir(), getpid());
	g_autofree char *tool = g_find_program_in_path("mkfs.ext4");
	if (tool) {
		g_assert_true(process_run(NULL, "mkfs.ext4", "-q", "-b", "1024", image_path, "4096",
		                          NULL));
		g_test_add_func("/writer/filesystem/resize", test_resize);
	}
	int result = g_test_run();
	g_unlink(image_path);
	g_unlink(slot_path);
	g_free(image_path);
	g_free(slot_path);
	return result;
}
