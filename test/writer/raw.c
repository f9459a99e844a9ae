/* SPDX-License-Identifier: MIT */

#include "writer/rows.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

static char *path;

static void test_raw(void)
{
	Image image = { .class = (char *)"rootfs", .filename = (char *)"x.img", .has_size = true };
	Slot slot = { .name = (char *)"rootfs.1", .device = path };
	g_autoptr(GBytes) bytes = g_bytes_new_static("0123456789", 10);
	g_autoptr(Source) source = source_memory_new(bytes);
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(GError) error = NULL;
	WriterJob job = {
		.image = &image, .bytes = source, .slot = &slot, .pool = pool, .verify = true
	};
	g_autofree char *text = NULL;

	g_assert_true(g_file_set_contents(path, "", 0, NULL));
	image.size = 11;
	g_assert_false(writer_raw.check(&job, &error));
	g_assert_cmpstr(error->message, ==, "image 'x.img' has 10 bytes, but the manifest says 11");
	image.size = 10;
	g_assert_true(writer_raw.check(&job, NULL));
	g_assert_true(writer_raw.write(&job, NULL));
	g_assert_cmpuint(job.n_written, ==, 10);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "0123456789");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	path = g_strdup_printf("%s/raw-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/writer/raw/raw", test_raw);
	int result = g_test_run();
	g_unlink(path);
	g_free(path);
	return result;
}
