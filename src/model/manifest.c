/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include "base/error.h"

static const struct {
	const char *name;
	ManifestFormat format;
} formats[] = {
	{ "plain", MANIFEST_PLAIN },
	{ "verity", MANIFEST_VERITY },
	{ "crypt", MANIFEST_CRYPT },
};

static const struct {
	const char *name;
	ImageHooks hook;
} hook_names[] = {
	{ "pre-install", IMAGE_HOOK_PRE_INSTALL },
	{ "install", IMAGE_HOOK_INSTALL },
	{ "post-install", IMAGE_HOOK_POST_INSTALL },
};

static void image_free(void *data)
{
	Image *image = data;

	g_free(image->class);
	g_free(image->artifact);
	g_free(image->variant);
	g_free(image->filename);
	g_free(image->foreign_type);
	g_free(image->sha256);
	g_strfreev(image->adaptive);
	g_strfreev(image->convert);
	g_strfreev(image->converted);
	g_free(image);
}

static void meta_free(void *data)
{
	MetaGroup *meta = data;

	g_free(meta->label);
	g_ptr_array_unref(meta->entries);
	g_free(meta);
}

Manifest *manifest_new(void)
{
	Manifest *manifest = g_new0(Manifest, 1);

	manifest->format = MANIFEST_PLAIN;
	manifest->images = g_ptr_array_new_with_free_func(image_free);
	manifest->meta = g_ptr_array_new_with_free_func(meta_free);
	manifest->warnings = g_ptr_array_new_with_free_func(g_free);
	return manifest;
}

void manifest_free(Manifest *manifest)
{
	if (!manifest)
		return;
	g_free(manifest->compatible);
	g_free(manifest->version);
	g_free(manifest->description);
	g_free(manifest->build);
	g_free(manifest->min_rauc_version);
	g_free(manifest->verity_hash);
	g_free(manifest->verity_salt);
	g_free(manifest->crypt_key);
	g_free(manifest->handler_filename);
	g_free(manifest->handler_args);
	g_free(manifest->hook_filename);
	g_ptr_array_unref(manifest->images);
	g_ptr_array_unref(manifest->meta);
	g_ptr_array_unref(manifest->warnings);
	g_free(manifest);
}

const char *manifest_format_name(ManifestFormat format)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		if (formats[i].format == format)
			return formats[i].name;
	}
	return "unknown";
}

bool manifest_format_by_name(const char *name, ManifestFormat *format)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		if (g_str_equal(formats[i].name, name)) {
			*format = formats[i].format;
			return true;
		}
	}
	return false;
}

char *manifest_image_section(const Image *image)
{
	return g_strconcat("image.", image->class, image->artifact ? "/" : "",
	                   image->artifact ? image->artifact : "", image->variant ? "." : "",
	                   image->variant ? image->variant : "", NULL);
}

GStrv image_hook_names(ImageHooks hooks)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();

	for (unsigned i = 0; i < G_N_ELEMENTS(hook_names); i++) {
		if (hooks & hook_names[i].hook)
			g_strv_builder_add(names, hook_names[i].name);
	}
	return g_strv_builder_end(names);
}

bool image_hook_by_name(const char *name, ImageHooks *hook)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(hook_names); i++) {
		if (g_str_equal(hook_names[i].name, name)) {
			*hook = hook_names[i].hook;
			return true;
		}
	}
	return false;
}

/* Class -> its image: the first of this variant, else the first of none. */
static GHashTable *pick_by_class(const Manifest *manifest, const char *variant)
{
	GHashTable *picks = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < manifest->images->len; i++) {
		Image *image = manifest->images->pdata[i];
		const Image *so_far = g_hash_table_lookup(picks, image->class);
		bool is_match = image->variant && g_strcmp0(image->variant, variant) == 0;
		bool is_fallback = !image->variant;

		if (image->artifact)
			continue;
		if ((is_match && (!so_far || !so_far->variant)) || (is_fallback && !so_far))
			g_hash_table_insert(picks, image->class, image);
	}
	return picks;
}

GPtrArray *manifest_pick_images(const Manifest *manifest, const char *variant, GError **error)
{
	g_autoptr(GHashTable) picks = pick_by_class(manifest, variant);
	g_autoptr(GPtrArray) images = g_ptr_array_new();

	for (unsigned i = 0; i < manifest->images->len; i++) {
		Image *image = manifest->images->pdata[i];
		const Image *pick = g_hash_table_lookup(picks, image->class);

		if (!image->artifact && !pick)
			return fail_null(
				error, FAILURE_REJECTED,
				"Failed to find matching variant of image for slot class '%s'",
				image->class);
		if (image->artifact || image == pick)
			g_ptr_array_add(images, image);
	}
	return g_steal_pointer(&images);
}
