/* SPDX-License-Identifier: MIT */

/* A manifest: what is accepted can be written and read again, and names no path outside. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>

#include "base/path.h"
#include "model/manifest.h"

static void check_names(const Manifest *manifest)
{
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		g_assert_true(path_is_plain_name(image->class));
		g_assert_true(!image->artifact || path_is_plain_name(image->artifact));
		g_assert_true(!image->filename || path_is_plain_name(image->filename));
	}
}

static void use(const Manifest *manifest)
{
	g_autoptr(GPtrArray) images G_GNUC_UNUSED = manifest_pick_images(manifest, "a", NULL);
	g_autoptr(GPtrArray) others G_GNUC_UNUSED = manifest_pick_images(manifest, NULL, NULL);

	manifest_check_input(manifest, NULL);
	if (manifest_check_internal(manifest, NULL) || manifest_check_external(manifest, NULL))
		check_names(manifest);
}

static GLogWriterOutput keep_quiet(GLogLevelFlags level G_GNUC_UNUSED,
                                   const GLogField *fields G_GNUC_UNUSED, gsize n G_GNUC_UNUSED,
                                   gpointer user G_GNUC_UNUSED)
{
	return G_LOG_WRITER_HANDLED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static gsize is_quiet;
	g_autoptr(GError) error = NULL;

	if (g_once_init_enter(&is_quiet)) {
		g_log_set_writer_func(keep_quiet, NULL, NULL);
		g_once_init_leave(&is_quiet, 1);
	}

	g_autoptr(Manifest) manifest = manifest_parse((const char *)data, size, &error);

	g_assert_true(!manifest == !!error);
	if (!manifest) {
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
		g_assert_null(strchr(error->message, '\n'));
		return 0;
	}

	check_names(manifest);
	use(manifest);
	g_autofree char *once = manifest_format(manifest);
	g_autoptr(Manifest) again = manifest_parse(once, strlen(once), &error);
	g_assert_no_error(error);
	g_autofree char *twice = manifest_format(again);
	g_assert_cmpstr(once, ==, twice);
	return 0;
}
