/* SPDX-License-Identifier: MIT */

/* rauc mount: the content of a bundle as a mounted folder, for looking at it. What is read there
 * is verified as it is read, by a process that stays until the folder is unmounted. */

#include <stdio.h>

#include "base/fd.h"
#include "base/process.h"
#include "bundle/expose.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/location.h"
#include "cli/output.h"
#include "cli/trusted.h"
#include "system/lock.h"

/* An installation uses the same folder: the lock keeps us out of its way while we mount. */
static Expose *mount_bundle(Bundle *bundle, const char *folder, GError **error)
{
	fd_auto int lock = lock_take(system_runtime_folder(), error);

	return lock >= 0 && bundle_open_payload(bundle, error) ? expose_mount(bundle, folder, error)
	                                                       : NULL;
}

/* In the process that stays: tells the other one how it went, and serves. */
static bool serve(Bundle *bundle, const char *folder, int parent, GError **error)
{
	Expose *expose = mount_bundle(bundle, folder, error);

	if (!expose)
		return false;
	output_text("Mounted bundle at %s. Use 'umount %s' to unmount.\n", folder, folder);
	process_detached(parent, output_finish(0));
	expose_serve(expose);
	return true;
}

static bool run(const Options *options, GError **error)
{
	g_autoptr(Config) config = conf_load(options, CONF_REQUIRED, error);
	g_autofree char *path = config ? location_resolve(options->arguments[2], error) : NULL;
	g_autoptr(Bundle) bundle = path ? trusted_open(options, config, path, error) : NULL;

	if (!bundle)
		return false;

	g_autofree char *folder = g_build_filename(config->mount_prefix, "bundle", NULL);
	fd_auto int parent = process_detach(error);
	return parent >= 0 && serve(bundle, folder, fd_steal(&parent), error);
}

int command_mount(const Options *options)
{
	g_autoptr(GError) error = NULL;

	if (run(options, &error))
		return 0;
	output_complain("%s", error->message);
	return 1;
}
