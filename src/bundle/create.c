/* SPDX-License-Identifier: MIT */

#include "bundle/create.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "bundle/bundle.h"
#include "bundle/result.h"
#include "bundle/seal.h"
#include "bundle/stage.h"
#include "crypto/digest.h"

#define MANIFEST_NAME "manifest.raucm"
#define HASH_PART     (1024 * 1024)

static Manifest *load_manifest(const char *stage, GError **error)
{
	ERROR_WHILE(error, "Failed to load manifest");
	g_autofree char *path = g_build_filename(stage, MANIFEST_NAME, NULL);
	size_t size;
	g_autofree char *text = file_read(path, BUNDLE_MAX_MANIFEST, &size, error);

	return text ? manifest_parse(text, size, error) : NULL;
}

/* What this version cannot put into a bundle must not be left out in silence. */
static bool check_supported(const Manifest *manifest, GError **error)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];
		const unsigned both = IMAGE_HOOK_PRE_INSTALL | IMAGE_HOOK_POST_INSTALL;

		if (image->hooks & IMAGE_HOOK_INSTALL && image->hooks & both)
			return fail(error, FAILURE_CONFIG,
			            "An 'install' hook must not be combined with 'pre-install' or "
			            "'post-install' hooks");
		if (image->convert)
			return fail(error, FAILURE_UNSUPPORTED,
			            "image '%s': 'convert' is not supported by this version",
			            image->filename);
		if (image->adaptive)
			return fail(error, FAILURE_UNSUPPORTED,
			            "image '%s': 'adaptive' is not supported by this version",
			            image->filename);
	}
	return true;
}

static bool hash_file(const char *path, Image *image, GError **error)
{
	g_autoptr(Source) source = source_file_open(path, error);
	g_autoptr(Digest) digest = digest_new();
	g_autofree uint8_t *part = g_malloc(HASH_PART);
	uint8_t result[DIGEST_SIZE];

	if (!source)
		return false;
	for (uint64_t at = 0; at < source->size; at += HASH_PART) {
		size_t size = (size_t)MIN(HASH_PART, source->size - at);

		if (!source_read_at(source, part, size, at, error))
			return false;
		digest_update(digest, part, size);
	}
	digest_finish(digest, result);
	g_free(image->sha256);
	image->sha256 = digest_hex(result, sizeof(result));
	image->size = source->size;
	image->has_size = true;
	return true;
}

/* One image after the other would leave cores idle. */
typedef struct {
	const Manifest *manifest;
	const char *stage;
	const char *input;
} Hashing;

static void *hash_image(void *user, uint64_t item, GError **error)
{
	const Hashing *hashing = user;
	Image *image = hashing->manifest->images->pdata[item];

	if (!image->filename)
		return image;
	g_autofree char *path = g_build_filename(hashing->stage, image->filename, NULL);
	if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "image file '%s' for slot '%s' does not exist in bundle content "
		                 "dir (%s)",
		                 image->filename, image->class, hashing->input);
	return hash_file(path, image, error) ? image : NULL;
}

static bool hash_done(void *user G_GNUC_UNUSED, uint64_t item G_GNUC_UNUSED,
                      void *made G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
	return true;
}

static bool hash_images(const BundleCreate *request, const char *stage, Manifest *manifest,
                        GError **error)
{
	static const PoolWork work = { .produce = hash_image, .consume = hash_done };
	Hashing hashing = { manifest, stage, request->input };

	return pool_run(request->pool, manifest->images->len, &work, &hashing, error);
}

static bool check_files(const BundleCreate *request, const char *stage, const Manifest *manifest,
                        GError **error)
{
	if (!manifest->hook_filename)
		return true;
	g_autofree char *path = g_build_filename(stage, manifest->hook_filename, NULL);
	return g_file_test(path, G_FILE_TEST_IS_REGULAR) ||
	       fail(error, FAILURE_NOT_FOUND,
	            "hook file '%s' does not exist in bundle content dir (%s)",
	            manifest->hook_filename, request->input);
}

/* The staged manifest is a link to the user's file: replace it, never write into it. */
static bool store_manifest(const char *stage, const Manifest *manifest, GError **error)
{
	g_autofree char *path = g_build_filename(stage, MANIFEST_NAME, NULL);
	g_autofree char *text = manifest_format(manifest);

	return file_replace(path, text, strlen(text), 0644, error);
}

static Manifest *prepare(const BundleCreate *request, const char *stage, GError **error)
{
	g_autoptr(Manifest) manifest = load_manifest(stage, error);

	if (!manifest)
		return NULL;
	g_autofree char *line = g_strdup_printf("Creating '%s' format bundle",
	                                        manifest_format_name(manifest->format));
	if (request->say)
		request->say(request->user, line);
	if (!manifest_check_input(manifest, error))
		return NULL;
	for (unsigned i = 0; i < manifest->warnings->len; i++)
		g_warning("%s", (const char *)manifest->warnings->pdata[i]);
	if (!check_supported(manifest, error) || !check_files(request, stage, manifest, error) ||
	    !hash_images(request, stage, manifest, error) ||
	    !store_manifest(stage, manifest, error))
		return NULL;
	return g_steal_pointer(&manifest);
}

static bool make_squashfs(const BundleCreate *request, const char *stage, const char *output,
                          GError **error)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

	g_strv_builder_add_many(argv, "mksquashfs", stage, output, "-noappend", "-no-progress",
	                        "-all-root", "-no-xattrs", "-quiet", NULL);
	if (request->mksquashfs_args) {
		g_autoptr(GError) reason = NULL;
		g_auto(GStrv) extra = NULL;

		if (!g_shell_parse_argv(request->mksquashfs_args, NULL, &extra, &reason))
			return fail(error, FAILURE_USAGE, "--mksquashfs-args: %s", reason->message);
		g_strv_builder_addv(argv, (const char **)extra);
	}
	g_auto(GStrv) words = g_strv_builder_end(argv);
	return process_run_argv(words, error);
}

static bool create_in(const BundleCreate *request, const char *stage, const Result *result,
                      GError **error)
{
	g_autoptr(Manifest) manifest = prepare(request, stage, error);

	return manifest && make_squashfs(request, stage, result->path, error) &&
	       seal_bundle(result->fd, request->output, manifest, request->key, request->pool,
	                   error) &&
	       result_verify(result, &request->check, error) && result_publish(result, error);
}

bool bundle_create(const BundleCreate *request, GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	struct stat st;

	/* before the work of staging; result_open() looks again */
	if (lstat(request->output, &st) == 0)
		return fail(error, FAILURE_CONFIG, "bundle %s already exists", request->output);
	char *stage = stage_make(request->input, error);
	bool ok = stage && result_open(&result, request->output, error) &&
	          create_in(request, stage, &result, error);
	stage_drop(stage);
	return ok;
}
