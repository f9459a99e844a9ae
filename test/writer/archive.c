/* SPDX-License-Identifier: MIT */

/* Archives into files with ext4, mounted through loop devices; e2fsck and diff are the judges. A
 * tar that cheats comes from a folder before the others in PATH. */

#include "writer/rows.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

static char *folder, *device, *prefix;

static void shell(const char *script)
{
	g_autofree char *all = g_strdup_printf("cd '%s' && { %s\n}", folder, script);
	g_autoptr(GError) error = NULL;

	process_run(&error, "sh", "-ec", all, NULL);
	g_assert_no_error(error);
}

static const char *cannot_mount(void)
{
	if (geteuid() != 0)
		return "needs root";
	g_autofree char *script =
		g_strdup_printf("cd '%s'; truncate -s 2M m; mkfs.ext4 -q m; mkdir mm; "
	                        "mount -t ext4 m mm && umount mm",
	                        folder);
	g_autoptr(GError) error = NULL;
	bool ok = process_run(&error, "sh", "-c", script, NULL);

	return ok ? NULL : "no loop device, or no ext4, to be had";
}

static bool note_mounted(void *user, const char *mount_point, GError **error)
{
	GString *seen = user;

	g_autofree char *inside = g_build_filename(mount_point, "lost+found", NULL);
	g_assert_true(g_file_test(inside, G_FILE_TEST_IS_DIR));
	g_autofree char *note = g_build_filename(mount_point, "note", NULL);
	g_assert_true(g_file_set_contents(note, "seen\n", -1, NULL));
	g_string_append(seen, "called");
	return strstr(seen->str, "fail") ? fail(error, FAILURE_TOOL, "hook said no") : true;
}

/* verify-written on: the archive of tree/ into the slot; `fake`: a tar before the real one. */
static bool install(const Writer *writer, const char *name, bool verify, const char *fake,
                    GString *seen, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	g_autofree char *with_fake = g_strdup_printf("%s/bin:%s", folder, before);
	g_autoptr(Source) bytes = source_file_open(path, NULL);
	Slot slot = { .name = (char *)"rootfs.1", .device = device, .type = SLOT_EXT4 };
	Image image = { .class = (char *)"rootfs", .filename = (char *)name };
	WriterJob job = { .image = &image,
		          .bytes = writer == &writer_empty ? NULL : bytes,
		          .slot = &slot,
		          .mount_prefix = prefix,
		          .verify = verify,
		          .while_mounted = seen ? note_mounted : NULL,
		          .while_mounted_user = seen };

	if (fake) {
		g_autofree char *script = g_strdup_printf(
			"mkdir -p bin; cat >bin/tar <<'END'\n#!/bin/sh\n%s\nEND\nchmod 755 bin/tar",
			fake);
		shell(script);
		g_setenv("PATH", with_fake, TRUE);
	}
	bool ok = writer->check(&job, error) && writer->write(&job, error);
	g_setenv("PATH", before, TRUE);

	/* Whatever it was: nothing stays mounted. */
	g_autofree char *mounts = file_read("/proc/self/mountinfo", 16 << 20, NULL, NULL);
	g_assert_null(strstr(mounts, folder));
	return ok;
}

#define TREE                                                                                        \
	"rm -rf tree bin; mkdir -p tree/sbin; seq 200000 >tree/sbin/init; ln -s init tree/sbin/x; " \
	"tar czf a.tar.gz -C tree .; tar cf a.tar -C tree .; truncate -s 0 device; truncate -s 16M device"

#define JUDGE "e2fsck -fn device; mount -t ext4 -o ro device mm; "

static void test_archive(void)
{
	static const char *const names[] = { "a.tar.gz", "a.tar" };

	for (unsigned i = 0; i < 4; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) seen = g_string_new(NULL);

		shell(TREE);
		g_assert_true(install(&writer_archive, names[i % 2], i < 2, NULL, seen, &error));
		g_assert_no_error(error);
		g_assert_cmpstr(seen->str, ==, "called");
		shell(JUDGE "r=0; grep -q seen mm/note && diff -r --no-dereference tree mm -x note "
		            "-x lost+found || r=1; umount mm; [ $r = 0 ]; "
		            "[ \"$(e2label device)\" = rootfs.1 ]");
	}
}

static void test_empty(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) seen = g_string_new(NULL);

	shell(TREE);
	g_assert_true(install(&writer_empty, "a.tar", true, NULL, seen, &error));
	g_assert_no_error(error);
	shell(JUDGE "n=$(ls mm | tr '\\n' ' '); umount mm; [ \"$n\" = 'lost+found note ' ]");
}

