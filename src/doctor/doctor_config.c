/* SPDX-License-Identifier: MIT */

/* system.conf, and the folders and programs it names. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "doctor/doctor_families.h"

enum { MAX_SIZE = 1024 * 1024 };
#define TMPFS 0x01021994
#define RAMFS 0x858458f6

static const char *const places[] = { "/etc/rauc", "/run/rauc", "/usr/lib/rauc", NULL };

/* What a refusal of the parser means, by its words. */
static const struct {
	const char *words, *id;
} refusals[] = {
	{ "Invalid key '", "config.unknown-key" },
	{ "Invalid group '", "config.unknown-key" },
	{ "compatible string is not set", "config.no-compatible" },
	{ "Missing value for key 'compatible'", "config.no-compatible" },
	{ "is set on more than one slot", "slots.bootname-twice" },
};

static void find_refusal(Doctor *doctor, const char *message)
{
	const char *id = "config.invalid";

	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		if (strstr(message, refusals[i].words))
			id = refusals[i].id;
	}
	doctor_find(doctor, id, doctor->conf, "%s", message);
}

/* Paths of the device become paths from here. */
static void move_below(const Doctor *doctor, char **path)
{
	size_t length = strlen(doctor->root);

	if (!*path || **path != '/' ||
	    (g_str_has_prefix(*path, doctor->root) && (*path)[length] == '/'))
		return;
	char *moved = doctor_path(doctor, *path);
	g_free(*path);
	*path = moved;
}

static void move_all_below(const Doctor *doctor, Config *config)
{
	char **const paths[] = {
		&config->grubenv,
		&config->efi_path,
		&config->fw_env_config,
		&config->mount_prefix,
		&config->variant_file,
		&config->data_directory,
		&config->status_file,
		&config->keyring.path,
		&config->keyring.directory,
		&config->streaming.tls_cert,
		&config->streaming.tls_key,
		&config->streaming.tls_ca,
		&config->encryption_key,
		&config->encryption_cert,
		&config->handler_system_info,
		&config->handler_pre_install,
		&config->handler_post_install,
		&config->handler_bootloader_custom,
	};

	if (config->bootloader == BOOTLOADER_GRUB && !config->grubenv)
		config->grubenv = g_strdup("/boot/grub/grubenv");
	if (!*doctor->root)
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
		move_below(doctor, paths[i]);
	for (unsigned i = 0; i < config->slots->len; i++) {
		Slot *slot = config->slots->pdata[i];
		char *moved = g_strconcat(doctor->root, slot->device, NULL);

		/* links stay: how the device is named is looked at too */
		g_free(slot->device);
		slot->device = moved;
	}
}

static void replace(char **field, const char *value)
{
	if (!value)
		return;
	g_free(*field);
	*field = g_strdup(value);
}

static void load(Doctor *doctor)
{
	const char *named = doctor->options->conf;
	g_autofree char *place =
		named ? g_strdup(named) : doctor_search(doctor, places, "system.conf");
	g_autoptr(GError) error = NULL;
	size_t size = 0;

	if (!place) {
		doctor_find(doctor, "config.missing", "/etc/rauc/system.conf",
		            "there is no system.conf, nor in /run/rauc or /usr/lib/rauc");
		return;
	}
	doctor->conf = named ? g_strdup(named) : doctor_path(doctor, place);
	g_autofree char *text = doctor_slurp(doctor->conf, MAX_SIZE, &size, &error);
	if (!text) {
		doctor_find(doctor, "config.missing", doctor->conf, "%s", error->message);
		return;
	}
	if (!size) {
		doctor_find(doctor, "config.invalid", doctor->conf, "the file is empty");
		return;
	}
	doctor->config = config_parse(text, size, doctor->conf, doctor->options->overrides, &error);
	if (!doctor->config) {
		find_refusal(doctor, error->message);
		return;
	}
	move_all_below(doctor, doctor->config);
	replace(&doctor->config->keyring.path, doctor->options->keyring);
}

static void check_compatible(Doctor *doctor)
{
	const char *compatible = doctor->config->compatible;
	static const char *const placeholders[] = { "@",     "CHANGEME", "CHANGE_ME",
		                                    "FIXME", "TODO",     "${" };

	for (unsigned i = 0; i < G_N_ELEMENTS(placeholders); i++) {
		if (strstr(compatible, placeholders[i])) {
			doctor_find(doctor, "config.placeholder", doctor->conf,
			            "compatible=%s is a placeholder that nobody filled in",
			            compatible);
			return;
		}
	}
}

