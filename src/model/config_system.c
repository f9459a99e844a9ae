/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"
#include "base/path.h"
#include "base/version.h"

#define SYSTEM "system"

static bool take_bootloader(Config *config, KeyFile *file, GError **error)
{
	g_autofree char *name = NULL;

	if (!keyfile_take_optional(file, SYSTEM, "bootloader", &name, error))
		return false;
	if (!name)
		return true;
	for (Bootloader each = BOOTLOADER_BAREBOX; each <= BOOTLOADER_RASPBERRYPI; each++) {
		if (g_str_equal(name, config_bootloader_name(each))) {
			config->bootloader = each;
			return true;
		}
	}
	return fail(error, FAILURE_CONFIG,
	            "Unsupported bootloader '%s' selected in system config: key 'bootloader' in "
	            "group '[system]' knows barebox, grub, uboot, efi, systemd-boot, "
	            "raspberrypi, custom and noop",
	            name);
}

static bool counts_attempts(const Config *config, bool of_a_trial)
{
	return config->bootloader == BOOTLOADER_UBOOT || config->bootloader == BOOTLOADER_BAREBOX ||
	       config->bootloader == BOOTLOADER_GRUB ||
	       ((config->bootloader == BOOTLOADER_SYSTEMD_BOOT ||
	         config->bootloader == BOOTLOADER_RASPBERRYPI) &&
	        of_a_trial);
}

static bool take_attempts(const Config *config, KeyFile *file, const char *key, int *attempts,
                          GError **error)
{
	if (!keyfile_take_int(file, SYSTEM, key, attempts, error))
		return false;
	if (*attempts < 0)
		return fail(error, FAILURE_CONFIG,
		            "Invalid value '%d' for key '%s' in group '[system]': it must not be "
		            "negative",
		            *attempts, key);
	if (*attempts && !counts_attempts(config, attempts == &config->boot_attempts_primary))
		return fail(error, FAILURE_CONFIG,
		            "Configuring boot attempts is valid for uboot or barebox only (not for "
		            "%s): key '%s' in group '[system]'",
		            config_bootloader_name(config->bootloader), key);
	return true;
}

static bool take_autoboot(Config *config, KeyFile *file, GError **error)
{
	if (!config_take_optional_path(config, file, SYSTEM, "raspberrypi-autoboot",
	                               &config->raspberrypi_autoboot, error))
		return false;
	if (!config->raspberrypi_autoboot)
		config->raspberrypi_autoboot = g_strdup("/boot/autoboot.txt");
	return true;
}

/* Keys of a boot loader that is not the configured one are left over, hence refused. */
static bool take_boot(Config *config, KeyFile *file, GError **error)
{
	if (!take_bootloader(config, file, error) ||
	    !take_attempts(config, file, "boot-attempts", &config->boot_attempts, error) ||
	    !take_attempts(config, file, "boot-attempts-primary", &config->boot_attempts_primary,
	                   error))
		return false;
	if (config->bootloader == BOOTLOADER_BAREBOX)
		return keyfile_take_optional(file, SYSTEM, "barebox-statename",
		                             &config->barebox_statename, error) &&
		       keyfile_take_optional(file, SYSTEM, "barebox-dtbpath",
		                             &config->barebox_dtbpath, error);
	if (config->bootloader == BOOTLOADER_EFI)
		return keyfile_take_bool(file, SYSTEM, "efi-use-bootnext",
		                         &config->efi_use_bootnext, error);
	if (config->bootloader == BOOTLOADER_RASPBERRYPI)
		return take_autoboot(config, file, error);
	if (config->bootloader == BOOTLOADER_UBOOT)
		return config_take_optional_path(config, file, SYSTEM, "fw-env-config",
		                                 &config->fw_env_config, error);
	if (config->bootloader == BOOTLOADER_SYSTEMD_BOOT)
		return config_take_optional_path(config, file, SYSTEM, "efi-path",
		                                 &config->efi_path, error);
	if (config->bootloader != BOOTLOADER_GRUB)
		return true;
	if (!config_take_optional_path(config, file, SYSTEM, "grubenv", &config->grubenv, error))
		return false;
	if (!config->grubenv)
		config->grubenv = g_strdup("/boot/grub/grubenv");
	return true;
}

static bool take_limit(KeyFile *file, const char *key, uint64_t *limit, GError **error)
{
	return keyfile_take_uint64(file, SYSTEM, key, limit, error) &&
	       (*limit || fail(error, FAILURE_CONFIG,
	                       "Invalid value '0' for key '%s' in group '[system]': it must be "
	                       "above 0",
	                       key));
}

static bool take_min_version(Config *config, KeyFile *file, GError **error)
{
	if (!keyfile_take_string(file, SYSTEM, "min-bundle-version", &config->min_bundle_version,
	                         error))
		return false;
	return !config->min_bundle_version || version_is_valid(config->min_bundle_version) ||
	       fail(error, FAILURE_CONFIG,
	            "Min version format invalid, expected: Major[.Minor[.Patch]][-pre_release], "
	            "got: %s (key 'min-bundle-version' in group '[system]')",
	            config->min_bundle_version);
}

