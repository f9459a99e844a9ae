/* SPDX-License-Identifier: MIT */

#include "model/config.h"

static void set_string(GKeyFile *file, const char *group, const char *key, const char *value)
{
	if (value)
		g_key_file_set_string(file, group, key, value);
}

static void set_bool(GKeyFile *file, const char *group, const char *key, bool value, bool fallback)
{
	if (value != fallback)
		g_key_file_set_boolean(file, group, key, value);
}

static void set_int(GKeyFile *file, const char *group, const char *key, int value, int fallback)
{
	if (value != fallback)
		g_key_file_set_integer(file, group, key, value);
}

static void set_uint64(GKeyFile *file, const char *group, const char *key, uint64_t value,
                       uint64_t fallback)
{
	if (value != fallback)
		g_key_file_set_uint64(file, group, key, value);
}

/* An empty list is not the same as none: it overrides a default. */
static void set_list(GKeyFile *file, const char *group, const char *key, GStrv value,
                     const char *fallback)
{
	bool is_default =
		fallback && value && g_strv_length(value) == 1 && g_str_equal(*value, fallback);

	if (value && !is_default)
		g_key_file_set_string_list(file, group, key, (const char *const *)value,
		                           g_strv_length(value));
}

static void set_words(GKeyFile *file, const char *group, const char *key, GStrv words,
                      const char *fallback)
{
	g_autoptr(GString) line = g_string_new(NULL);

	for (char **word = words; word && *word; word++) {
		g_autofree char *quoted = g_shell_quote(*word);

		g_string_append_printf(line, "%s%s", line->len ? " " : "", quoted);
	}
	g_autofree char *quoted_fallback = fallback ? g_shell_quote(fallback) : NULL;
	if (line->len && g_strcmp0(line->str, quoted_fallback) != 0)
		g_key_file_set_string(file, group, key, line->str);
}

static void set_formats(GKeyFile *file, ManifestFormat formats)
{
	static const ManifestFormat all[] = { MANIFEST_PLAIN, MANIFEST_VERITY, MANIFEST_CRYPT };
	g_autoptr(GString) names = g_string_new(NULL);

	if (formats == (MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT))
		return;
	for (unsigned i = 0; i < G_N_ELEMENTS(all); i++) {
		if (formats & all[i])
			g_string_append_printf(names, "%s%s", names->len ? " " : "",
			                       manifest_format_name(all[i]));
	}
	g_key_file_set_string(file, "system", "bundle-formats", names->str);
}

static void set_status_file(GKeyFile *file, const Config *config)
{
	g_autofree char *fallback =
		config->data_directory
			? g_build_filename(config->data_directory, "central.raucs", NULL)
			: NULL;

	set_string(file, "system", "data-directory", config->data_directory);
	if (g_strcmp0(config->status_file, fallback) != 0)
		set_string(file, "system", "statusfile", config->status_file);
}

static void set_boot(GKeyFile *file, const Config *config)
{
	if (config->bootloader != BOOTLOADER_NONE)
		set_string(file, "system", "bootloader",
		           config_bootloader_name(config->bootloader));
	set_string(file, "system", "barebox-statename", config->barebox_statename);
	set_string(file, "system", "barebox-dtbpath", config->barebox_dtbpath);
	if (g_strcmp0(config->grubenv, "/boot/grub/grubenv") != 0)
		set_string(file, "system", "grubenv", config->grubenv);
	if (g_strcmp0(config->raspberrypi_autoboot, "/boot/autoboot.txt") != 0)
		set_string(file, "system", "raspberrypi-autoboot", config->raspberrypi_autoboot);
	set_bool(file, "system", "efi-use-bootnext", config->efi_use_bootnext, true);
	set_string(file, "system", "fw-env-config", config->fw_env_config);
	set_string(file, "system", "efi-path", config->efi_path);
	set_int(file, "system", "boot-attempts", config->boot_attempts, 0);
	set_int(file, "system", "boot-attempts-primary", config->boot_attempts_primary, 0);
}

