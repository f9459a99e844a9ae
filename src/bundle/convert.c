/* SPDX-License-Identifier: MIT */

#include "bundle/convert.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/converter.h"
#include "bundle/extract.h"

static bool check_format(const Manifest *manifest, GError **error)
{
	if (manifest->format == MANIFEST_PLAIN)
		return fail(error, FAILURE_UNSUPPORTED,
		            "Image converters are not supported in plain bundles");
	return manifest->format != MANIFEST_CRYPT ||
	       fail(error, FAILURE_UNSUPPORTED,
	            "bundles of format crypt cannot be converted: put 'convert' into the manifest "
	            "of the content, and make it anew");
}

static Manifest *copy_manifest(const Manifest *manifest, GError **error)
{
	g_autofree char *text = manifest_format(manifest);

	return manifest_parse(text, strlen(text), error);
}

static bool is_wanted(const BundleConvert *request, const Image *image)
{
	if (!image->filename || image->convert)
		return false;
	if (request->ignored && g_strv_contains(request->ignored, image->class))
		return false;
	return image->type == IMAGE_TAR || image_type_by_filename(image->filename) == IMAGE_TAR;
}

static bool ask_for_methods(const BundleConvert *request, Manifest *manifest, GError **error)
{
	unsigned n = 0;

	for (unsigned i = 0; i < manifest->images->len; i++) {
		Image *image = manifest->images->pdata[i];

		if (!is_wanted(request, image))
			continue;
		image->convert = g_strdupv((GStrv)request->methods);
		n++;
	}
	return n ||
	       fail(error, FAILURE_CONFIG,
	            "there is nothing to convert: no image of the bundle is an archive that is "
	            "not converted yet, nor ignored");
}

/* Files of a converted archive have owners, which only root can give to what is extracted. */
static bool check_owners(const Manifest *manifest, GError **error)
{
	return geteuid() == 0 || !converter_has_owners(manifest) ||
	       fail(error, FAILURE_CONFIG,
	            "the bundle has converted images already, and only root can keep the owners "
	            "in them: run it as root, or with fakeroot");
}

static bool convert_in(Bundle *input, const BundleConvert *request, const char *folder,
                       const Result *result, GError **error)
{
	g_autofree char *content = g_build_filename(folder, "content", NULL);
	g_autoptr(Manifest) manifest = copy_manifest(bundle_manifest(input), error);
	g_auto(Tools) tools = TOOLS_NONE;

	return manifest && ask_for_methods(request, manifest, error) &&
	       converter_check(manifest, error) && pack_check(&request->pack, error) &&
	       tools_open(&tools, converter_has_owners(manifest), error) &&
	       bundle_check_payload(input, request->pack.pool, NULL, error) &&
	       extract_bundle(input, content, error) &&
	       converter_run(manifest, content, &tools, error) &&
	       pack_stage(&request->pack, content, manifest, &tools, result, error);
}

bool bundle_convert(Bundle *input, const BundleConvert *request, GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(GError) reason = NULL;

	if (!check_format(bundle_manifest(input), error) ||
	    !check_owners(bundle_manifest(input), error) ||
	    !result_open(&result, request->output, error))
		return false;
	g_autofree char *folder = g_dir_make_tmp("rauc-convert-XXXXXX", &reason);
	if (!folder)
		return fail(error, FAILURE_IO, "cannot create a temporary folder: %s",
		            reason->message);
	bool ok = convert_in(input, request, folder, &result, error);
	if (!file_remove_tree(folder, &reason))
		g_warning("%s", reason->message);
	return ok;
}
