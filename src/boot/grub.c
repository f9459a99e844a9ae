/* SPDX-License-Identifier: MIT */

/*
 * GRUB: variables in an environment block decide. RAUC's are
 *
 *   ORDER=A B      boot names, first choice first
 *   A_OK=1         may boot; 0: bad
 *   A_TRY=0        1: it was tried and did not mark itself good
 *
 * and boot/grub/grub.cfg knows two more, which whoever knows only RAUC's leaves
 * alone:
 *
 *   A_LEFT=3       on trial: attempts that are left (the last one sets A_TRY)
 *   A_COMMIT=1     committed: marked good since it was last written or chosen;
 *                  its boots are not counted, and nothing is written for them.
 *                  2: only while A is not the first of ORDER. Whoever knows only
 *                  RAUC's variables leaves A_COMMIT standing when he writes slot A,
 *                  but makes it the first then.
 *
 * A variable that says nothing is 0, not missing: all states have one length, so
 * that a write torn anywhere leaves each variable old or new, never a third.
 *
 * The block mostly lies on FAT, where replacing a file is not safe: it is
 * overwritten in place in one write that leaves its size alone, forced to the
 * medium and read back. A block that cannot be parsed is rebuilt by the next
 * change, so that damage never stands in the way of an update. A change that
 * changes nothing writes nothing.
 *
 * A sector that was being written when power failed may come back as noise. The
 * block that GRUB keeps for such days, grubenv.spare, therefore has ORDER and the
 * X_OK a second time, written when the first is safe; what is lost there is taken
 * from here, by GRUB and by the repair. Who has no spare goes without.
 */

#include "boot/backends.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "boot/grubenv.h"

#define DEFAULT_PATH "/boot/grub/grubenv"
#define LARGEST      (64 * 1024) /* a file beyond this is no environment block */
#define ATTEMPTS     3           /* of a trial, unless boot-attempts-primary= says else */
#define MOST         9           /* grub.cfg counts with one digit */
#define DIRECT       4096        /* alignment that suits O_DIRECT everywhere */

typedef struct {
	char *name, *value;
} Variable;

static void variable_clear(Variable *variable)
{
	g_free(variable->name);
	g_free(variable->value);
}

static const char *path_of(const Boot *boot)
{
	return boot->config->grubenv ? boot->config->grubenv : DEFAULT_PATH;
}

/* An empty block that stands for one that is not there. */
static Grubenv *without_block(char *damage)
{
	Grubenv *env = grubenv_parse("", 0);

	g_free(env->damage);
	env->damage = damage;
	return env;
}

static Grubenv *read_block(int fd, const char *path, size_t *size, GError **error)
{
	g_autoptr(GError) reason = NULL;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return fail_errno_null(error, "cannot look at %s", path);
	if (!S_ISREG(status.st_mode))
		return fail_null(error, FAILURE_FORMAT, "%s is not a regular file", path);
	if (status.st_size > LARGEST)
		return fail_null(
			error, FAILURE_FORMAT,
			"%s has %" G_GINT64_FORMAT
			" bytes, an environment block has %d: does grubenv= name the right file?",
			path, (gint64)status.st_size, GRUBENV_SIZE);
	*size = (size_t)status.st_size;

	g_autofree char *bytes = g_malloc(*size + 1);
	if (!fd_read_at(fd, bytes, *size, 0, path, &reason))
		return without_block(g_strdup_printf("cannot be read (%s)", reason->message));
	return grubenv_parse(bytes, *size);
}

/* `*size` is that of the file as it is now. */
static Grubenv *load(const char *path, size_t *size, GError **error)
{
	fd_auto int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	Grubenv *env;

	*size = 0;
	if (fd < 0 && errno != ENOENT)
		return fail_errno_null(error, "cannot open %s", path);
	env = fd < 0 ? without_block(g_strdup("does not exist"))
	             : read_block(fd, path, size, error);
	if (env && env->damage)
		g_warning("GRUB environment %s %s", path, env->damage);
	return env;
}

static bool read_directly(const char *path, char *bytes, size_t size)
{
	fd_auto int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	return fd >= 0 && pread(fd, bytes, size, 0) >= 0;
}

