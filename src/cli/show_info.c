/* SPDX-License-Identifier: MIT */

#include "cli/show_info.h"

#include "cli/show_info_json.h"
#include "crypto/verify.h"

/* One "Label:   value" with everything that could confuse a terminal taken out. */
static void line(GString *to, const char *label, const char *value, const char *after)
{
	g_string_append(to, label);
	output_append_safe(to, value);
	g_string_append(to, after);
}

static char *join(GStrv words)
{
	return words ? g_strjoinv(" ", words) : g_strdup("");
}

static void show_bundle_format(GString *to, const ShowInfo *info, OutputLook look)
{
	const Manifest *manifest = info->manifest;

	g_string_append_printf(to, "Bundle Format:  %s", manifest_format_name(manifest->format));
	if (manifest->format == MANIFEST_CRYPT) {
		output_append_style(to, look, "1");
		output_append_style(to, look, info->is_encrypted ? "32" : "33");
		g_string_append(to, info->is_encrypted ? " [encrypted CMS]" : " [unencrypted CMS]");
		output_append_style(to, look, "0");
	}
	g_string_append_c(to, '\n');
	if (manifest->format == MANIFEST_CRYPT)
		g_string_append(to, "  Crypt Key:    '<hidden>'\n");
	if (manifest->format != MANIFEST_PLAIN) {
		line(to, "  Verity Salt:  '", manifest->verity_salt, "'\n");
		line(to, "  Verity Hash:  '", manifest->verity_hash, "'\n");
		g_string_append_printf(to, "  Verity Size:  %" G_GUINT64_FORMAT "\n",
		                       manifest->verity_size);
	}
}

static void show_meta(GString *to, const GPtrArray *groups)
{
	g_string_append_c(to, '\n');
	if (!groups->len)
		return;
	g_string_append(to, "Metadata:\n");
	for (unsigned i = 0; i < groups->len; i++) {
		const MetaGroup *group = groups->pdata[i];

		line(to, "  ", group->label, ":\n");
		for (unsigned k = 0; k < group->entries->len; k++) {
			const MetaEntry *entry = group->entries->pdata[k];

			line(to, "    ", entry->key, ": ");
			line(to, "", entry->value, "\n");
		}
	}
}

static void show_file(GString *to, const Image *image)
{
	g_autofree char *size =
		g_format_size_full(image->has_size ? image->size : 0, G_FORMAT_SIZE_LONG_FORMAT);

	line(to, "    Checksum:  ", image->sha256, "\n");
	line(to, "    Size:      ", size, "\n");
}

static void show_converted(GString *to, GStrv names)
{
	g_string_append(to, "    Converted:");
	for (char **name = names; *name; name++)
		line(to, " '", *name, "'");
	g_string_append_c(to, '\n');
}

static void show_image(GString *to, const Image *image, OutputLook look)
{
	g_auto(GStrv) hooks = image_hook_names(image->hooks);
	g_autofree char *hook_words = join(hooks);
	g_autofree char *adaptive = join(image->adaptive);
	g_autofree char *convert = join(image->convert);
	const char *type = image_type_name(image->type);

	g_string_append(to, "  ");
	output_append_style(to, look, "1");
	line(to, "[", image->class, "]");
	output_append_style(to, look, "0");
	g_string_append_c(to, '\n');
	if (image->variant)
		line(to, "    Variant:   ", image->variant, "\n");
	if (image->artifact)
		line(to, "    Artifact:  ", image->artifact, "\n");
	if (image->filename)
		line(to, "    Filename:  ", image->filename, "\n");
	else
		g_string_append(to, "    (no image file)\n");
	if (!image->artifact)
		line(to, "    Type:      ", type,
		     type && !image->type_is_explicit ? " (detected)\n" : "\n");
	if (image->filename)
		show_file(to, image);
	line(to, "    Hooks:     ", hook_words, "\n");
	if (image->adaptive)
		line(to, "    Adaptive:  ", adaptive, "\n");
	if (image->convert)
		line(to, "    Convert:   ", convert, "\n");
	if (image->converted)
		show_converted(to, image->converted);
}

void show_info_signers(GString *to, const ShowInfo *info)
{
	const GPtrArray *chain = info->chain;

	if (!chain) {
		g_string_append(to, "Signature unverified\n");
		return;
	}
	g_string_append(to, "Certificate Chain:\n");
	for (unsigned i = 0; i < chain->len; i++) {
		const SignerCert *cert = chain->pdata[i];

		g_string_append_printf(to, "%2u", i);
		line(to, " Subject: ", cert->subject, "\n");
		line(to, "   Issuer: ", cert->issuer, "\n");
		line(to, "   SPKI sha256: ", cert->spki_hash, "\n");
		line(to, "   Not Before: ", cert->not_before, "\n");
		line(to, "   Not After:  ", cert->not_after, "\n");
	}
	g_string_append_c(to, '\n');
}

