/* SPDX-License-Identifier: MIT */

/* The system's tar makes the archives; faults are made in the folder between the two steps. */

#include "writer/tar.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"
#include "crypto/digest.h"

static char *folder;

/* What a shell says, run in the test's folder: tree/ is archived, out/ is unpacked to. */
static void shell(const char *script)
{
	g_autofree char *all = g_strdup_printf("cd '%s' && { %s\n}", folder, script);
	g_autoptr(GError) error = NULL;

	process_run(&error, "sh", "-ec", all, NULL);
	g_assert_no_error(error);
}

static Source *open_archive(const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	Source *source = source_file_open(path, NULL);

	g_assert_nonnull(source);
	return source;
}

#define TREE                                                                                      \
	"rm -rf tree out; mkdir -p tree/sbin tree/etc out; seq 60000 >tree/sbin/init; "           \
	"echo x >tree/etc/a; ln tree/etc/a tree/etc/hard; ln -s a tree/etc/soft; : >tree/empty; " \
	"printf x >'tree/with space: Mode differs'; printf n >\"tree/new\nline\"; "               \
	"truncate -s 300K tree/sparse; chmod 4755 tree/sbin/init; mkfifo tree/fifo; "

static const struct {
	const char *name, *flag, *program;
} flags[] = {
	{ "a.tar", NULL, NULL },           { "a.tar.gz", "-z", "gzip" },
	{ "a.tgz", "-z", "gzip" },         { "a.taz", "-z", "gzip" },
	{ "a.tar.Z", "-Z", "compress" },   { "a.taZ", "-Z", "compress" },
	{ "a.tar.bz2", "-j", "bzip2" },    { "a.tbz", "-j", "bzip2" },
	{ "a.tbz2", "-j", "bzip2" },       { "a.tz2", "-j", "bzip2" },
	{ "a.tar.lz", "--lzip", "lzip" },  { "a.tar.lzma", "--lzma", "lzma" },
	{ "a.tlz", "--lzma", "lzma" },     { "a.tar.lzo", "--lzop", "lzop" },
	{ "a.tar.xz", "-J", "xz" },        { "a.txz", "-J", "xz" },
	{ "a.tar.zst", "--zstd", "zstd" }, { "a.tzst", "--zstd", "zstd" },
	{ "a.tar.foo", NULL, NULL },
};

static void test_flags(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
		const char *program = "?";

		g_assert_cmpstr(tar_flag(flags[i].name, &program), ==, flags[i].flag);
		g_assert_cmpstr(program, ==, flags[i].program);
	}
}

static bool extract(Source *bytes, const char *name, const char *sha256, GError **error)
{
	g_autofree char *out = g_build_filename(folder, "out", NULL);
	TarJob job = { .bytes = bytes,
		       .filename = name,
		       .sha256 = sha256,
		       .folder = out,
		       .has_owners = true };

	return tar_extract(&job, error);
}

static bool compare(Source *bytes, const char *name, bool has_owners, GError **error)
{
	g_autofree char *out = g_build_filename(folder, "out", NULL);
	TarJob job = { .bytes = bytes, .filename = name, .folder = out, .has_owners = has_owners };

	return tar_compare(&job, error);
}

/* In every compression there is a program for; `diff` is the judge. */
static void test_compressions(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(flags); i++) {
		g_autofree char *program =
			flags[i].program ? g_find_program_in_path(flags[i].program) : NULL;
		g_autoptr(GError) error = NULL;
		g_autofree char *script =
			g_strdup_printf(TREE "tar cf %s %s -C tree .", flags[i].name,
		                        flags[i].flag ? flags[i].flag : "");

		if (flags[i].program && !program) {
			g_test_message("%s: there is no %s", flags[i].name, flags[i].program);
			g_assert_false(tar_check(flags[i].name, true, &error));
			g_assert_error(error, FAILURE, FAILURE_TOOL);
			continue;
		}
		shell(script);
		g_assert_true(tar_check(flags[i].name, true, &error));
		g_autoptr(Source) bytes = open_archive(flags[i].name);
		g_assert_true(extract(bytes, flags[i].name, NULL, &error));
		g_assert_no_error(error);
		g_assert_true(compare(bytes, flags[i].name, true, &error));
		g_assert_no_error(error);
		shell("rm tree/fifo out/fifo; diff -r --no-dereference tree out");
	}
}

