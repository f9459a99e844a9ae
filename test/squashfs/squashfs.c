/* SPDX-License-Identifier: MIT */

#include "squashfs/squashfs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "made.h"

/* One folder with everything a file system can have; made once. */
static const char make_tree[] =
	"cd \"$1\"\n"
	"mkdir tree && cd tree\n"
	": >empty\n"
	"printf x >one\n"
	"rnd() { head -c $1 /dev/urandom; }\n"
	"txt() { yes \"some text that packs $1\" | head -c $1 || :; }\n"
	"for n in 4095 4096 4097 65536 131071 131072 131073 1048576 1048653; do\n"
	"  txt $n >text-$n; rnd $n >random-$n\n"
	"done\n"
	"{ txt 300000; rnd 300000; txt 300000; head -c 300000 /dev/zero; rnd 7; } >mixed\n"
	"truncate -s 3M sparse; txt 5000 | dd of=sparse bs=1 seek=1500000 conv=notrunc status=none\n"
	"truncate -s 1000000 only-holes\n"
	"cp /bin/ls program\n"
	"mkdir small; for i in $(seq 200); do echo \"number $i\" >small/$i; done\n"
	"mkdir many; (cd many; seq 3000 | xargs touch)\n"
	"d=deep; for i in $(seq 60); do d=$d/level-$i; done; mkdir -p $d; echo end >$d/end\n"
	"mkdir empty-folder; mkfifo fifo; ln -s small/7 link; ln -s /nowhere/at/all dangling\n"
	"ln text-4096 hard-link\n"
	"mkdir links; ln one links/a; ln one links/b; ln -s x links/$(printf 'n%.0s' $(seq 255))\n"
	"chmod 4755 program; chmod 1777 empty-folder\n"
	"[ $(id -u) -ne 0 ] || { chmod 000 empty; chown 17:4294967 one; }\n"
	"printf umlaut >'stra\303\237e'; printf odd >'a\nb'\n"
	"touch -d @1234567890 one\n";

static char *place; /* of the tree and nothing else; const for the tests */

static char *tree_path(const char *name)
{
	return g_build_filename(place, "tree", name, NULL);
}

static const SquashfsType types[] = {
	[S_IFDIR >> 12] = SQUASHFS_FOLDER,       [S_IFREG >> 12] = SQUASHFS_FILE,
	[S_IFLNK >> 12] = SQUASHFS_SYMLINK,      [S_IFIFO >> 12] = SQUASHFS_FIFO,
	[S_IFBLK >> 12] = SQUASHFS_BLOCK_DEVICE, [S_IFCHR >> 12] = SQUASHFS_CHAR_DEVICE,
	[S_IFSOCK >> 12] = SQUASHFS_SOCKET,
};

static void compare_content(Source *source, const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *expected = NULL;
	g_autofree char *got = g_malloc(source->size + 1);
	gsize size;

	g_assert_true(g_file_get_contents(path, &expected, &size, &error));
	g_assert_cmpuint(source->size, ==, size);
	g_assert_true(source_read_at(source, got, size, 0, &error));
	g_assert_no_error(error);
	g_assert_true(memcmp(got, expected, size) == 0);

	/* And in parts of any size, at any place. */
	g_autoptr(GRand) rand = g_rand_new_with_seed(11);
	for (unsigned i = 0; size && i < 12; i++) {
		gint32 at = g_rand_int_range(rand, 0, (gint32)size);
		gint32 n = g_rand_int_range(rand, 0, (gint32)size - at + 1);

		if (i % 3 == 0)
			at &= ~4095;
		memset(got, 0xaa, size);
		g_assert_true(source_read_at(source, got, (size_t)n, (uint64_t)at, &error));
		g_assert_true(memcmp(got, expected + at, (size_t)n) == 0);
	}
}

typedef struct {
	Squashfs *fs;
	unsigned n;
} Compare;

