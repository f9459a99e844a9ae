/* SPDX-License-Identifier: MIT */

/*
 * Images that somebody has changed: every byte in turn, cut off anywhere, and the
 * collection of test/data. Whatever happens, it is an error or bytes, soon, and
 * without much memory.
 */

#include "squashfs/squashfs.h"

#include <string.h>

#include "base/error.h"
#include "made.h"
#include "source/verity_tree.h"

#define MOST_BYTES (1 << 20)

/* No image here may make us ask for more than this at once. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "max_allocation_size_mb=40";
}

typedef struct {
	Squashfs *fs;
	GChecksum *seen; /* of all that came out; NULL: nobody wants to know */
	uint8_t *to;
	size_t left;
	GError *first; /* of a file */
} Reading;

static void see(Reading *reading, const void *data, size_t size)
{
	if (reading->seen)
		g_checksum_update(reading->seen, data, (gssize)size);
}

static bool read_file(Reading *reading, Source *source, GError **error)
{
	for (uint64_t at = 0; at < source->size && reading->left > 0;) {
		size_t n = (size_t)MIN(MIN(50000, reading->left), source->size - at);

		if (!source_read_at(source, reading->to, n, at, error))
			return false;
		see(reading, reading->to, n);
		at += n;
		reading->left -= n;
	}
	return true;
}

static bool visit(void *user, const char *path, const SquashfsEntry *entry, GError **error)
{
	Reading *reading = user;
	g_autofree char *line =
		g_strdup_printf("%s %d %o %u %u %u %" G_GUINT64_FORMAT " %s\n", path, entry->type,
	                        entry->mode, entry->uid, entry->gid, entry->mtime, entry->size,
	                        entry->target ? entry->target : "");

	see(reading, line, strlen(line));
	if (entry->type != SQUASHFS_FILE)
		return true;
	g_autoptr(Source) source = squashfs_open_inode(reading->fs, entry, error);
	if (source && read_file(reading, source, error))
		return true;
	if (!reading->first)
		g_propagate_error(&reading->first, g_steal_pointer(error));
	g_clear_error(error); /* the next file may still be good */
	return true;
}

/* All of the image; false and one good error, or everything in `seen`. */
static bool read_image(Source *source, GChecksum *seen, GError **error)
{
	g_autoptr(Squashfs) fs = squashfs_open(source, error);
	g_autofree uint8_t *to = g_malloc(50000);
	Reading reading = { fs, seen, to, MOST_BYTES, NULL };

	if (!fs)
		return false;
	bool ok = squashfs_walk(fs, "", visit, &reading, error);
	if (ok && reading.first)
		g_propagate_error(error, g_steal_pointer(&reading.first));
	else if (!reading.first)
		return ok;
	g_clear_error(&reading.first);
	return false;
}

static void check_error(const GError *error)
{
	g_assert_nonnull(error);
	g_assert_true(error->domain == FAILURE);
	g_assert_null(strchr(error->message, '\n'));
	g_assert_true(error->code == FAILURE_FORMAT || error->code == FAILURE_UNSUPPORTED ||
	              error->code == FAILURE_INTEGRITY);
}

static const char make_small[] =
	"cd \"$1\"; mkdir -p folder/deep; echo hello >folder/file\n"
	"yes text | head -c 9000 >folder/blocks; truncate -s 20000 holes; : >empty\n"
	"ln -s folder/file link; mkfifo fifo; ln folder/file folder/deep/hard\n"
	"head -c 700 /dev/urandom >folder/deep/noise\n";

static GBytes *small_image(const char *options)
{
	char *folder = made_folder();

	made_run(make_small, folder);
	GBytes *image = made_image(folder, options);
	made_free(folder);
	return image;
}

static void test_flips(gconstpointer options)
{
	g_autoptr(GBytes) image = small_image(options);
	gsize size;
	const uint8_t *good = g_bytes_get_data(image, &size);
	g_autofree uint8_t *bad = g_memdup2(good, size);
	g_autoptr(GRand) rand = g_rand_new_with_seed(5);
	g_autoptr(GBytes) bytes = g_bytes_new_static(bad, size);
	g_autoptr(Source) source = source_memory_new(bytes);

	for (gsize at = 0; at < size; at++) {
		g_autoptr(GError) error = NULL;

		bad[at] ^= (uint8_t)(1u << g_rand_int_range(rand, 0, 8));
		if (!read_image(source, NULL, &error))
			check_error(error);
		bad[at] = good[at];
	}
	for (unsigned i = 0; i < 1000; i++) { /* several at a time, and noise */
		g_autoptr(GError) error = NULL;

		for (unsigned j = 0; j < 4; j++)
			bad[g_rand_int_range(rand, 0, (gint32)size)] = (uint8_t)g_rand_int(rand);
		if (!read_image(source, NULL, &error))
			check_error(error);
		memcpy(bad, good, size);
	}
	g_assert_true(read_image(source, NULL, NULL));
}

