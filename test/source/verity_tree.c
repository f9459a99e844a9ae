/* SPDX-License-Identifier: MIT */

#include "source/verity_tree.h"

#include "base/error.h"
#include "base/process.h"
#include "crypto/digest.h"
#include "tree.h"

static const struct {
	uint64_t n_blocks;
	unsigned n_levels;
	uint64_t leaves, first_leaf, n_total;
} layouts[] = {
	{ 2, 1, 1, 0, 1 },
	{ 128, 1, 1, 0, 1 },
	{ 129, 2, 2, 1, 3 },
	{ 16384, 2, 128, 1, 129 },
	{ 16385, 3, 129, 3, 132 },
	{ 40000, 3, 313, 4, 317 },
	{ UINT64_C(1) << 51, 8, UINT64_C(1) << 44, 138521149957, 17730707194373 },
};

static void test_layouts(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(layouts); i++) {
		VerityLayout layout;

		g_assert_true(verity_tree_layout(layouts[i].n_blocks * 4096, &layout, NULL));
		g_assert_cmpuint(layout.n_levels, ==, layouts[i].n_levels);
		g_assert_cmpuint(layout.n_blocks[0], ==, layouts[i].leaves);
		g_assert_cmpuint(layout.first[0], ==, layouts[i].first_leaf);
		g_assert_cmpuint(layout.n_total, ==, layouts[i].n_total);
		g_assert_cmpuint(layout.first[layout.n_levels - 1], ==, 0);
		g_assert_cmpuint(layout.n_blocks[layout.n_levels - 1], ==, 1);
	}
}

