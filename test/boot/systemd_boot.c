/* SPDX-License-Identifier: MIT */

/* boot/systemd_boot.c on a folder that stands for the EFI system partition: names before, names after. */

#include "device.h"

#define TEXT "title %c\nsort-key rauc\nefi /EFI/rauc/%c.efi\noptions rauc.slot=%c\n"

static char *entries_of(Device *device)
{
	return g_build_filename(device->folder, "loader", "entries", NULL);
}

static char *text_for(char slot, unsigned version)
{
	g_autofree char *text = g_strdup_printf(TEXT, slot, slot, slot);

	return g_strdup_printf("%sversion %u\n", text, version);
}

/* "A.conf=2 B+3.conf=1": file and version; "=x": a damaged file. */
static void put_entries(Device *device, const char *files)
{
	g_autofree char *folder = entries_of(device);
	g_auto(GStrv) words = g_strsplit(files, " ", -1);

	for (char **word = words; *word && **word; word++) {
		char *version = strchr(*word, '=');
		*version++ = '\0';
		g_autofree char *path = g_build_filename(folder, *word, NULL);
		g_autofree char *text = text_for(**word, (unsigned)atoi(version));

		if (*version == 'x')
			memset(text, 0, strlen(text) / 2);
		g_assert_true(g_file_set_contents(path, text, *version == 'x' ? 20 : -1, NULL));
	}
}

static Device *device_with(const char *files)
{
	Device *device = device_new(BOOTLOADER_SYSTEMD_BOOT);
	g_autofree char *folder = entries_of(device);
	g_autofree char *slots = g_build_filename(device->folder, "loader", "slots", NULL);

	device->config.efi_path = device->folder;
	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_cmpint(g_mkdir_with_parents(slots, 0755), ==, 0);
	for (char slot = 'A'; slot <= 'B'; slot++) {
		g_autofree char *path = g_strdup_printf("%s/%c.conf", slots, slot);
		g_autofree char *text = text_for(slot, slot == 'A' ? 2 : 1);

		g_assert_true(g_file_set_contents(path, text, -1, NULL));
	}
	put_entries(device, files);
	return device;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *found(Device *device)
{
	g_autofree char *folder = entries_of(device);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	const char *name;

	while ((name = g_dir_read_name(dir))) {
		g_autofree char *path = g_build_filename(folder, name, NULL), *text = NULL;

		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		const char *version = strstr(text, "version ");
		g_ptr_array_add(names,
		                g_strdup_printf("%s=%d", name, version ? atoi(version + 8) : -1));
	}
	g_ptr_array_sort(names, by_name);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(" ", (char **)names->pdata);
}

static const struct {
	const char *before;
	enum { GOOD, BAD, PRIMARY } what;
	char slot;
	const char *after;
} changes[] = {
	{ "A.conf=2 B.conf=1", GOOD, 'A', "A.conf=2 B.conf=1" },
	{ "A.conf=1 B+2-1.conf=2", GOOD, 'B', "A.conf=1 B.conf=2" },
	{ "A.conf=1 B+0-3.conf=2", GOOD, 'B', "A.conf=1 B.conf=2" },
	{ "A.conf=1 b+0.conf=2", GOOD, 'B', "A.conf=1 B.conf=2" },
	{ "A.conf=2 B.conf=1", BAD, 'B', "A.conf=2 B+0.conf=1" },
	{ "A.conf=2 B+0-3.conf=1", BAD, 'B', "A.conf=2 B+0.conf=1" },
	{ "A.conf=2 B+0.conf=1", BAD, 'B', "A.conf=2 B+0.conf=1" },
	{ "A.conf=2", BAD, 'B', "A.conf=2" },
	{ "A.conf=2 B+0.conf=1", PRIMARY, 'B', "A.conf=2 B+3.conf=3" },
	{ "A.conf=2 B.conf=1", PRIMARY, 'B', "A.conf=2 B+3.conf=3" },
	{ "A.conf=2 B.conf=1", PRIMARY, 'A', "A+3.conf=2 B.conf=1" },
	{ "A.conf=2 B+3.conf=7", PRIMARY, 'B', "A.conf=2 B+3.conf=7" },
	{ "A.conf=2 B+3.conf=1", PRIMARY, 'B', "A.conf=2 B+3.conf=3" },
	{ "A.conf=2 B+1-2.conf=7", PRIMARY, 'B', "A.conf=2 B+3.conf=7" },
	{ "A.conf=2 B+0-3.conf=7", PRIMARY, 'B', "A.conf=2 B+3.conf=8" },
	/* two entries of one slot: somebody was cut off */
	{ "A.conf=2 B+0.conf=1 B+3.conf=3", GOOD, 'B', "A.conf=2 B.conf=3" },
	{ "A.conf=2 B+0.conf=1 B+3.conf=3", BAD, 'B', "A.conf=2 B+0.conf=3" },
	{ "A.conf=2 B+0.conf=1 B+3.conf=3", PRIMARY, 'B', "A.conf=2 B+3.conf=3" },
	{ "A.conf=2 B+3.conf=3 B.conf=3", GOOD, 'B', "A.conf=2 B.conf=3" },
	{ "A.conf=2 B.conf=x B+0-1.conf=1", GOOD, 'B', "A.conf=2 B.conf=1" },
	/* lost and damaged: from loader/slots */
	{ "", GOOD, 'A', "A.conf=2" },
	{ "A.conf=x B.conf=1", GOOD, 'A', "A.conf=2 B.conf=1" },
	{ "A.conf=4", PRIMARY, 'B', "A.conf=4 B+3.conf=5" },
	{ "A.conf=4 B+0.conf=x", PRIMARY, 'B', "A.conf=4 B+3.conf=5" },
	{ "A.conf=4 B.conf=x", BAD, 'B', "A.conf=4 B+0.conf=-1" },
	/* other people's files stay */
	{ "AB.conf=9 A+x.conf=8 A+1-.conf=8 A+1.conf=1 B.confx=7", GOOD, 'A',
	  "A+1-.conf=8 A+x.conf=8 A.conf=1 AB.conf=9 B.confx=7" },
};

static bool change(Device *device, unsigned i)
{
	const Slot *slot = device_slot(device, changes[i].slot);

	return changes[i].what == PRIMARY
	               ? boot_set_primary(device->boot, slot, NULL)
	               : boot_set_state(device->boot, slot, changes[i].what == GOOD, NULL);
}

/* Changes whenever anything is written there. */
static gint64 stamp(Device *device)
{
	g_autofree char *folder = entries_of(device);
	GStatBuf status;

	g_assert_cmpint(g_stat(folder, &status), ==, 0);
	return (gint64)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
}

static void test_changes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		Device *device = device_with(changes[i].before);

		g_assert_true(change(device, i));
		g_autofree char *after = found(device);
		g_assert_cmpstr(after, ==, changes[i].after);

		gint64 then = stamp(device);
		g_assert_true(change(device, i));
		g_assert_cmpint(stamp(device), ==, then);
		device_free(device);
	}
}