/* Read back from the medium, past the page cache where the file system lets us. */
static bool check_written(const char *path, const Grubenv *env, GError **error)
{
	size_t rounded = (env->size + DIRECT - 1) / DIRECT * DIRECT;
	g_autofree char *buffer = g_malloc(rounded + DIRECT);
	char *bytes = (char *)(((uintptr_t)buffer + DIRECT - 1) / DIRECT * DIRECT);

	memset(bytes, 0, env->size);
	if (!read_directly(path, bytes, rounded)) {
		fd_auto int fd = fd_open(path, O_RDONLY, 0, error);

		if (fd < 0)
			return false;
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (!fd_read_at(fd, bytes, env->size, 0, path, error))
			return false;
	}
	if (memcmp(bytes, env->bytes, env->size) != 0)
		return fail(error, FAILURE_INTEGRITY,
		            "%s does not keep what is written to it; check the boot medium", path);
	return true;
}

/* One write in place, of the same size: nothing of the file system changes but these sectors. */
static bool overwrite(const char *path, const Grubenv *env, GError **error)
{
	fd_auto int fd = fd_open(path, O_WRONLY | O_NOCTTY, 0, error);

	return fd >= 0 && fd_write_at(fd, env->bytes, env->size, 0, path, error) &&
	       fd_sync(fd, path, error) && fd_close(&fd, path, error);
}

/*
 * A file that is not there cannot be overwritten. It gets its name when its bytes are on the
 * medium: on FAT the name could arrive first, and show what an older file left in these sectors.
 */
static bool store(const char *path, const Grubenv *env, GError **error)
{
	bool stored = access(path, F_OK) == 0
	                      ? overwrite(path, env, error)
	                      : file_replace(path, env->bytes, env->size, 0644, error);

	return stored && check_written(path, env, error);
}

static bool set_all(Grubenv *env, const GArray *changes)
{
	for (unsigned i = 0; i < changes->len; i++) {
		const Variable *change = &g_array_index(changes, Variable, i);

		if (!grubenv_set(env, change->name, change->value))
			return false;
	}
	return true;
}

/* The first slot that ORDER names, or NULL. */
static const Slot *find_in_order(const Boot *boot, const Grubenv *env)
{
	g_autofree char *order = grubenv_get(env, "ORDER");
	g_auto(GStrv) names = g_strsplit(order ? order : "", " ", -1);

	for (char **name = names; *name; name++) {
		const Slot *slot = boot_find(boot, *name);

		if (slot)
			return slot;
	}
	return NULL;
}

/* Commitments of slots that are not the first choice say so. */
static void limit_commitments(const Boot *boot, Grubenv *env)
{
	const Slot *first = find_in_order(boot, env);

	if (!first) /* as GRUB then takes them */
		first = boot->slots->len ? boot->slots->pdata[0] : NULL;
	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		g_autofree char *name = g_strconcat(slot->boot_name, "_COMMIT", NULL);
		g_autofree char *value = grubenv_get(env, name);

		if (slot != first && g_strcmp0(value, "1") == 0)
			grubenv_set(env, name, "2");
	}
}

/* A block with nothing but what decides over slots; other tools' variables have to make room. */
static Grubenv *with_slots_only(const Boot *boot, const Grubenv *env)
{
	static const char *const suffixes[] = { "_OK", "_TRY", "_LEFT", "_COMMIT" };
	Grubenv *lean = without_block(g_strdup("is full"));
	g_autofree char *order = grubenv_get(env, "ORDER");

	if (order)
		grubenv_set(lean, "ORDER", order);
	for (unsigned i = 0; i < boot->slots->len * G_N_ELEMENTS(suffixes); i++) {
		const Slot *slot = boot->slots->pdata[i / G_N_ELEMENTS(suffixes)];
		g_autofree char *name =
			g_strconcat(slot->boot_name, suffixes[i % G_N_ELEMENTS(suffixes)], NULL);
		g_autofree char *value = grubenv_get(env, name);

		if (value)
			grubenv_set(lean, name, value);
	}
	return lean;
}