static void set_system(GKeyFile *file, const Config *config)
{
	set_string(file, "system", "compatible", config->compatible);
	set_boot(file, config);
	set_string(file, "system", "min-bundle-version", config->min_bundle_version);
	set_uint64(file, "system", "max-bundle-download-size", config->max_bundle_download_size,
	           8 << 20);
	set_uint64(file, "system", "max-bundle-signature-size", config->max_bundle_signature_size,
	           64 << 10);
	if (!g_str_equal(config->mount_prefix, "/mnt/rauc/"))
		set_string(file, "system", "mountprefix", config->mount_prefix);
	set_bool(file, "system", "activate-installed", config->activate_installed, true);
	set_bool(file, "system", "variant-dtb", config->variant_dtb, false);
	set_string(file, "system", "variant-file", config->variant_file);
	set_string(file, "system", "variant-name", config->variant_name);
	set_bool(file, "system", "prevent-late-fallback", config->prevent_late_fallback, false);
	set_status_file(file, config);
	set_formats(file, config->bundle_formats);
	set_bool(file, "system", "perform-pre-check", config->perform_pre_check, false);
	set_bool(file, "system", "verify-written", config->verify_written, true);
}

static void set_keyring(GKeyFile *file, const ConfigKeyring *keyring)
{
	set_string(file, "keyring", "path", keyring->path);
	set_string(file, "keyring", "directory", keyring->directory);
	set_bool(file, "keyring", "check-crl", keyring->check_crl, false);
	set_bool(file, "keyring", "allow-partial-chain", keyring->allow_partial_chain, false);
	set_bool(file, "keyring", "use-bundle-signing-time", keyring->use_bundle_signing_time,
	         false);
	set_string(file, "keyring", "check-purpose", keyring->check_purpose);
	set_list(file, "keyring", "allowed-signer-cns", keyring->allowed_signer_cns, NULL);
	set_bool(file, "keyring", "allow-demo-keys", keyring->allow_demo_keys, ALLOW_DEMO_KEYS);
	set_int(file, "keyring", "expiry-warning-days", keyring->expiry_warning_days, 180);
}

static void set_sources(GKeyFile *file, const Config *config)
{
	const ConfigCasync *casync = &config->casync;
	const ConfigStreaming *streaming = &config->streaming;

	set_string(file, "casync", "storepath", casync->store_path);
	set_string(file, "casync", "tmppath", casync->tmp_path);
	set_words(file, "casync", "install-args", casync->install_args, NULL);
	set_bool(file, "casync", "use-desync", casync->use_desync, false);
	set_string(file, "streaming", "sandbox-user", streaming->sandbox_user);
	set_string(file, "streaming", "tls-cert", streaming->tls_cert);
	set_string(file, "streaming", "tls-key", streaming->tls_key);
	set_string(file, "streaming", "tls-ca", streaming->tls_ca);
	set_list(file, "streaming", "send-headers", streaming->send_headers, NULL);
	set_int(file, "streaming", "stall-timeout-sec", streaming->stall_timeout_sec, 20);
	set_int(file, "streaming", "connect-timeout-sec", streaming->connect_timeout_sec, 20);
	set_int(file, "streaming", "retry-max-sec", streaming->retry_max_sec, 60);
	set_int(file, "streaming", "deadline-sec", streaming->deadline_sec, 0);
	set_int(file, "streaming", "connections", streaming->connections, 4);
	if (streaming->rate_limit)
		g_key_file_set_uint64(file, "streaming", "rate-limit", streaming->rate_limit);
}

static void set_polling(GKeyFile *file, const ConfigPolling *polling)
{
	if (!polling->url)
		return;
	set_string(file, "polling", "url", polling->url);
	set_int(file, "polling", "interval-sec", polling->interval_sec, 24 * 60 * 60);
	if (polling->max_interval_sec / 4 != polling->interval_sec || polling->max_interval_sec % 4)
		g_key_file_set_integer(file, "polling", "max-interval-sec",
		                       polling->max_interval_sec);
	set_list(file, "polling", "inhibit-files", polling->inhibit_files, NULL);
	set_list(file, "polling", "candidate-criteria", polling->candidate_criteria,
	         "higher-semver");
	set_list(file, "polling", "install-criteria", polling->install_criteria, NULL);
	set_list(file, "polling", "reboot-criteria", polling->reboot_criteria, NULL);
	set_words(file, "polling", "reboot-cmd", polling->reboot_cmd, "reboot");
}

