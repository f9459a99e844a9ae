/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include <string.h>

#include "base/error.h"
#include "base/keyfile.h"
#include "model/manifest_check.h"

/* A list that is there but empty says nothing. */
static bool take_list(KeyFile *file, const char *group, const char *key, GStrv *list,
                      GError **error)
{
	if (!keyfile_take_list(file, group, key, list, error))
		return false;
	if (*list && !**list)
		g_clear_pointer(list, g_strfreev);
	return true;
}

static bool take_update(KeyFile *file, Manifest *manifest, GError **error)
{
	return keyfile_take_required(file, "update", "compatible", &manifest->compatible, error) &&
	       keyfile_take_optional(file, "update", "version", &manifest->version, error) &&
	       keyfile_take_optional(file, "update", "description", &manifest->description,
	                             error) &&
	       keyfile_take_optional(file, "update", "build", &manifest->build, error) &&
	       keyfile_take_string(file, "update", "min-rauc-version", &manifest->min_rauc_version,
	                           error) &&
	       keyfile_end_group(file, "update", error);
}

static bool take_format(KeyFile *file, Manifest *manifest, GError **error)
{
	g_autofree char *name = NULL;

	if (!keyfile_take_string(file, "bundle", "format", &name, error))
		return false;
	if (!name)
		return true;
	manifest->format_is_explicit = true;
	return manifest_format_by_name(name, &manifest->format) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid format value '%s' in group '[bundle]': expected plain, verity or crypt",
	            name);
}

static bool take_bundle(KeyFile *file, Manifest *manifest, GError **error)
{
	if (!take_format(file, manifest, error))
		return false;
	if (manifest->format != MANIFEST_PLAIN &&
	    !(keyfile_take_string(file, "bundle", "verity-hash", &manifest->verity_hash, error) &&
	      keyfile_take_string(file, "bundle", "verity-salt", &manifest->verity_salt, error) &&
	      keyfile_take_uint64(file, "bundle", "verity-size", &manifest->verity_size, error)))
		return false;
	if (manifest->format == MANIFEST_CRYPT &&
	    !keyfile_take_string(file, "bundle", "crypt-key", &manifest->crypt_key, error))
		return false;
	return keyfile_end_group(file, "bundle", error);
}

static bool take_handler(KeyFile *file, Manifest *manifest, GError **error)
{
	if (!keyfile_take_string(file, "handler", "filename", &manifest->handler_filename, error) ||
	    !keyfile_take_string(file, "handler", "args", &manifest->handler_args, error))
		return false;
	if (manifest->handler_args && !manifest->handler_filename)
		return fail(error, FAILURE_CONFIG,
		            "Key 'args' in group '[handler]' needs 'filename' to be set");
	return keyfile_end_group(file, "handler", error);
}

static bool take_hooks(KeyFile *file, Manifest *manifest, GError **error)
{
	g_auto(GStrv) hooks = NULL;

	if (!keyfile_take_string(file, "hooks", "filename", &manifest->hook_filename, error) ||
	    !keyfile_take_list(file, "hooks", "hooks", &hooks, error))
		return false;
	for (char **hook = hooks; hook && *hook; hook++) {
		if (!g_str_equal(*hook, "install-check"))
			return fail(error, FAILURE_CONFIG,
			            "install hook type '%s' not supported: key 'hooks' in group "
			            "'[hooks]' knows install-check",
			            *hook);
		manifest->has_install_check = true;
	}
	return keyfile_end_group(file, "hooks", error);
}

/* "image.<class>[/<artifact>][.<variant>]" */
static void split_section(Image *image, const char *section)
{
	g_auto(GStrv) parts = g_strsplit(section, ".", 3);
	g_auto(GStrv) names = g_strsplit(parts[1], "/", 2);

	/* An empty name is no element at all for g_strsplit(). */
	image->class = g_strdup(names[0] ? names[0] : "");
	image->artifact = names[0] ? g_strdup(names[1]) : NULL;
	image->variant = g_strdup(parts[2]);
}

static bool take_image_hooks(KeyFile *file, const char *section, Image *image, GError **error)
{
	g_auto(GStrv) hooks = NULL;

	if (!keyfile_take_list(file, section, "hooks", &hooks, error))
		return false;
	for (char **name = hooks; name && *name; name++) {
		ImageHooks hook;

		if (!image_hook_by_name(*name, &hook))
			return fail(error, FAILURE_CONFIG,
			            "slot hook type '%s' not supported: key 'hooks' knows "
			            "pre-install, install and post-install",
			            *name);
		image->hooks |= hook;
	}
	return true;
}