/* Lies of the tar, faults of the medium. */
static const struct {
	const char *tar; /* the program; $4 is the folder */
	bool verify;
	const char *why; /* NULL: passes unnoticed */
} faults[] = {
	{ "PATH=${PATH#*:}; tar \"$@\"; code=$?; [ $1 = xf ] && : >\"$4/sbin/init\"; exit $code",
	  true,
	  "comparing: archive 'a.tar.gz' was unpacked, but read back './sbin/init' is not what the "
	  "archive has: Size differs" },
	{ "PATH=${PATH#*:}; tar \"$@\"; code=$?; [ $1 = xf ] && : >\"$4/sbin/init\"; exit $code",
	  false, NULL },
	{ "PATH=${PATH#*:}; tar \"$@\"; code=$?; [ $1 = xf ] && rm \"$4/sbin/init\"; exit $code",
	  true, "a file is missing: \"./sbin/init\"" },
	{ "[ $1 = xf ] && cat >/dev/null && exit 0; PATH=${PATH#*:}; exec tar \"$@\"", true,
	  "a file is missing: " },
	{ "[ $1 = xf ] && { echo 'tar: no room' >&2; echo 'tar: more' >&2; exit 2; }; "
	  "PATH=${PATH#*:}; exec tar \"$@\"",
	  true, "unpacking: tar: no room (exit code 2)" },
	{ "[ $1 = dvf ] && exit 0; PATH=${PATH#*:}; exec tar \"$@\"", true, "has nothing in it" },
	{ "[ $1 = dvf ] && exit 1; PATH=${PATH#*:}; exec tar \"$@\"", true,
	  "comparing: tar: failed without a word (exit code 1)" },
};

static void test_faults(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autoptr(GError) error = NULL;

		shell(TREE);
		bool ok = install(&writer_archive, "a.tar.gz", faults[i].verify, faults[i].tar,
		                  NULL, &error);
		g_assert_true(ok == !faults[i].why);
		if (ok)
			continue;
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, faults[i].why));
	}
}

static void test_hook_fails(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) seen = g_string_new("fail ");

	shell(TREE);
	g_assert_false(install(&writer_archive, "a.tar", true, NULL, seen, &error));
	g_assert_cmpstr(error->message, ==, "hook said no");
}

/* More than fits: seen before for a plain tar that is far too large, and by tar else. */
static void test_no_room(void)
{
	static const struct {
		const char *name, *why;
		bool is_touched;
	} rows[] = {
		{ "a.tar", "is too small for image", false },
		{ "a.tar.gz", "unpacking: the file system is full: tar: ", true },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *loop = NULL;

		shell(TREE "; head -c 12M /dev/zero >tree/big; tar cf a.tar -C tree .; "
		           "gzip <a.tar >a.tar.gz; truncate -s 4M device");
		loop = process_capture(&error, "losetup", "--show", "-f", device, NULL);
		if (!loop) {
			g_test_skip(error->message);
			return;
		}
		char *before = device;
		device = loop;
		g_assert_false(install(&writer_archive, rows[i].name, true, NULL, NULL, &error));
		device = before;
		g_assert_true(process_run(NULL, "losetup", "-d", loop, NULL));
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, rows[i].why));
		shell(rows[i].is_touched ? "! cmp -s -n 4M device /dev/zero"
		                         : "cmp -n 4M device /dev/zero");
	}
}

/* What can be known before: nothing is touched. */
static void test_check(void)
{
	Slot slot = { .name = (char *)"rootfs.1", .device = device, .type = SLOT_EXT4 };
	Image image = { .class = (char *)"rootfs", .filename = (char *)"a.tar.gz" };
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	g_autoptr(GBytes) some = g_bytes_new_static("12345", 5);
	g_autoptr(Source) bytes = source_memory_new(some);
	WriterJob job = { .image = &image, .bytes = bytes, .slot = &slot, .verify = true };

	shell(TREE);
	g_assert_true(writer_archive.check(&job, NULL));
	static const Failure expected[] = { FAILURE_TOOL, FAILURE_NOT_FOUND, FAILURE_FORMAT };
	for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
		g_autoptr(GError) error = NULL;

		g_setenv("PATH", i == 0 ? "/nonexistent" : before, TRUE);
		slot.device = i == 1 ? (char *)"/nonexistent/device" : device;
		image.has_size = i == 2;
		g_assert_false(writer_archive.check(&job, &error));
		g_assert_error(error, FAILURE, (int)expected[i]);
	}
	g_setenv("PATH", before, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("archive-XXXXXX", NULL);
	device = g_build_filename(folder, "device", NULL);
	prefix = g_build_filename(folder, "mnt", NULL);
	g_test_add_func("/writer/archive/check", test_check);
	const char *why_not = cannot_mount();
	if (!why_not) {
		g_test_add_func("/writer/archive/archive", test_archive);
		g_test_add_func("/writer/archive/empty", test_empty);
		g_test_add_func("/writer/archive/faults", test_faults);
		g_test_add_func("/writer/archive/hook-fails", test_hook_fails);
		g_test_add_func("/writer/archive/no-room", test_no_room);
	} else {
		g_test_message("no installations: %s", why_not);
	}
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	g_free(device);
	g_free(prefix);
	return result;
}
