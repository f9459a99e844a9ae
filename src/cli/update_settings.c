/* SPDX-License-Identifier: MIT */

#include "cli/update_settings.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "system/stream.h"

#define URL      "RAUC_BUNDLE_URL"
#define REBOOT   "RAUC_FORCE_REBOOT_ON_UPDATE"
#define FILENAME "update.env"

enum { MAX_SIZE = 64 * 1024 };

void update_settings_clear(UpdateSettings *settings)
{
	g_clear_pointer(&settings->url, g_free);
}

static bool take_line(const char *path, unsigned number, char *line, const char *name, char **value,
                      GError **error)
{
	g_autoptr(GError) reason = NULL;
	char *equals = strchr(g_strstrip(line), '=');

	if (!*line || *line == '#' || *line == ';')
		return true;
	if (!equals)
		return fail(error, FAILURE_CONFIG, "%s:%u: expected NAME=VALUE, found '%s'", path,
		            number, line);
	*equals = '\0';
	if (!g_str_equal(g_strchomp(line), name))
		return true;
	g_strstrip(equals + 1);

	bool is_quoted = strpbrk(equals + 1, "\"'\\");
	char *found = is_quoted ? g_shell_unquote(equals + 1, &reason) : g_strdup(equals + 1);
	if (!found)
		return fail(error, FAILURE_CONFIG, "%s:%u: %s: %s", path, number, name,
		            reason->message);
	g_free(*value);
	*value = found;
	return true;
}

char *update_settings_find(const char *path, const char *name, GError **error)
{
	g_autofree char *value = NULL;
	size_t size;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return NULL;
	g_autofree char *text = file_read(path, MAX_SIZE, &size, error);
	g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
	for (unsigned i = 0; lines && lines[i]; i++) {
		if (!take_line(path, i + 1, lines[i], name, &value, error))
			return NULL;
	}
	return g_steal_pointer(&value);
}

/* Of the environment, or of the file; an empty one is none. `*value` NULL: it is not set. */
static bool find(const Config *config, const char *name, const char *said, char **value,
                 GError **error)
{
	g_autoptr(GError) reason = NULL;

	*value = NULL;
	if (said && *said) {
		*value = g_strdup(said);
		return true;
	}
	g_autofree char *folder =
		config->path ? g_path_get_dirname(config->path) : g_strdup("/etc/rauc");
	g_autofree char *path = g_build_filename(folder, FILENAME, NULL);
	*value = update_settings_find(path, name, &reason);
	if (*value && !**value)
		g_clear_pointer(value, g_free);
	if (!reason)
		return true;
	g_propagate_error(error, g_steal_pointer(&reason));
	return false;
}

static bool take_reboot(const char *value, bool *reboot, GError **error)
{
	static const char *const yes[] = { "1", "true", "yes", "on", NULL };
	static const char *const no[] = { "0", "false", "no", "off", NULL };

	if (!value)
		return true;
	*reboot = g_strv_contains(yes, value);
	return *reboot || g_strv_contains(no, value) ||
	       fail(error, FAILURE_CONFIG, REBOOT " is '%s': expected 1 or 0", value);
}

static bool take_url(const Config *config, const char *given, UpdateSettings *settings,
                     GError **error)
{
	const char *configured = config->update.url ? config->update.url : config->polling.url;

	if (given)
		settings->url = g_strdup(given);
	else if (!find(config, URL, g_getenv("RAUC_BUNDLE_URL"), &settings->url, error))
		return false;
	if (!settings->url && configured) {
		settings->url = g_strdup(configured);
		settings->is_polled = !config->update.url;
	}
	if (!settings->url)
		return fail(
			error, FAILURE_CONFIG,
			"no address to look for updates: set " URL " in " FILENAME
			" beside system.conf, or 'url' in group '[update]' there, or give --url");
	return stream_is_url(settings->url) ||
	       fail(error, FAILURE_USAGE,
	            "'%s' is no address of a server: expected http://… or https://…",
	            settings->url);
}

bool update_settings_load(const Config *config, const char *url, UpdateSettings *settings,
                          GError **error)
{
	g_autofree char *reboot = NULL;

	*settings = (UpdateSettings){ .reboot = config->update.reboot };
	return take_url(config, url, settings, error) &&
	       find(config, REBOOT, g_getenv("RAUC_FORCE_REBOOT_ON_UPDATE"), &reboot, error) &&
	       take_reboot(reboot, &settings->reboot, error);
}
