/* SPDX-License-Identifier: MIT */

#include "system/system.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "boot/cmdline.h"
#include "system/detect.h"
#include "system/lock.h"
#include "system/slot_file.h"
#include "system/store.h"

#define DTB_COMPATIBLE "/sys/firmware/devicetree/base/compatible"

struct System {
	Config *config;
	Boot *boot;
	char *boot_slot;
	char *variant;
	SystemInfo *info;
	EventLog *events;
	const Slot *booted;
	SlotState *states; /* by the index of the slot */
	Store *store;
	SlotStatus **own; /* without a central file: read from the slots, NULL: not yet */
	int lock;         /* -1: not held */
};

/* Failure to find it only warns: a device without its variant still gets updates without one. */
static char *read_variant(const Config *config, const SystemInfo *info)
{
	const char *said = info_get(info, "RAUC_SYSTEM_VARIANT");

	const char *path = config->variant_dtb ? DTB_COMPATIBLE : config->variant_file;
	g_autoptr(GError) error = NULL;

	if (said)
		return g_strstrip(g_strdup(said));
	if (config->variant_name)
		return g_strstrip(g_strdup(config->variant_name));
	if (!path)
		return NULL;
	char *variant = file_read(path, 64 * 1024, NULL, &error);
	if (!variant)
		g_warning("cannot determine the variant: %s", error->message);
	return variant ? g_strstrip(variant) : NULL;
}

static bool determine_states(System *system, GError **error)
{
	const GPtrArray *slots = system->config->slots;

	system->booted = detect_find_slot(slots, system->boot_slot);
	if (!system->booted && !g_str_equal(system->boot_slot, CMDLINE_EXTERNAL))
		return fail(error, FAILURE_NOT_FOUND, "Did not find booted slot (matching '%s')",
		            system->boot_slot);

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		if (slot == system->booted)
			system->states[i].activity = SLOT_BOOTED;
		else if (system->booted && slot->parent == system->booted)
			system->states[i].activity = SLOT_ACTIVE;
	}
	return true;
}

System *system_open(const SystemOptions *options, GError **error)
{
	g_autoptr(System) system = g_new0(System, 1);

	system->lock = -1;
	system->config = options->config;
	system->states = g_new0(SlotState, system->config->slots->len);
	system->own = g_new0(SlotStatus *, system->config->slots->len);
	system->events = event_log_open(system->config);
	system->boot = boot_open(system->config, error);
	if (!system->boot)
		return NULL;
	system->boot_slot = detect_boot_slot(system->boot, options->override_boot_slot, error);
	if (!system->boot_slot || !determine_states(system, error))
		return NULL;
	system->info = info_load(system->config->handler_system_info,
	                         (unsigned)system->config->handler_timeout_sec, error);
	if (!system->info)
		return NULL;
	system->variant = read_variant(system->config, system->info);
	system->store = store_load(system->config->status_file, system->config->slots);
	if (!system_refresh_mounts(system, error))
		return NULL;
	return g_steal_pointer(&system);
}

static void forget_own(System *system)
{
	for (unsigned i = 0; i < system->config->slots->len; i++)
		g_clear_pointer(&system->own[i], slot_status_free);
}

void system_free(System *system)
{
	if (!system)
		return;
	forget_own(system);
	g_free(system->own);
	store_free(system->store);
	info_free(system->info);
	event_log_close(system->events);
	boot_free(system->boot);
	for (unsigned i = 0; i < system->config->slots->len; i++)
		g_free(system->states[i].mount_point);
	g_free(system->states);
	g_free(system->boot_slot);
	g_free(system->variant);
	config_free(system->config);
	fd_clear(&system->lock);
	g_free(system);
}

const Config *system_config(const System *system)
{
	return system->config;
}

Boot *system_boot(System *system)
{
	return system->boot;
}

const char *system_boot_slot(const System *system)
{
	return system->boot_slot;
}

const char *system_variant(const System *system)
{
	return system->variant;
}

const char *system_version(const System *system)
{
	return info_get(system->info, "RAUC_SYSTEM_VERSION");
}

const SystemInfo *system_info(const System *system)
{
	return system->info;
}

EventLog *system_events(System *system)
{
	return system->events;
}

const Slot *system_booted(const System *system)
{
	return system->booted;
}

