/* SPDX-License-Identifier: MIT */

/*
 * systemd-boot: one entry a slot, its state in the name of the file.
 *
 *   loader/entries/A.conf        committed: booted without a write
 *   loader/entries/A+2-1.conf    on trial: 2 attempts left, 1 made; systemd-boot counts
 *   loader/entries/A+0-3.conf    used up; A+0.conf: bad. Both come after all others
 *
 * Among entries with attempts the one with the highest "version" boots. So activating writes one
 * file, and everything else is the rename that systemd-bless-boot makes too. A new file is
 * whole on the medium before it gets a name that counts, and what it replaces goes last: cut
 * anywhere, each slot has an entry, and of two the newer one decides. An entry that is lost or
 * damaged is made again from loader/slots/A.conf, which nobody writes.
 */

#include "boot/backends.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define SUFFIX    ".conf"
#define LARGEST   (64 * 1024)
#define ATTEMPTS  3
#define COMMITTED (-1)

typedef struct {
	char *path, *text; /* text NULL: nothing that boots */
	int left;          /* attempts, or COMMITTED */
	guint64 version;
} Entry;

static void entry_free(Entry *entry)
{
	g_free(entry->path);
	g_free(entry->text);
	g_free(entry);
}

/* The mount point, searched as systemd does. */
static char *find_root(const Boot *boot, GError **error)
{
	static const char *const usual[] = { "/efi", "/boot", "/boot/efi" };
	const char *given = boot->config->efi_path;

	for (unsigned i = 0; i < (given ? 1 : G_N_ELEMENTS(usual)); i++) {
		const char *root = given ? given : usual[i];
		g_autofree char *entries = g_build_filename(root, "loader", "entries", NULL);

		if (g_file_test(entries, G_FILE_TEST_IS_DIR))
			return g_strdup(root);
	}
	return fail_null(error, FAILURE_NOT_FOUND,
	                 "no folder loader/entries in %s: mount the EFI system partition, or say "
	                 "with efi-path= where it is",
	                 given ? given : "/efi, /boot or /boot/efi");
}

static bool take_count(const char **text, int *count)
{
	char *end;
	guint64 value = g_ascii_strtoull(*text, &end, 10);

	if (!g_ascii_isdigit(**text) || value > 9999)
		return false;
	*count = (int)value;
	*text = end;
	return true;
}

/* Is `name` an entry of this slot? FAT does not tell cases apart. */
static bool parse_name(const char *name, const char *boot_name, int *left)
{
	size_t length = strlen(boot_name);
	const char *rest = name + length;
	int done;

	*left = COMMITTED;
	if (g_ascii_strncasecmp(name, boot_name, length) != 0)
		return false;
	if (*rest == '+') {
		rest++;
		if (!take_count(&rest, left))
			return false;
		if (*rest == '-' && (rest++, !take_count(&rest, &done)))
			return false;
	}
	return g_ascii_strcasecmp(rest, SUFFIX) == 0;
}

/* The value of the first line with this key, or NULL. */
static char *find_value(const char *text, const char *key)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *at = g_strchug(*line);

		if (g_str_has_prefix(at, key) && g_ascii_isspace(at[strlen(key)]))
			return g_strstrip(g_strdup(at + strlen(key)));
	}
	return NULL;
}

static char *read_sound(const char *path)
{
	size_t size;
	g_autofree char *text = file_read(path, LARGEST, &size, NULL);

	if (!text || !size || text[size - 1] != '\n' || !g_utf8_validate(text, (gssize)size, NULL))
		return NULL;

	g_autofree char *kernel = find_value(text, "linux"), *program = find_value(text, "efi");
	return (kernel && *kernel) || (program && *program) ? g_steal_pointer(&text) : NULL;
}

static guint64 version_of(const char *text)
{
	g_autofree char *value = text ? find_value(text, "version") : NULL;

	return value ? g_ascii_strtoull(value, NULL, 10) : 0;
}

