/* SPDX-License-Identifier: MIT */

#include "bundle/converter.h"

#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define TAR_EXTRACT "tar-extract"
#define KEEP        "keep"

static bool has_method(const Image *image, const char *method)
{
	return image->convert && g_strv_contains((const char *const *)image->convert, method);
}

static bool check_method(const Image *image, char **method, GError **error)
{
	if (g_str_equal(*method, "composefs"))
		return fail(error, FAILURE_UNSUPPORTED,
		            "Convert method 'composefs' not enabled: this program is built without "
		            "it, use " TAR_EXTRACT " (image '%s')",
		            image->filename);
	if (!g_str_equal(*method, TAR_EXTRACT) && !g_str_equal(*method, KEEP))
		return fail(error, FAILURE_CONFIG,
		            "Unsupported convert method: %s (image '%s'; known are " TAR_EXTRACT
		            " and " KEEP ")",
		            *method, image->filename);
	for (char **other = image->convert; other < method; other++) {
		if (g_str_equal(*other, *method))
			return fail(error, FAILURE_CONFIG,
			            "image '%s': convert method %s is named twice", image->filename,
			            *method);
	}
	return true;
}

static bool check_tar(GError **error)
{
	g_autofree char *program = g_find_program_in_path("tar");

	return program ||
	       fail(error, FAILURE_TOOL, "'convert=" TAR_EXTRACT "' needs the program tar");
}

bool converter_check(const Manifest *manifest, GError **error)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (!image->convert || image->converted)
			continue;
		for (char **method = image->convert; *method; method++) {
			if (!check_method(image, method, error))
				return false;
		}
		if (has_method(image, TAR_EXTRACT) && !check_tar(error))
			return false;
		if (!image->artifact && !has_method(image, KEEP))
			g_warning("image '%s' is for slot '%s', but 'convert' takes it out of the "
			          "bundle: slots cannot use what is left, add '" KEEP
			          "' to 'convert'",
			          image->filename, image->class);
	}
	return true;
}

bool converter_has_owners(const Manifest *manifest)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (has_method(manifest->images->pdata[i], TAR_EXTRACT))
			return true;
	}
	return false;
}

static int make_readable(const char *path, const struct stat *st, int type G_GNUC_UNUSED,
                         struct FTW *place G_GNUC_UNUSED)
{
	return S_ISREG(st->st_mode) && !(st->st_mode & S_IRUSR) ? chmod(path, st->st_mode | S_IRUSR)
	                                                        : 0;
}

/* A file that nobody may read was made so by tar itself, and fakeroot, who remembers the mode, is
 * no root: mksquashfs could not read it. */
static bool open_files(const char *folder, const Tools *tools, GError **error)
{
	return !tools->state || nftw(folder, make_readable, 16, FTW_PHYS) == 0 ||
	       fail_errno(error, "cannot make the files in %s readable", folder);
}

/* GNU tar keeps what it unpacks inside the folder: it refuses names with "..", takes a leading
 * '/' away, and makes links that lead outside when nothing can go through them any more. */
static bool extract_tar(const Image *image, const char *stage, const char *name, const Tools *tools,
                        GError **error)
{
	g_autofree char *doing = g_strdup_printf("Failed to extract %s", image->filename);
	ERROR_WHILE(error, doing);
	g_autofree char *archive = g_build_filename(stage, image->filename, NULL);
	g_autofree char *folder = g_build_filename(stage, name, NULL);
	const char *words[] = { "tar", "--numeric-owner", "-xf", archive, "-C", folder, NULL };

	if (mkdir(folder, 0700) < 0)
		return errno == EEXIST ? fail(error, FAILURE_CONFIG,
		                              "'%s' is in the bundle content already: it would be "
		                              "replaced",
		                              name)
		                       : fail_errno(error, "cannot create folder %s", folder);
	return tools_run(tools, (GStrv)words, error) && open_files(folder, tools, error);
}

/* Images may share their file: it is extracted for the first of them. */
static bool is_extracted(const Manifest *manifest, unsigned end, const char *filename)
{
	for (unsigned i = 0; i < end; i++) {
		const Image *image = manifest->images->pdata[i];

		if (has_method(image, TAR_EXTRACT) && g_str_equal(image->filename, filename))
			return true;
	}
	return false;
}

static bool convert_image(const Manifest *manifest, unsigned index, const char *stage,
                          const Tools *tools, GError **error)
{
	Image *image = manifest->images->pdata[index];
	g_autoptr(GStrvBuilder) converted = g_strv_builder_new();

	for (char **method = image->convert; *method; method++) {
		g_autofree char *name = g_str_equal(*method, KEEP)
		                                ? g_strdup(image->filename)
		                                : g_strconcat(image->filename, ".extracted", NULL);

		if (g_str_equal(*method, TAR_EXTRACT) &&
		    !is_extracted(manifest, index, image->filename) &&
		    !extract_tar(image, stage, name, tools, error))
			return false;
		g_strv_builder_add(converted, name);
	}
	image->converted = g_strv_builder_end(converted);
	return true;
}

static bool is_needed(const Manifest *manifest, const char *filename)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (g_strcmp0(image->filename, filename) == 0 &&
		    (!image->convert || has_method(image, KEEP)))
			return true;
	}
	return false;
}

static bool remove_original(const Image *image, const char *stage, GError **error)
{
	g_autofree char *path = g_build_filename(stage, image->filename, NULL);

	return unlink(path) == 0 || errno == ENOENT || fail_errno(error, "cannot remove %s", path);
}

bool converter_run(Manifest *manifest, const char *stage, const Tools *tools, GError **error)
{
	g_autoptr(GPtrArray) done = g_ptr_array_new();

	for (unsigned i = 0; i < manifest->images->len; i++) {
		Image *image = manifest->images->pdata[i];

		if (!image->convert || image->converted)
			continue;
		if (!convert_image(manifest, i, stage, tools, error))
			return false;
		g_ptr_array_add(done, image);
	}
	for (unsigned i = 0; i < done->len; i++) {
		const Image *image = done->pdata[i];

		if (!is_needed(manifest, image->filename) && !remove_original(image, stage, error))
			return false;
	}
	return true;
}
