/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include <string.h>

#include "base/error.h"

static bool take_filename(const Config *config, KeyFile *file, const char *group, ConfigLog *log,
                          GError **error)
{
	g_autofree char *name = NULL;

	if (!keyfile_take_required(file, group, "filename", &name, error))
		return false;
	if (g_path_is_absolute(name)) {
		log->filename = g_steal_pointer(&name);
		return true;
	}
	if (!config->data_directory)
		return fail(
			error, FAILURE_CONFIG,
			"Relative filename requires data-directory to be set: key 'filename' in "
			"group '[%s]'",
			group);
	log->filename = g_build_filename(config->data_directory, name, NULL);
	return true;
}

static bool take_format(KeyFile *file, const char *group, ConfigLog *log, GError **error)
{
	static const char *const formats[] = { "readable", "short", "json", "json-pretty", NULL };

	if (!keyfile_take_string(file, group, "format", &log->format, error))
		return false;
	if (!log->format)
		log->format = g_strdup("readable");
	return g_strv_contains(formats, log->format) ||
	       fail(error, FAILURE_CONFIG,
	            "Unsupported event log format '%s': key 'format' in group '[%s]' knows "
	            "readable, short, json and json-pretty",
	            log->format, group);
}

static bool take_events(KeyFile *file, const char *group, ConfigLog *log, GError **error)
{
	static const char *const events[] = { "all",     "boot",      "mark", "install",
		                              "service", "writeslot", NULL };

	if (!keyfile_take_list(file, group, "events", &log->events, error))
		return false;
	if (log->events && !*log->events)
		g_clear_pointer(&log->events, g_strfreev);
	if (!log->events)
		log->events = g_strsplit("all", ";", -1);

	const char *unknown = config_take_unknown(log->events, events);
	if (unknown)
		return fail(error, FAILURE_CONFIG,
		            "Unsupported event log type '%s': key 'events' in group '[%s]'",
		            unknown, group);
	return !log->events[1] || !g_strv_contains((const char *const *)log->events, "all") ||
	       fail(error, FAILURE_CONFIG,
	            "Event log type 'all' must not be combined with others: key 'events' in group "
	            "'[%s]'",
	            group);
}

static bool take_rotation(KeyFile *file, const char *group, ConfigLog *log, GError **error)
{
	enum { MOST_FILES = 1000 };

	log->max_files = 10;
	if (!keyfile_take_size(file, group, "max-size", &log->max_size, error) ||
	    !keyfile_take_int(file, group, "max-files", &log->max_files, error))
		return false;
	return (log->max_files >= 1 && log->max_files <= MOST_FILES) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value '%d' for key 'max-files' in group '[%s]': it must be from 1 to "
	            "%d",
	            log->max_files, group, MOST_FILES);
}

static bool take_log(Config *config, KeyFile *file, const char *group, GError **error)
{
	ConfigLog *log = g_new0(ConfigLog, 1);

	g_ptr_array_add(config->logs, log);
	log->name = g_strdup(group + strlen("log."));
	if (!*log->name)
		return fail(error, FAILURE_CONFIG,
		            "Invalid group '[%s]': a name must follow 'log.'", group);
	return take_filename(config, file, group, log, error) &&
	       take_format(file, group, log, error) && take_events(file, group, log, error) &&
	       take_rotation(file, group, log, error) && keyfile_end_group(file, group, error);
}

bool config_take_logs(Config *config, KeyFile *file, GError **error)
{
	g_auto(GStrv) groups = keyfile_groups(file);

	for (char **group = groups; *group; group++) {
		if (g_str_has_prefix(*group, "log.") && !take_log(config, file, *group, error))
			return false;
	}
	return true;
}
