/* SPDX-License-Identifier: MIT */

#include "model/manifest_check.h"

#include <string.h>

#include "base/error.h"
#include "base/path.h"
#include "base/version.h"
#include "model/epoch.h"

enum { BLOCK_SIZE = 4096, N_HEX_DIGITS = 64 };

static bool is_hex_digest(const char *text)
{
	return text && strlen(text) == N_HEX_DIGITS &&
	       strspn(text, G_CSET_DIGITS "abcdefABCDEF") == N_HEX_DIGITS;
}

/* Below the bundle root: relative, and never up. */
static bool is_below_root(const char *path)
{
	g_auto(GStrv) parts = g_strsplit(path, "/", -1);

	return *path && *path != '/' && !g_strv_contains((const char *const *)parts, "..");
}

static bool check_root_path(const char *path, const char *group, GError **error)
{
	return !path || is_below_root(path) ||
	       fail(error, FAILURE_CONFIG,
	            "Unsafe path '%s' for key 'filename' in group '[%s]': it must be relative to "
	            "the bundle and free of '..'",
	            path, group);
}

static bool check_plain_name(const char *name, const char *what, const char *section,
                             GError **error)
{
	return path_is_plain_name(name) ||
	       fail(error, FAILURE_CONFIG,
	            "Unsafe %s '%s' in [%s]: it must be a name that is not empty, without '/', and "
	            "neither '.' nor '..'",
	            what, name, section);
}

static bool check_image_names(const Image *image, GError **error)
{
	g_autofree char *section = manifest_image_section(image);

	if (!check_plain_name(image->class, "slot class", section, error))
		return false;
	if (image->artifact && !check_plain_name(image->artifact, "artifact name", section, error))
		return false;
	if (image->variant && !check_plain_name(image->variant, "variant", section, error))
		return false;
	if (image->filename && !check_plain_name(image->filename, "filename", section, error))
		return false;
	for (char **name = image->converted; name && *name; name++) {
		if (!check_plain_name(*name, "converted filename", section, error))
			return false;
	}
	return true;
}

bool manifest_check_names(const Manifest *manifest, GError **error)
{
	if (!check_root_path(manifest->handler_filename, "handler", error) ||
	    !check_root_path(manifest->hook_filename, "hooks", error))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (!check_image_names(manifest->images->pdata[i], error))
			return false;
	}
	return true;
}

static bool check_min_rauc_version(const char *version, GError **error)
{
	int to_us, to_first;

	if (!version)
		return true;
	if (!version_is_valid(version))
		return fail(error, FAILURE_CONFIG,
		            "Failed to parse 'min-rauc-version'. Expected "
		            "'Major[.Minor[.Patch]][-pre_release]]', got '%s'",
		            version);
	if (!version_compare(version, MANIFEST_RAUC_LEVEL, &to_us, error) ||
	    !version_compare(version, "1.13", &to_first, error))
		return false;
	if (to_us > 0)
		return fail(error, FAILURE_UNSUPPORTED,
		            "Minimum RAUC version in manifest (%s) is newer than current version "
		            "(%s)",
		            version, MANIFEST_RAUC_LEVEL);
	return to_first > 0 ||
	       fail(error, FAILURE_CONFIG,
	            "Minimum RAUC version field in manifest is only supported since 1.14 (not "
	            "'%s')",
	            version);
}

static bool check_image_filename(const Image *image, const char *section, GError **error)
{
	bool is_emptyfs = image->type == IMAGE_EMPTYFS;

	if (is_emptyfs && image->filename)
		return fail(error, FAILURE_CONFIG,
		            "It is not supported setting 'filename' when 'type=emptyfs' is set in "
		            "[%s]",
		            section);
	if (image->filename)
		return true;
	if (!is_emptyfs && !(image->hooks & IMAGE_HOOK_INSTALL))
		return fail(error, FAILURE_CONFIG, "Missing required 'filename' in [%s]", section);
	if (image->adaptive)
		return fail(error, FAILURE_CONFIG,
		            "'adaptive' requires 'filename' to be set in [%s]", section);
	return !image->convert || fail(error, FAILURE_CONFIG,
	                               "'convert' requires 'filename' to be set in [%s]", section);
}

static bool check_image(const Manifest *manifest, const Image *image, GError **error)
{
	g_autofree char *section = manifest_image_section(image);
	bool is_plain = manifest->format == MANIFEST_PLAIN;

	if (image->hooks && !manifest->hook_filename)
		return fail(error, FAILURE_CONFIG,
		            "Hooks used, but no hook 'filename' defined in [hooks] section: [%s] "
		            "uses one",
		            section);
	if (!check_image_filename(image, section, error))
		return false;
	if (is_plain && image->artifact)
		return fail(error, FAILURE_CONFIG,
		            "Artifacts are not supported in plain bundles: [%s]", section);
	return !is_plain || (!image->convert && !image->converted) ||
	       fail(error, FAILURE_CONFIG,
	            "Image converters are not supported in plain bundles: [%s]", section);
}

