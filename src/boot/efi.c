/* SPDX-License-Identifier: MIT */

/*
 * EFI: the firmware's own boot entries, through efibootmgr (chapter 6.6).
 *
 *   BootOrder   the commitment: a slot whose entry is in it is good, the first one boots
 *   BootNext    the trial: one single boot, the firmware forgets it before it starts
 *
 * A slot is bad when its entry is not in BootOrder; one whose trial failed is the same. NVRAM
 * is a hint: firmware loses entries, so they are made again from efi-loader= and
 * efi-cmdline=, and a change never needs what is lost to be there. A change that changes
 * nothing writes nothing: these are few and slow writes to flash that cannot be replaced.
 */

#include "boot/backends.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "boot/efi_disk.h"

#define SYS      "/sys/class/block"
#define NUMBER   4 /* hex digits */
#define NO_ENTRY "Did not find efi entry for bootname '%s'!"

typedef struct {
	char number[NUMBER + 1]; /* "000A" */
	char *name;
} Entry;

typedef struct {
	GArray *entries;       /* of Entry */
	GStrv order;           /* NULL: no BootOrder */
	char next[NUMBER + 1]; /* "": none */
	char current[NUMBER + 1];
} Variables;

static void entry_clear(void *data)
{
	Entry *entry = data;

	g_free(entry->name);
}

static void variables_free(Variables *variables)
{
	g_array_unref(variables->entries);
	g_strfreev(variables->order);
	g_free(variables);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Variables, variables_free)

static bool take_number(const char *text, char number[NUMBER + 1])
{
	for (unsigned i = 0; i < NUMBER; i++) {
		if (!g_ascii_isxdigit(text[i]))
			return false;
		number[i] = g_ascii_toupper(text[i]);
	}
	number[NUMBER] = '\0';
	return true;
}

/* "Boot0001* name", up to a tab. */
static void take_entry(Variables *variables, const char *line)
{
	Entry entry;
	const char *name = line + strlen("Boot") + NUMBER + 2;

	if (!g_str_has_prefix(line, "Boot") || !take_number(line + strlen("Boot"), entry.number) ||
	    !strchr("* ", name[-2]) || !name[-2] || name[-1] != ' ' || !*name || *name == '\t')
		return;
	entry.name = g_strndup(name, strcspn(name, "\t"));
	g_array_append_val(variables->entries, entry);
}

static void take_line(Variables *variables, const char *line)
{
	const char *value = strchr(line, ' ');
	char number[NUMBER + 1];

	if (value && g_str_has_prefix(line, "BootOrder: ") && value[1]) {
		g_strfreev(variables->order);
		variables->order = g_strsplit(value + 1, ",", -1);
		for (char **each = variables->order; *each; each++) {
			if (strlen(*each) == NUMBER && take_number(*each, number))
				strcpy(*each, number);
		}
	} else if (value && g_str_has_prefix(line, "BootNext: ")) {
		if (strlen(value + 1) == NUMBER && take_number(value + 1, number))
			strcpy(variables->next, number);
	} else if (value && g_str_has_prefix(line, "BootCurrent: ")) {
		if (strlen(value + 1) == NUMBER && take_number(value + 1, number))
			strcpy(variables->current, number);
	} else {
		take_entry(variables, line);
	}
}

static Variables *load(GError **error)
{
	g_autofree char *said = process_capture(error, "efibootmgr", NULL);
	Variables *variables;

	if (!said)
		return NULL;
	variables = g_new0(Variables, 1);
	variables->entries = g_array_new(FALSE, TRUE, sizeof(Entry));
	g_array_set_clear_func(variables->entries, entry_clear);

	g_auto(GStrv) lines = g_strsplit(said, "\n", -1);
	for (char **line = lines; *line; line++)
		take_line(variables, g_strchomp(*line));
	return variables;
}

/* For questions; a change gets along with less. */
static Variables *load_whole(GError **error)
{
	g_autoptr(Variables) variables = load(error);

	if (!variables)
		return NULL;
	if (!variables->entries->len)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "Regex matching failed! efibootmgr lists no boot entry");
	if (!variables->order)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "unable to obtain boot order! The firmware has no BootOrder");
	return g_steal_pointer(&variables);
}

static const Entry *find_by_name(const Variables *variables, const char *name)
{
	for (unsigned i = 0; i < variables->entries->len; i++) {
		const Entry *entry = &g_array_index(variables->entries, Entry, i);

		if (g_str_equal(entry->name, name))
			return entry;
	}
	return NULL;
}

static const Entry *find_by_number(const Variables *variables, const char *number)
{
	for (unsigned i = 0; i < variables->entries->len; i++) {
		const Entry *entry = &g_array_index(variables->entries, Entry, i);

		if (g_str_equal(entry->number, number))
			return entry;
	}
	return NULL;
}

static bool is_of_slot(const Variables *variables, const char *number, const Slot *slot)
{
	const Entry *entry = find_by_number(variables, number);

	return entry && g_str_equal(entry->name, slot->boot_name);
}

