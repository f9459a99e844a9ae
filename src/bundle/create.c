/* SPDX-License-Identifier: MIT */

#include "bundle/create.h"

#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/bundle.h"
#include "bundle/converter.h"
#include "bundle/images.h"
#include "bundle/pack.h"
#include "bundle/stage.h"
#include "bundle/tools.h"

static Manifest *load_manifest(const char *stage, GError **error)
{
	ERROR_WHILE(error, "Failed to load manifest");
	g_autofree char *path = g_build_filename(stage, PACK_MANIFEST, NULL);
	size_t size;
	g_autofree char *text = file_read(path, BUNDLE_MAX_MANIFEST, &size, error);

	return text ? manifest_parse(text, size, error) : NULL;
}

static bool is_program(const char *stage, const char *name)
{
	g_autofree char *path = g_build_filename(stage, name, NULL);
	struct stat st;

	return stat(path, &st) == 0 && st.st_mode & 0111;
}

/* Hook and handler are started from the bundle, as they lie in it. */
static bool check_programs(const BundleCreate *request, const char *stage, const Manifest *manifest,
                           GError **error)
{
	const char *hook = manifest->hook_filename, *handler = manifest->handler_filename;
	g_autofree char *path = hook ? g_build_filename(stage, hook, NULL) : NULL;

	if (path && !g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return fail(error, FAILURE_NOT_FOUND,
		            "hook file '%s' does not exist in bundle content dir (%s)", hook,
		            request->input);
	if (hook && !is_program(stage, hook))
		g_warning("hook file '%s' is not executable: devices will fail to start it", hook);
	if (handler && !is_program(stage, handler))
		g_warning("handler file '%s' does not exist in the bundle content, or is not "
		          "executable: devices will fail to start it",
		          handler);
	return true;
}

static Manifest *read_manifest(const BundleCreate *request, const char *stage, GError **error)
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
	if (!images_check_adaptive(manifest, error) || !converter_check(manifest, error) ||
	    !check_programs(request, stage, manifest, error))
		return NULL;
	return g_steal_pointer(&manifest);
}

static bool create_in(const BundleCreate *request, const char *stage, const Result *result,
                      GError **error)
{
	Pack pack = { request->key, request->check, request->mksquashfs_args, request->pool };
	g_auto(Tools) tools = TOOLS_NONE;
	g_autoptr(Manifest) manifest = read_manifest(request, stage, error);

	return manifest && pack_check(&pack, error) &&
	       tools_open(&tools, converter_has_owners(manifest), error) &&
	       images_measure(manifest, stage, request->input, request->pool, error) &&
	       converter_run(manifest, stage, &tools, error) &&
	       pack_stage(&pack, stage, manifest, &tools, result, error);
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