static bool check_common(const Manifest *manifest, GError **error)
{
	Epoch epoch;

	if (!check_min_rauc_version(manifest->min_rauc_version, error) ||
	    !manifest_check_names(manifest, error) || !epoch_parse(manifest, &epoch, error))
		return false;
	if (manifest->has_install_check && !manifest->hook_filename)
		return fail(error, FAILURE_CONFIG,
		            "Hooks used, but no hook 'filename' defined in [hooks] section");
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (!check_image(manifest, manifest->images->pdata[i], error))
			return false;
	}
	return true;
}

static bool check_image_input(const Image *image, GError **error)
{
	g_autofree char *section = manifest_image_section(image);
	const char *key = image->sha256      ? "sha256"
	                  : image->has_size  ? "size"
	                  : image->converted ? "converted"
	                                     : NULL;

	if (key)
		return fail(error, FAILURE_CONFIG,
		            "Unexpected key '%s' in [%s]: it is computed when the bundle is made, "
		            "remove it",
		            key, section);
	return !(image->hooks & IMAGE_HOOK_INSTALL && image->hooks & ~IMAGE_HOOK_INSTALL) ||
	       fail(error, FAILURE_CONFIG,
	            "An 'install' hook must not be combined with 'pre-install' or 'post-install' "
	            "hooks in [%s]",
	            section);
}

bool manifest_check_input(const Manifest *manifest, GError **error)
{
	if (!check_common(manifest, error))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (!check_image_input(manifest->images->pdata[i], error))
			return false;
	}
	return true;
}

/* What `rauc bundle` computed must be there, and be safe to use in paths and sums. */
static bool check_image_stored(const Image *image, GError **error)
{
	g_autofree char *section = manifest_image_section(image);

	if (image->sha256 ? !is_hex_digest(image->sha256) : !!image->filename)
		return fail(error, FAILURE_CONFIG, "%s 'sha256' in [%s]: expected 64 hex digits",
		            image->sha256 ? "Invalid" : "Missing", section);
	if (image->filename && !image->has_size && !(image->hooks & IMAGE_HOOK_INSTALL))
		return fail(error, FAILURE_CONFIG, "Missing 'size' in [%s]", section);
	return image->size <= G_MAXINT64 ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid 'size' in [%s]: %" G_GUINT64_FORMAT " bytes do not fit any medium",
	            section, image->size);
}

static bool check_stored(const Manifest *manifest, GError **error)
{
	if (!check_common(manifest, error))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (!check_image_stored(manifest->images->pdata[i], error))
			return false;
	}
	return true;
}

bool manifest_check_internal(const Manifest *manifest, GError **error)
{
	if (manifest->format != MANIFEST_PLAIN)
		return fail(error, FAILURE_CONFIG,
		            "Bundle format '%s' not allowed for internal manifest",
		            manifest_format_name(manifest->format));
	if (manifest->verity_hash || manifest->verity_salt || manifest->verity_size ||
	    manifest->crypt_key)
		return fail(error, FAILURE_CONFIG,
		            "Unexpected verity or crypt keys in group '[bundle]' of an internal "
		            "manifest");
	return check_stored(manifest, error);
}

static bool check_hex(const char *value, const char *key, GError **error)
{
	return is_hex_digest(value) ||
	       fail(error, FAILURE_CONFIG, "%s '%s' in group '[bundle]': expected 64 hex digits",
	            value ? "Invalid" : "Missing", key);
}

static bool check_converted(const Image *image, GError **error)
{
	g_autofree char *section = manifest_image_section(image);
	unsigned n_convert = image->convert ? g_strv_length(image->convert) : 0;
	unsigned n_converted = image->converted ? g_strv_length(image->converted) : 0;

	return n_convert == n_converted ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid 'converted' in [%s]: %u names for %u methods of 'convert'", section,
	            n_converted, n_convert);
}

bool manifest_check_external(const Manifest *manifest, GError **error)
{
	if (manifest->format == MANIFEST_PLAIN)
		return fail(error, FAILURE_CONFIG,
		            "Bundle format 'plain' not allowed for external manifest");
	if (!check_stored(manifest, error) ||
	    !check_hex(manifest->verity_hash, "verity-hash", error) ||
	    !check_hex(manifest->verity_salt, "verity-salt", error))
		return false;
	if (!manifest->verity_size || manifest->verity_size % BLOCK_SIZE ||
	    manifest->verity_size > G_MAXINT64)
		return fail(
			error, FAILURE_CONFIG,
			"%s 'verity-size' in group '[bundle]': expected a multiple of %d above 0",
			manifest->verity_size ? "Invalid" : "Missing", BLOCK_SIZE);
	if (manifest->format == MANIFEST_CRYPT &&
	    !check_hex(manifest->crypt_key, "crypt-key", error))
		return false;
	for (unsigned i = 0; i < manifest->images->len; i++) {
		if (!check_converted(manifest->images->pdata[i], error))
			return false;
	}
	return true;
}
