/* SPDX-License-Identifier: MIT */

#include "bundle/images.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "crypto/digest.h"
#include "source/hash_index.h"

#define BLOCK_HASH_INDEX "block-hash-index"
#define HASH_PART        (256 * 1024)
/* While one core hashes the whole of an image, one more keeps pace with its chunks. */
#define INDEX_WORKERS 1
#define INDEX_DEPTH   4

/* One file; several images may name it. */
typedef struct {
	const char *name;
	bool wants_index;
	char *sha256;
	uint64_t size;
} File;

typedef struct {
	GPtrArray *files; /* of File */
	const char *stage;
	Pool *index_pool;
} Measuring;

static void file_free(void *data)
{
	File *file = data;

	g_free(file->sha256);
	g_free(file);
}

bool images_is_archive(const Image *image)
{
	ImageType type = image->type ? image->type : image_type_by_filename(image->filename);

	return type == IMAGE_TAR || type == IMAGE_CATAR || type == IMAGE_CAIDX;
}

static bool wants_index(const Image *image)
{
	return image->adaptive &&
	       g_strv_contains((const char *const *)image->adaptive, BLOCK_HASH_INDEX);
}

bool images_has_index(const Image *image)
{
	return image->filename && wants_index(image) && !images_is_archive(image);
}

bool images_check_adaptive(const Manifest *manifest, GError **error)
{
	static const char *const known[] = { BLOCK_HASH_INDEX, "adaptive-test-method", NULL };

	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		for (char **name = image->adaptive; name && *name; name++) {
			if (!g_strv_contains(known, *name))
				return fail(
					error, FAILURE_CONFIG,
					"Unsupported adaptive method: %s (image '%s'; known is " BLOCK_HASH_INDEX
					")",
					*name, image->filename);
		}
		if (wants_index(image) && images_is_archive(image))
			g_warning("image '%s': an archive gains nothing from "
			          "adaptive=" BLOCK_HASH_INDEX ", no index is made",
			          image->filename);
	}
	return true;
}

static bool check_there(const Image *image, const char *stage, const char *input, GError **error)
{
	g_autofree char *path = g_build_filename(stage, image->filename, NULL);

	return g_file_test(path, G_FILE_TEST_IS_REGULAR) ||
	       fail(error, FAILURE_NOT_FOUND,
	            "image file '%s' for slot '%s' does not exist in bundle content dir (%s)",
	            image->filename, image->class, input);
}

static File *find_file(GPtrArray *files, const char *name)
{
	for (unsigned i = 0; i < files->len; i++) {
		File *file = files->pdata[i];

		if (g_str_equal(file->name, name))
			return file;
	}
	return NULL;
}

static GPtrArray *list_files(const Manifest *manifest, const char *stage, const char *input,
                             GError **error)
{
	g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(file_free);

	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];
		File *file = image->filename ? find_file(files, image->filename) : NULL;

		if (!image->filename)
			continue;
		if (!check_there(image, stage, input, error))
			return NULL;
		if (!file) {
			file = g_new0(File, 1);
			file->name = image->filename;
			g_ptr_array_add(files, file);
		}
		file->wants_index |= images_has_index(image);
	}
	return g_steal_pointer(&files);
}

static bool hash_file(Source *source, uint8_t result[DIGEST_SIZE], GError **error)
{
	g_autoptr(Digest) digest = digest_new();
	g_autofree uint8_t *part = g_malloc(HASH_PART);

	for (uint64_t at = 0; at < source->size; at += HASH_PART) {
		size_t size = (size_t)MIN(HASH_PART, source->size - at);

		if (!source_read_at(source, part, size, at, error))
			return false;
		digest_update(digest, part, size);
	}
	digest_finish(digest, result);
	return true;
}

/* What has the name already is a link to a file of the user: it makes room, nobody writes to it. */
static bool make_index(const Measuring *measuring, const File *file, Source *source,
                       uint8_t result[DIGEST_SIZE], GError **error)
{
	g_autofree char *doing =
		g_strdup_printf("Failed to generate hash index for %s", file->name);
	ERROR_WHILE(error, doing);
	g_autofree char *name = g_strconcat(file->name, HASH_INDEX_SUFFIX, NULL);
	g_autofree char *path = g_build_filename(measuring->stage, name, NULL);

	if (!hash_index_check_size(source->size, error))
		return false;
	if (unlink(path) < 0 && errno != ENOENT)
		return fail_errno(error, "cannot replace %s", path);
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT | O_EXCL, 0644, error);
	return fd >= 0 && hash_index_create(source, fd, measuring->index_pool, result, error) &&
	       fd_close(&fd, path, error);
}

static void *measure(void *user, uint64_t item, GError **error)
{
	const Measuring *measuring = user;
	File *file = measuring->files->pdata[item];
	g_autofree char *path = g_build_filename(measuring->stage, file->name, NULL);
	g_autoptr(Source) source = source_file_open(path, error);
	uint8_t digest[DIGEST_SIZE];

	if (!source)
		return NULL;
	if (file->wants_index ? !make_index(measuring, file, source, digest, error)
	                      : !hash_file(source, digest, error))
		return NULL;
	file->sha256 = digest_hex(digest, sizeof(digest));
	file->size = source->size;
	return file;
}

static bool measured(void *user G_GNUC_UNUSED, uint64_t item G_GNUC_UNUSED,
                     void *made G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return true;
}

bool images_measure(Manifest *manifest, const char *stage, const char *input, Pool *pool,
                    GError **error)
{
	static const PoolWork work = { .produce = measure, .consume = measured };
	g_autoptr(GPtrArray) files = list_files(manifest, stage, input, error);
	g_autoptr(Pool) index_pool = pool_new(INDEX_WORKERS, INDEX_DEPTH);
	Measuring measuring = { files, stage, index_pool };

	if (!files || !pool_run(pool, files->len, &work, &measuring, error))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		Image *image = manifest->images->pdata[i];
		const File *file = image->filename ? find_file(files, image->filename) : NULL;

		if (!file)
			continue;
		g_free(image->sha256);
		image->sha256 = g_strdup(file->sha256);
		image->size = file->size;
		image->has_size = true;
	}
	return true;
}
