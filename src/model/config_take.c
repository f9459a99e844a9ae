/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"
#include "base/path.h"

static void resolve(const Config *config, char **value)
{
	if (!*value)
		return;

	g_autofree char *written = *value;
	*value = path_resolve(config->path, written);
}

bool config_take_path(const Config *config, KeyFile *file, const char *group, const char *key,
                      char **value, GError **error)
{
	if (!keyfile_take_string(file, group, key, value, error))
		return false;
	resolve(config, value);
	return true;
}

bool config_take_optional_path(const Config *config, KeyFile *file, const char *group,
                               const char *key, char **value, GError **error)
{
	if (!keyfile_take_optional(file, group, key, value, error))
		return false;
	resolve(config, value);
	return true;
}

bool config_take_words(KeyFile *file, const char *group, const char *key, GStrv *words,
                       GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) reason = NULL;

	*words = NULL;
	if (!keyfile_take_optional(file, group, key, &text, error))
		return false;
	if (!text || g_shell_parse_argv(text, NULL, words, &reason))
		return true;
	return fail(error, FAILURE_CONFIG, "Invalid value '%s' for key '%s' in group '[%s]': %s",
	            text, key, group, reason->message);
}

const char *config_take_unknown(GStrv items, const char *const *known)
{
	for (char **item = items; item && *item; item++) {
		if (!g_strv_contains(known, *item))
			return *item;
	}
	return NULL;
}