static void check_handlers(Doctor *doctor)
{
	const Config *config = doctor->config;
	const struct {
		const char *key, *path;
	} handlers[] = {
		{ "system-info", config->handler_system_info },
		{ "pre-install", config->handler_pre_install },
		{ "post-install", config->handler_post_install },
		{ "bootloader-custom-backend", config->handler_bootloader_custom },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(handlers); i++) {
		struct stat st;

		if (!handlers[i].path)
			continue;
		if (stat(handlers[i].path, &st) < 0)
			doctor_find(doctor, "config.handler-missing", handlers[i].path,
			            "the handler %s cannot be found: %s", handlers[i].key,
			            g_strerror(errno));
		else if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
			doctor_find(doctor, "config.handler-not-executable", handlers[i].path,
			            "the handler %s is not executable", handlers[i].key);
	}
}

static void check_data(Doctor *doctor)
{
	const char *path = doctor->config->data_directory, *why;
	g_autofree char *folder = path ? doctor_existing(path) : NULL;
	struct statfs fs;

	if (!path) {
		doctor_find(doctor, "config.no-data-directory", doctor->conf,
		            "data-directory= is not set");
		return;
	}
	if (!doctor->is_live)
		return;
	if (!doctor_is_writable(folder, &why)) {
		doctor_find(doctor, "config.data-unwritable", path,
		            "nothing can be kept in the data directory: %s: %s",
		            doctor_name(doctor, folder), why);
		return;
	}
	const Slot *slot = doctor_slot_around(doctor, folder);
	if (slot)
		doctor_find(doctor, "config.data-in-slot", path,
		            "the data directory lies in slot %s, %s", slot->name,
		            g_str_equal(folder, path) ? "which an update overwrites"
		                                      : "as long as its own is not mounted");
	else if (statfs(folder, &fs) == 0 && (fs.f_type == TMPFS || fs.f_type == RAMFS))
		doctor_find(doctor, "config.data-in-memory", path,
		            "the data directory lies in memory (tmpfs)");
}

static void check_mount_prefix(Doctor *doctor)
{
	const char *path = doctor->config->mount_prefix, *why;
	g_autofree char *folder = doctor_existing(path);

	if (doctor->is_live && !doctor_is_writable(folder, &why))
		doctor_find(doctor, "config.mountprefix", path, "%s: %s",
		            doctor_name(doctor, folder), why);
}

static void check_status_file(Doctor *doctor)
{
	const Config *config = doctor->config;
	g_autoptr(GError) error = NULL;
	size_t size = 0;

	for (unsigned i = 0; !config->status_file && i < config->slots->len; i++) {
		const Slot *slot = config->slots->pdata[i];

		if (slot_type_is_mountable(slot->type) && !slot->is_readonly)
			continue;
		doctor_find(doctor, "config.status-nowhere", slot->name,
		            "without a central status file nothing is kept of slot %s, which %s",
		            slot->name,
		            slot->is_readonly ? "is read-only" : "has no file system to keep it");
		return;
	}
	if (!config->status_file || access(config->status_file, F_OK) < 0)
		return;
	g_autofree char *text = doctor_slurp(config->status_file, MAX_SIZE, &size, &error);
	if (text)
		doctor->status = status_file_parse(text, size, &error);
	if (!doctor->status)
		doctor_find(doctor, "config.status-corrupt", config->status_file, "%s",
		            error->message);
}

void doctor_config(Doctor *doctor)
{
	load(doctor);

	const Config *config = doctor->config;
	if (!config)
		return;
	check_compatible(doctor);
	if (!config->keyring.path && !config->keyring.directory)
		doctor_find(doctor, "config.no-keyring", doctor->conf,
		            "neither path= nor directory= is set in [keyring]");
	if (config->bundle_formats & MANIFEST_PLAIN)
		doctor_find(doctor, "config.plain-allowed", doctor->conf,
		            "bundles of the format plain are accepted");
	check_handlers(doctor);
	check_mount_prefix(doctor);
	check_data(doctor);
	check_status_file(doctor);
}
