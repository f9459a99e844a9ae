/* SPDX-License-Identifier: MIT */

#include "system/info.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"

#define PREFIX "RAUC_"

struct SystemInfo {
	GPtrArray *variables; /* of char*, ends in NULL once loaded */
};

static void take_line(void *user, const char *text, bool is_stderr G_GNUC_UNUSED)
{
	SystemInfo *info = user;

	if (!g_str_has_prefix(text, PREFIX))
		return;
	if (!strchr(text, '='))
		g_message("Failed to convert '%s' line to variable", text);
	else
		g_ptr_array_add(info->variables, g_strdup(text));
}

static bool run(SystemInfo *info, const char *handler, unsigned seconds, GError **error)
{
	const char *argv[] = { handler, NULL };
	ProcessRun run = { .argv = argv, .seconds = seconds, .line = take_line, .user = info };
	int code = 0;

	if (!g_file_test(handler, G_FILE_TEST_EXISTS))
		return fail(error, FAILURE_NOT_FOUND,
		            "System info handler script/binary '%s' not found.", handler);
	ERROR_WHILE(error, "Failed to read system-info variables");
	if (!process_watch(&run, &code, error))
		return false;
	return code == 0 || fail(error, FAILURE_TOOL, "%s exited with code %d", handler, code);
}

SystemInfo *info_load(const char *handler, unsigned seconds, GError **error)
{
	g_autoptr(SystemInfo) info = g_new0(SystemInfo, 1);

	info->variables = g_ptr_array_new_with_free_func(g_free);
	if (handler && !run(info, handler, seconds, error))
		return NULL;
	g_ptr_array_add(info->variables, NULL);
	return g_steal_pointer(&info);
}

void info_free(SystemInfo *info)
{
	if (!info)
		return;
	g_ptr_array_unref(info->variables);
	g_free(info);
}

const char *const *info_variables(const SystemInfo *info)
{
	return (const char *const *)info->variables->pdata;
}

const char *info_get(const SystemInfo *info, const char *key)
{
	size_t length = strlen(key);

	for (unsigned i = info->variables->len - 1; i-- > 0;) {
		const char *variable = info->variables->pdata[i];

		if (strncmp(variable, key, length) == 0 && variable[length] == '=')
			return variable + length + 1;
	}
	return NULL;
}
