/* SPDX-License-Identifier: MIT */

#include "service/links.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

/* Old or new, never missing. */
static bool replace(const char *folder, const char *name, const char *target, GError **error)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *beside = g_strdup_printf("%s.%d", path, (int)getpid());

	if (!path_is_plain_name(name))
		return fail(error, FAILURE_CONFIG, "'%s' is no name of a file", name);
	if (!file_make_folders(folder, 0755, error))
		return false;
	if (unlink(beside) < 0 && errno != ENOENT)
		return fail_errno(error, "cannot remove %s", beside);
	if (symlink(target, beside) < 0)
		return fail_errno(error, "cannot create %s", beside);
	if (rename(beside, path) == 0)
		return true;
	fail_errno(error, "cannot replace %s", path);
	unlink(beside);
	return false;
}

static void write_link(const char *folder, const char *name, const char *target)
{
	g_autoptr(GError) error = NULL;

	if (!replace(folder, name, target, &error))
		g_warning("no run link for %s: %s", name, error->message);
}

void links_write(System *system)
{
	const Config *config = system_config(system);
	const char *runtime = system_runtime_folder();
	g_autofree char *slots = g_build_filename(runtime, "slots", "active", NULL);
	g_autofree char *artifacts = g_build_filename(runtime, "artifacts", NULL);

	for (unsigned i = 0; i < config->slots->len; i++) {
		const Slot *slot = config->slots->pdata[i];

		if (system_state(system, slot)->activity != SLOT_INACTIVE)
			write_link(slots, slot->class, slot->device);
	}
	for (unsigned i = 0; config->repos && i < config->repos->len; i++) {
		const ConfigRepo *repo = config->repos->pdata[i];

		write_link(artifacts, repo->name, repo->path);
	}
}
