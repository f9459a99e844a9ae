/* SPDX-License-Identifier: MIT */

#include "base/path.h"

#include <stdlib.h>
#include <string.h>

char *path_resolve(const char *file, const char *value)
{
	if (g_path_is_absolute(value) || g_str_has_prefix(value, "pkcs11:"))
		return g_strdup(value);

	g_autofree char *here = g_get_current_dir();
	if (!file)
		return g_build_filename(here, value, NULL);

	g_autofree char *folder = g_path_get_dirname(file);
	if (g_path_is_absolute(folder))
		return g_build_filename(folder, value, NULL);
	return g_build_filename(here, folder, value, NULL);
}

bool path_is_plain_name(const char *name)
{
	return *name && !strchr(name, '/') && !g_str_equal(name, ".") && !g_str_equal(name, "..");
}

char *path_real(const char *path)
{
	char *real = realpath(path, NULL);
	char *copy = g_strdup(real ? real : path);

	free(real);
	return copy;
}

char *path_scheme(const char *url)
{
	g_autofree char *scheme = g_uri_parse_scheme(url);

	return scheme ? g_ascii_strdown(scheme, -1) : NULL;
}
