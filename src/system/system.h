/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * This device now: its configuration, its boot loader, what each slot is, and
 * what was last written to it. The one handle that install and the doors get.
 */

#include <glib.h>
#include <stdbool.h>

#include "boot/boot.h"
#include "model/config.h"
#include "model/group.h"
#include "model/status.h"
#include "system/event_log.h"
#include "system/info.h"

typedef struct System System;

typedef enum { SLOT_INACTIVE, SLOT_ACTIVE, SLOT_BOOTED } SlotActivity;
typedef enum { SLOT_BOOT_UNKNOWN, SLOT_BOOT_GOOD, SLOT_BOOT_BAD } SlotBootState;

typedef struct {
	SlotActivity activity;
	SlotBootState boot; /* of slots with a boot name; see system_refresh_boot() */
	char *mount_point;  /* where somebody has mounted it, NULL: nowhere */
} SlotState;

typedef struct {
	Config *config;                 /* taken */
	const char *override_boot_slot; /* NULL: ask the kernel command line and the boot loader */
} SystemOptions;

/* Takes options->config in any case. Determines the slot states; touches nothing. */
System *system_open(const SystemOptions *options, GError **error);
void system_free(System *system);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(System, system_free)

const Config *system_config(const System *system);
Boot *system_boot(System *system);
/* "A", "_external_" or a device: what was detected. */
const char *system_boot_slot(const System *system);
const char *system_variant(const System *system);    /* NULL: none */
const char *system_version(const System *system);    /* NULL: none */
const SystemInfo *system_info(const System *system); /* what the system-info handler said */
EventLog *system_events(System *system);
const Slot *system_booted(const System *system); /* NULL: external */
const SlotState *system_state(const System *system, const Slot *slot);

/* Where the service and all who work in process keep what lives until the next boot. */
const char *system_runtime_folder(void);

/* Ask /proc again who has mounted what. */
bool system_refresh_mounts(System *system, GError **error);
/* Ask the boot loader; what cannot be asked is unknown, with a warning. */
void system_refresh_boot(System *system);
/* Read the status file again: another process may have written it. */
void system_refresh_status(System *system);

/* The exclusive right to change slots and boot state, one holder a device: a lock
 * file in the runtime folder. FAILURE_BUSY names the holder. Dropped by system_free(). */
bool system_lock(System *system, GError **error);
/* Give it back before that. */
void system_unlock(System *system);

/* Status of a slot, read from the central file, or where there is none, from the slot when it is
 * first asked for. Always a value; borrowed until changed. */
const SlotStatus *system_status(System *system, const Slot *slot);
/* Replace it, on the medium too: without a central file in the slot, if that has a file system. */
bool system_save_status(System *system, const Slot *slot, const SlotStatus *status, GError **error);
/* The boot that was noted there last (NULL: none), and noting this one; with the lock. */
char *system_boot_id(const System *system);
bool system_save_boot_id(System *system, const char *boot_id, GError **error);
bool system_has_central_status(const System *system);
/* Would a save succeed? Writes the file as it is. */
bool system_probe_status(System *system, GError **error);

GPtrArray *system_pick_target(System *system);

/* "YYYY-MM-DDTHH:MM:SSZ" */
char *system_now(void);
