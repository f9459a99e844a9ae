/* SPDX-License-Identifier: MIT */

#include "system/mark.h"

#include <string.h>

#include "base/error.h"
#include "system/history.h"
#include "system/trust.h"

static bool find_other(System *system, GPtrArray *found, GError **error)
{
	const Slot *booted = system_booted(system);
	const GPtrArray *slots = system_config(system)->slots;

	if (!booted)
		return fail(error, FAILURE_NOT_FOUND,
		            "Did not find booted slot needed to find another bootable slot of the "
		            "same class");
	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		if (slot != booted && !slot->parent && slot->boot_name &&
		    g_str_equal(slot->class, booted->class))
			g_ptr_array_add(found, (void *)slot);
	}
	return found->len > 0 ||
	       fail(error, FAILURE_NOT_FOUND, "No other bootable slot of the same class found");
}

static bool find_named(System *system, const char *name, GPtrArray *found, GError **error)
{
	g_auto(GStrv) parts = g_strsplit(name, ".", -1);

	if (g_strv_length(parts) != 2)
		return fail(error, FAILURE_USAGE, "Invalid slot name format: '%s'", name);
	const Slot *slot = slot_find(system_config(system)->slots, name);
	if (!slot)
		return fail(error, FAILURE_NOT_FOUND, "No slot with class %s and name %s found",
		            parts[0], name);
	if (!slot->boot_name)
		return fail(error, FAILURE_CONFIG, "Slot %s has no bootname set", name);
	g_ptr_array_add(found, (void *)slot);
	return true;
}

/* Array of borrowed slots, or NULL. */
static GPtrArray *find_slots(System *system, const char *identifier, GError **error)
{
	g_autoptr(GPtrArray) found = g_ptr_array_new();

	if (g_str_equal(identifier, "booted")) {
		if (!system_booted(system))
			return fail_null(error, FAILURE_NOT_FOUND, "Did not find booted slot");
		if (!find_named(system, system_booted(system)->name, found, error))
			return NULL;
	} else if (g_str_equal(identifier, "other")) {
		if (!find_other(system, found, error))
			return NULL;
	} else if (!find_named(system, identifier, found, error)) {
		return NULL;
	}
	return g_steal_pointer(&found);
}

static char *names_of(const GPtrArray *slots)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned i = 0; i < slots->len; i++)
		g_string_append_printf(names, "%s%s", i ? " " : "",
		                       ((const Slot *)slots->pdata[i])->name);
	return g_string_free(g_steal_pointer(&names), FALSE);
}

static void note(System *system, MarkAction action, const Slot *slot)
{
	static const struct {
		const char *word, *id;
	} marks[] = {
		[MARK_GOOD] = { "good", "3304e15a7a9a447885eb208ba7ae3a05" },
		[MARK_BAD] = { "bad", "ccb0e584a47043d7a5316994bce77ae5" },
		[MARK_ACTIVE] = { "active", "8b5e7435e1054d86858278e7544fe6da" },
	};
	g_autofree char *message =
		g_strdup_printf("Marked slot %s as %s", slot->name, marks[action].word);
	const char *hash = system_status(system, slot)->bundle_hash;
	const EventField fields[] = {
		{ "SLOT_NAME", slot->name },
		{ "SLOT_BOOTNAME", slot->boot_name },
		{ "BUNDLE_HASH", action == MARK_ACTIVE ? hash : NULL },
	};
	const Event event = { .type = EVENT_MARK,
		              .message = message,
		              .id = marks[action].id,
		              .fields = fields,
		              .n_fields = G_N_ELEMENTS(fields) };

	event_log_write(system_events(system), &event);
}

char *mark_find_names(System *system, const char *identifier, GError **error)
{
	g_autoptr(GPtrArray) slots = find_slots(system, identifier, error);

	return slots ? names_of(slots) : NULL;
}

static bool set_state(System *system, const Slot *slot, bool is_good, GError **error)
{
	if (!boot_set_state(system_boot(system), slot, is_good, error))
		return false;
	note(system, is_good ? MARK_GOOD : MARK_BAD, slot);
	return true;
}

static bool set_named_state(System *system, const Slot *slot, bool is_good, GError **error)
{
	if (set_state(system, slot, is_good, error))
		return true;
	g_prefix_error(error, "Failed marking slot %s as %s:  ", slot->name,
	               is_good ? "good" : "bad");
	return false;
}

static bool mark_good(System *system, const GPtrArray *slots, const char *identifier,
                      GError **error)
{
	if (slots->len != 1)
		return fail(error, FAILURE_USAGE, "cannot mark multiple slots as good");
	if (!set_named_state(system, slots->pdata[0], true, error))
		return false;
	trust_note_good(system, slots->pdata[0]);
	if (slots->pdata[0] == system_booted(system))
		history_note_good();
	if (!system_config(system)->prevent_late_fallback || !g_str_equal(identifier, "booted"))
		return true;

	g_autoptr(GPtrArray) others = find_slots(system, "other", error);
	for (unsigned i = 0; others && i < others->len; i++) {
		if (!set_named_state(system, others->pdata[i], false, error))
			return false;
	}
	return others != NULL;
}

bool mark_bad(System *system, const Slot *slot, GError **error)
{
	return set_state(system, slot, false, error);
}

bool mark_active(System *system, const Slot *slot, GError **error)
{
	g_autoptr(SlotStatus) status = slot_status_copy(system_status(system, slot));
	g_autoptr(GError) unsaved = NULL;

	if (!boot_set_primary(system_boot(system), slot, error)) {
		g_prefix_error(error, "failed to activate slot %s: ", slot->name);
		return false;
	}
	note(system, MARK_ACTIVE, slot);
	g_free(status->activated_timestamp);
	status->activated_timestamp = system_now();
	if (status->activated_count < G_MAXUINT32)
		status->activated_count++;
	/* The switch has happened: a note about it that is lost does not undo it. */
	if (!system_save_status(system, slot, status, &unsaved))
		g_warning("%s", unsaved->message);
	return true;
}

bool mark_slots(System *system, MarkAction action, const char *identifier, char **message,
                GError **error)
{
	static const char *const words[] = { "good", "bad", "active" };
	g_autoptr(GPtrArray) slots = find_slots(system, identifier, error);
	bool ok = slots != NULL;

	if (slots && action == MARK_GOOD)
		ok = mark_good(system, slots, identifier, error);
	else if (slots && action == MARK_ACTIVE)
		ok = slots->len == 1 ? mark_active(system, slots->pdata[0], error)
		                     : fail(error, FAILURE_USAGE, "cannot activate multiple slots");
	for (unsigned i = 0; ok && action == MARK_BAD && i < slots->len; i++)
		ok = set_named_state(system, slots->pdata[i], false, error);
	if (!ok)
		return false;

	g_autofree char *names = names_of(slots);
	*message = g_strdup_printf("marked slot(s) %s as %s", names, words[action]);
	return true;
}
