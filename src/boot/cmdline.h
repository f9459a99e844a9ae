/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Which slot was booted, as the kernel command line tells it (chapter 6.1).
 */

#include <glib.h>
#include <stdbool.h>

#define CMDLINE_EXTERNAL "_external_"

/* That of the running kernel; RAUC_TEST_CMDLINE instead of it, for tests. */
char *cmdline_read(GError **error);

/* What the line says before the backend is asked: external boot or rauc.slot=. NULL: nothing. */
char *cmdline_find_slot(const char *cmdline);

/* The root device: root= (a word of its own) or systemd.verity_root_data=, with
 * PARTLABEL=, PARTUUID= and UUID= as paths below /dev/disk. NULL: nothing. */
char *cmdline_find_root(const char *cmdline);

/* The target barebox says it started: bootstate.active= or bootchooser.active=. NULL: nothing. */
char *cmdline_find_bootchooser(const char *cmdline);
