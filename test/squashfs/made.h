/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Images made by mksquashfs while the test runs.
 */

#include <glib.h>
#include <glib/gstdio.h>

#include "base/file.h"
#include "base/process.h"
#include "source/source.h"

static inline void made_run(const char *script, const char *argument)
{
	g_autoptr(GError) error = NULL;

	process_run(&error, "sh", "-ec", script, "sh", argument, NULL);
	g_assert_no_error(error);
}

/* A new folder; made_free() removes it with all it has. */
static inline char *made_folder(void)
{
	g_autoptr(GError) error = NULL;
	char *folder = g_dir_make_tmp("squashfs-test-XXXXXX", &error);

	g_assert_no_error(error);
	return folder;
}

static inline void made_free(char *folder)
{
	g_autoptr(GError) error = NULL;

	file_remove_tree(folder, &error);
	g_assert_no_error(error);
	g_free(folder);
}

/* The folder `tree` as an image in the new file `image`; `options` as for a shell. */
static inline void made_image_file(const char *tree, const char *image, const char *options)
{
	g_autofree char *script = g_strdup_printf(
		"exec mksquashfs \"$1\" '%s' -noappend -no-progress -quiet -processors 1 -mem 64M %s "
		">/dev/null",
		image, options);

	made_run(script, tree);
}

static inline GBytes *made_image(const char *tree, const char *options)
{
	g_autofree char *folder = made_folder();
	g_autofree char *image = g_build_filename(folder, "image", NULL);
	g_autoptr(GError) error = NULL;
	char *data;
	gsize size;

	made_image_file(tree, image, options);
	g_file_get_contents(image, &data, &size, &error);
	g_assert_no_error(error);
	g_unlink(image);
	g_rmdir(folder);
	return g_bytes_new_take(data, size);
}

static inline Source *made_source(const char *tree, const char *options)
{
	g_autoptr(GBytes) image = made_image(tree, options);

	return source_memory_new(image);
}