/* Of several entries of one slot the one that decides comes first: whole, newest, most freedom. */
static gint compare(gconstpointer left, gconstpointer right)
{
	const Entry *a = *(const Entry *const *)left, *b = *(const Entry *const *)right;

	if (!a->text != !b->text)
		return a->text ? -1 : 1;
	if (a->version != b->version)
		return a->version > b->version ? -1 : 1;
	return (b->left == COMMITTED ? G_MAXINT : b->left) -
	       (a->left == COMMITTED ? G_MAXINT : a->left);
}

static GPtrArray *list(const char *root, const Slot *slot, GError **error)
{
	g_autofree char *folder = g_build_filename(root, "loader", "entries", NULL);
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	GPtrArray *entries;
	const char *name;
	int left;

	if (!dir)
		return fail_null(error, FAILURE_IO, "cannot list %s", folder);
	entries = g_ptr_array_new_with_free_func((GDestroyNotify)entry_free);
	while ((name = g_dir_read_name(dir))) {
		if (!parse_name(name, slot->boot_name, &left))
			continue;

		Entry *entry = g_new0(Entry, 1);
		entry->path = g_build_filename(folder, name, NULL);
		entry->text = read_sound(entry->path);
		entry->left = left;
		entry->version = version_of(entry->text);
		if (!entry->text)
			g_warning("boot entry %s is damaged", entry->path);
		g_ptr_array_add(entries, entry);
	}
	g_ptr_array_sort(entries, compare);
	return entries;
}

/* The text that boots the slot: of its entry, else of the product. */
static char *text_of(const char *root, const Slot *slot, const GPtrArray *entries, GError **error)
{
	const Entry *best = entries->len ? entries->pdata[0] : NULL;
	g_autofree char *name = g_strconcat(slot->boot_name, SUFFIX, NULL);
	g_autofree char *path = g_build_filename(root, "loader", "slots", name, NULL);
	char *text;

	if (best && best->text)
		return g_strdup(best->text);
	text = read_sound(path);
	if (!text)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "no boot entry for '%s', and %s, from which to make it again, is "
		                 "missing or damaged",
		                 slot->boot_name, path);
	g_warning("boot entry of %s is made again from %s", slot->name, path);
	return text;
}

static char *with_version(const char *text, guint64 version)
{
	g_autoptr(GString) out = g_string_new(NULL);
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		if (**line && !(g_str_has_prefix(*line, "version") && g_ascii_isspace((*line)[7])))
			g_string_append_printf(out, "%s\n", *line);
	}
	g_string_append_printf(out, "version %" G_GUINT64_FORMAT "\n", version);
	return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *path_in(const char *root, const Slot *slot, const char *suffix)
{
	g_autofree char *name = g_strconcat(slot->boot_name, suffix, SUFFIX, NULL);

	return g_build_filename(root, "loader", "entries", name, NULL);
}

static bool check_written(const char *path, const char *text, GError **error)
{
	fd_auto int fd = fd_open(path, O_RDONLY, 0, error);
	size_t size;

	if (fd < 0)
		return false;
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	g_autofree char *back = file_read(path, LARGEST, &size, error);
	return back &&
	       ((size == strlen(text) && memcmp(back, text, size) == 0) ||
	        fail(error, FAILURE_INTEGRITY,
	             "%s does not keep what is written to it; check the boot medium", path));
}

/* rename(2), on the medium. */
static bool move(const char *from, const char *to, GError **error)
{
	if (rename(from, to) < 0)
		return fail_errno(error, "cannot rename %s to %s", from, to);
	return fd_sync_folder_of(to, error);
}

/* Whole on the medium first, under a name no boot loader looks at. */
static bool write_new(const char *path, const char *text, GError **error)
{
	g_autofree char *beside = g_strconcat(path, ".new", NULL);
	fd_auto int fd = fd_open(beside, O_WRONLY | O_CREAT | O_TRUNC, 0644, error);

	if (fd >= 0 && fd_write(fd, text, strlen(text), beside, error) &&
	    fd_sync(fd, beside, error) && fd_close(&fd, beside, error) &&
	    check_written(beside, text, error) && move(beside, path, error))
		return true;
	unlink(beside);
	return false;
}