static const struct {
	const char *files, *primary;
	int a, b; /* 1: good; 0: bad; -1: nobody knows */
} questions[] = {
	{ "A.conf=2 B.conf=1", "A", 1, 1 },
	{ "A.conf=1 B+3.conf=2", "B", 1, 1 },
	{ "A.conf=1 B+1-2.conf=2", "B", 1, 1 },
	{ "A.conf=1 B+0-3.conf=2", "A", 1, 0 },
	{ "A+0.conf=2 B+0-3.conf=1", NULL, 0, 0 },
	{ "A.conf=1 B.conf=1", "B", 1, 1 },
	{ "A.conf=x B.conf=1", "B", 0, 1 },
	{ "B.conf=1", "B", -1, 1 },
	{ "", NULL, -1, -1 },
};

static int state_of(Device *device, char slot)
{
	bool good;

	return boot_get_state(device->boot, device_slot(device, slot), &good, NULL) ? good : -1;
}

static void test_questions(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(questions); i++) {
		Device *device = device_with(questions[i].files);
		const Slot *slot = boot_get_primary(device->boot, NULL);

		g_assert_cmpstr(slot ? slot->boot_name : NULL, ==, questions[i].primary);
		g_assert_cmpint(state_of(device, 'A'), ==, questions[i].a);
		g_assert_cmpint(state_of(device, 'B'), ==, questions[i].b);
		device_free(device);
	}
}

static void test_attempts(void)
{
	Device *device = device_with("A.conf=2 B.conf=1");

	device->config.boot_attempts_primary = 7;
	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
	g_autofree char *after = found(device);
	g_assert_cmpstr(after, ==, "A.conf=2 B+7.conf=3");
	device_free(device);
}

static void test_refused(void)
{
	Device *device = device_with("A.conf=2");
	g_autofree char *template = g_build_filename(device->folder, "loader/slots/B.conf", NULL);
	g_autofree char *elsewhere = g_build_filename(device->folder, "loader", NULL);
	g_autoptr(GError) no_entry = NULL, no_folder = NULL;

	g_remove(template);
	g_assert_false(boot_set_primary(device->boot, device_slot(device, 'B'), &no_entry));
	g_assert_true(g_str_has_prefix(no_entry->message, "systemd-boot backend: "));
	g_assert_nonnull(strstr(no_entry->message, "no boot entry for 'B', and "));
	device->config.efi_path = elsewhere;
	g_assert_false(boot_set_state(device->boot, device_slot(device, 'A'), true, &no_folder));
	g_assert_nonnull(strstr(no_folder->message, "no folder loader/entries in "));
	g_autofree char *after = found(device);
	g_assert_cmpstr(after, ==, "A.conf=2");
	device_free(device);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/systemd-boot/changes", test_changes);
	g_test_add_func("/boot/systemd-boot/questions", test_questions);
	g_test_add_func("/boot/systemd-boot/attempts", test_attempts);
	g_test_add_func("/boot/systemd-boot/refused", test_refused);
	return g_test_run();
}