/* Every kind of damage between unpacking and reading back. */
static const struct {
	const char *damage;
	bool has_owners;
	const char *named; /* NULL: passes */
} faults[] = {
	{ ":", true, NULL },
	{ ": >out/sbin/init", true, "'./sbin/init' is not what the archive has: Size differs (" },
	{ "printf 9 | dd of=out/sbin/init bs=1 seek=300000 conv=notrunc 2>/dev/null", true,
	  "'./sbin/init' is not what the archive has: Contents differ (1 in all)" },
	{ "rm out/sbin/init", true, "a file is missing: \"./sbin/init\"" },
	{ "rm out/empty; mkdir out/empty", true,
	  "'./empty' is not what the archive has: File type" },
	{ "ln -sf b out/etc/soft", true, "'./etc/soft' is not what the archive has: Symlink" },
	{ "rm out/etc/hard; cp out/etc/a out/etc/hard", true,
	  "is not what the archive has: Not linked" },
	{ "printf yy >'out/with space: Mode differs'", true,
	  "'./with space: Mode differs' is not" },
	{ ": >\"out/new\nline\"", true,
	  "'./new\\nline' is not what the archive has: Size differs" },
	{ "printf 1 >out/sparse; truncate -s 300K out/sparse", true, "'./sparse' is not what" },
	{ "chmod 755 out/sbin/init", true,
	  "'./sbin/init' is not what the archive has: Mode differs" },
	{ "chmod -R 700 out", false, NULL },
	{ "touch -d 2001-01-01 out/sbin/init", true, NULL },
	{ "echo more >out/more", true, NULL },
	{ "chmod -R 700 out; : >out/etc/a", false, "'./etc/" },
};

static void test_faults(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(faults); i++) {
		g_autoptr(GError) error = NULL;

		shell(TREE "tar cf a.tar.gz -z -C tree .");
		g_autoptr(Source) bytes = open_archive("a.tar.gz");
		g_assert_true(extract(bytes, "a.tar.gz", NULL, NULL));
		shell(faults[i].damage);
		bool ok = compare(bytes, "a.tar.gz", faults[i].has_owners, &error);
		if (!faults[i].named) {
			g_assert_no_error(error);
			g_assert_true(ok);
			continue;
		}
		g_assert_false(ok);
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_test_message("%s", error->message);
		g_assert_nonnull(strstr(error->message, faults[i].named));
	}
}