static bool take_variant(Config *config, KeyFile *file, GError **error)
{
	if (!keyfile_take_bool(file, SYSTEM, "variant-dtb", &config->variant_dtb, error) ||
	    !keyfile_take_string(file, SYSTEM, "variant-file", &config->variant_file, error) ||
	    !keyfile_take_string(file, SYSTEM, "variant-name", &config->variant_name, error))
		return false;
	return config->variant_dtb + !!config->variant_file + !!config->variant_name <= 1 ||
	       fail(error, FAILURE_CONFIG,
	            "Only one of the keys 'variant-file', 'variant-dtb' and 'variant-name' is "
	            "allowed in group '[system]'");
}

static bool take_status_file(Config *config, KeyFile *file, GError **error)
{
	g_autofree char *value = NULL;

	if (!config_take_path(config, file, SYSTEM, "data-directory", &config->data_directory,
	                      error) ||
	    !keyfile_take_string(file, SYSTEM, "statusfile", &value, error))
		return false;
	if (!value) {
		if (config->data_directory)
			config->status_file =
				g_build_filename(config->data_directory, "central.raucs", NULL);
		return true;
	}
	if (!g_str_equal(value, "per-slot")) {
		config->status_file = path_resolve(config->path, value);
		return true;
	}
	return !config->data_directory ||
	       fail(error, FAILURE_CONFIG,
	            "Using data-directory= with statusfile=per-slot is not supported: remove one "
	            "of the two keys in group '[system]'");
}

/* One word of bundle-formats: with '-' it takes away, else it adds. */
static bool apply_format(const char *word, ManifestFormat *mask, GError **error)
{
	bool is_minus = *word == '-';
	const char *name = is_minus || *word == '+' ? word + 1 : word;
	ManifestFormat format;

	if (!manifest_format_by_name(name, &format))
		return fail(error, FAILURE_CONFIG,
		            "Invalid bundle format '%s' for key 'bundle-formats' in group "
		            "'[system]': expected plain, verity or crypt",
		            name);
	*mask = is_minus ? *mask & ~format : *mask | format;
	return true;
}

static bool take_formats(Config *config, KeyFile *file, GError **error)
{
	g_autofree char *value = NULL;
	unsigned n_words = 0, n_signed = 0;

	if (!keyfile_take_string(file, SYSTEM, "bundle-formats", &value, error))
		return false;
	if (!value)
		return true;

	g_auto(GStrv) words = g_strsplit_set(value, " \t", -1);
	for (char **word = words; *word; word++) {
		n_words += **word ? 1 : 0;
		n_signed += **word == '+' || **word == '-' ? 1 : 0;
	}
	if (n_signed && n_signed != n_words)
		return fail(error, FAILURE_CONFIG,
		            "Invalid bundle format configuration '%s', cannot combine fixed value "
		            "with modification (+/-): key 'bundle-formats' in group '[system]'",
		            value);

	ManifestFormat mask = n_signed ? config->bundle_formats : 0;
	for (char **word = words; *word; word++) {
		if (**word && !apply_format(*word, &mask, error))
			return false;
	}
	config->bundle_formats = mask;
	return mask || fail(error, FAILURE_CONFIG,
	                    "Invalid bundle format configuration '%s', no remaining formats: key "
	                    "'bundle-formats' in group '[system]'",
	                    value);
}

static bool take_flags(Config *config, KeyFile *file, GError **error)
{
	return keyfile_take_bool(file, SYSTEM, "activate-installed", &config->activate_installed,
	                         error) &&
	       keyfile_take_bool(file, SYSTEM, "prevent-late-fallback",
	                         &config->prevent_late_fallback, error) &&
	       keyfile_take_bool(file, SYSTEM, "perform-pre-check", &config->perform_pre_check,
	                         error) &&
	       keyfile_take_bool(file, SYSTEM, "verify-written", &config->verify_written, error);
}

bool config_take_system(Config *config, KeyFile *file, GError **error)
{
	g_autofree char *mount_prefix = NULL;

	if (!keyfile_take_string(file, SYSTEM, "compatible", &config->compatible, error) ||
	    !take_boot(config, file, error) || !take_min_version(config, file, error) ||
	    !take_limit(file, "max-bundle-download-size", &config->max_bundle_download_size,
	                error) ||
	    !take_limit(file, "max-bundle-signature-size", &config->max_bundle_signature_size,
	                error) ||
	    !keyfile_take_optional(file, SYSTEM, "mountprefix", &mount_prefix, error))
		return false;
	if (mount_prefix) {
		g_free(config->mount_prefix);
		config->mount_prefix = g_steal_pointer(&mount_prefix);
	}
	return take_flags(config, file, error) && take_variant(config, file, error) &&
	       take_status_file(config, file, error) && take_formats(config, file, error) &&
	       keyfile_end_group(file, SYSTEM, error);
}
