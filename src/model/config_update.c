/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"
#include "model/window.h"

static bool take_url(ConfigUpdate *update, KeyFile *file, GError **error)
{
	if (!keyfile_take_optional(file, "update", "url", &update->url, error))
		return false;
	return !update->url || g_str_has_prefix(update->url, "http://") ||
	       g_str_has_prefix(update->url, "https://") ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value '%s' for key 'url' in group '[update]': it must begin with "
	            "'http://' or 'https://'",
	            update->url);
}

static bool take_criteria(ConfigUpdate *update, KeyFile *file, GError **error)
{
	static const char *const known[] = { "different-bundle", "different-version",
		                             "higher-semver", NULL };

	if (!keyfile_take_list(file, "update", "criteria", &update->criteria, error))
		return false;

	const char *unknown = config_take_unknown(update->criteria, known);
	return !unknown || fail(error, FAILURE_CONFIG,
	                        "Unsupported list item '%s' for key 'criteria' in [update]: it "
	                        "knows different-bundle, different-version and higher-semver",
	                        unknown);
}

static bool take_window(ConfigUpdate *update, KeyFile *file, GError **error)
{
	if (!keyfile_take_list(file, "update", "window", &update->window, error))
		return false;
	for (char **text = update->window; text && *text; text++) {
		UpdateWindow window;

		if (!window_parse(*text, &window, error)) {
			g_prefix_error(error, "key 'window' in group '[update]': ");
			return false;
		}
	}
	return true;
}

static bool take_rollout(ConfigUpdate *update, KeyFile *file, GError **error)
{
	if (!keyfile_take_int(file, "update", "rollout-percent", &update->rollout_percent, error))
		return false;
	return (update->rollout_percent >= 0 && update->rollout_percent <= 100) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value '%d' for key 'rollout-percent' in group '[update]': it must be "
	            "from 0 to 100",
	            update->rollout_percent);
}

bool config_take_update(Config *config, KeyFile *file, GError **error)
{
	ConfigUpdate *update = &config->update;

	return take_url(update, file, error) && take_criteria(update, file, error) &&
	       take_window(update, file, error) && take_rollout(update, file, error) &&
	       keyfile_take_list(file, "update", "inhibit-files", &update->inhibit_files, error) &&
	       keyfile_take_bool(file, "update", "reboot", &update->reboot, error) &&
	       keyfile_end_group(file, "update", error);
}
