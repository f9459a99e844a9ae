/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The content of a bundle as a folder, for hooks and handlers.
 *
 * Through FUSE where the kernel has it: nothing is copied, and what a program reads is checked
 * as it is read. Else as an extracted copy. Read-only in both cases; gone when the Expose is.
 */

#include "bundle/bundle.h"

typedef struct Expose Expose;

/* Makes `folder` (with parents); what an earlier process that was killed left there is removed.
 * `bundle` has its payload open and must outlive the Expose. */
Expose *expose_bundle(Bundle *bundle, const char *folder, GError **error);
void expose_end(Expose *expose);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Expose, expose_end)

/* The same as a mount that stays until somebody unmounts it: `folder` is made, and nothing may be
 * mounted there (FAILURE_BUSY). Without FUSE the copy lives in memory. */
Expose *expose_mount(Bundle *bundle, const char *folder, GError **error);
/* Serve it until it is unmounted: the end of an Expose from expose_mount(). */
void expose_serve(Expose *expose);

const char *expose_folder(const Expose *expose);
/* "fuse" or "copy". */
const char *expose_kind(const Expose *expose);
