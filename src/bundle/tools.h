/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Programs that work on the content of a bundle: tar and mksquashfs.
 *
 * Where owners count, and we are neither root nor told by Yocto's pseudo that we are, they
 * run in one fakeroot, which remembers from the first to the last who owns what.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct {
	char *folder, *state; /* of fakeroot; NULL: not needed */
} Tools;

#define TOOLS_NONE ((Tools){ 0 })

/* Are we root, or is somebody making us believe so? */
bool tools_is_root(void);

/* `needs_owners`: files must keep the owners that tar gives them. Fails where fakeroot is
 * needed and not there. */
bool tools_open(Tools *tools, bool needs_owners, GError **error);
void tools_clear(Tools *tools);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Tools, tools_clear)

/* Ends when we end. What it complained of first is the reason in `error`, a warning where it went
 * on; a full file system is FAILURE_NO_SPACE. That it left a file out is a failure always. */
bool tools_run(const Tools *tools, GStrv argv, GError **error);