static bool create_entry(const Slot *slot, GError **error)
{
	g_autofree char *disk = NULL, *number = NULL;
	unsigned part;

	if (!slot->efi_loader || !slot->efi_cmdline)
		return fail(error, FAILURE_NOT_FOUND,
		            NO_ENTRY " Set efi-loader= and efi-cmdline= in [slot.%s] to have lost "
		                     "entries made again",
		            slot->boot_name, slot->name);
	if (!efi_disk_find(SYS, slot->device, &disk, &part, error))
		return false;
	g_message("EFI: the boot entry '%s' is missing and made again", slot->boot_name);
	number = g_strdup_printf("%u", part);
	return process_run(error, "efibootmgr", "--create-only", "--disk", disk, "--part", number,
	                   "--label", slot->boot_name, "--loader", slot->efi_loader, "--unicode",
	                   slot->efi_cmdline, NULL);
}

/* Variables in which the slot surely has an entry. */
static Variables *load_with_entry(const Slot *slot, GError **error)
{
	g_autoptr(Variables) variables = load(error);

	if (!variables || find_by_name(variables, slot->boot_name))
		return g_steal_pointer(&variables);
	if (!create_entry(slot, error))
		return NULL;
	variables_free(g_steal_pointer(&variables));
	variables = load(error);
	if (variables && !find_by_name(variables, slot->boot_name))
		return fail_null(error, FAILURE_TOOL,
		                 NO_ENTRY " efibootmgr made one, but the firmware does not keep it",
		                 slot->boot_name);
	return g_steal_pointer(&variables);
}

/* BootOrder with `first` (or nobody) in front, without `slot` and without what is no entry. */
static bool set_order(const Variables *variables, const Slot *slot, const char *first,
                      GError **error)
{
	g_autoptr(GString) order = g_string_new(first);

	for (char **each = variables->order; each && *each; each++) {
		if (!find_by_number(variables, *each) || is_of_slot(variables, *each, slot))
			continue;
		g_string_append_printf(order, "%s%s", order->len ? "," : "", *each);
	}
	if (!order->len)
		return process_run(error, "efibootmgr", "--delete-bootorder", NULL);
	return process_run(error, "efibootmgr", "--bootorder", order->str, NULL);
}

static bool is_listed(const Variables *variables, const Slot *slot)
{
	for (char **each = variables->order; each && *each; each++) {
		if (is_of_slot(variables, *each, slot))
			return true;
	}
	return false;
}

static bool is_first(const Variables *variables, const Slot *slot)
{
	return variables->order && variables->order[0] &&
	       is_of_slot(variables, variables->order[0], slot);
}

/* To the front of BootOrder, unless it is there. */
static bool commit(const Variables *variables, const Slot *slot, GError **error)
{
	return is_first(variables, slot) ||
	       set_order(variables, slot, find_by_name(variables, slot->boot_name)->number, error);
}

/* A slot that is about to be written must not be on trial either. */
static bool withdraw(const Variables *variables, const Slot *slot, GError **error)
{
	if (is_of_slot(variables, variables->next, slot) &&
	    !process_run(error, "efibootmgr", "--delete-bootnext", NULL))
		return false;
	return !is_listed(variables, slot) || set_order(variables, slot, NULL, error);
}

static const Slot *slot_of(const Boot *boot, const Variables *variables, const char *number)
{
	const Entry *entry = find_by_number(variables, number);

	return entry ? boot_find(boot, entry->name) : NULL;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autoptr(Variables) variables = load_whole(error);
	const Slot *slot;

	if (!variables)
		return NULL;
	slot = slot_of(boot, variables, variables->next);
	for (char **each = variables->order; !slot && *each; each++)
		slot = slot_of(boot, variables, *each);
	return slot ? slot
	            : fail_null(error, FAILURE_NOT_FOUND, "Did not find primary boot entry!");
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	g_autoptr(Variables) variables = load_with_entry(slot, error);

	if (!variables)
		return false;
	if (!boot->config->efi_use_bootnext)
		return commit(variables, slot, error);
	return is_of_slot(variables, variables->next, slot) ||
	       (!*variables->next && is_first(variables, slot)) ||
	       process_run(error, "efibootmgr", "--bootnext",
	                   find_by_name(variables, slot->boot_name)->number, NULL);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autoptr(Variables) variables = load_whole(error);

	(void)boot;
	if (!variables)
		return false;
	*good = is_listed(variables, slot);
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	g_autoptr(Variables) variables = load_with_entry(slot, error);

	(void)boot;
	return variables &&
	       (good ? commit(variables, slot, error) : withdraw(variables, slot, error));
}

static char *get_current(Boot *boot, GError **error)
{
	g_autoptr(Variables) variables = load(error);
	const Slot *slot;

	if (!variables)
		return NULL;
	if (!*variables->current)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "Current EFI bootentry not known to rauc! "
		                 "The firmware has no BootCurrent");
	slot = slot_of(boot, variables, variables->current);
	if (!slot)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "Current EFI bootentry not known to rauc! "
		                 "No slot has the name of Boot%s",
		                 variables->current);
	return g_strdup(slot->boot_name);
}

const BootOps boot_efi = {
	.name = "efi",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.get_current = get_current,
};
