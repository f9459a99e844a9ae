/* SPDX-License-Identifier: MIT */

#include "cli/show_info_json.h"

#include "cli/json.h"

static gint64 size_of(const Image *image)
{
	return image->has_size ? (gint64)image->size : -1;
}

static void add_image_hooks(JsonBuilder *json, const Image *image)
{
	g_auto(GStrv) hooks = image_hook_names(image->hooks);

	json_add_strings(json, "hooks", hooks);
}

/* An object with one member, named after the slot class. */
static void add_image(JsonBuilder *json, const Image *image)
{
	json_open_object(json, NULL);
	json_open_object(json, image->class);
	json_add_string(json, "artifact", image->artifact);
	json_add_string(json, "variant", image->variant);
	json_add_string(json, "filename", image->filename);
	json_add_string(json, "type", image_type_name(image->type));
	json_add_string(json, "checksum", image->sha256);
	json_add_int(json, "size", size_of(image));
	add_image_hooks(json, image);
	json_add_strings(json, "adaptive", image->adaptive);
	if (image->convert)
		json_add_strings(json, "convert", image->convert);
	if (image->converted)
		json_add_strings(json, "converted", image->converted);
	json_builder_end_object(json);
	json_builder_end_object(json);
}

static void add_bundle_hooks(JsonBuilder *json, const Manifest *manifest)
{
	json_open_array(json, "hooks");
	if (manifest->has_install_check)
		json_builder_add_string_value(json, "install-check");
	json_builder_end_array(json);
}

void show_info_json(GString *to, const ShowInfo *info, bool is_pretty)
{
	const Manifest *manifest = info->manifest;
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_string(json, "compatible", manifest->compatible);
	json_add_string(json, "version", manifest->version);
	json_add_string(json, "description", manifest->description);
	json_add_string(json, "build", manifest->build);
	json_add_string(json, "format", manifest_format_name(manifest->format));
	add_bundle_hooks(json, manifest);
	json_add_string(json, "hash", info->hash);
	json_open_array(json, "images");
	for (unsigned i = 0; i < manifest->images->len; i++)
		add_image(json, manifest->images->pdata[i]);
	json_builder_end_array(json);
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}

static void add_update(JsonBuilder *json, const Manifest *manifest)
{
	json_open_object(json, "update");
	json_add_set(json, "compatible", manifest->compatible);
	json_add_set(json, "version", manifest->version);
	json_add_set(json, "description", manifest->description);
	json_add_set(json, "build", manifest->build);
	json_builder_end_object(json);
}

/* Never the key of a crypt bundle. */
static void add_bundle(JsonBuilder *json, const Manifest *manifest)
{
	json_open_object(json, "bundle");
	json_add_string(json, "format", manifest_format_name(manifest->format));
	json_add_set(json, "verity-hash", manifest->verity_hash);
	json_add_set(json, "verity-salt", manifest->verity_salt);
	if (manifest->verity_size)
		json_add_int(json, "verity-size", (gint64)manifest->verity_size);
	json_builder_end_object(json);
}

static void add_programs(JsonBuilder *json, const Manifest *manifest)
{
	if (manifest->hook_filename) {
		json_open_object(json, "hooks");
		json_add_string(json, "filename", manifest->hook_filename);
		add_bundle_hooks(json, manifest);
		json_builder_end_object(json);
	}
	if (manifest->handler_filename) {
		json_open_object(json, "handler");
		json_add_string(json, "filename", manifest->handler_filename);
		json_add_set(json, "args", manifest->handler_args);
		json_builder_end_object(json);
	}
}

static void add_image_2(JsonBuilder *json, const Image *image)
{
	json_open_object(json, NULL);
	json_add_string(json, "slot-class", image->class);
	json_add_set(json, "artifact", image->artifact);
	json_add_set(json, "variant", image->variant);
	json_add_set(json, "filename", image->filename);
	json_add_set(json, "type", image_type_name(image->type));
	json_add_set(json, "checksum", image->sha256);
	if (size_of(image))
		json_add_int(json, "size", size_of(image));
	add_image_hooks(json, image);
	if (image->adaptive)
		json_add_strings(json, "adaptive", image->adaptive);
	if (image->convert)
		json_add_strings(json, "convert", image->convert);
	if (image->converted)
		json_add_strings(json, "converted", image->converted);
	json_builder_end_object(json);
}

static void add_meta(JsonBuilder *json, const GPtrArray *groups)
{
	json_open_object(json, "meta");
	for (unsigned i = 0; i < groups->len; i++) {
		const MetaGroup *group = groups->pdata[i];

		json_open_object(json, group->label);
		for (unsigned k = 0; k < group->entries->len; k++) {
			const MetaEntry *entry = group->entries->pdata[k];

			json_add_string(json, entry->key, entry->value);
		}
		json_builder_end_object(json);
	}
	json_builder_end_object(json);
}

void show_info_json_2(GString *to, const ShowInfo *info)
{
	const Manifest *manifest = info->manifest;
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_set(json, "manifest-hash", info->hash);
	add_update(json, manifest);
	add_bundle(json, manifest);
	add_programs(json, manifest);
	json_open_array(json, "images");
	for (unsigned i = 0; i < manifest->images->len; i++)
		add_image_2(json, manifest->images->pdata[i]);
	json_builder_end_array(json);
	add_meta(json, manifest->meta);
	json_builder_end_object(json);
	json_finish(json, to, true);
}
