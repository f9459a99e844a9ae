/* SPDX-License-Identifier: MIT */

#include "model/config.h"

#include <string.h>

#include "base/error.h"
#include "model/config_take.h"

static const char *const bootloaders[] = {
	[BOOTLOADER_NONE] = "none",
	[BOOTLOADER_BAREBOX] = "barebox",
	[BOOTLOADER_GRUB] = "grub",
	[BOOTLOADER_UBOOT] = "uboot",
	[BOOTLOADER_EFI] = "efi",
	[BOOTLOADER_CUSTOM] = "custom",
	[BOOTLOADER_NOOP] = "noop",
	[BOOTLOADER_SYSTEMD_BOOT] = "systemd-boot",
	[BOOTLOADER_RASPBERRYPI] = "raspberrypi",
};

const char *config_bootloader_name(Bootloader bootloader)
{
	return (unsigned)bootloader < G_N_ELEMENTS(bootloaders) ? bootloaders[bootloader]
	                                                        : "unknown";
}

static void log_free(void *data)
{
	ConfigLog *log = data;

	g_free(log->name);
	g_free(log->filename);
	g_free(log->format);
	g_strfreev(log->events);
	g_free(log);
}

void config_repo_free(ConfigRepo *repo)
{
	g_free(repo->name);
	g_free(repo->path);
	g_free(repo->type);
	g_free(repo->description);
	g_free(repo);
}

static Config *config_new(const char *path)
{
	Config *config = g_new0(Config, 1);

	config->path = g_strdup(path);
	config->efi_use_bootnext = true;
	config->max_bundle_download_size = 8 << 20;
	config->max_bundle_signature_size = 64 << 10;
	config->mount_prefix = g_strdup("/mnt/rauc/");
	config->activate_installed = true;
	config->bundle_formats = MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT;
	config->verify_written = true;
	config->keyring.allow_demo_keys = ALLOW_DEMO_KEYS;
	config->handler_timeout_sec = 3600;
	config->keyring.expiry_warning_days = 180;
	config->update.rollout_percent = 100;
	config->logs = g_ptr_array_new_with_free_func(log_free);
	config->slots = g_ptr_array_new_with_free_func((GDestroyNotify)slot_free);
	config->repos = g_ptr_array_new_with_free_func((GDestroyNotify)config_repo_free);
	return config;
}

static void free_sections(Config *config)
{
	g_free(config->keyring.path);
	g_free(config->keyring.directory);
	g_free(config->keyring.check_purpose);
	g_strfreev(config->keyring.allowed_signer_cns);
	g_free(config->casync.store_path);
	g_free(config->casync.tmp_path);
	g_strfreev(config->casync.install_args);
	g_free(config->streaming.sandbox_user);
	g_free(config->streaming.tls_cert);
	g_free(config->streaming.tls_key);
	g_free(config->streaming.tls_ca);
	g_strfreev(config->streaming.send_headers);
	g_free(config->polling.url);
	g_strfreev(config->polling.inhibit_files);
	g_strfreev(config->polling.candidate_criteria);
	g_strfreev(config->polling.install_criteria);
	g_strfreev(config->polling.reboot_criteria);
	g_strfreev(config->polling.reboot_cmd);
	g_free(config->update.url);
	g_strfreev(config->update.criteria);
	g_strfreev(config->update.window);
	g_strfreev(config->update.inhibit_files);
}

void config_free(Config *config)
{
	if (!config)
		return;
	free_sections(config);
	g_free(config->path);
	g_free(config->compatible);
	g_free(config->min_bundle_version);
	g_free(config->barebox_statename);
	g_free(config->barebox_dtbpath);
	g_free(config->grubenv);
	g_free(config->raspberrypi_autoboot);
	g_free(config->mount_prefix);
	g_free(config->fw_env_config);
	g_free(config->efi_path);
	g_free(config->variant_file);
	g_free(config->variant_name);
	g_free(config->data_directory);
	g_free(config->status_file);
	g_free(config->encryption_key);
	g_free(config->encryption_cert);
	g_free(config->autoinstall_path);
	g_free(config->handler_system_info);
	g_free(config->handler_pre_install);
	g_free(config->handler_post_install);
	g_free(config->handler_bootloader_custom);
	g_ptr_array_unref(config->logs);
	g_ptr_array_unref(config->slots);
	g_ptr_array_unref(config->repos);
	g_free(config);
}

void config_override_free(ConfigOverride *override)
{
	if (!override)
		return;
	g_free(override->section);
	g_free(override->key);
	g_free(override->value);
	g_free(override);
}

/* What GKeyFile takes as a name, without its surprises. */
static bool is_name(const char *name)
{
	if (!*name || g_ascii_isspace(*name) || g_ascii_isspace(name[strlen(name) - 1]))
		return false;
	for (const char *at = name; *at; at++) {
		if (g_ascii_iscntrl(*at) || strchr("[]=", *at))
			return false;
	}
	return true;
}

