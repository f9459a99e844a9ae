/* SPDX-License-Identifier: MIT */

#include "bundle/pack.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/converter.h"
#include "bundle/images.h"
#include "bundle/seal.h"

#define SMALL_BLOCKS "65536" /* mksquashfs' own choice is twice that */

/* `words` is NULL where there are none. */
static bool parse_args(const Pack *pack, GStrv *words, GError **error)
{
	g_autoptr(GError) reason = NULL;

	*words = NULL;
	if (!pack->mksquashfs_args ||
	    g_shell_parse_argv(pack->mksquashfs_args, NULL, words, &reason) ||
	    g_error_matches(reason, G_SHELL_ERROR, G_SHELL_ERROR_EMPTY_STRING))
		return true;
	return fail(error, FAILURE_USAGE, "--mksquashfs-args: %s", reason->message);
}

bool pack_check(const Pack *pack, GError **error)
{
	g_autofree char *program = g_find_program_in_path("mksquashfs");
	g_auto(GStrv) words = NULL;

	if (!program)
		return fail(error, FAILURE_TOOL,
		            "making a bundle needs the program mksquashfs: install squashfs-tools");
	return parse_args(pack, &words, error);
}

/* The staged manifest is a link to the user's file: replace it, never write into it. */
static bool store_manifest(const char *stage, const Manifest *manifest, GError **error)
{
	g_autofree char *path = g_build_filename(stage, PACK_MANIFEST, NULL);
	g_autofree char *text = manifest_format(manifest);

	return file_replace(path, text, strlen(text), 0644, error);
}

/* For a changed chunk a device fetches the whole block it is in: with a block hash index smaller ones
 * are worth the little they cost. `words` (may be NULL) are the user's, who may know better. */
static bool wants_small_blocks(const Manifest *manifest, GStrv words)
{
	if (words && g_strv_contains((const char *const *)words, "-b"))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (images_has_index(manifest->images->pdata[i]))
			return true;
	}
	return false;
}

static bool make_squashfs(const Pack *pack, const char *stage, const Manifest *manifest,
                          const Tools *tools, const Result *result, GError **error)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_auto(GStrv) extra = NULL;

	if (!parse_args(pack, &extra, error))
		return false;
	g_strv_builder_add_many(argv, "mksquashfs", stage, result->path, "-noappend",
	                        "-no-progress", NULL);
	if (!converter_has_owners(manifest))
		g_strv_builder_add_many(argv, "-all-root", "-no-xattrs", NULL);
	g_strv_builder_add(argv, "-quiet");
	if (wants_small_blocks(manifest, extra))
		g_strv_builder_add_many(argv, "-b", SMALL_BLOCKS, NULL);
	if (extra)
		g_strv_builder_addv(argv, (const char **)extra);
	g_auto(GStrv) words = g_strv_builder_end(argv);
	return tools_run(tools, words, error);
}

/* Only the signed manifest can know the tree, and what stood there was another's. */
static void forget_payload(Manifest *manifest)
{
	g_clear_pointer(&manifest->verity_hash, g_free);
	g_clear_pointer(&manifest->verity_salt, g_free);
	g_clear_pointer(&manifest->crypt_key, g_free);
	manifest->verity_size = 0;
}

bool pack_stage(const Pack *pack, const char *stage, Manifest *manifest, const Tools *tools,
                const Result *result, GError **error)
{
	forget_payload(manifest);
	return store_manifest(stage, manifest, error) &&
	       make_squashfs(pack, stage, manifest, tools, result, error) &&
	       seal_bundle(result->fd, result->name, manifest, pack->key, pack->pool, error) &&
	       result_verify(result, &pack->check, error) && result_publish(result, error);
}
