/* SPDX-License-Identifier: MIT */

/* The boot loader: its state, its script, its tools. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "boot/grubenv.h"
#include "doctor/doctor_families.h"

/*
 * What the scripts in boot/ say of themselves, in their head and on the kernel command line:
 *
 *   moonforge-rauc boot script, grub, version 2        rauc.bootscript=grub-2
 */
#define SCRIPT_MARK "moonforge-rauc boot script, "
#define SCRIPT_WORD "rauc.bootscript"

#define FW_ENV "/etc/fw_env.config"

/* And the first version of each that keeps its state as this program does. */
static const struct {
	Bootloader of;
	const char *name;
	uint64_t least;
} scripts[] = {
	{ BOOTLOADER_GRUB, "grub", 2 },
	{ BOOTLOADER_UBOOT, "uboot", 1 },
};

enum { MAX_BLOCK = 64 * 1024, MAX_SCRIPT = 1 << 20, LONG_TRIAL = 30 * 60 };

/* GRUB: the environment block as a file. */

static bool check_block_file(Doctor *doctor, const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		doctor_find(doctor, "boot.env-missing", path, "the environment block: %s",
		            g_strerror(errno));
		return false;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > MAX_BLOCK) {
		doctor_find(doctor, "boot.env-damaged", path, "this is no environment block");
		return false;
	}
	if (!st.st_size) {
		doctor_find(doctor, "boot.env-empty", path, "the environment block has 0 bytes");
		return false;
	}
	if (access(path, W_OK) < 0)
		doctor_find(doctor, "boot.env-read-only", path,
		            "the environment block cannot be written: %s", g_strerror(errno));
	const Slot *slot = doctor->is_live ? doctor_slot_around(doctor, path) : NULL;
	if (slot)
		doctor_find(doctor, "boot.env-in-slot", path,
		            "the environment block lies in slot %s", slot->name);
	return true;
}

static void check_order(Doctor *doctor, const char *path, const Grubenv *env)
{
	g_autofree char *order = grubenv_get(env, "ORDER");
	g_auto(GStrv) names = order ? g_strsplit_set(order, " \t", -1) : NULL;

	if (!order || !*order) {
		doctor_find(doctor, "boot.order", path, "ORDER is not set: no slot is named");
		return;
	}
	for (char **name = names; *name; name++) {
		if (**name && doctor->boot && !boot_find(doctor->boot, *name))
			doctor_find(doctor, "boot.order", path,
			            "ORDER=%s names '%s', which no slot is called", order, *name);
	}
	for (unsigned i = 0; doctor->boot && i < doctor->boot->slots->len; i++) {
		const Slot *slot = doctor->boot->slots->pdata[i];

		if (!g_strv_contains((const char *const *)names, slot->boot_name))
			doctor_find(doctor, "boot.order", path,
			            "ORDER=%s leaves out %s, the bootname of slot %s", order,
			            slot->boot_name, slot->name);
	}
}

static void check_trial(Doctor *doctor, const char *path, const Grubenv *env)
{
	const char *name = doctor->booted ? doctor->booted->boot_name : NULL;
	uint64_t uptime = doctor_uptime(doctor);

	if (!name || uptime < LONG_TRIAL)
		return;
	g_autofree char *try_name = g_strconcat(name, "_TRY", NULL);
	g_autofree char *left_name = g_strconcat(name, "_LEFT", NULL);
	g_autofree char *commit_name = g_strconcat(name, "_COMMIT", NULL);
	g_autofree char *try = grubenv_get(env, try_name), *left = grubenv_get(env, left_name);
	g_autofree char *commit = grubenv_get(env, commit_name);
	if (g_strcmp0(commit, "1") != 0 &&
	    (g_strcmp0(try, "1") == 0 || g_ascii_strtoull(left ? left : "0", NULL, 10) > 0))
		doctor_find(doctor, "health.not-committed", path,
		            "slot %s has been on trial for %" G_GUINT64_FORMAT
		            " minutes and is not marked good",
		            doctor->booted->name, uptime / 60);
}

static void check_grub(Doctor *doctor)
{
	const char *path = doctor->config->grubenv;
	size_t size = 0;

	/* Of an image: its boot partition is not in it. */
	if (!doctor->is_live && access(path, F_OK) < 0)
		return;
	if (!check_block_file(doctor, path))
		return;
	g_autofree char *bytes = doctor_slurp(path, MAX_BLOCK, &size, NULL);
	g_autoptr(Grubenv) env = bytes ? grubenv_parse(bytes, size) : NULL;
	if (!env || env->damage) {
		doctor_find(doctor, "boot.env-damaged", path, "the environment block %s",
		            env ? env->damage : "cannot be read");
		return;
	}
	if (size != GRUBENV_SIZE)
		doctor_find(doctor, "boot.env-damaged", path,
		            "the environment block has %zu bytes, not %d", size, GRUBENV_SIZE);
	check_order(doctor, path, env);
	check_trial(doctor, path, env);
}

