/* SPDX-License-Identifier: MIT */

/* rauc bundle: a folder becomes a signed bundle. */

#include "bundle/bundle.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "bundle/create.h"
#include "bundle/predict.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/show_prediction.h"
#include "cli/signing.h"

static const char no_format_warning[] =
	"WARNING: The manifest does not specify a bundle format, defaulting to 'plain'.\n"
	"         A plain bundle is not protected while it is used; prefer the 'verity' format:\n"
	"         put format=verity into the section [bundle] of the manifest.\n"
	"         To keep the plain format and silence this warning, put format=plain there.\n";

static void say(void *user G_GNUC_UNUSED, const char *line)
{
	output_text("%s\n", line);
}

/* Is `path` the folder or something below it? Both absolute, without links. */
static bool is_below(const char *path, const char *folder)
{
	size_t size = strlen(folder);

	while (size && folder[size - 1] == '/')
		size--;
	return strncmp(path, folder, size) == 0 && (path[size] == '/' || !path[size]);
}

/* The paths a person gave, before any work is done on them. */
static bool check_paths(const char *input, const char *output)
{
	if (!g_file_test(input, G_FILE_TEST_IS_DIR)) {
		output_complain("Input path must point to a directory!");
		return false;
	}

	g_autofree char *output_folder = g_path_get_dirname(output);
	g_autofree char *real_folder = path_real(output_folder);
	g_autofree char *real_input = path_real(input);
	if (is_below(real_folder, real_input)) {
		output_complain("Bundle path must be located outside input directory!");
		return false;
	}
	return true;
}

/* What can be said before any work is done; a manifest that cannot be read is left to
 * bundle_create(), which says why. */
static bool check_format(const Options *options)
{
	g_autofree char *path = g_build_filename(options->arguments[2], "manifest.raucm", NULL);
	size_t size;

	if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
		return true;
	g_autofree char *text = file_read(path, BUNDLE_MAX_MANIFEST, &size, NULL);
	g_autoptr(Manifest) manifest = text ? manifest_parse(text, size, NULL) : NULL;

	if (manifest && manifest->format == MANIFEST_PLAIN && options->from) {
		output_complain("--from: a plain bundle is fetched whole, whatever a device has: "
		                "put format=verity into its manifest");
		return false;
	}
	if (manifest && !manifest->format_is_explicit)
		output_text("%s", no_format_warning);
	return true;
}

/* All of --from, before there is any work to be lost. */
static GPtrArray *open_bases(const Options *options, Pool *pool, GError **error)
{
	g_autoptr(GPtrArray) bases =
		g_ptr_array_new_with_free_func((GDestroyNotify)predict_base_free);

	for (char **path = options->from; path && *path; path++) {
		PredictBase *base = predict_base_open(*path, pool, error);

		if (!base)
			return NULL;
		g_ptr_array_add(bases, base);
	}
	return g_steal_pointer(&bases);
}

static bool predict(const Options *options, const GPtrArray *bases, GError **error)
{
	g_autoptr(Bundle) bundle = predict_open(options->arguments[3], error);
	g_autoptr(GString) text = g_string_new(NULL);

	for (unsigned i = 0; bundle && i < bases->len; i++) {
		g_autoptr(GPtrArray) predictions = predict_run(bases->pdata[i], bundle, error);

		if (!predictions)
			return false;
		show_prediction(text, bases->pdata[i], bundle, predictions);
	}
	output_text("%s", text->str);
	return bundle != NULL;
}

static bool create(const Options *options, Config *config, Pool *pool, GError **error)
{
	g_auto(Signing) signing = { 0 };

	if (!signing_load(&signing, options, config, error))
		return false;

	BundleCreate request = {
		.input = options->arguments[2],
		.output = options->arguments[3],
		.key = signing.key,
		.check = signing.check,
		.mksquashfs_args = options->mksquashfs_args,
		.pool = pool,
		.say = say,
	};
	return bundle_create(&request, error);
}

int command_bundle(const Options *options)
{
	g_autoptr(GError) error = NULL;

	if (!signing_is_given(options))
		return 1;
	if (!check_paths(options->arguments[2], options->arguments[3]) || !check_format(options))
		return 1;

	g_autoptr(Config) config = conf_load(options, CONF_NONE, &error);
	if (!config) {
		output_complain("%s", error->message);
		return 1;
	}
	g_autoptr(Pool) pool = command_pool();
	g_autoptr(GPtrArray) bases = open_bases(options, pool, &error);
	if (!bases || !create(options, config, pool, &error)) {
		output_complain("Failed to create bundle: %s", error->message);
		return 1;
	}
	if (bases->len == 0 || predict(options, bases, &error))
		return 0;
	output_complain("The bundle was made, but not predicted what devices will fetch: %s",
	                error->message);
	return 1;
}