/* More files than are kept by name: told, and no more memory. */
static void test_many_faults(void)
{
	g_autoptr(GError) error = NULL;

	shell(TREE "cd tree; seq 1500 | split -l 1 -a 4; cd ..; tar cf a.tar -C tree .");
	g_autoptr(Source) bytes = open_archive("a.tar");
	g_assert_true(extract(bytes, "a.tar", NULL, NULL));
	shell("for f in out/x*; do : >$f; done");
	g_assert_false(compare(bytes, "a.tar", true, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	g_assert_nonnull(strstr(error->message, "(more than 1000 in all)"));
}

/* A member that comes twice: the last one counts. */
static void test_twice(void)
{
	g_autoptr(GError) error = NULL;

	shell(TREE "tar cf a.tar -C tree .; echo new >tree/etc/a; tar rf a.tar -C tree ./etc/a");
	g_autoptr(Source) bytes = open_archive("a.tar");
	g_assert_true(extract(bytes, "a.tar", NULL, NULL));
	g_assert_true(compare(bytes, "a.tar", true, &error));
	g_assert_no_error(error);
	shell("echo old >out/etc/a");
	g_assert_false(compare(bytes, "a.tar", true, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
}

static void test_digest(void)
{
	static const char wrong[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	g_autoptr(GError) error = NULL;

	/* Bytes behind the end of the archive belong to the image. */
	shell(TREE "tar cf a.tar -C tree .; head -c 3000000 /dev/zero >>a.tar; "
	           "sha256sum a.tar | cut -c 1-64 | tr -d '\\n' >sum");
	g_autofree char *path = g_build_filename(folder, "sum", NULL);
	g_autofree char *sum = file_read(path, 100, NULL, NULL);
	g_autoptr(Source) bytes = open_archive("a.tar");
	g_assert_true(extract(bytes, "a.tar", sum, &error));
	g_assert_no_error(error);
	g_assert_false(extract(bytes, "a.tar", wrong, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	g_assert_true(g_str_has_prefix(error->message, "image digest is "));
}

/* Nothing may get out of the folder, nothing may pass as unpacked that is not. */
static const struct {
	const char *archive; /* script that makes a.tar.gz; ../gone is outside of out/ */
	const char *why;     /* NULL: unpacked */
} bad[] = {
	{ "echo no archive at all >a.tar.gz", "tar: gzip: stdin: not in gzip format" },
	{ ": >a.tar.gz", "tar: gzip: stdin: unexpected end of file" },
	{ "echo no archive inside | gzip >a.tar.gz", "archive 'a.tar.gz' has nothing in it" },
	{ "tar cz -C tree . | head -c 9000 >a.tar.gz", "unexpected end of file" },
	{ "tar c -C tree . | head -c 200000 | gzip >a.tar.gz", "tar: Unexpected EOF in archive" },
	{ "tar c -C tree . >t; printf xxxxxxxx | dd of=t bs=1 seek=148 conv=notrunc 2>/dev/null; "
	  "gzip <t >a.tar.gz",
	  "tar: This does not look like a tar archive" },
	{ "echo gone >gone; tar czPf a.tar.gz --transform s,gone,../gone, gone; rm gone", "'..'" },
	{ "echo gone >gone; tar czPf a.tar.gz --transform s,gone,/$PWD/gone, gone; rm gone", NULL },
	{ "mkdir t1; ln -s .. t1/up; tar cf t -C t1 up; rm t1/up; mkdir t1/up; echo x >t1/up/gone; "
	  "tar rf t -C t1 up/gone; gzip <t >a.tar.gz; rm -r t1",
	  "" },
};

static void test_bad_archives(void)
{
	g_autofree char *outside = g_build_filename(folder, "gone", NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;

		shell(TREE);
		shell(bad[i].archive);
		g_autoptr(Source) bytes = open_archive("a.tar.gz");
		bool ok = extract(bytes, "a.tar.gz", NULL, &error) &&
		          compare(bytes, "a.tar.gz", true, &error);
		g_test_message("%s", error ? error->message : "unpacked");
		g_assert_false(g_file_test(outside, G_FILE_TEST_EXISTS));
		if (!bad[i].why) {
			g_assert_no_error(error);
		} else {
			g_assert_false(ok);
			g_assert_nonnull(strstr(error->message, bad[i].why));
		}
	}
}

static bool faulty_read_at(Source *source G_GNUC_UNUSED, void *to, size_t size, uint64_t at,
                           GError **error)
{
	if (at > 0)
		return fail(error, FAILURE_INTEGRITY, "verity: block 7 is corrupted");
	memset(to, 0, size);
	return true;
}

static void faulty_free(Source *source)
{
	g_free(source);
}

static void test_source_fails(void)
{
	static const SourceOps ops = { .kind = "faulty",
		                       .read_at = faulty_read_at,
		                       .free = faulty_free };
	Source *faulty = g_new0(Source, 1);
	g_autoptr(GError) error = NULL;

	shell("mkdir -p out");
	source_init(faulty, &ops, 10 << 20);
	g_autoptr(Source) bytes = faulty;
	g_assert_false(extract(bytes, "a.tar", NULL, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	g_assert_cmpstr(error->message, ==, "verity: block 7 is corrupted");
}

/* A tar that cannot compare is only good enough where nothing is verified. */
static void test_other_tar(void)
{
	g_autofree char *before = g_strdup(g_getenv("PATH"));
	g_autofree char *bin = g_build_filename(folder, "bin", NULL);
	g_autoptr(GError) error = NULL;

	shell("mkdir bin; printf '#!/bin/sh\\necho bsdtar 3.6.2\\n' >bin/tar; chmod 755 bin/tar");
	g_setenv("PATH", bin, TRUE);
	g_assert_true(tar_check("a.tar", false, NULL));
	g_assert_false(tar_check("a.tar", true, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
	g_setenv("PATH", before, TRUE);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	folder = g_dir_make_tmp("tar-XXXXXX", NULL);
	g_test_add_func("/writer/tar/flags", test_flags);
	g_test_add_func("/writer/tar/compressions", test_compressions);
	g_test_add_func("/writer/tar/faults", test_faults);
	g_test_add_func("/writer/tar/many-faults", test_many_faults);
	g_test_add_func("/writer/tar/twice", test_twice);
	g_test_add_func("/writer/tar/digest", test_digest);
	g_test_add_func("/writer/tar/bad-archives", test_bad_archives);
	g_test_add_func("/writer/tar/source-fails", test_source_fails);
	g_test_add_func("/writer/tar/other-tar", test_other_tar);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return result;
}