static void test_cuts(gconstpointer options)
{
	g_autoptr(GBytes) image = small_image(options);

	for (gsize size = 0; size < g_bytes_get_size(image); size += 64) {
		g_autoptr(GBytes) cut = g_bytes_new_from_bytes(image, 0, size);
		g_autoptr(Source) source = source_memory_new(cut);
		g_autoptr(GError) error = NULL;

		/* The last bytes are padding that nobody needs. */
		if (!read_image(source, NULL, &error))
			check_error(error);
		else
			g_assert_cmpuint(g_bytes_get_size(image) - size, <, 4096);
	}
}

static GBytes *add_tree(GBytes *image, VerityParameters *parameters)
{
	g_autoptr(Pool) pool = pool_new(0, 1);
	g_autoptr(Source) data = source_memory_new(image);
	g_autoptr(GError) error = NULL;
	g_autofree char *path = NULL;
	char *all;
	gsize size;
	int fd = g_file_open_tmp("hostile-XXXXXX", &path, &error);

	g_assert_no_error(error);
	g_assert_cmpint(write(fd, g_bytes_get_data(image, NULL), g_bytes_get_size(image)), ==,
	                g_bytes_get_size(image));
	memset(parameters->salt, 7, sizeof(parameters->salt));
	g_assert_true(verity_tree_create(data, fd, parameters, pool, &error));
	g_assert_true(g_file_get_contents(path, &all, &size, &error));
	close(fd);
	g_unlink(path);
	return g_bytes_new_take(all, size);
}

/* With verity below, a flip is an error or changes nothing. */
static void test_verity(void)
{
	g_autoptr(GBytes) image = small_image("-comp gzip -b 4K -noI");
	VerityParameters parameters = { 0 };

	if (g_bytes_get_size(image) <= VERITY_BLOCK) { /* a second block, unused */
		GByteArray *longer = g_bytes_unref_to_array(g_steal_pointer(&image));

		g_byte_array_set_size(longer, 2 * VERITY_BLOCK);
		memset(longer->data + VERITY_BLOCK, 0, VERITY_BLOCK);
		image = g_byte_array_free_to_bytes(longer);
	}
	g_autoptr(GBytes) whole = add_tree(image, &parameters);
	gsize size;
	const uint8_t *good = g_bytes_get_data(whole, &size);
	g_autofree uint8_t *bad = g_memdup2(good, size);
	g_autoptr(GBytes) bytes = g_bytes_new_static(bad, size);
	g_autoptr(Source) below = source_memory_new(bytes);
	g_autofree char *expected = NULL;

	for (gsize at = 0; at <= size; at++) { /* the last round changes nothing */
		g_autoptr(GError) error = NULL;
		g_autoptr(GChecksum) seen = g_checksum_new(G_CHECKSUM_SHA256);

		if (expected && at < size)
			bad[at] ^= 0x10;
		g_autoptr(Source) verity = source_verity_new(below, &parameters, &error);
		if (verity && read_image(verity, seen, &error)) {
			if (!expected)
				expected = g_strdup(g_checksum_get_string(seen));
			g_assert_cmpstr(g_checksum_get_string(seen), ==, expected);
		} else {
			g_assert_cmpuint(at, <, size);
			check_error(error);
		}
		if (at < size)
			bad[at] = good[at];
	}
}

static void test_should_fail(void)
{
	const char *folder = "test/data/squashfs/should-fail";
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	unsigned n = 0;

	g_assert_nonnull(dir);
	for (const char *name; (name = g_dir_read_name(dir)); n++) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		g_autoptr(GError) error = NULL;
		g_autoptr(Source) source = source_file_open(path, &error);

		g_assert_no_error(error);
		bool ok = read_image(source, NULL, &error);
		g_test_message("%s: %s", name, ok ? "was read" : error->message);
		g_assert_false(ok);
		check_error(error);
	}
	g_assert_cmpuint(n, >=, 20);
}

static const char *const codecs[] = {
	"-comp gzip -b 4K",
	"-comp xz -b 4K",
	"-comp zstd -b 4K",
	"-comp lz4 -b 4K",
	"-noI -noD -noF -noId -b 4K -no-fragments",
};

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(codecs); i++) {
		g_autofree char *flips = g_strconcat("/squashfs/hostile/flips/", codecs[i], NULL);
		g_autofree char *cuts = g_strconcat("/squashfs/hostile/cuts/", codecs[i], NULL);

		g_test_add_data_func(flips, codecs[i], test_flips);
		g_test_add_data_func(cuts, codecs[i], test_cuts);
	}
	g_test_add_func("/squashfs/hostile/verity", test_verity);
	g_test_add_func("/squashfs/hostile/should-fail", test_should_fail);
	return g_test_run();
}