static void show_readable(GString *to, const ShowInfo *info, OutputLook look)
{
	const Manifest *manifest = info->manifest;
	unsigned n = manifest->images->len;

	line(to, "Compatible:     '", manifest->compatible, "'\n");
	line(to, "Version:        '", manifest->version, "'\n");
	line(to, "Description:    '", manifest->description, "'\n");
	line(to, "Build:          '", manifest->build, "'\n");
	line(to, "Hooks:          '", manifest->has_install_check ? "install-check" : "", "'\n");
	show_bundle_format(to, info, look);
	line(to, "Manifest Hash:  '", info->hash, "'\n");
	show_meta(to, manifest->meta);
	g_string_append_printf(to, "\n%u Image%s%s\n", n, n == 1 ? "" : "s", n ? ":" : "");
	for (unsigned i = 0; i < n; i++)
		show_image(to, manifest->images->pdata[i], look);
	g_string_append_c(to, '\n');
}

static void shell_count(GString *to, const char *key, gint64 value)
{
	g_string_append_printf(to, "%s=%" G_GINT64_FORMAT "\n", key, value);
}

/* RAUC_META_<LABEL>_<KEY>: what a shell takes as a name. */
static char *shell_meta_key(const char *label, const char *key)
{
	char *name = g_strdup_printf("RAUC_META_%s_%s", label, key);

	for (char *c = name; *c; c++)
		*c = g_ascii_isalnum(*c) ? g_ascii_toupper(*c) : '_';
	return name;
}

static void shell_meta(GString *to, const GPtrArray *groups)
{
	for (unsigned i = 0; i < groups->len; i++) {
		const MetaGroup *group = groups->pdata[i];

		for (unsigned k = 0; k < group->entries->len; k++) {
			const MetaEntry *entry = group->entries->pdata[k];
			g_autofree char *key = shell_meta_key(group->label, entry->key);

			output_append_shell(to, key, entry->value);
		}
	}
}

static void shell_image_value(GString *to, const char *what, unsigned n, const char *value)
{
	g_autofree char *key = g_strdup_printf("RAUC_IMAGE_%s_%u", what, n);

	output_append_shell(to, key, value);
}

static void shell_image_words(GString *to, const char *what, unsigned n, GStrv words)
{
	g_autofree char *value = join(words);

	if (words)
		shell_image_value(to, what, n, value);
}

static void shell_image(GString *to, const Image *image, unsigned n)
{
	g_auto(GStrv) hooks = image_hook_names(image->hooks);
	g_autofree char *hook_words = join(hooks);
	g_autofree char *size_key = g_strdup_printf("RAUC_IMAGE_SIZE_%u", n);

	shell_image_value(to, "NAME", n, image->filename);
	shell_image_value(to, "CLASS", n, image->class);
	shell_image_value(to, "ARTIFACT", n, image->artifact);
	shell_image_value(to, "VARIANT", n, image->variant);
	shell_image_value(to, "DIGEST", n, image->sha256);
	shell_count(to, size_key, image->has_size ? (gint64)image->size : -1);
	shell_image_value(to, "HOOKS", n, hook_words);
	shell_image_words(to, "ADAPTIVE", n, image->adaptive);
	shell_image_words(to, "CONVERT", n, image->convert);
	shell_image_words(to, "CONVERTED", n, image->converted);
}

static void show_shell(GString *to, const ShowInfo *info)
{
	const Manifest *manifest = info->manifest;

	output_append_shell(to, "RAUC_MF_COMPATIBLE", manifest->compatible);
	output_append_shell(to, "RAUC_MF_VERSION", manifest->version);
	output_append_shell(to, "RAUC_MF_DESCRIPTION", manifest->description);
	output_append_shell(to, "RAUC_MF_BUILD", manifest->build);
	output_append_shell(to, "RAUC_MF_HASH", info->hash);
	output_append_shell(to, "RAUC_MF_FORMAT", manifest_format_name(manifest->format));
	shell_count(to, "RAUC_MF_IMAGES", manifest->images->len);
	output_append_shell(to, "RAUC_MF_HOOKS",
	                    manifest->has_install_check ? "install-check" : "");
	shell_meta(to, manifest->meta);
	for (unsigned i = 0; i < manifest->images->len; i++)
		shell_image(to, manifest->images->pdata[i], i);
}

void show_info(GString *to, const ShowInfo *info, OutputFormat format, OutputLook look)
{
	switch (format) {
	case OUTPUT_READABLE:
		show_readable(to, info, look);
		return;
	case OUTPUT_SHELL:
		show_shell(to, info);
		return;
	case OUTPUT_JSON:
	case OUTPUT_JSON_PRETTY:
		show_info_json(to, info, format == OUTPUT_JSON_PRETTY);
		return;
	case OUTPUT_JSON_2:
		show_info_json_2(to, info);
		return;
	}
}