static void set_update(GKeyFile *file, const ConfigUpdate *update)
{
	set_string(file, "update", "url", update->url);
	set_list(file, "update", "criteria", update->criteria, NULL);
	set_list(file, "update", "window", update->window, NULL);
	set_int(file, "update", "rollout-percent", update->rollout_percent, 100);
	set_list(file, "update", "inhibit-files", update->inhibit_files, NULL);
	if (update->reboot)
		g_key_file_set_boolean(file, "update", "reboot", TRUE);
}

static void set_files(GKeyFile *file, const Config *config)
{
	set_string(file, "encryption", "key", config->encryption_key);
	set_string(file, "encryption", "cert", config->encryption_cert);
	set_string(file, "autoinstall", "path", config->autoinstall_path);
	set_int(file, "handlers", "timeout-sec", config->handler_timeout_sec, 3600);
	set_string(file, "handlers", "system-info", config->handler_system_info);
	set_string(file, "handlers", "pre-install", config->handler_pre_install);
	set_string(file, "handlers", "post-install", config->handler_post_install);
	set_string(file, "handlers", "bootloader-custom-backend",
	           config->handler_bootloader_custom);
}

static void set_log(GKeyFile *file, const ConfigLog *log)
{
	g_autofree char *group = g_strconcat("log.", log->name, NULL);

	set_string(file, group, "filename", log->filename);
	if (!g_str_equal(log->format, "readable"))
		set_string(file, group, "format", log->format);
	set_list(file, group, "events", log->events, "all");
	set_uint64(file, group, "max-size", log->max_size, 0);
	set_int(file, group, "max-files", log->max_files, 10);
}

static void set_region(GKeyFile *file, const char *group, const Slot *slot)
{
	if (slot->type == SLOT_BOOT_MBR_SWITCH || slot->type == SLOT_BOOT_GPT_SWITCH ||
	    slot->type == SLOT_BOOT_RAW_FALLBACK) {
		g_key_file_set_uint64(file, group, "region-start", slot->region_start);
		g_key_file_set_uint64(file, group, "region-size", slot->region_size);
	}
	set_uint64(file, group, "size-limit", slot->size_limit, 0);
}

static void set_slot(GKeyFile *file, const Slot *slot)
{
	g_autofree char *group = g_strconcat("slot.", slot->name, NULL);

	set_string(file, group, "device", slot->device);
	if (slot->type != SLOT_RAW)
		set_string(file, group, "type", slot_type_name(slot->type));
	set_string(file, group, "description", slot->description);
	set_string(file, group, "bootname", slot->boot_name);
	set_string(file, group, "parent", slot->parent_name);
	set_bool(file, group, "readonly", slot->is_readonly, false);
	set_bool(file, group, "allow-mounted", slot->allow_mounted, false);
	set_bool(file, group, "install-same", slot->install_same, true);
	set_bool(file, group, "resize", slot->resize, false);
	set_string(file, group, "extra-mount-opts", slot->extra_mount_opts);
	set_words(file, group, "extra-mkfs-opts", slot->extra_mkfs_opts, NULL);
	set_region(file, group, slot);
	set_int(file, group, "boot-partition", slot->boot_partition, 0);
	set_string(file, group, "efi-loader", slot->efi_loader);
	set_string(file, group, "efi-cmdline", slot->efi_cmdline);
}

static void set_repo(GKeyFile *file, const ConfigRepo *repo)
{
	g_autofree char *group = g_strconcat("artifacts.", repo->name, NULL);

	set_string(file, group, "path", repo->path);
	set_string(file, group, "type", repo->type);
	set_string(file, group, "description", repo->description);
}

char *config_format(const Config *config)
{
	g_autoptr(GKeyFile) file = g_key_file_new();

	set_system(file, config);
	set_keyring(file, &config->keyring);
	set_sources(file, config);
	set_polling(file, &config->polling);
	set_update(file, &config->update);
	set_files(file, config);
	for (unsigned i = 0; i < config->logs->len; i++)
		set_log(file, config->logs->pdata[i]);
	for (unsigned i = 0; i < config->slots->len; i++)
		set_slot(file, config->slots->pdata[i]);
	for (unsigned i = 0; i < config->repos->len; i++)
		set_repo(file, config->repos->pdata[i]);
	return g_key_file_to_data(file, NULL, NULL);
}
