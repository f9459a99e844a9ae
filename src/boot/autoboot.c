/* SPDX-License-Identifier: MIT */

#include "boot/autoboot.h"

#include <string.h>

#define STATE "# rauc"

static const char *const words[] = {
	[AUTOBOOT_UNKNOWN] = "unknown", [AUTOBOOT_GOOD] = "good", [AUTOBOOT_TRIAL] = "trial",
	[AUTOBOOT_USED] = "used",       [AUTOBOOT_BAD] = "bad",
};

static void slot_clear(AutobootSlot *slot)
{
	g_free(slot->name);
}

static Autoboot *autoboot_new(void)
{
	Autoboot *autoboot = g_new0(Autoboot, 1);

	autoboot->slots = g_array_new(FALSE, TRUE, sizeof(AutobootSlot));
	g_array_set_clear_func(autoboot->slots, (GDestroyNotify)slot_clear);
	return autoboot;
}

void autoboot_free(Autoboot *autoboot)
{
	if (!autoboot)
		return;
	g_array_unref(autoboot->slots);
	g_free(autoboot);
}

AutobootSlot *autoboot_slot(Autoboot *autoboot, const char *name)
{
	AutobootSlot slot = { NULL, AUTOBOOT_UNKNOWN, 0 };

	for (unsigned i = 0; i < autoboot->slots->len; i++) {
		AutobootSlot *each = &g_array_index(autoboot->slots, AutobootSlot, i);

		if (g_str_equal(each->name, name))
			return each;
	}
	slot.name = g_strdup(name);
	g_array_append_val(autoboot->slots, slot);
	return &g_array_index(autoboot->slots, AutobootSlot, autoboot->slots->len - 1);
}

static bool parse_number(const char *text, unsigned most, unsigned *number)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 1, most, &value, NULL))
		return false;
	*number = (unsigned)value;
	return true;
}

/* "good", "trial:3"; anything else says nothing. */
static void parse_word(const char *text, AutobootSlot *slot)
{
	unsigned left = 0;

	slot->state = AUTOBOOT_UNKNOWN;
	if (g_str_has_prefix(text, "trial:")) {
		if (parse_number(text + strlen("trial:"), AUTOBOOT_MOST, &left))
			slot->state = AUTOBOOT_TRIAL;
	} else {
		for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
			if (i != AUTOBOOT_TRIAL && g_str_equal(text, words[i]))
				slot->state = i;
		}
	}
	slot->left = left;
}

static void parse_states(const char *text, Autoboot *autoboot)
{
	g_auto(GStrv) parts = g_strsplit_set(text, " \t\r", -1);

	for (char **part = parts; *part; part++) {
		char *equals = strrchr(*part, '=');

		if (!equals || equals == *part)
			continue;
		*equals = '\0';
		parse_word(equals + 1, autoboot_slot(autoboot, *part));
	}
}

/* `filter`: the section's partition number, NULL in one that never holds. */
static void parse_line(char *line, Autoboot *autoboot, unsigned **filter)
{
	if (g_str_has_prefix(line, STATE " ")) {
		autoboot->has_state = true;
		parse_states(line + strlen(STATE), autoboot);
	} else if (*line == '[') {
		*filter = g_str_equal(line, "[all]")       ? &autoboot->all
		          : g_str_equal(line, "[tryboot]") ? &autoboot->tryboot
		                                           : NULL;
	} else if (*filter && g_str_has_prefix(line, "boot_partition=")) {
		parse_number(line + strlen("boot_partition="), 63, *filter);
	} else if (*filter == &autoboot->all && g_str_has_prefix(line, "tryboot_a_b=")) {
		autoboot->is_a_b = g_str_equal(line, "tryboot_a_b=1");
	}
}

Autoboot *autoboot_parse(const char *bytes, size_t size)
{
	Autoboot *autoboot = autoboot_new();
	unsigned *filter = &autoboot->all;
	g_autofree char *text = g_strndup(bytes, MIN(size, AUTOBOOT_SIZE));
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		if (g_utf8_validate(*line, -1, NULL))
			parse_line(g_strstrip(*line), autoboot, &filter);
	}
	return autoboot;
}

/* "boot_partition=2" and "boot_partition=12" end at the same place. */
static void add_partition(GString *text, unsigned number)
{
	g_string_append_printf(text, "boot_partition=%u\n%s", number, number < 10 ? "\n" : "");
}

char *autoboot_format(const Autoboot *autoboot)
{
	g_autoptr(GString) text = g_string_new("[all]\ntryboot_a_b=1\n");

	add_partition(text, autoboot->all);
	g_string_append(text, "[tryboot]\n");
	add_partition(text, autoboot->tryboot);
	g_string_append(text, STATE);
	for (unsigned i = 0; i < autoboot->slots->len; i++) {
		const AutobootSlot *slot = &g_array_index(autoboot->slots, AutobootSlot, i);
		g_autofree char *word = slot->state == AUTOBOOT_TRIAL
		                                ? g_strdup_printf("trial:%u", slot->left)
		                                : g_strdup(words[slot->state]);

		g_string_append_printf(text, " %s=%-8s", slot->name, word);
	}
	g_string_append_c(text, '\n');
	if (text->len > AUTOBOOT_SIZE)
		return NULL;
	while (text->len < AUTOBOOT_SIZE)
		g_string_append_c(text, '\n');
	return g_string_free(g_steal_pointer(&text), FALSE);
}
