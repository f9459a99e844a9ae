/* SPDX-License-Identifier: MIT */

#include "cli/show_status.h"

#include <string.h>

#include "cli/show_keyring.h"
#include "cli/show_status_json.h"
#include "cli/show_status_shell.h"

#define PRIMARY   "\xe2\x8f\xba" /* U+23FA, a filled circle */
#define SECONDARY "\xe2\x97\x8b" /* U+25CB, an empty one */

const char *show_status_activity(const ShowSlot *shown)
{
	static const char *const words[] = {
		[SLOT_INACTIVE] = "inactive",
		[SLOT_ACTIVE] = "active",
		[SLOT_BOOTED] = "booted",
	};

	return words[shown->state->activity];
}

const char *show_status_boot(const ShowSlot *shown)
{
	static const char *const words[] = {
		[SLOT_BOOT_UNKNOWN] = "unknown",
		[SLOT_BOOT_GOOD] = "good",
		[SLOT_BOOT_BAD] = "bad",
	};

	return shown->slot->boot_name ? words[shown->state->boot] : NULL;
}

static void line(GString *to, const char *label, const char *value)
{
	g_string_append(to, label);
	output_append_safe(to, value ? value : "");
	g_string_append_c(to, '\n');
}

/* `text` in colour or bold. */
static void styled(GString *to, OutputLook look, const char *code, const char *text)
{
	output_append_style(to, look, code);
	output_append_safe(to, text);
	output_append_style(to, look, "0");
}

static void show_marker(GString *to, const ShowStatus *status, const Slot *slot, OutputLook look)
{
	bool is_primary = slot == status->primary;

	if (!slot->boot_name)
		g_string_append_c(to, ' ');
	else if (look.has_utf8)
		g_string_append(to, is_primary ? PRIMARY : SECONDARY);
	else if (is_primary)
		styled(to, look, "1", "x");
	else
		g_string_append_c(to, 'o');
}

static void show_title(GString *to, const ShowStatus *status, const ShowSlot *shown,
                       OutputLook look)
{
	const Slot *slot = shown->slot;
	SlotActivity activity = shown->state->activity;
	g_autofree char *name = g_strdup_printf("[%s]", slot->name);

	show_marker(to, status, slot, look);
	g_string_append(to, slot->parent ? "   " : " ");
	if (activity == SLOT_BOOTED || activity == SLOT_ACTIVE)
		output_append_style(to, look, "32");
	if (activity == SLOT_BOOTED)
		output_append_style(to, look, "32");
	styled(to, look, "1", name);
	g_string_append(to, " (");
	output_append_safe(to, slot->device);
	g_string_append_printf(to, ", %s, ", slot_type_name(slot->type));
	if (activity == SLOT_BOOTED)
		output_append_style(to, look, "1");
	g_string_append(to, show_status_activity(shown));
	output_append_style(to, look, "0");
	g_string_append(to, ")\n");
}

static void show_bundle(GString *to, const SlotStatus *status)
{
	g_string_append(to, "          bundle:\n");
	line(to, "              compatible=",
	     status && status->bundle_compatible ? status->bundle_compatible : "(null)");
	if (status && status->bundle_version)
		line(to, "              version=", status->bundle_version);
	if (status && status->bundle_description)
		line(to, "              description=", status->bundle_description);
	if (status && status->bundle_build)
		line(to, "              build=", status->bundle_build);
	if (status && status->bundle_hash)
		line(to, "              hash=", status->bundle_hash);
	if (status && status->bundle_epoch)
		g_string_append_printf(to, "              security-epoch=%u\n",
		                       status->bundle_epoch);
}

static void show_details(GString *to, const SlotStatus *status)
{
	g_string_append(to, "      slot status:\n");
	show_bundle(to, status);
	if (!status)
		return;
	if (status->sha256) {
		g_autofree char *size = g_format_size_full(status->size, G_FORMAT_SIZE_LONG_FORMAT);

		g_string_append(to, "          checksum:\n");
		line(to, "              sha256=", status->sha256);
		line(to, "              size=", size);
	}
	if (status->installed_timestamp) {
		g_string_append(to, "          installed:\n");
		line(to, "              timestamp=", status->installed_timestamp);
		g_string_append_printf(to, "              count=%u\n", status->installed_count);
		if (status->installed_transaction)
			line(to, "              transaction=", status->installed_transaction);
	}
	if (status->activated_timestamp) {
		g_string_append(to, "          activated:\n");
		line(to, "              timestamp=", status->activated_timestamp);
		g_string_append_printf(to, "              count=%u\n", status->activated_count);
	}
	if (status->status)
		line(to, "          status=", status->status);
}

