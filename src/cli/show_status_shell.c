/* SPDX-License-Identifier: MIT */

#include "cli/show_status_shell.h"

#include "cli/show_keyring.h"

/* <PREFIX><WHAT>_<n>='<value>' */
static void numbered(GString *to, const char *what, unsigned n, const char *value)
{
	g_autofree char *key = g_strdup_printf("RAUC_SLOT_%s_%u", what, n);

	output_append_shell(to, key, value);
}

static void numbered_count(GString *to, const char *what, unsigned n, uint64_t count)
{
	g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, count);

	numbered(to, what, n, value);
}

static void shell_details(GString *to, const SlotStatus *status, unsigned n)
{
	static const SlotStatus nothing;

	if (!status)
		status = &nothing;
	numbered(to, "STATUS_BUNDLE_COMPATIBLE", n, status->bundle_compatible);
	numbered(to, "STATUS_BUNDLE_VERSION", n, status->bundle_version);
	numbered(to, "STATUS_BUNDLE_DESCRIPTION", n, status->bundle_description);
	numbered(to, "STATUS_BUNDLE_BUILD", n, status->bundle_build);
	numbered(to, "STATUS_BUNDLE_HASH", n, status->bundle_hash);
	numbered(to, "STATUS_CHECKSUM_SHA256", n, status->sha256);
	numbered_count(to, "STATUS_CHECKSUM_SIZE", n, status->size);
	numbered(to, "STATUS_INSTALLED_TIMESTAMP", n, status->installed_timestamp);
	numbered_count(to, "STATUS_INSTALLED_COUNT", n, status->installed_count);
	numbered(to, "STATUS_ACTIVATED_TIMESTAMP", n, status->activated_timestamp);
	numbered_count(to, "STATUS_ACTIVATED_COUNT", n, status->activated_count);
	numbered(to, "STATUS_STATUS", n, status->status);
	numbered_count(to, "STATUS_BUNDLE_SECURITY_EPOCH", n, status->bundle_epoch);
}

static void shell_slot(GString *to, const ShowSlot *shown, unsigned n, bool is_detailed)
{
	const Slot *slot = shown->slot;

	numbered(to, "STATE", n, show_status_activity(shown));
	numbered(to, "CLASS", n, slot->class);
	numbered(to, "DEVICE", n, slot->device);
	numbered(to, "TYPE", n, slot_type_name(slot->type));
	numbered(to, "BOOTNAME", n, slot->boot_name);
	numbered(to, "PARENT", n, slot->parent ? slot->parent->name : NULL);
	numbered(to, "MOUNTPOINT", n, shown->state->mount_point);
	numbered(to, "BOOT_STATUS", n, show_status_boot(shown));
	if (is_detailed)
		shell_details(to, shown->status, n);
}

static void shell_repo(GString *to, const ConfigRepo *repo, unsigned n)
{
	const struct {
		const char *what, *value;
	} rows[] = {
		{ "NAME", repo->name },
		{ "PATH", repo->path },
		{ "TYPE", repo->type },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *key = g_strdup_printf("RAUC_REPO_%s_%u", rows[i].what, n);

		output_append_shell(to, key, rows[i].value);
	}
	g_autofree char *artifacts = g_strdup_printf("RAUC_REPO_ARTIFACTS_%u", n);
	output_append_shell(to, artifacts, "");
}

static void shell_trust(GString *to, const ShowTrust *trust)
{
	g_autofree char *epoch = g_strdup_printf("%u", trust->epoch);

	output_append_shell(to, "RAUC_TRUST_SECURITY_EPOCH", epoch);
	output_append_shell(to, "RAUC_TRUST_TIME_FLOOR", trust->floor);
	output_append_shell(to, "RAUC_TRUST_TIME_FLOOR_SOURCE",
	                    trust->floor ? trust->source : NULL);
	output_append_shell(to, "RAUC_TRUST_KEPT", trust->is_kept ? "1" : "0");
	output_append_shell(to, "RAUC_TRUST_DEMO_KEYS", trust->demo);
}

/* '1 2 … n' */
static void shell_numbers(GString *to, const char *key, unsigned n)
{
	g_autoptr(GString) numbers = g_string_new(NULL);

	for (unsigned i = 1; i <= n; i++)
		g_string_append_printf(numbers, "%s%u", i > 1 ? " " : "", i);
	output_append_shell(to, key, numbers->str);
}

void show_status_shell(GString *to, const ShowStatus *status)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned i = 0; i < status->n_slots; i++)
		g_string_append_printf(names, "%s%s", i ? " " : "", status->slots[i].slot->name);

	output_append_shell(to, "RAUC_SYSTEM_COMPATIBLE", status->compatible);
	output_append_shell(to, "RAUC_SYSTEM_VARIANT", status->variant);
	output_append_shell(to, "RAUC_SYSTEM_VERSION", status->version);
	output_append_shell(to, "RAUC_SYSTEM_BOOTED_BOOTNAME", status->boot_slot);
	output_append_shell(to, "RAUC_BOOT_PRIMARY",
	                    status->primary ? status->primary->name : "(null)");
	output_append_shell(to, "RAUC_SYSTEM_SLOTS", names->str);
	shell_numbers(to, "RAUC_SLOTS", status->n_slots);
	for (unsigned i = 0; i < status->n_slots; i++)
		shell_slot(to, &status->slots[i], i + 1, status->is_detailed);

	unsigned n_repos = status->repos ? status->repos->len : 0;
	for (unsigned i = 0; i < n_repos; i++)
		shell_repo(to, status->repos->pdata[i], i + 1);
	shell_numbers(to, "RAUC_REPOS", n_repos);
	if (status->trust.is_known)
		shell_trust(to, &status->trust);
	show_keyring_brief_shell(to, status->keyring);
}
