/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A device for tests: two root slots in files, a grubenv, a data folder.
 */

#include <glib.h>

#include "system/system.h"

typedef struct {
	char *folder, *grubenv, *status_file;
	char *slots[2]; /* files behind rootfs.0 (A) and rootfs.1 (B) */
} Device;

/* A is booted and good, B is bad. `extra` is added to [system], may be NULL. */
Device *device_new(void);
void device_free(Device *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Device, device_free)

/* `keyring` and `extra` (lines of [system]) may be NULL. */
Config *device_config(const Device *device, const char *keyring, const char *extra, GError **error);
System *device_open(const Device *device, const char *keyring, const char *extra, GError **error);

/* The value of a variable in the grubenv, as its text has it; NULL: not set. */
char *device_env(const Device *device, const char *key);
void device_set_env(const Device *device, const char *variables);