static void show_slot(GString *to, const ShowStatus *status, const ShowSlot *shown, OutputLook look)
{
	const Slot *slot = shown->slot;

	show_title(to, status, shown, look);
	if (slot->boot_name) {
		g_string_append(to, "      bootname: ");
		styled(to, look, "34", slot->boot_name);
		g_string_append_c(to, '\n');
	}
	if (slot->description)
		line(to, "      description: ", slot->description);
	if (shown->state->mount_point)
		line(to, "      mounted: ", shown->state->mount_point);
	if (slot->boot_name) {
		g_string_append(to, "      boot status: ");
		styled(to, look, shown->state->boot == SLOT_BOOT_GOOD ? "32" : "31",
		       show_status_boot(shown));
		g_string_append_c(to, '\n');
	}
	if (status->is_detailed)
		show_details(to, shown->status);
}

/* A root slot, the slots that belong to it, and an empty line. */
static void show_group(GString *to, const ShowStatus *status, const ShowSlot *root, OutputLook look)
{
	show_slot(to, status, root, look);
	for (unsigned i = 0; i < status->n_slots; i++) {
		if (status->slots[i].slot->parent == root->slot)
			show_slot(to, status, &status->slots[i], look);
	}
	g_string_append_c(to, '\n');
}

/* Class by class, in the order in which the classes are first met. */
static void show_slots(GString *to, const ShowStatus *status, OutputLook look)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < status->n_slots; i++) {
		const Slot *first = status->slots[i].slot;

		if (first->parent || !g_hash_table_add(seen, first->class))
			continue;
		for (unsigned k = i; k < status->n_slots; k++) {
			const Slot *slot = status->slots[k].slot;

			if (!slot->parent && g_str_equal(slot->class, first->class))
				show_group(to, status, &status->slots[k], look);
		}
	}
}

static void show_repos(GString *to, const GPtrArray *repos, OutputLook look)
{
	if (!repos || !repos->len)
		return;
	g_string_append(to, "=== Artifact Repo States ===\n");
	for (unsigned i = 0; i < repos->len; i++) {
		const ConfigRepo *repo = repos->pdata[i];
		g_autofree char *name = g_strdup_printf("[%s]", repo->name);

		styled(to, look, "1", name);
		g_string_append(to, " (");
		output_append_safe(to, repo->path);
		g_string_append(to, ")\n");
		line(to, "  type: ", repo->type);
		g_string_append(to, "  artifacts: (none)\n\n");
	}
}

static void show_trust(GString *to, const ShowTrust *trust)
{
	g_string_append_printf(to, "=== Trust ===\nSecurity epoch: %u%s\n", trust->epoch,
	                       trust->is_kept ? "" : " (not kept: no data-directory)");
	g_string_append(to, "Time floor:     ");
	output_append_safe(to, trust->floor ? trust->floor : "unknown");
	if (trust->floor) {
		g_string_append(to, " (");
		output_append_safe(to, trust->words);
		g_string_append_c(to, ')');
	}
	g_string_append_c(to, '\n');
	if (trust->demo)
		line(to, "Demo keys:      ", trust->demo);
}

static void show_readable(GString *to, const ShowStatus *status, OutputLook look)
{
	const Slot *primary = status->primary;

	g_string_append(to, "=== System Info ===\n");
	line(to, "Compatible:     ", status->compatible);
	line(to, "Variant:        ", status->variant);
	line(to, "System Version: ", status->version);
	g_string_append(to, "Booted from:    ");
	output_append_safe(to, status->booted ? status->booted->name : NULL);
	g_string_append(to, " (");
	output_append_safe(to, status->boot_slot);
	g_string_append(to, ")\n\n=== Bootloader ===\nActivated: ");
	if (primary)
		output_append_safe(to, primary->name);
	else
		g_string_append(to, "none");
	if (primary) {
		g_string_append(to, " (");
		output_append_safe(to, primary->boot_name);
		g_string_append_c(to, ')');
	}
	g_string_append(to, "\n\n=== Slot States ===\n");
	show_slots(to, status, look);
	show_repos(to, status->repos, look);
	if (status->is_detailed && status->trust.is_known)
		show_trust(to, &status->trust);
	show_keyring_brief(to, status->keyring);
	g_strchomp(to->str);
	to->len = strlen(to->str);
	g_string_append_c(to, '\n');
}

void show_status(GString *to, const ShowStatus *status, OutputFormat format, OutputLook look)
{
	switch (format) {
	case OUTPUT_READABLE:
		show_readable(to, status, look);
		return;
	case OUTPUT_SHELL:
		show_status_shell(to, status);
		return;
	case OUTPUT_JSON:
	case OUTPUT_JSON_PRETTY:
		show_status_json(to, status, format == OUTPUT_JSON_PRETTY);
		return;
	case OUTPUT_JSON_2:
		g_assert_not_reached();
	}
}