static bool compare_entry(void *user, const char *path, const SquashfsEntry *entry, GError **error)
{
	Compare *compare = user;
	g_autofree char *original = tree_path(path);
	struct stat st;

	compare->n++;
	g_assert_cmpint(lstat(original, &st), ==, 0);
	g_assert_cmpint(entry->type, ==, types[st.st_mode >> 12]);
	g_assert_cmpuint(entry->mode, ==, st.st_mode & 07777);
	g_assert_cmpuint(entry->uid, ==, st.st_uid);
	g_assert_cmpuint(entry->gid, ==, st.st_gid);
	g_assert_cmpint(entry->mtime, ==, st.st_mtime);
	if (entry->type == SQUASHFS_SYMLINK) {
		g_autofree char *target = g_file_read_link(original, NULL);
		g_assert_cmpstr(entry->target, ==, target);
	} else {
		g_assert_null(entry->target);
	}
	if (entry->type != SQUASHFS_FILE)
		return true;
	g_autoptr(Source) source = squashfs_open_inode(compare->fs, entry, error);
	g_assert_nonnull(source);
	compare_content(source, original);
	return true;
}

/* With these options for mksquashfs. */
static const char *const option_sets[] = {
	"-comp gzip",
	"-comp gzip -b 4K",
	"-comp gzip -b 64K -always-use-fragments -Xcompression-level 1",
	"-comp gzip -no-fragments -no-exports -no-xattrs",
	"-comp gzip -noI -noD -noF",
	"-comp gzip -noI -noId -noD -noF -noX -b 1M",
	"-comp xz -b 128K",
	"-comp xz -b 1M -Xbcj x86 -Xdict-size 50%",
	"-comp xz -b 4K -no-fragments",
	"-comp zstd -Xcompression-level 3",
	"-comp zstd -b 1M -Xcompression-level 1 -always-use-fragments",
	"-comp zstd -b 8K -Xcompression-level 1 -no-sparse",
	"-comp lz4",
	"-comp lz4 -Xhc -b 1M -no-duplicates",
	"-comp lz4 -b 4K -tailends",
};

static unsigned count_originals(void)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *tree = tree_path(NULL);
	g_autofree char *all =
		process_capture(&error, "find", tree, "-mindepth", "1", "-printf", "x", NULL);

	g_assert_no_error(error);
	return (unsigned)strlen(all);
}

