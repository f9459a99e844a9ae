/* SPDX-License-Identifier: MIT */

/*
 * How fast is a file in an image read? The way the installer does it: pieces of
 * 1 MiB by workers, taken in order.
 *
 *     bench-squashfs IMAGE FILE [WORKERS]
 */

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/pool.h"
#include "squashfs/squashfs.h"

#define PIECE (1 << 20)

static size_t piece_size(const Source *source, uint64_t item)
{
	return (size_t)MIN(PIECE, source->size - item * PIECE);
}

static void *produce(void *user, uint64_t item, GError **error)
{
	Source *source = user;
	g_autofree uint8_t *piece = g_malloc(PIECE);

	if (!source_read_at(source, piece, piece_size(source, item), item * PIECE, error))
		return NULL;
	return g_steal_pointer(&piece);
}

static bool consume(void *user G_GNUC_UNUSED, uint64_t item G_GNUC_UNUSED, void *made,
                    GError **error G_GNUC_UNUSED)
{
	g_free(made);
	return true;
}

static void discard(void *user G_GNUC_UNUSED, void *made)
{
	g_free(made);
}

static int run(const char *image, const char *path, unsigned workers, GError **error)
{
	static const PoolWork work = { produce, consume, discard };
	g_autoptr(Source) source = source_file_open(image, error);
	g_autoptr(Squashfs) fs = source ? squashfs_open(source, error) : NULL;
	g_autoptr(Source) file = fs ? squashfs_open_file(fs, path, error) : NULL;
	g_autoptr(Pool) pool = pool_new(workers, workers * 2);
	gint64 start = g_get_monotonic_time();
	struct rusage usage;

	if (!file || !pool_run(pool, (file->size + PIECE - 1) / PIECE, &work, file, error))
		return EXIT_FAILURE;
	double wall = (double)(g_get_monotonic_time() - start) / 1e6;
	getrusage(RUSAGE_SELF, &usage);
	double cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
	             (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	double mib = (double)file->size / (1 << 20);
	printf("%u workers: %.0f MiB/s, %.0f MiB per CPU second, peak RSS %ld MiB\n", workers,
	       mib / wall, mib / cpu, usage.ru_maxrss / 1024);
	return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;

	if (argc < 3) {
		fprintf(stderr, "usage: %s IMAGE FILE [WORKERS]\n", argv[0]);
		return EXIT_FAILURE;
	}
	int status = run(argv[1], argv[2], argc > 3 ? (unsigned)atoi(argv[3]) : 1, &error);
	if (error)
		fprintf(stderr, "%s\n", error->message);
	return status;
}
