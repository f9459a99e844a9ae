/* SPDX-License-Identifier: MIT */

/* What can be known without a UBI volume: test/vm/test_flash.py has real ones. */

#include "writer/ubi.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "writer/rows.h"

static char *path;

static void check_refused(const Writer *writer, const char *device, uint64_t manifest_size,
                          const char *message)
{
	Image image = { .filename = (char *)"x.img", .has_size = true, .size = manifest_size };
	Slot slot = { .name = (char *)"x.0", .device = (char *)device, .type = SLOT_UBIVOL };
	g_autoptr(GBytes) bytes = g_bytes_new_static("0123456789", 10);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	WriterJob job = { .image = &image, .bytes = source, .slot = &slot, .pool = pool };

	g_assert_false(writer->check(&job, &error));
	if (!strstr(error->message, message))
		g_error("%s: %s", device, error->message);
}

static void test_refusals(void)
{
	static const Writer *const writers[] = { &writer_ubivol, &writer_ubifs };
	g_autofree char *text = NULL;

	g_assert_true(g_file_set_contents(path, "old content", -1, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(writers); i++) {
		check_refused(writers[i], path, 10, "is not flash: it is neither");
		check_refused(writers[i], "/dev/null", 10, "/dev/null is not flash");
		check_refused(writers[i], "/", 10, "is not flash");
		check_refused(writers[i], "/nonexistent/ubi0_0", 10, "cannot find /nonexistent/");
		check_refused(writers[i], path, 11, "has 10 bytes, but the manifest says 11");
	}
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "old content");
}

/* Whoever writes without asking first gets the kernel's answer, and no file is harmed. */
static void test_write_elsewhere(void)
{
	Image image = { .filename = (char *)"x.img" };
	Slot slot = { .name = (char *)"x.0", .device = path, .type = SLOT_UBIVOL };
	g_autoptr(GBytes) bytes = g_bytes_new_static("0123456789", 10);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	WriterJob job = {
		.image = &image, .bytes = source, .slot = &slot, .pool = pool, .verify = true
	};

	g_assert_true(g_file_set_contents(path, "old content", -1, NULL));
	g_assert_false(writer_ubivol.write(&job, &error));
	g_assert_nonnull(strstr(error->message, "cannot begin the update of "));
	g_clear_error(&error);
	g_assert_false(ubi_clear(path, &error));
	g_assert_nonnull(strstr(error->message, "cannot begin the update of "));
	g_assert_false(ubi_clear("/nonexistent/ubi0_0", NULL));
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "old content");
}

/* Chapter 7.1, second table. */
static void test_views(void)
{
	g_assert_cmpint(writer_ubivol.pre_hook, ==, WRITER_UNMOUNTED);
	g_assert_cmpint(writer_ubivol.post_hook, ==, WRITER_UNMOUNTED);
	g_assert_cmpint(writer_ubifs.pre_hook, ==, WRITER_MOUNTED);
	g_assert_cmpint(writer_ubifs.post_hook, ==, WRITER_MOUNTED);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	path = g_strdup_printf("%s/ubi-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/writer/ubi/refusals", test_refusals);
	g_test_add_func("/writer/ubi/write-elsewhere", test_write_elsewhere);
	g_test_add_func("/writer/ubi/views", test_views);
	int result = g_test_run();
	g_unlink(path);
	g_free(path);
	return result;
}