static void test_options(gconstpointer options)
{
	g_autofree char *tree = tree_path(NULL);
	g_autoptr(Source) source = made_source(tree, options);
	g_autoptr(GError) error = NULL;
	g_autoptr(Squashfs) fs = squashfs_open(source, &error);

	g_assert_no_error(error);
	Compare compare = { .fs = fs };
	g_assert_true(squashfs_walk(fs, "", compare_entry, &compare, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(compare.n, ==, count_originals());
}

static Squashfs *open_tree(void)
{
	g_autofree char *tree = tree_path(NULL);
	g_autoptr(Source) source = made_source(tree, "-comp zstd -Xcompression-level 1");
	g_autoptr(GError) error = NULL;
	Squashfs *fs = squashfs_open(source, &error);

	g_assert_no_error(error);
	g_assert_cmpuint(squashfs_block_size(fs), ==, 131072);
	return fs;
}

static const struct {
	const char *path;
	int type; /* 0: not found */
} paths[] = {
	{ "", SQUASHFS_FOLDER },
	{ "one", SQUASHFS_FILE },
	{ "small/200", SQUASHFS_FILE },
	{ "many/3000", SQUASHFS_FILE },
	{ "many/1", SQUASHFS_FILE },
	{ "many/999", SQUASHFS_FILE },
	{ "links/a", SQUASHFS_FILE },
	{ "link", SQUASHFS_SYMLINK },
	{ "fifo", SQUASHFS_FIFO },
	{ "empty-folder", SQUASHFS_FOLDER },
	{ "nothing", 0 },
	{ "small/201", 0 },
	{ "one/two", 0 },
	{ "link/x", 0 }, /* links are not followed */
	{ "/one", 0 },
	{ "small/", 0 },
	{ "small//7", 0 },
	{ ".", 0 },
	{ "small/../one", 0 },
	{ "zzz", 0 },
	{ "/", 0 },
};

static void test_find(void)
{
	g_autoptr(Squashfs) fs = open_tree();

	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autoptr(GError) error = NULL;
		SquashfsEntry entry = { 0 };

		bool ok = squashfs_find(fs, paths[i].path, &entry, &error);
		g_assert_true(ok == (paths[i].type != 0));
		if (ok)
			g_assert_cmpint(entry.type, ==, paths[i].type);
		else
			g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
		squashfs_entry_clear(&entry);

		/* Only files can be opened. */
		g_clear_error(&error);
		g_autoptr(Source) source = squashfs_open_file(fs, paths[i].path, &error);
		g_assert_true(!!source == (paths[i].type == SQUASHFS_FILE));
	}
}

static bool count(void *user, const char *path, const SquashfsEntry *entry G_GNUC_UNUSED,
                  GError **error)
{
	unsigned *n = user;

	g_assert_true(g_str_has_prefix(path, "small/"));
	return ++*n < 5 || fail(error, FAILURE_REJECTED, "enough");
}

static void test_walk(void)
{
	g_autoptr(Squashfs) fs = open_tree();
	g_autoptr(GError) error = NULL;
	unsigned n = 0;

	g_assert_false(squashfs_walk(fs, "small", count, &n, &error));
	g_assert_error(error, FAILURE, FAILURE_REJECTED);
	g_assert_cmpuint(n, ==, 5);
	g_clear_error(&error);
	g_assert_false(squashfs_walk(fs, "one", count, &n, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_clear_error(&error);
	g_assert_false(squashfs_walk(fs, "not there", count, &n, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
	g_clear_error(&error);
	g_assert_true(squashfs_walk(fs, "empty-folder", count, &n, &error));
	g_assert_cmpuint(n, ==, 5);
}

/* The file lives on when the file system was let go. */
static void test_keeps(void)
{
	Squashfs *fs = open_tree();
	g_autoptr(Source) source = squashfs_open_file(fs, "mixed", NULL);
	g_autofree char *original = tree_path("mixed");

	squashfs_unref(fs);
	compare_content(source, original);
}

typedef struct {
	Squashfs *fs;
	const char *name;
} Reader;

static void *read_often(void *data)
{
	const Reader *reader = data;
	g_autofree char *original = tree_path(reader->name);

	for (unsigned i = 0; i < 10; i++) {
		g_autoptr(Source) source = squashfs_open_file(reader->fs, reader->name, NULL);

		compare_content(source, original);
	}
	return NULL;
}

static void test_threads(void)
{
	static const char *const names[] = { "mixed", "mixed", "program", "small/7", "sparse" };
	g_autoptr(Squashfs) fs = open_tree();
	Reader readers[G_N_ELEMENTS(names)];
	GThread *threads[G_N_ELEMENTS(names)];

	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		readers[i] = (Reader){ fs, names[i] };
		threads[i] = g_thread_new("reader", read_often, &readers[i]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		g_thread_join(threads[i]);
}

/* Counts the reads that reach the source below. */
typedef struct {
	Source source;
	Source *below;
	unsigned n_reads;
} Counter;

static bool counter_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	Counter *counter = (Counter *)source;

	counter->n_reads++;
	return source_read_at(counter->below, to, size, at, error);
}

static void counter_free(Source *source)
{
	source_unref(((Counter *)source)->below);
	g_free(source);
}

static const SourceOps counter_ops = {
	.kind = "counter",
	.read_at = counter_read_at,
	.free = counter_free,
};

/* Many blocks are fetched in one read, packed or not; a block read in small parts is
 * fetched once. */
static void test_fetches(gconstpointer options)
{
	g_autofree char *tree = tree_path(NULL);
	g_autoptr(GError) error = NULL;
	g_autofree uint8_t *to = g_malloc(1 << 20);
	Counter *counter = g_new0(Counter, 1);
	g_autoptr(Source) source = &counter->source;

	counter->below = made_source(tree, options);
	source_init(source, &counter_ops, counter->below->size);
	g_autoptr(Squashfs) fs = squashfs_open(source, &error);
	g_autoptr(Source) file = squashfs_open_file(fs, "text-1048576", &error);
	g_assert_no_error(error);

	counter->n_reads = 0;
	g_assert_true(source_read_at(file, to, 1 << 20, 0, &error));
	g_assert_cmpuint(counter->n_reads, ==, 1);

	counter->n_reads = 0;
	for (unsigned at = 0; at < squashfs_block_size(fs); at += 1000)
		g_assert_true(source_read_at(file, to, 1, at, &error));
	g_assert_cmpuint(counter->n_reads, ==, 1);
}

static const struct {
	const char *name;
	SquashfsType type;
	unsigned mode;
	uint32_t uid;
} pseudo[] = {
	{ "dev-b", SQUASHFS_BLOCK_DEVICE, 0660, 0 },
	{ "dev-c", SQUASHFS_CHAR_DEVICE, 0666, 5 },
	{ "made", SQUASHFS_FILE, 0644, 1000 },
	{ "sock", SQUASHFS_SOCKET, 0600, 1 },
};

/* Devices, made by mksquashfs itself; and xattrs, which make inodes extended. */
static void test_pseudo(void)
{
	char *folder = made_folder();
	g_autoptr(GError) error = NULL;

	g_autofree char *path = g_build_filename(folder, "file", NULL);
	g_assert_true(g_file_set_contents(path, "hi\n", 3, NULL));
	if (setxattr(path, "user.test", "value", 5, 0) < 0 &&
	    setxattr(path, "trusted.test", "value", 5, 0) < 0)
		g_test_message("xattrs are not possible in %s", folder);
	g_autoptr(Source) image =
		made_source(folder, "-xattrs -p 'dev-b b 660 0 0 8 1' -p 'dev-c c 666 5 0 1 3' "
	                            "-p 'made f 644 1000 0 echo made' -p 'sock i 600 1 0 s'");
	g_autoptr(Squashfs) fs = squashfs_open(image, &error);
	g_assert_no_error(error);
	for (unsigned i = 0; i < G_N_ELEMENTS(pseudo); i++) {
		SquashfsEntry entry;

		g_assert_true(squashfs_find(fs, pseudo[i].name, &entry, &error));
		g_assert_cmpint(entry.type, ==, pseudo[i].type);
		g_assert_cmpuint(entry.mode, ==, pseudo[i].mode);
		g_assert_cmpuint(entry.uid, ==, pseudo[i].uid);
	}
	g_autoptr(Source) file = squashfs_open_file(fs, "file", &error);
	g_autoptr(GBytes) all = source_read_all(file, 10, &error);
	g_assert_cmpmem(g_bytes_get_data(all, NULL), g_bytes_get_size(all), "hi\n", 3);
	made_free(folder);
}

static void test_refused_codecs(void)
{
	char *folder = made_folder();

	made_run("echo hi >\"$1\"/file", folder);
	for (unsigned i = 0; i < 2; i++) {
		g_autoptr(Source) image = made_source(folder, i ? "-comp lzo" : "-comp lzma");
		g_autoptr(GError) error = NULL;

		g_assert_null(squashfs_open(image, &error));
		g_assert_error(error, FAILURE, FAILURE_UNSUPPORTED);
		g_assert_nonnull(strstr(error->message, i ? "lzo" : "lzma1"));
	}
	made_free(folder);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	place = made_folder();
	made_run(make_tree, place);
	for (unsigned i = 0; i < G_N_ELEMENTS(option_sets); i++) {
		g_autofree char *name = g_strconcat("/squashfs/squashfs/", option_sets[i], NULL);
		g_test_add_data_func(name, option_sets[i], test_options);
	}
	g_test_add_func("/squashfs/squashfs/find", test_find);
	g_test_add_func("/squashfs/squashfs/walk", test_walk);
	g_test_add_func("/squashfs/squashfs/keeps", test_keeps);
	g_test_add_func("/squashfs/squashfs/threads", test_threads);
	g_test_add_data_func("/squashfs/squashfs/fetches/packed", "-comp lz4", test_fetches);
	g_test_add_data_func("/squashfs/squashfs/fetches/stored", "-comp lz4 -noD -b 4K",
	                     test_fetches);
	g_test_add_func("/squashfs/squashfs/pseudo", test_pseudo);
	g_test_add_func("/squashfs/squashfs/refused-codecs", test_refused_codecs);
	int status = g_test_run();
	made_free(place);
	return status;
}
