/* SPDX-License-Identifier: MIT */

#include "service/started.h"

#include "base/file.h"
#include "system/event_log.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

char *started_boot_id(void)
{
	char *text = file_read(BOOT_ID, 128, NULL, NULL);

	return text ? g_strstrip(text) : g_strdup("unknown");
}

static void note_service(System *system, const char *message)
{
	const Event event = { .type = EVENT_SERVICE, .message = message };

	event_log_write(system_events(system), &event);
}

static void note_boot(System *system, const char *boot_id)
{
	const Slot *slot = system_booted(system);
	const char *hash = slot ? system_status(system, slot)->bundle_hash : NULL;
	g_autofree char *message =
		slot ? g_strdup_printf("Booted into %s (%s)", slot->name, slot->boot_name)
		     : g_strdup("Booted from external source");
	const EventField fields[] = {
		{ "SLOT_NAME", slot ? slot->name : NULL },
		{ "SLOT_BOOTNAME", slot ? slot->boot_name : NULL },
		{ "BOOT_ID", boot_id },
		{ "BUNDLE_HASH", hash || !slot ? hash : "unknown" },
	};
	const Event event = { .type = EVENT_BOOT,
		              .message = message,
		              .id = slot ? "e60e0addd3454cb8b796eae0d497af96"
		                         : "dd237efdad1945d9b1e471bc2b994532",
		              .id_comes_first = true,
		              .fields = fields,
		              .n_fields = G_N_ELEMENTS(fields) };

	event_log_write(system_events(system), &event);
}

void started_note(System *system, const char *boot_id)
{
	g_autoptr(GError) error = NULL;

	if (!system_has_central_status(system)) {
		note_service(system, "Service started");
		return;
	}
	if (!system_lock(system, &error)) {
		g_warning("this boot is not noted: %s", error->message);
		return;
	}
	g_autofree char *noted = system_boot_id(system);
	if (g_strcmp0(noted, boot_id) == 0) {
		note_service(system, "Service restarted");
	} else {
		note_boot(system, boot_id);
		if (!system_save_boot_id(system, boot_id, &error))
			g_warning("this boot is not noted: %s", error->message);
	}
	system_unlock(system);
}