/* Whatever the boot loader: what it says. */

static void check_states(Doctor *doctor)
{
	unsigned n_good = 0, n_unknown = 0;
	const GPtrArray *slots = doctor->boot->slots;

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];
		g_autoptr(GError) error = NULL;
		bool is_good = false;

		if (!boot_get_state(doctor->boot, slot, &is_good, &error)) {
			n_unknown++;
			if (!g_error_matches(error, FAILURE, FAILURE_UNSUPPORTED))
				doctor_find(doctor, "boot.unreadable", slot->name, "%s",
				            error->message);
			continue;
		}
		n_good += is_good;
		if (is_good)
			continue;
		if (slot == doctor->booted)
			doctor_find(doctor, "boot.booted-bad", slot->name,
			            "the booted slot %s is bad, for the boot loader", slot->name);
		else
			doctor_find(doctor, "boot.other-bad", slot->name,
			            "slot %s is bad, for the boot loader", slot->name);
	}
	if (slots->len && !n_good && !n_unknown)
		doctor_find(doctor, "boot.no-good-slot", NULL,
		            "no slot is good, for the boot loader");
}

static void check_primary(Doctor *doctor)
{
	g_autoptr(GError) error = NULL;
	const Slot *primary = boot_get_primary(doctor->boot, &error);

	if (primary && doctor->booted && primary != doctor->booted)
		doctor_find(doctor, "boot.pending", primary->name,
		            "the next boot goes to slot %s, slot %s runs", primary->name,
		            doctor->booted->name);
}

/* The script. */

static char *read_script(const char *real)
{
	size_t size = 0;
	char *text = doctor_slurp(real, MAX_SCRIPT, &size, NULL);

	/* a compiled script has a head of bytes in front of its text */
	for (size_t i = 0; text && i < size; i++)
		text[i] = text[i] ? text[i] : ' ';
	return text;
}

/* The file that is run next, where it can be seen from here. */
static char *find_script(const Doctor *doctor, char **where)
{
	static const char *const of_uboot[] = {
		"/boot/boot.scr",          "/boot/boot.scr.uimg", "/boot/efi/boot.scr",
		"/boot/efi/boot.scr.uimg", "/boot/boot.cmd",
	};
	bool is_grub = doctor->config->bootloader == BOOTLOADER_GRUB;
	g_autofree char *folder = is_grub ? g_path_get_dirname(doctor->config->grubenv) : NULL;
	g_autofree char *beside = folder ? g_build_filename(folder, "grub.cfg", NULL) : NULL;

	if (beside && access(beside, F_OK) == 0)
		*where = g_strdup(beside);
	for (unsigned i = 0; !is_grub && !*where && i < G_N_ELEMENTS(of_uboot); i++) {
		if (doctor_has(doctor, of_uboot[i]))
			*where = doctor_path(doctor, of_uboot[i]);
	}
	return *where ? read_script(*where) : NULL;
}

/* "grub, version 2" or "grub-2": the number, 0 where the name is another. */
static uint64_t version_of(const char *said, const char *name)
{
	size_t length = strlen(name);

	if (strncmp(said, name, length) != 0)
		return 0;
	said += length;
	if (g_str_has_prefix(said, ", version "))
		return g_ascii_strtoull(said + strlen(", version "), NULL, 10);
	return *said == '-' ? g_ascii_strtoull(said + 1, NULL, 10) : 0;
}

static void judge_script(Doctor *doctor, const char *said, const char *where)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(scripts); i++) {
		uint64_t version;

		if (scripts[i].of != doctor->config->bootloader)
			continue;
		version = said ? version_of(said, scripts[i].name) : 0;
		if (!version)
			doctor_find(doctor, "boot.script-unknown", where,
			            "the boot script is not moonforge-rauc's for %s",
			            scripts[i].name);
		else if (version < scripts[i].least)
			doctor_find(doctor, "boot.script-old", where,
			            "the boot script is version %" G_GUINT64_FORMAT
			            ", this program wants %" G_GUINT64_FORMAT " at least",
			            version, scripts[i].least);
	}
}

/* The file is what runs next; what is on the kernel command line has run. */
static void check_script(Doctor *doctor)
{
	g_autofree char *word = doctor_word(doctor, SCRIPT_WORD);
	g_autofree char *where = NULL;
	g_autofree char *text = find_script(doctor, &where);
	const char *mark = text ? strstr(text, SCRIPT_MARK) : NULL;

	if (where)
		judge_script(doctor, mark ? mark + strlen(SCRIPT_MARK) : NULL, where);
	else if (word)
		judge_script(doctor, word, "/proc/cmdline");
	else if (doctor->is_live)
		doctor_find(doctor, "boot.script-missing", NULL,
		            "no boot script is found, and none has named itself on the "
		            "kernel command line (" SCRIPT_WORD "=)");
}

