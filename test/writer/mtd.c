/* SPDX-License-Identifier: MIT */

/* What can be known without an MTD: test/vm/test_flash.py has real ones. */

#include "writer/mtd.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "writer/rows.h"

static char *path;

typedef struct {
	Image image;
	Slot slot;
	Source *bytes;
	Pool *pool;
	WriterJob job;
} Case;

static void case_begin(Case *c, const char *device, uint64_t manifest_size)
{
	g_autoptr(GBytes) bytes = g_bytes_new_static("0123456789", 10);

	*c = (Case){
		.image = { .filename = (char *)"x.img", .has_size = true, .size = manifest_size },
		.slot = { .name = (char *)"x.0", .device = (char *)device },
		.bytes = source_memory_new(bytes),
		.pool = pool_new(0, 1)
	};
	c->job = (WriterJob){ .image = &c->image,
		              .bytes = c->bytes,
		              .slot = &c->slot,
		              .pool = c->pool,
		              .verify = true };
}

static void case_end(Case *c)
{
	source_unref(c->bytes);
	pool_free(c->pool);
}

static void assert_old(void)
{
	g_autofree char *text = NULL;

	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "old content");
}

static void test_refusals(void)
{
	static const Writer *const writers[] = { &writer_nand, &writer_nor };
	static const struct {
		const char *device;
		uint64_t size;
		const char *message;
	} rows[] = {
		{ NULL, 10, "is not flash: it is neither the character device of an MTD" },
		{ NULL, 11, "has 10 bytes, but the manifest says 11" },
		{ "/dev/null", 10, "/dev/null is not flash" },
		{ "/", 10, "is not flash" },
		{ "/nonexistent/mtd0", 10, "cannot find /nonexistent/mtd0" },
	};

	g_assert_true(g_file_set_contents(path, "old content", -1, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(writers) * G_N_ELEMENTS(rows); i++) {
		const Writer *writer = writers[i % G_N_ELEMENTS(writers)];
		unsigned row = i / G_N_ELEMENTS(writers);
		g_autoptr(GError) error = NULL;
		Case c;

		case_begin(&c, rows[row].device ? rows[row].device : path, rows[row].size);
		g_assert_false(writer->check(&c.job, &error));
		if (!strstr(error->message, rows[row].message))
			g_error("row %u: %s", row, error->message);
		g_clear_error(&error);
		if (!rows[row].device) {
			g_assert_false(writer->write(&c.job, &error));
			g_assert_error(error, FAILURE, FAILURE_UNSUPPORTED);
			assert_old();
		}
		case_end(&c);
	}
}

static void test_others(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_true(g_file_set_contents(path, "old content", -1, NULL));
	g_assert_false(mtd_check(path, 0, NULL));
	g_assert_false(mtd_erase(path, &error));
	g_assert_error(error, FAILURE, FAILURE_UNSUPPORTED);
	g_assert_false(mtd_erase("/dev/null", NULL));
	assert_old();
}

/* What is no MTD is written as other block devices and files are. */
static void test_jffs2_elsewhere(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	Case c;

	g_assert_true(g_file_set_contents(path, "", -1, NULL));
	case_begin(&c, path, 10);
	g_assert_true(writer_jffs2.check(&c.job, &error));
	g_assert_true(writer_jffs2.write(&c.job, &error));
	g_assert_no_error(error);
	g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
	g_assert_cmpstr(text, ==, "0123456789");
	case_end(&c);
	case_begin(&c, path, 11);
	g_assert_false(writer_jffs2.check(&c.job, NULL));
	case_end(&c);
}

/* Chapter 7.1, second table. */
static void test_views(void)
{
	static const Writer *const writers[] = { &writer_nand, &writer_nor, &writer_jffs2 };

	for (unsigned i = 0; i < G_N_ELEMENTS(writers); i++) {
		g_assert_cmpint(writers[i]->pre_hook, ==, WRITER_UNMOUNTED);
		g_assert_cmpint(writers[i]->post_hook, ==, WRITER_UNMOUNTED);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	path = g_strdup_printf("%s/mtd-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/writer/mtd/refusals", test_refusals);
	g_test_add_func("/writer/mtd/others", test_others);
	g_test_add_func("/writer/mtd/jffs2-elsewhere", test_jffs2_elsewhere);
	g_test_add_func("/writer/mtd/views", test_views);
	int result = g_test_run();
	g_unlink(path);
	g_free(path);
	return result;
}
