/* SPDX-License-Identifier: MIT */

#include "cli/location.h"

#include "base/error.h"
#include "base/path.h"
#include "system/stream.h"

static char *path_of_url(const char *url, GError **error)
{
	g_autofree char *hostname = NULL;
	g_autoptr(GError) reason = NULL;
	g_autofree char *path = g_filename_from_uri(url, &hostname, &reason);

	if (!path)
		return fail_null(error, FAILURE_USAGE, "Conversion error: %s", reason->message);
	if (hostname)
		return fail_null(
			error, FAILURE_USAGE,
			"file URI with hostname detected. Did you forget to add a leading / ?");
	return g_steal_pointer(&path);
}

char *location_resolve(const char *argument, GError **error)
{
	g_autofree char *scheme = path_scheme(argument);
	g_autofree char *path = NULL;

	if (stream_is_url(argument))
		return g_strdup(argument);
	if (scheme && !g_str_equal(scheme, "file"))
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "'%s': bundles are taken from http, https and file URLs and from "
		                 "paths, not from '%s'",
		                 argument, scheme);
	path = scheme ? path_of_url(argument, error) : path_resolve(NULL, argument);
	if (path && !g_file_test(path, G_FILE_TEST_EXISTS))
		return fail_null(error, FAILURE_NOT_FOUND, "No such file: %s", path);
	return g_steal_pointer(&path);
}