ConfigOverride *config_override_parse(const char *text, GError **error)
{
	static const char doing[] = "Error in parsing override";
	const char *equals = strchr(text, '=');
	const char *colon = equals ? memchr(text, ':', (size_t)(equals - text)) : NULL;

	if (!*text)
		return fail_null(error, FAILURE_USAGE,
		                 "%s: you must specify it in format SECTION:KEY=VALUE", doing);
	if (!equals)
		return fail_null(error, FAILURE_USAGE, "%s: Missing '='", doing);
	if (!colon)
		return fail_null(error, FAILURE_USAGE, "%s: Missing ':'", doing);

	g_autoptr(ConfigOverride) override = g_new0(ConfigOverride, 1);
	override->section = g_strndup(text, (size_t)(colon - text));
	override->key = g_strndup(colon + 1, (size_t)(equals - colon - 1));
	override->value = g_strdup(equals + 1);
	if (!g_utf8_validate(text, -1, NULL) || !is_name(override->section) ||
	    !is_name(override->key) || strchr(override->value, '\n'))
		return fail_null(error, FAILURE_USAGE,
		                 "%s: '%s' is not of the format SECTION:KEY=VALUE", doing, text);
	return g_steal_pointer(&override);
}

static bool take_sections(Config *config, KeyFile *file, GError **error)
{
	return config_take_system(config, file, error) &&
	       config_take_keyring(config, file, error) &&
	       config_take_casync(config, file, error) &&
	       config_take_streaming(config, file, error) &&
	       config_take_polling(config, file, error) &&
	       config_take_update(config, file, error) &&
	       config_take_encryption(config, file, error) &&
	       config_take_autoinstall(config, file, error) &&
	       config_take_handlers(config, file, error) && config_take_logs(config, file, error) &&
	       config_take_slots(config, file, error) && config_take_repos(config, file, error) &&
	       keyfile_end(file, error);
}

static bool check_boot_names(const Config *config, GError **error)
{
	g_autoptr(GHashTable) owners = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < config->slots->len; i++) {
		Slot *slot = config->slots->pdata[i];
		const Slot *owner = NULL;

		if (!slot->boot_name)
			continue;
		owner = g_hash_table_lookup(owners, slot->boot_name);
		if (owner)
			return fail(error, FAILURE_CONFIG,
			            "Bootname '%s' is set on more than one slot: key 'bootname' in "
			            "groups '[slot.%s]' and '[slot.%s]'",
			            slot->boot_name, owner->name, slot->name);
		g_hash_table_insert(owners, slot->boot_name, slot);
	}
	return true;
}

static bool check_repo_names(const Config *config, GError **error)
{
	g_autoptr(GHashTable) classes = g_hash_table_new(g_str_hash, g_str_equal);

	for (unsigned i = 0; i < config->slots->len; i++)
		g_hash_table_add(classes, ((Slot *)config->slots->pdata[i])->class);
	for (unsigned i = 0; i < config->repos->len; i++) {
		const ConfigRepo *repo = config->repos->pdata[i];

		if (g_hash_table_contains(classes, repo->name))
			return fail(error, FAILURE_CONFIG,
			            "Repo name '%s' is also a slot class: rename group "
			            "'[artifacts.%s]' or the slots",
			            repo->name, repo->name);
	}
	return true;
}

static bool check_target(const Config *config, GError **error)
{
	if (!config->compatible)
		return fail(error, FAILURE_CONFIG,
		            "System compatible string is not set: set 'compatible' in group "
		            "'[system]'");
	return config->bootloader != BOOTLOADER_NONE ||
	       fail(error, FAILURE_CONFIG,
	            "No bootloader selected in system config: set 'bootloader' in group "
	            "'[system]'");
}

/* `*config` is complete only where this returns true. */
static bool parse(const char *text, size_t size, const GPtrArray *overrides, Config *config,
                  GError **error)
{
	g_autoptr(KeyFile) file = keyfile_parse(text, size, error);

	if (!file)
		return false;
	for (unsigned i = 0; overrides && i < overrides->len; i++) {
		const ConfigOverride *override = overrides->pdata[i];

		keyfile_override(file, override->section, override->key, override->value);
	}
	return take_sections(config, file, error) && check_boot_names(config, error) &&
	       check_repo_names(config, error);
}

Config *config_parse(const char *text, size_t size, const char *path, const GPtrArray *overrides,
                     GError **error)
{
	g_autoptr(Config) config = config_new(path);

	if (!parse(text, size, overrides, config, error) || !check_target(config, error))
		return NULL;
	return g_steal_pointer(&config);
}

Config *config_new_default(const GPtrArray *overrides, GError **error)
{
	static const char text[] = "[system]\n";
	g_autoptr(Config) config = config_new(NULL);

	if (!parse(text, strlen(text), overrides, config, error))
		return NULL;
	return g_steal_pointer(&config);
}