static void check_tools(Doctor *doctor)
{
	static const struct {
		Bootloader of;
		const char *program;
	} tools[] = {
		{ BOOTLOADER_EFI, "efibootmgr" },
		{ BOOTLOADER_BAREBOX, "barebox-state" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(tools); i++) {
		if (doctor->config->bootloader == tools[i].of &&
		    !doctor_has_program(doctor, tools[i].program))
			doctor_find(doctor, "boot.tool-missing", tools[i].program,
			            "the program %s is not installed", tools[i].program);
	}
}

/* Lines of fw_env.config that say where a copy lies; not of one in YAML, which begins with a name. */
static unsigned count_copies(const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	unsigned n = 0;

	for (char **line = lines; *line; line++)
		n += *g_strstrip(*line) == '/';
	return n;
}

static char *path_of_fw_env(const Doctor *doctor)
{
	const char *given = doctor->config->fw_env_config;

	return given ? g_strdup(given) : doctor_path(doctor, FW_ENV);
}

static void check_uboot(Doctor *doctor)
{
	g_autofree char *path = path_of_fw_env(doctor);
	g_autoptr(GError) error = NULL;
	g_autofree char *text = doctor_slurp(path, MAX_SCRIPT, NULL, &error);

	if (!text)
		doctor_find(doctor, "boot.no-fw-env-config", path,
		            "nothing says where the environment of U-Boot lies: %s",
		            error->message);
	else if (count_copies(text) == 1)
		doctor_find(doctor, "boot.env-single", path,
		            "the environment of U-Boot has one copy only");
}

/* May the boot state be kept there? */
static bool keeps_state_in(const Doctor *doctor, const char *point)
{
	const Config *config = doctor->config;
	g_autofree char *inside = g_strconcat(point, "/", NULL);
	g_autofree char *path = path_of_fw_env(doctor), *fw_env = NULL;

	switch (config->bootloader) {
	case BOOTLOADER_GRUB:
		return g_str_has_prefix(doctor_name(doctor, config->grubenv), inside);
	case BOOTLOADER_UBOOT:
		fw_env = doctor_slurp(path, MAX_SCRIPT, NULL, NULL);
		return fw_env && strstr(fw_env, inside);
	case BOOTLOADER_EFI:
	case BOOTLOADER_BAREBOX:
	case BOOTLOADER_NOOP:
		return false;
	default: /* files of the boot loader, or nobody knows */
		return true;
	}
}

/* A FAT for the boot loader that is always mounted for writing. */
static void check_esp(Doctor *doctor)
{
	static const char *const points[] = { "/boot/efi", "/efi", "/boot" };
	g_auto(GStrv) lines = g_strsplit(doctor->mountinfo, "\n", -1);

	for (unsigned i = 0; i < G_N_ELEMENTS(points); i++) {
		bool is_automount = false, is_writable = false;

		for (char **line = lines; *line; line++) {
			g_auto(GStrv) fields = g_strsplit(*line, " ", 7);

			if (g_strv_length(fields) < 7 || !g_str_equal(fields[4], points[i]))
				continue;
			is_automount = is_automount || strstr(fields[6], "- autofs ") != NULL;
			is_writable = strstr(fields[6], "- vfat ") != NULL &&
			              g_str_has_prefix(fields[5], "rw");
		}
		if (is_writable && !is_automount && !keeps_state_in(doctor, points[i]))
			doctor_find(doctor, "boot.esp-writable", points[i],
			            "the boot partition is mounted writable all the time");
	}
}

static void check_open(Doctor *doctor)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Boot) boot = boot_open(doctor->config, &error);

	if (!boot)
		doctor_find(doctor, "boot.backend", doctor->conf, "%s", error->message);
}

static void check_backend(Doctor *doctor)
{
	g_autoptr(GError) error = NULL;

	if (!boot_check(doctor->boot, &error))
		doctor_find(doctor, "boot.check", NULL, "%s", error->message);
}

void doctor_boot(Doctor *doctor)
{
	const Config *config = doctor->config;

	if (!config)
		return;
	check_open(doctor);
	check_tools(doctor);
	if (config->bootloader == BOOTLOADER_GRUB)
		check_grub(doctor);
	if (config->bootloader == BOOTLOADER_UBOOT)
		check_uboot(doctor);
	if (config->bootloader == BOOTLOADER_GRUB || config->bootloader == BOOTLOADER_UBOOT)
		check_script(doctor);
	if (!doctor->is_live)
		return;
	check_esp(doctor);
	if (!doctor->boot || doctor_has_found(doctor, "boot.env-damaged") ||
	    doctor_has_found(doctor, "boot.env-empty") ||
	    doctor_has_found(doctor, "boot.env-missing"))
		return;
	check_backend(doctor);
	check_states(doctor);
	check_primary(doctor);
}
