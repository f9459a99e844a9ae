/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static void test_grub(void)
{
	g_autoptr(Config) config = load_config("grub.conf");
	g_autoptr(Config) other = load_config("grub-default-env.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_GRUB);
	g_assert_cmpstr(config->compatible, ==, "rauc-demo-x86");
	g_assert_cmpstr(config->grubenv, ==, "/boot/efi/grubenv");
	g_assert_cmpstr(config->mount_prefix, ==, "/mnt/rauc");
	g_assert_cmpint(config->bundle_formats, ==, MANIFEST_VERITY | MANIFEST_CRYPT);
	g_assert_null(config->status_file);
	g_assert_cmpstr(other->grubenv, ==, "/boot/grub/grubenv");
}

static void test_uboot(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_UBOOT);
	g_assert_null(config->grubenv);
	g_assert_cmpint(config->boot_attempts, ==, 5);
	g_assert_cmpstr(config->fw_env_config, ==, "/etc/fw_env.rauc.config");
	g_assert_cmpint(config->boot_attempts_primary, ==, 2);
	g_assert_cmpstr(config->min_bundle_version, ==, "1.0");
	g_assert_cmpuint(config->max_bundle_signature_size, ==, 131072);
	g_assert_cmpstr(config->data_directory, ==, "/data/rauc");
	g_assert_cmpstr(config->status_file, ==, "/data/rauc/central.raucs");
	g_assert_true(config->variant_dtb);
	g_assert_true(config->prevent_late_fallback);
	g_assert_true(config->perform_pre_check);
	g_assert_false(config->activate_installed);
	g_assert_true(config->verify_written);
}

static void test_barebox(void)
{
	g_autoptr(Config) config = load_config("barebox.conf");
	g_autoptr(Config) per_slot = load_config("barebox-per-slot.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_BAREBOX);
	g_assert_cmpstr(config->barebox_statename, ==, "state");
	g_assert_cmpstr(config->barebox_dtbpath, ==, "/boot/board.dtb");
	g_assert_cmpstr(config->status_file, ==, "/data/status.raucs");
	g_assert_cmpstr(config->variant_file, ==, "/etc/variant");
	g_assert_null(per_slot->barebox_statename);
	g_assert_null(per_slot->status_file);
}

static void test_raspberrypi(void)
{
	g_autoptr(Config) config = load_config("raspberrypi.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_RASPBERRYPI);
	g_assert_cmpstr(config->raspberrypi_autoboot, ==, "/autoboot/autoboot.txt");
	g_assert_cmpint(config->boot_attempts_primary, ==, 2);
	g_assert_cmpint(((Slot *)config->slots->pdata[0])->boot_partition, ==, 2);
	g_assert_cmpint(((Slot *)config->slots->pdata[1])->boot_partition, ==, 0);
}

static void test_systemd_boot(void)
{
	g_autoptr(Config) config = load_config("systemd-boot.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_SYSTEMD_BOOT);
	g_assert_cmpstr(config->efi_path, ==, "/run/esp");
	g_assert_cmpint(config->boot_attempts_primary, ==, 5);
}

static void test_efi(void)
{
	g_autoptr(Config) config = load_config("efi.conf");

	g_assert_cmpint(config->bootloader, ==, BOOTLOADER_EFI);
	g_assert_false(config->efi_use_bootnext);
	g_assert_cmpstr(config->variant_name, ==, "rev-b");
}

static void test_relative(void)
{
	g_autoptr(Config) config = load_config("noop-flash.conf");
	g_autoptr(Config) grub = load_config("relative.conf");

	g_assert_cmpstr(config->data_directory, ==, "/etc/rauc/data");
	g_assert_cmpstr(config->status_file, ==, "/etc/rauc/status/x.raucs");
	g_assert_cmpstr(grub->grubenv, ==, "/etc/rauc/grubenv");
}

static const struct {
	const char *value;
	ManifestFormat mask;
} formats[] = {
	{ "plain", MANIFEST_PLAIN },
	{ "verity crypt", MANIFEST_VERITY | MANIFEST_CRYPT },
	{ " verity   verity ", MANIFEST_VERITY },
	{ "-plain", MANIFEST_VERITY | MANIFEST_CRYPT },
	{ "-plain -crypt", MANIFEST_VERITY },
	{ "+plain", MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT },
	{ "-plain +plain", MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT },
};

static void test_formats(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *text = g_strdup_printf(
			"[system]\ncompatible=X\nbootloader=noop\nbundle-formats=%s\n",
			formats[i].value);
		g_autoptr(Config) config = config_parse(text, strlen(text), NULL, NULL, NULL);

		g_assert_cmpint(config->bundle_formats, ==, formats[i].mask);
	}
}

static void test_verify_written(void)
{
	g_autoptr(Config) config = load_config("verify-written.conf");

	g_assert_false(config->verify_written);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_system/grub", test_grub);
	g_test_add_func("/model/config_system/uboot", test_uboot);
	g_test_add_func("/model/config_system/barebox", test_barebox);
	g_test_add_func("/model/config_system/raspberrypi", test_raspberrypi);
	g_test_add_func("/model/config_system/efi", test_efi);
	g_test_add_func("/model/config_system/systemd-boot", test_systemd_boot);
	g_test_add_func("/model/config_system/relative", test_relative);
	g_test_add_func("/model/config_system/formats", test_formats);
	g_test_add_func("/model/config_system/verify-written", test_verify_written);
	return g_test_run();
}