/* All entries of the slot but this one. */
static bool remove_others(const GPtrArray *entries, const char *keep, GError **error)
{
	bool is_changed = false;

	for (unsigned i = 0; i < entries->len; i++) {
		const Entry *entry = entries->pdata[i];

		if (g_str_equal(entry->path, keep))
			continue;
		if (unlink(entry->path) < 0 && errno != ENOENT)
			return fail_errno(error, "cannot remove %s", entry->path);
		is_changed = true;
	}
	return !is_changed || fd_sync_folder_of(keep, error);
}

/* The slot has one entry of this name and text afterwards. */
static bool settle(const GPtrArray *entries, const char *path, const char *text, GError **error)
{
	const Entry *best = entries->len ? entries->pdata[0] : NULL;
	bool is_same = best && g_strcmp0(best->text, text) == 0;

	if (is_same && g_str_equal(best->path, path))
		return remove_others(entries, path, error);
	if (!(is_same ? move(best->path, path, error) : write_new(path, text, error)))
		return false;
	return check_written(path, text, error) && remove_others(entries, path, error);
}

/* `*primary` as systemd-boot would choose among what has attempts left; `*version` is the highest of all. */
static bool look(const Boot *boot, const char *root, const Slot **primary, guint64 *version,
                 GError **error)
{
	const Slot *first = NULL;
	guint64 highest = 0, first_version = 0;

	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		g_autoptr(GPtrArray) entries = list(root, slot, error);
		const Entry *entry;

		if (!entries)
			return false;
		if (!entries->len)
			continue;
		entry = entries->pdata[0];
		highest = MAX(highest, entry->version);
		if (!entry->text || !entry->left || (first && entry->version < first_version))
			continue;
		if (first && entry->version == first_version &&
		    strcmp(slot->boot_name, first->boot_name) < 0)
			continue;
		first = slot;
		first_version = entry->version;
	}
	*primary = first;
	*version = highest;
	return true;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autofree char *root = find_root(boot, error);
	const Slot *slot;
	guint64 version;

	if (!root || !look(boot, root, &slot, &version, error))
		return NULL;
	return slot ? slot
	            : fail_null(error, FAILURE_NOT_FOUND,
	                        "No bootable slot found in %s/loader/entries", root);
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	int attempts = boot->config->boot_attempts_primary;
	g_autofree char *root = find_root(boot, error);
	g_autoptr(GPtrArray) entries = root ? list(root, slot, error) : NULL;
	g_autofree char *text = entries ? text_of(root, slot, entries, error) : NULL;
	g_autofree char *suffix = g_strdup_printf("+%d", attempts ? attempts : ATTEMPTS);
	const Slot *primary;
	guint64 highest;

	if (!text || !look(boot, root, &primary, &highest, error))
		return false;

	g_autofree char *path = path_in(root, slot, suffix);
	g_autofree char *first = primary == slot ? g_strdup(text) : with_version(text, highest + 1);
	return settle(entries, path, first, error);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autofree char *root = find_root(boot, error);
	g_autoptr(GPtrArray) entries = root ? list(root, slot, error) : NULL;

	if (!entries)
		return false;
	if (!entries->len)
		return fail(error, FAILURE_NOT_FOUND, "no boot entry for '%s' in %s/loader/entries",
		            slot->boot_name, root);

	const Entry *entry = entries->pdata[0];
	*good = entry->text && entry->left != 0;
	return true;
}

/* What has no entry does not boot, which is bad enough. */
static bool set_bad(const char *root, const Slot *slot, const GPtrArray *entries, GError **error)
{
	g_autofree char *path = path_in(root, slot, "+0");
	const Entry *best = entries->len ? entries->pdata[0] : NULL;

	if (!best)
		return true;
	if (!g_str_equal(best->path, path) && !move(best->path, path, error))
		return false;
	return remove_others(entries, path, error);
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	g_autofree char *root = find_root(boot, error);
	g_autoptr(GPtrArray) entries = root ? list(root, slot, error) : NULL;

	if (!entries)
		return false;
	if (!good)
		return set_bad(root, slot, entries, error);

	g_autofree char *path = path_in(root, slot, "");
	g_autofree char *text = text_of(root, slot, entries, error);
	return text && settle(entries, path, text, error);
}

const BootOps boot_systemd_boot = {
	.name = "systemd-boot",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
};