static void test_layout_refused(void)
{
	static const uint64_t sizes[] = { 0, 1, 4095, 4096, 8191, 8193, G_MAXUINT64 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(GError) error = NULL;
		VerityLayout layout;

		g_assert_false(verity_tree_layout(sizes[i], &layout, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

/* The judge that shares nothing with us: veritysetup. */
static void judge_veritysetup(const TreeFile *file)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *salt = digest_hex(file->parameters.salt, 32);
	g_autofree char *root = digest_hex(file->parameters.root, 32);
	g_autofree char *command = g_strdup_printf(
		"PATH=$PATH:/usr/sbin:/sbin exec veritysetup verify '%s' '%s' %s --no-superblock "
		"--format=1 --hash=sha256 --data-block-size=4096 --hash-block-size=4096 --salt=%s "
		"--data-blocks=%" G_GUINT64_FORMAT " --hash-offset=%" G_GUINT64_FORMAT,
		file->path, file->path, root, salt, file->data_size / 4096, file->data_size);

	process_run(&error, "sh", "-c", command, NULL);
	g_assert_no_error(error);
}

/* And the other way: a tree made by it must be ours, byte for byte. */
static void judge_made_by_veritysetup(const TreeFile *file)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *hashes = g_strconcat(file->path, ".hashes", NULL);
	g_autofree char *salt = digest_hex(file->parameters.salt, 32);
	g_autofree char *root = digest_hex(file->parameters.root, 32);
	g_autofree char *command = g_strdup_printf(
		"PATH=$PATH:/usr/sbin:/sbin veritysetup format '%s' '%s' --no-superblock "
		"--format=1 --hash=sha256 --data-block-size=4096 --hash-block-size=4096 --salt=%s "
		"--data-blocks=%" G_GUINT64_FORMAT " | sed -n 's/Root hash: *\\t*//p'\n"
		"tail -c +%" G_GUINT64_FORMAT " '%s' | cmp - '%s' || echo differs",
		file->path, hashes, salt, file->data_size / 4096, file->data_size + 1, file->path,
		hashes);
	g_autofree char *said = process_capture(&error, "sh", "-c", command, NULL);

	g_assert_no_error(error);
	g_assert_cmpstr(said, ==, root);
	g_unlink(hashes);
}

/* The third: the description of the format, as the shortest program. */
static const char python[] = "import hashlib, sys\n"
			     "raw, n, salt = open(sys.argv[1], 'rb').read(), int(sys.argv[2]), "
			     "bytes.fromhex(sys.argv[3])\n"
			     "H = lambda b: hashlib.sha256(salt + b).digest()\n"
			     "levels, cur = [], [raw[i:i+4096] for i in range(0, n, 4096)]\n"
			     "while True:\n"
			     "    d = b''.join(H(b) for b in cur)\n"
			     "    lvl = d + bytes(-len(d) % 4096)\n"
			     "    levels.append(lvl)\n"
			     "    cur = [lvl[i:i+4096] for i in range(0, len(lvl), 4096)]\n"
			     "    if len(cur) == 1: break\n"
			     "assert raw[n:] == b''.join(reversed(levels))\n"
			     "print(H(cur[0]).hex())\n";

static void judge_python(const TreeFile *file)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *salt = digest_hex(file->parameters.salt, 32);
	g_autofree char *root = digest_hex(file->parameters.root, 32);
	g_autofree char *n = g_strdup_printf("%" G_GUINT64_FORMAT, file->data_size);
	g_autofree char *said =
		process_capture(&error, "python3", "-c", python, file->path, n, salt, NULL);

	g_assert_no_error(error);
	g_assert_cmpstr(said, ==, root);
}

static bool check(const TreeFile *file, unsigned workers, GError **error)
{
	g_autoptr(Pool) pool = pool_new(workers, workers * 2);
	g_autoptr(Source) below = tree_file_source(file);

	return verity_tree_check(below, &file->parameters, pool, NULL, error);
}

static void test_judges(void)
{
	static const uint64_t sizes[] = { 2, 3, 128, 129, 130, 256, 257, 16384, 16385 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		TreeFile *file = tree_file_new(sizes[i]);
		g_autoptr(GError) error = NULL;

		tree_file_create(file, i % 3);
		judge_veritysetup(file);
		judge_made_by_veritysetup(file);
		judge_python(file);
		g_assert_true(check(file, (i + 1) % 3, &error));
		g_assert_no_error(error);
		tree_file_free(file);
	}
}

static const struct {
	uint64_t n_blocks, at;
	const char *message;
} flips[] = {
	{ 2, 0, "bundle payload is corrupted (block 0)" },
	{ 2, 8191, "bundle payload is corrupted (block 1)" },
	{ 2, 8192, "bundle payload is corrupted (block 0)" },
	{ 2, 8192 + 64, "bundle payload is corrupted (hash block 0)" },
	{ 2, 8192 + 4095, "bundle payload is corrupted (hash block 0)" },
	{ 300, 299 * 4096, "bundle payload is corrupted (block 299)" },
	{ 300, 300 * 4096, "bundle payload is corrupted (hash block 0)" },
	{ 300, 301 * 4096 - 1, "bundle payload is corrupted (hash block 0)" },
	{ 300, 301 * 4096, "bundle payload is corrupted (block 0)" },
	{ 300, 303 * 4096 + 43 * 32, "bundle payload is corrupted (block 299)" },
	{ 300, 303 * 4096 + 44 * 32, "bundle payload is corrupted (hash block 3)" },
	{ 300, 304 * 4096 - 1, "bundle payload is corrupted (hash block 3)" },
};

static void test_flips(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(flips); i++) {
		TreeFile *file = tree_file_new(flips[i].n_blocks);
		g_autoptr(GError) error = NULL;

		tree_file_create(file, 0);
		tree_file_flip(file, flips[i].at, 1);
		g_assert_false(check(file, 2, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_cmpstr(error->message, ==, flips[i].message);
		tree_file_free(file);
	}
}

static void test_wrong_parameters(void)
{
	TreeFile *file = tree_file_new(200);
	g_autoptr(GError) error = NULL;

	tree_file_create(file, 0);
	file->parameters.root[31] ^= 1;
	g_assert_false(check(file, 1, &error));
	g_assert_cmpstr(error->message, ==, "bundle payload is corrupted (root hash)");
	g_clear_error(&error);
	file->parameters.root[31] ^= 1;
	file->parameters.salt[0] ^= 1;
	g_assert_false(check(file, 1, &error));
	g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
	g_clear_error(&error);

	static const uint64_t tree_sizes[] = { 0, 4096, 16384, 203 * 4096, 12289, G_MAXUINT64 };
	for (unsigned i = 0; i < G_N_ELEMENTS(tree_sizes); i++) {
		file->parameters.tree_size = tree_sizes[i];
		g_assert_false(check(file, 1, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		g_clear_error(&error);
	}
	tree_file_free(file);
}

typedef struct {
	int last;
	uint64_t bytes, total;
} Reports;

static void report(void *user, int percent, const char *text G_GNUC_UNUSED, int depth G_GNUC_UNUSED,
                   uint64_t bytes, uint64_t total)
{
	Reports *reports = user;

	g_assert_cmpint(percent, >=, reports->last);
	reports->last = percent;
	if (total) {
		reports->bytes = bytes;
		reports->total = total;
	}
}

static void test_progress(void)
{
	TreeFile *file = tree_file_new(3000);
	g_autoptr(Source) below = tree_file_source(file);
	g_autoptr(Pool) pool = pool_new(2, 4);
	Reports reports = { 0 };
	Progress *progress = progress_new("checking", 1, report, &reports);

	tree_file_create(file, 2);
	g_clear_pointer(&below, source_unref);
	below = tree_file_source(file);
	g_assert_true(verity_tree_check(below, &file->parameters, pool, progress, NULL));
	progress_end(progress, true);
	g_assert_cmpint(reports.last, ==, 100);
	g_assert_cmpuint(reports.bytes, ==, file->data_size);
	g_assert_cmpuint(reports.total, ==, file->data_size);
	tree_file_free(file);
}

static void test_cannot_write(void)
{
	TreeFile *file = tree_file_new(200);
	g_autoptr(Source) data = tree_file_source(file);
	g_autoptr(Pool) pool = pool_new(2, 4);
	g_autoptr(GError) error = NULL;
	int fd = open(file->path, O_RDONLY);

	g_assert_false(verity_tree_create(data, fd, &file->parameters, pool, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	close(fd);
	tree_file_free(file);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/verity_tree/layouts", test_layouts);
	g_test_add_func("/source/verity_tree/layout-refused", test_layout_refused);
	g_test_add_func("/source/verity_tree/judges", test_judges);
	g_test_add_func("/source/verity_tree/flips", test_flips);
	g_test_add_func("/source/verity_tree/wrong-parameters", test_wrong_parameters);
	g_test_add_func("/source/verity_tree/progress", test_progress);
	g_test_add_func("/source/verity_tree/cannot-write", test_cannot_write);
	return g_test_run();
}
