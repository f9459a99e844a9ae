/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The manifest: what a bundle says it carries.
 *
 * manifest_parse() reads the text (GKeyFile); what is allowed depends on where
 * it stands, so one of the manifest_check functions must follow:
 *
 *   input     what a person wrote for `rauc bundle`
 *   internal  manifest.raucm inside the squashfs of a plain bundle
 *   external  the content of the CMS of a verity or crypt bundle
 *
 * The check of digests matters for security: they become path components.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/image.h"

/* The RAUC level we claim: what min-rauc-version is compared with. */
#define MANIFEST_RAUC_LEVEL "1.16"

typedef struct Manifest Manifest;
typedef struct Image Image;
typedef struct MetaGroup MetaGroup;
typedef struct MetaEntry MetaEntry;

typedef enum {
	MANIFEST_PLAIN = 1 << 0,
	MANIFEST_VERITY = 1 << 1,
	MANIFEST_CRYPT = 1 << 2,
} ManifestFormat;

typedef enum {
	IMAGE_HOOK_PRE_INSTALL = 1 << 0,
	IMAGE_HOOK_INSTALL = 1 << 1,
	IMAGE_HOOK_POST_INSTALL = 1 << 2,
} ImageHooks;

struct Image {
	char *class;
	char *artifact; /* NULL: a slot image */
	char *variant;  /* NULL: for any */
	char *filename; /* NULL: install hook or emptyfs */
	ImageType type;
	bool type_is_explicit;
	char *foreign_type; /* an explicit type that only the install hook knows, or NULL */
	ImageHooks hooks;
	char *sha256; /* 64 lower- or upper-case hex digits, or NULL */
	bool has_size;
	uint64_t size;
	GStrv adaptive, convert, converted; /* NULL: unset */
};

struct MetaEntry {
	char *key, *value;
};

struct MetaGroup {
	char *label;
	GPtrArray *entries; /* of MetaEntry, in file order */
};

struct Manifest {
	char *compatible, *version, *description, *build; /* NULL: unset */
	char *min_rauc_version;                           /* > 1.13, see manifest_check */
	ManifestFormat format;
	bool format_is_explicit;
	char *verity_hash, *verity_salt, *crypt_key; /* hex, NULL: unset */
	uint64_t verity_size;
	char *handler_filename, *handler_args;
	char *hook_filename;
	bool has_install_check;
	GPtrArray *images;   /* of Image */
	GPtrArray *meta;     /* of MetaGroup, in file order */
	GPtrArray *warnings; /* of char*: for the person who makes the bundle */
};

Manifest *manifest_new(void);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)

Manifest *manifest_parse(const char *text, size_t size, GError **error);
/* The exact bytes that are signed and stored. */
char *manifest_format(const Manifest *manifest);

bool manifest_check_input(const Manifest *manifest, GError **error);
bool manifest_check_internal(const Manifest *manifest, GError **error);
bool manifest_check_external(const Manifest *manifest, GError **error);

const char *manifest_format_name(ManifestFormat format);
/* `format` is written last; false for a name that is none. */
bool manifest_format_by_name(const char *name, ManifestFormat *format);
/* The section of an image, without brackets: "image.rootfs.variant". */
char *manifest_image_section(const Image *image);

/* The images for a system of this variant (NULL: none), one a class, plus all
 * artifacts, in manifest order; borrowed from `manifest`. */
GPtrArray *manifest_pick_images(const Manifest *manifest, const char *variant, GError **error);

/* "install-check", "pre-install post-install", …: names of hooks, for outputs. */
GStrv image_hook_names(ImageHooks hooks);
/* `hook` is written last; false for a name that is none. */
bool image_hook_by_name(const char *name, ImageHooks *hook);
