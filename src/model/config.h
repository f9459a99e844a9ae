/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * system.conf: what this device is, by section. A pure value.
 *
 * Every key of RAUC 1.16 is parsed and checked, also those whose function is
 * not built in. Slots, repositories and logs keep file order.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/config_types.h"
#include "model/manifest.h"
#include "model/slot.h"

typedef struct Config Config;
typedef enum {
	BOOTLOADER_NONE, /* defaults without a file */
	BOOTLOADER_BAREBOX,
	BOOTLOADER_GRUB,
	BOOTLOADER_UBOOT,
	BOOTLOADER_EFI,
	BOOTLOADER_SYSTEMD_BOOT, /* ours */
	BOOTLOADER_CUSTOM,
	BOOTLOADER_NOOP,
	BOOTLOADER_RASPBERRYPI, /* ours */
} Bootloader;

struct Config {
	char *path; /* of the file, NULL: defaults */
	char *compatible;
	Bootloader bootloader;
	char *min_bundle_version;
	char *barebox_statename, *barebox_dtbpath;
	char *grubenv;              /* with BOOTLOADER_GRUB only */
	char *raspberrypi_autoboot; /* with BOOTLOADER_RASPBERRYPI only */
	bool efi_use_bootnext;
	char *fw_env_config; /* with BOOTLOADER_UBOOT only; NULL: /etc/fw_env.config */
	char *efi_path;      /* with BOOTLOADER_SYSTEMD_BOOT only; NULL: the usual ones */
	int boot_attempts, boot_attempts_primary; /* 0: the backend's default */
	uint64_t max_bundle_download_size, max_bundle_signature_size;
	char *mount_prefix;
	bool activate_installed;
	bool variant_dtb;
	char *variant_file, *variant_name;
	bool prevent_late_fallback;
	char *data_directory;
	char *status_file;             /* NULL: per slot */
	ManifestFormat bundle_formats; /* mask of those allowed */
	bool perform_pre_check;
	bool verify_written; /* ours, true by default: read every slot back */

	ConfigKeyring keyring;
	ConfigCasync casync;
	ConfigStreaming streaming;
	ConfigPolling polling;
	ConfigUpdate update;
	char *encryption_key, *encryption_cert;
	char *autoinstall_path;
	char *handler_system_info, *handler_pre_install, *handler_post_install,
		*handler_bootloader_custom;
	int handler_timeout_sec; /* ours: hooks and handlers are killed after it; 0: never */
	GPtrArray *logs;         /* of ConfigLog */
	GPtrArray *slots;        /* of Slot */
	GPtrArray *repos;        /* of ConfigRepo */
};

/* One "SECTION:KEY=VALUE" of --confopt. */
typedef struct {
	char *section, *key, *value;
} ConfigOverride;

ConfigOverride *config_override_parse(const char *text, GError **error);
void config_override_free(ConfigOverride *override);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ConfigOverride, config_override_free)

/* `path`: for relative paths in the file. `overrides`: array of ConfigOverride or NULL. */
Config *config_parse(const char *text, size_t size, const char *path, const GPtrArray *overrides,
                     GError **error);
/* What applies without a file: an empty [system], overrides on top; nothing is required. */
Config *config_new_default(const GPtrArray *overrides, GError **error);
void config_free(Config *config);
void config_repo_free(ConfigRepo *repo);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Config, config_free)

/* The text of a system.conf with this meaning (the keys that differ from their default). */
char *config_format(const Config *config);
const char *config_bootloader_name(Bootloader bootloader);