static char *path_of_spare(const char *path)
{
	return g_strconcat(path, ".spare", NULL);
}

/* Marks of a slot that the damaged block lost and the spare has, with what GRUB counted there since. */
static void restore_slot(Grubenv *env, const Grubenv *copy, const Slot *slot)
{
	static const char *const suffixes[] = { "_OK", "_TRY", "_LEFT", "_COMMIT" };
	g_autofree char *ok_name = g_strconcat(slot->boot_name, "_OK", NULL);
	g_autofree char *ok = grubenv_get(env, ok_name), *copied = grubenv_get(copy, ok_name);

	if (!copied || g_strcmp0(ok, "0") == 0 || g_strcmp0(ok, "1") == 0)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *name = g_strconcat(slot->boot_name, suffixes[i], NULL);
		g_autofree char *value = grubenv_get(copy, name);

		grubenv_set(env, name, value ? value : "0");
	}
}

/* What the block lost is taken from the spare, if that is there and sound. */
static void restore(const Boot *boot, const char *path, Grubenv *env)
{
	g_autofree char *spare = path_of_spare(path);
	size_t size;
	g_autoptr(Grubenv) copy = access(spare, F_OK) == 0 ? load(spare, &size, NULL) : NULL;

	if (!copy || copy->damage)
		return;
	g_autofree char *copied = grubenv_get(copy, "ORDER");
	if (copied && !find_in_order(boot, env))
		grubenv_set(env, "ORDER", copied);
	for (unsigned i = 0; i < boot->slots->len; i++)
		restore_slot(env, copy, boot->slots->pdata[i]);
}

/* The spare as it has to be beside this block: what was counted there is over. */
static Grubenv *spare_for(const Boot *boot, const Grubenv *env)
{
	Grubenv *copy = without_block(NULL);
	g_autofree char *order = grubenv_get(env, "ORDER");

	grubenv_set(copy, "spare_used", "0");
	if (order)
		grubenv_set(copy, "ORDER", order);
	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		g_autofree char *ok_name = g_strconcat(slot->boot_name, "_OK", NULL);
		g_autofree char *try_name = g_strconcat(slot->boot_name, "_TRY", NULL);
		g_autofree char *ok = grubenv_get(env, ok_name);

		if (ok)
			grubenv_set(copy, ok_name, ok);
		grubenv_set(copy, try_name, "0");
	}
	return copy;
}

/* The block is on the medium by now, so trouble with the spare is no failure. */
static void store_spare(const Boot *boot, const char *path, const Grubenv *env)
{
	g_autofree char *spare = path_of_spare(path);
	g_autoptr(Grubenv) wanted = spare_for(boot, env), found = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	if (access(spare, F_OK) < 0)
		return;
	found = load(spare, &size, &error);
	if (found && !found->damage && size >= wanted->size &&
	    memcmp(found->bytes, wanted->bytes, wanted->size) == 0)
		return;
	if (!found || !store(spare, wanted, &error))
		g_warning("%s; what decides is safe in %s", error->message, path);
}

static bool change(const Boot *boot, const GArray *changes, GError **error)
{
	const char *path = path_of(boot);
	size_t size;
	g_autoptr(Grubenv) env = load(path, &size, error);

	if (!env)
		return false;

	g_autoptr(Grubenv) before = env->damage ? NULL : grubenv_parse(env->bytes, env->size);
	restore(boot, path, env);
	if (!set_all(env, changes)) {
		g_autoptr(Grubenv) full = g_steal_pointer(&env);

		g_warning("GRUB environment %s is full: removing other variables", path);
		env = with_slots_only(boot, full);
		if (!set_all(env, changes))
			return fail(
				error, FAILURE_CONFIG,
				"the boot names of all slots do not fit into the %zu bytes of %s",
				env->size, path);
	}
	limit_commitments(boot, env);
	bool is_same = before && env->size == before->size &&
	               memcmp(before->bytes, env->bytes, env->size) == 0;
	if (!is_same && !store(path, env, error))
		return false;
	if (env->damage)
		g_warning("GRUB environment %s is repaired", path);
	store_spare(boot, path, env);
	return true;
}