const SlotState *system_state(const System *system, const Slot *slot)
{
	return &system->states[slot->index];
}

const char *system_runtime_folder(void)
{
	const char *instead = g_getenv("RAUC_TEST_RUNTIME_DIRECTORY");

	return instead ? instead : "/run/rauc";
}

bool system_refresh_mounts(System *system, GError **error)
{
	ERROR_WHILE(error, "Failed to update mount points");
	g_autofree char *mountinfo = file_read("/proc/self/mountinfo", 16 << 20, NULL, error);

	if (!mountinfo)
		return false;
	for (unsigned i = 0; i < system->config->slots->len; i++) {
		g_free(system->states[i].mount_point);
		system->states[i].mount_point =
			detect_mount_point(system->config->slots->pdata[i], mountinfo);
	}
	return true;
}

void system_refresh_boot(System *system)
{
	for (unsigned i = 0; i < system->config->slots->len; i++) {
		const Slot *slot = system->config->slots->pdata[i];
		g_autoptr(GError) error = NULL;
		bool is_good;

		if (!slot->boot_name)
			continue;
		if (boot_get_state(system->boot, slot, &is_good, &error)) {
			system->states[i].boot = is_good ? SLOT_BOOT_GOOD : SLOT_BOOT_BAD;
			continue;
		}
		system->states[i].boot = SLOT_BOOT_UNKNOWN;
		g_warning("boot state of %s is unknown: %s", slot->name, error->message);
	}
}

bool system_lock(System *system, GError **error)
{
	if (system->lock >= 0)
		return true;
	system->lock = lock_take(system_runtime_folder(), error);
	if (system->lock < 0)
		return false;
	system_refresh_status(system);
	return true;
}

void system_unlock(System *system)
{
	fd_clear(&system->lock);
}

void system_refresh_status(System *system)
{
	forget_own(system);
	store_free(system->store);
	system->store = store_load(system->config->status_file, system->config->slots);
}

/* Nobody may be writing to a slot that we mount. */
static SlotStatus *load_own(const System *system, const Slot *slot)
{
	const char *mount_point = system->states[slot->index].mount_point;
	bool needs_lock = system->lock < 0 && !mount_point && slot_type_is_mountable(slot->type);
	g_autoptr(GError) error = NULL;
	fd_auto int lock = needs_lock ? lock_take(system_runtime_folder(), &error) : -1;

	if (needs_lock && lock < 0) {
		g_message("the status of slot %s is unknown: %s", slot->name, error->message);
		return slot_status_new();
	}
	return slot_file_load(system->config->mount_prefix, slot, mount_point);
}

const SlotStatus *system_status(System *system, const Slot *slot)
{
	SlotStatus **own = &system->own[slot->index];

	if (system_has_central_status(system))
		return store_get(system->store, slot);
	if (!*own)
		*own = load_own(system, slot);
	return *own;
}

bool system_save_status(System *system, const Slot *slot, const SlotStatus *status, GError **error)
{
	if (system_has_central_status(system))
		return store_set(system->store, slot, status, error);

	SlotStatus *copy = slot_status_copy(status);
	slot_status_free(system->own[slot->index]);
	system->own[slot->index] = copy;
	return slot_file_save(system->config->mount_prefix, slot,
	                      system->states[slot->index].mount_point, copy, error);
}

char *system_boot_id(const System *system)
{
	return store_boot_id(system->store);
}

bool system_save_boot_id(System *system, const char *boot_id, GError **error)
{
	return store_set_boot_id(system->store, boot_id, error);
}

bool system_has_central_status(const System *system)
{
	return system->config->status_file != NULL;
}

bool system_probe_status(System *system, GError **error)
{
	return store_probe(system->store, error);
}

GPtrArray *system_pick_target(System *system)
{
	const GPtrArray *slots = system->config->slots;
	g_autofree GroupSlot *states = g_new0(GroupSlot, slots->len);

	for (unsigned i = 0; i < slots->len; i++) {
		states[i].is_active = system->states[i].activity != SLOT_INACTIVE;
		states[i].status = store_get(system->store, slots->pdata[i]);
	}
	return group_pick_target(slots, states, system_has_central_status(system));
}

char *system_now(void)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();

	return g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
}