/* The install hook alone decides what an image is: then a type is neither derived nor checked. */
static bool decide_type(Image *image, const char *name, GError **error)
{
	bool is_free = image->artifact || image->hooks & IMAGE_HOOK_INSTALL;

	if (name) {
		image->type = image_type_by_name(name);
		image->type_is_explicit = true;
		if (!image->type && !is_free)
			return fail(error, FAILURE_CONFIG, "Unsupported image type '%s'", name);
		if (!image->type)
			image->foreign_type = g_strdup(name);
		return true;
	}
	if (is_free)
		return true;
	if (!image->filename)
		return fail(error, FAILURE_CONFIG,
		            "Failed to detect image type: Neither 'type' nor 'filename' given.");
	image->type = image_type_by_filename(image->filename);
	return image->type ||
	       fail(error, FAILURE_CONFIG,
	            "No 'type=' set and unable to map extension of file '%s' to known image type",
	            image->filename);
}

static bool take_image_facts(KeyFile *file, const char *section, Image *image, GError **error)
{
	g_autofree char *type = NULL;

	if (!keyfile_take_string(file, section, "filename", &image->filename, error) ||
	    !take_image_hooks(file, section, image, error))
		return false;
	if (!image->artifact && !keyfile_take_string(file, section, "type", &type, error))
		return false;

	image->has_size = keyfile_has(file, section, "size");
	return keyfile_take_string(file, section, "sha256", &image->sha256, error) &&
	       keyfile_take_uint64(file, section, "size", &image->size, error) &&
	       take_list(file, section, "adaptive", &image->adaptive, error) &&
	       take_list(file, section, "convert", &image->convert, error) &&
	       take_list(file, section, "converted", &image->converted, error) &&
	       decide_type(image, type, error);
}

static bool take_image(KeyFile *file, const char *section, Manifest *manifest, GError **error)
{
	static const char *const legacy[] = { "version", "description", "build" };
	g_autofree char *doing = g_strdup_printf("Cannot parse [%s]", section);
	ERROR_WHILE(error, doing);
	Image *image = g_new0(Image, 1);

	g_ptr_array_add(manifest->images, image);
	split_section(image, section);
	if (!take_image_facts(file, section, image, error))
		return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(legacy); i++) {
		if (!keyfile_has(file, section, legacy[i]))
			continue;
		g_ptr_array_add(manifest->warnings,
		                g_strdup_printf("Key '%s' in group '[%s]' is ignored: it belongs "
		                                "in [update]",
		                                legacy[i], section));
		keyfile_drop(file, section, legacy[i]);
	}
	return keyfile_end_group(file, section, error);
}

static bool is_meta_name(const char *name)
{
	return *name && strspn(name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "_-") == strlen(name);
}

static bool take_meta_entries(KeyFile *file, const char *section, MetaGroup *meta, GError **error)
{
	g_auto(GStrv) keys = keyfile_keys(file, section);

	for (char **key = keys; *key; key++) {
		if (!is_meta_name(*key))
			return fail(error, FAILURE_CONFIG,
			            "Invalid key '%s' in group '[%s]': only A-Z a-z 0-9 _ - are "
			            "allowed",
			            *key, section);

		MetaEntry *entry = g_new0(MetaEntry, 1);
		g_ptr_array_add(meta->entries, entry);
		entry->key = g_strdup(*key);
		if (!keyfile_take_string(file, section, *key, &entry->value, error))
			return false;
	}
	return keyfile_end_group(file, section, error);
}

static void meta_entry_free(void *data)
{
	MetaEntry *entry = data;

	g_free(entry->key);
	g_free(entry->value);
	g_free(entry);
}

static bool take_meta(KeyFile *file, const char *section, Manifest *manifest, GError **error)
{
	const char *label = section + strlen("meta.");

	if (!is_meta_name(label))
		return fail(error, FAILURE_CONFIG,
		            "Invalid group '[%s]': expected [meta.<label>] with a label of "
		            "A-Z a-z 0-9 _ -",
		            section);

	MetaGroup *meta = g_new0(MetaGroup, 1);
	g_ptr_array_add(manifest->meta, meta);
	meta->label = g_strdup(label);
	meta->entries = g_ptr_array_new_with_free_func(meta_entry_free);
	return take_meta_entries(file, section, meta, error);
}

static bool take_groups(KeyFile *file, Manifest *manifest, GError **error)
{
	g_auto(GStrv) groups = keyfile_groups(file);

	for (char **group = groups; *group; group++) {
		if (g_str_has_prefix(*group, "image.") &&
		    !take_image(file, *group, manifest, error))
			return false;
		if (g_str_has_prefix(*group, "meta.") && !take_meta(file, *group, manifest, error))
			return false;
	}
	return true;
}

Manifest *manifest_parse(const char *text, size_t size, GError **error)
{
	g_autoptr(KeyFile) file = keyfile_parse(text, size, error);
	g_autoptr(Manifest) manifest = manifest_new();

	if (!file || !take_update(file, manifest, error) || !take_bundle(file, manifest, error) ||
	    !take_handler(file, manifest, error) || !take_hooks(file, manifest, error) ||
	    !take_groups(file, manifest, error))
		return NULL;
	keyfile_drop_group(file, "rollout"); /* for servers, not for devices */
	if (!keyfile_end(file, error) || !manifest_check_names(manifest, error))
		return NULL;
	return g_steal_pointer(&manifest);
}