static GArray *changes_new(void)
{
	GArray *changes = g_array_new(FALSE, FALSE, sizeof(Variable));

	g_array_set_clear_func(changes, (GDestroyNotify)variable_clear);
	return changes;
}

static void add_change(GArray *changes, char *name_take, const char *value)
{
	Variable variable = { name_take, g_strdup(value) };

	g_array_append_val(changes, variable);
}

static void add_for(GArray *changes, const Slot *slot, const char *suffix, const char *value)
{
	add_change(changes, g_strconcat(slot->boot_name, suffix, NULL), value);
}

/* Bad ("0", "0"), on trial, or committed. */
static void add_state(GArray *changes, const Slot *slot, const char *left, const char *commit)
{
	bool is_bad = g_str_equal(left, "0") && g_str_equal(commit, "0");

	add_for(changes, slot, "_OK", is_bad ? "0" : "1");
	add_for(changes, slot, "_TRY", "0");
	add_for(changes, slot, "_LEFT", left);
	add_for(changes, slot, "_COMMIT", commit);
}

static char *get(const Grubenv *env, const char *name, GError **error)
{
	char *value = grubenv_get(env, name);

	if (!value)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "Variable %s not set in grub environment", name);
	return g_strchomp(value);
}

static bool get_flag(const Grubenv *env, const Slot *slot, const char *suffix, guint64 *value,
                     GError **error)
{
	g_autofree char *name = g_strconcat(slot->boot_name, suffix, NULL);
	g_autofree char *text = get(env, name, error);

	if (!text)
		return false;
	*value = g_ascii_strtoull(text, NULL, 0);
	return true;
}

static bool is_bootable(const Grubenv *env, const Slot *slot, bool *bootable, GError **error)
{
	guint64 is_ok, is_tried;

	if (!get_flag(env, slot, "_OK", &is_ok, error) ||
	    !get_flag(env, slot, "_TRY", &is_tried, error))
		return false;
	*bootable = is_ok == 1 && is_tried == 0;
	return true;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	size_t size;
	g_autoptr(Grubenv) env = load(path_of(boot), &size, error);
	g_autofree char *order = env ? get(env, "ORDER", error) : NULL;

	if (!order)
		return NULL;
	if (!*order)
		return fail_null(error, FAILURE_NOT_FOUND, "Variable ORDER is empty");

	g_auto(GStrv) names = g_strsplit(order, " ", -1);
	for (char **name = names; *name; name++) {
		const Slot *slot = boot_find(boot, *name);
		bool bootable = false;

		if (slot && is_bootable(env, slot, &bootable, NULL) && bootable)
			return slot;
	}
	return fail_null(error, FAILURE_NOT_FOUND, "No bootable slot found in ORDER '%s'", order);
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	g_autoptr(GArray) changes = changes_new();
	g_autoptr(GString) order = g_string_new(slot->boot_name);
	int wanted = boot->config->boot_attempts_primary;
	char left[] = { (char)('0' + CLAMP(wanted ? wanted : ATTEMPTS, 1, MOST)), '\0' };

	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *other = boot->slots->pdata[i];

		if (!g_str_equal(other->boot_name, slot->boot_name))
			g_string_append_printf(order, " %s", other->boot_name);
	}
	add_state(changes, slot, left, "0");
	add_change(changes, g_strdup("ORDER"), order->str);
	return change(boot, changes, error);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	size_t size;
	g_autoptr(Grubenv) env = load(path_of(boot), &size, error);
	g_autofree char *order = env ? get(env, "ORDER", error) : NULL;
	bool bootable;

	if (!order || !is_bootable(env, slot, &bootable, error))
		return false;

	g_auto(GStrv) names = g_strsplit(order, " ", -1);
	*good = bootable && g_strv_contains((const char *const *)names, slot->boot_name);
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	g_autoptr(GArray) changes = changes_new();

	add_state(changes, slot, "0", good ? "1" : "0");
	return change(boot, changes, error);
}

const BootOps boot_grub = {
	.name = "grub",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
};
