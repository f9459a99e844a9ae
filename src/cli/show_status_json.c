/* SPDX-License-Identifier: MIT */

#include "cli/show_status_json.h"

#include "cli/json.h"
#include "cli/show_keyring.h"

static void add_event(JsonBuilder *json, const char *name, const char *timestamp, uint32_t count)
{
	if (!timestamp)
		return;
	json_open_object(json, name);
	json_add_string(json, "timestamp", timestamp);
	json_add_int(json, "count", count);
	json_builder_end_object(json);
}

static void add_details(JsonBuilder *json, const SlotStatus *status)
{
	json_open_object(json, "slot_status");
	json_open_object(json, "bundle");
	json_add_string(json, "compatible", status ? status->bundle_compatible : NULL);
	if (status) {
		json_add_set(json, "version", status->bundle_version);
		json_add_set(json, "description", status->bundle_description);
		json_add_set(json, "build", status->bundle_build);
		json_add_set(json, "hash", status->bundle_hash);
		if (status->bundle_epoch)
			json_add_int(json, "security_epoch", status->bundle_epoch);
	}
	json_builder_end_object(json);
	if (status && status->sha256) {
		json_open_object(json, "checksum");
		json_add_string(json, "sha256", status->sha256);
		json_add_int(json, "size", (gint64)status->size);
		json_builder_end_object(json);
	}
	if (status) {
		add_event(json, "installed", status->installed_timestamp, status->installed_count);
		add_event(json, "activated", status->activated_timestamp, status->activated_count);
		json_add_set(json, "status", status->status);
	}
	json_builder_end_object(json);
}

/* An object with one member, named after the slot. */
static void add_slot(JsonBuilder *json, const ShowSlot *shown, bool is_detailed)
{
	const Slot *slot = shown->slot;

	json_open_object(json, NULL);
	json_open_object(json, slot->name);
	json_add_string(json, "class", slot->class);
	json_add_string(json, "device", slot->device);
	json_add_string(json, "type", slot_type_name(slot->type));
	json_add_string(json, "bootname", slot->boot_name);
	json_add_string(json, "state", show_status_activity(shown));
	json_add_string(json, "parent", slot->parent ? slot->parent->name : NULL);
	json_add_string(json, "mountpoint", shown->state->mount_point);
	json_add_string(json, "boot_status", show_status_boot(shown));
	if (is_detailed)
		add_details(json, shown->status);
	json_builder_end_object(json);
	json_builder_end_object(json);
}

static void add_repo(JsonBuilder *json, const ConfigRepo *repo)
{
	json_open_object(json, NULL);
	json_add_string(json, "name", repo->name);
	json_add_set(json, "description", repo->description);
	json_add_string(json, "path", repo->path);
	json_add_string(json, "type", repo->type);
	json_add_strings(json, "artifacts", NULL);
	json_builder_end_object(json);
}

static void add_trust(JsonBuilder *json, const ShowTrust *trust)
{
	json_open_object(json, "trust");
	json_add_int(json, "security_epoch", trust->epoch);
	json_add_string(json, "time_floor", trust->floor);
	json_add_string(json, "time_floor_source", trust->floor ? trust->source : NULL);
	json_builder_set_member_name(json, "kept");
	json_builder_add_boolean_value(json, trust->is_kept);
	json_add_string(json, "demo_keys", trust->demo);
	json_builder_end_object(json);
}

static const char *text(const char *value)
{
	return value ? value : "";
}

void show_status_json(GString *to, const ShowStatus *status, bool is_pretty)
{
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_add_string(json, "compatible", text(status->compatible));
	json_add_string(json, "variant", text(status->variant));
	json_add_string(json, "system_version", text(status->version));
	json_add_string(json, "booted", text(status->boot_slot));
	json_add_string(json, "boot_primary", status->primary ? status->primary->name : NULL);
	json_open_array(json, "slots");
	for (unsigned i = 0; i < status->n_slots; i++)
		add_slot(json, &status->slots[i], status->is_detailed);
	json_builder_end_array(json);
	json_open_array(json, "artifact-repositories");
	for (unsigned i = 0; status->repos && i < status->repos->len; i++)
		add_repo(json, status->repos->pdata[i]);
	json_builder_end_array(json);
	if (status->trust.is_known)
		add_trust(json, &status->trust);
	show_keyring_brief_json(json, status->keyring);
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}
