/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

/* Groups and keys come out in the order in which they are set. */

static void set_string(GKeyFile *file, const char *group, const char *key, const char *value)
{
	if (value)
		g_key_file_set_string(file, group, key, value);
}

static void set_list(GKeyFile *file, const char *group, const char *key, GStrv value)
{
	if (value && *value)
		g_key_file_set_string_list(file, group, key, (const char *const *)value,
		                           g_strv_length(value));
}

static void set_update(GKeyFile *file, const Manifest *manifest)
{
	set_string(file, "update", "compatible", manifest->compatible);
	set_string(file, "update", "version", manifest->version);
	set_string(file, "update", "description", manifest->description);
	set_string(file, "update", "build", manifest->build);
	/* RAUC drops it here, which makes it useless; where it reads it, it obeys. */
	set_string(file, "update", "min-rauc-version", manifest->min_rauc_version);
}

static void set_bundle(GKeyFile *file, const Manifest *manifest)
{
	bool is_plain = manifest->format == MANIFEST_PLAIN;

	if (manifest->format == MANIFEST_CRYPT)
		set_string(file, "bundle", "crypt-key", manifest->crypt_key);
	if (!is_plain || manifest->format_is_explicit)
		set_string(file, "bundle", "format", manifest_format_name(manifest->format));
	if (is_plain)
		return;
	set_string(file, "bundle", "verity-hash", manifest->verity_hash);
	set_string(file, "bundle", "verity-salt", manifest->verity_salt);
	if (manifest->verity_size)
		g_key_file_set_uint64(file, "bundle", "verity-size", manifest->verity_size);
}

static void set_handler_and_hooks(GKeyFile *file, const Manifest *manifest)
{
	static const char *const install_check[] = { "install-check", NULL };

	set_string(file, "handler", "filename", manifest->handler_filename);
	set_string(file, "handler", "args", manifest->handler_args);
	set_string(file, "hooks", "filename", manifest->hook_filename);
	if (manifest->has_install_check)
		set_list(file, "hooks", "hooks", (GStrv)install_check);
}

static void set_image(GKeyFile *file, const Image *image)
{
	g_autofree char *section = manifest_image_section(image);
	g_auto(GStrv) hooks = image_hook_names(image->hooks);

	if (image->filename) {
		set_string(file, section, "sha256", image->sha256);
		if (image->has_size)
			g_key_file_set_uint64(file, section, "size", image->size);
	}
	set_string(file, section, "filename", image->filename);
	if (image->type_is_explicit)
		set_string(file, section, "type",
		           image->foreign_type ? image->foreign_type
		                               : image_type_name(image->type));
	set_list(file, section, "hooks", hooks);
	set_list(file, section, "adaptive", image->adaptive);
	set_list(file, section, "convert", image->convert);
	set_list(file, section, "converted", image->converted);
}

static void set_meta(GKeyFile *file, const MetaGroup *meta)
{
	g_autofree char *section = g_strconcat("meta.", meta->label, NULL);

	for (unsigned i = 0; i < meta->entries->len; i++) {
		const MetaEntry *entry = meta->entries->pdata[i];

		set_string(file, section, entry->key, entry->value);
	}
}

char *manifest_format(const Manifest *manifest)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	set_update(file, manifest);
	set_bundle(file, manifest);
	set_handler_and_hooks(file, manifest);
	for (unsigned i = 0; i < manifest->images->len; i++)
		set_image(file, manifest->images->pdata[i]);
	for (unsigned i = 0; i < manifest->meta->len; i++)
		set_meta(file, manifest->meta->pdata[i]);
	return g_key_file_to_data(file, NULL, NULL);
}
