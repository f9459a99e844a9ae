/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"
#include "base/path.h"

static bool take_type(KeyFile *file, const char *group, ConfigRepo *repo, GError **error)
{
	static const char *const types[] = { "files", "trees", "composefs", NULL };

	return keyfile_take_required(file, group, "type", &repo->type, error) &&
	       (g_strv_contains(types, repo->type) ||
	        fail(error, FAILURE_CONFIG,
	             "Unsupported artifacts repo type '%s' for repo %s selected in system config: "
	             "key 'type' in group '[%s]' knows files, trees and composefs",
	             repo->type, repo->name, group));
}

static bool take_repo(Config *config, KeyFile *file, const char *group, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(group, ".", -1);

	if (g_strv_length(parts) != 2 || !path_is_plain_name(parts[1]))
		return fail(error, FAILURE_CONFIG,
		            "Invalid artifacts repo name format: %s (expected artifacts.<repo>)",
		            group);

	ConfigRepo *repo = g_new0(ConfigRepo, 1);
	g_ptr_array_add(config->repos, repo);
	repo->name = g_strdup(parts[1]);
	if (!config_take_path(config, file, group, "path", &repo->path, error))
		return false;
	if (!repo->path)
		return fail(error, FAILURE_CONFIG, "Missing key 'path' in group '[%s]'", group);
	if (!take_type(file, group, repo, error) ||
	    !keyfile_take_optional(file, group, "description", &repo->description, error))
		return false;
	if (keyfile_has(file, group, "parent-class"))
		return fail(error, FAILURE_UNSUPPORTED,
		            "Parent slot classes are not yet supported for artifact repos: remove "
		            "key 'parent-class' in group '[%s]'",
		            group);
	return keyfile_end_group(file, group, error);
}

bool config_take_repos(Config *config, KeyFile *file, GError **error)
{
	g_auto(GStrv) groups = keyfile_groups(file);

	for (char **group = groups; *group; group++) {
		if (g_str_has_prefix(*group, "artifacts.") &&
		    !take_repo(config, file, *group, error))
			return false;
	}
	return true;
}
