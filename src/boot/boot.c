/* SPDX-License-Identifier: MIT */

#include "boot/boot.h"

#include "base/error.h"
#include "boot/backends.h"

static const struct {
	const char *name;
	const BootOps *ops; /* NULL: not built in */
} backends[] = {
	[BOOTLOADER_BAREBOX] = { "barebox", &boot_barebox },
	[BOOTLOADER_GRUB] = { "grub", &boot_grub },
#ifdef HAVE_UBOOT
	[BOOTLOADER_UBOOT] = { "uboot", &boot_uboot },
#else
	[BOOTLOADER_UBOOT] = { "uboot", NULL },
#endif
	[BOOTLOADER_EFI] = { "efi", &boot_efi },
	[BOOTLOADER_SYSTEMD_BOOT] = { "systemd-boot", &boot_systemd_boot },
	[BOOTLOADER_CUSTOM] = { "custom", &boot_custom },
	[BOOTLOADER_NOOP] = { "noop", &boot_noop },
	[BOOTLOADER_RASPBERRYPI] = { "raspberrypi", &boot_raspberrypi },
};

Boot *boot_open(const Config *config, GError **error)
{
	Bootloader which = config->bootloader;
	Boot *boot;

	if (which >= G_N_ELEMENTS(backends) || !backends[which].name)
		return fail_null(error, FAILURE_CONFIG,
		                 "no bootloader is configured: set bootloader= in [system]");
	if (!backends[which].ops)
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "the bootloader backend '%s' is not built into this program",
		                 backends[which].name);
	if (which == BOOTLOADER_CUSTOM && !config->handler_bootloader_custom)
		return fail_null(
			error, FAILURE_CONFIG,
			"bootloader=custom needs bootloader-custom-backend= in [handlers]");

	boot = g_new0(Boot, 1);
	boot->ops = backends[which].ops;
	boot->config = config;
	boot->slots = g_ptr_array_new();
	for (unsigned i = 0; config->slots && i < config->slots->len; i++) {
		Slot *slot = config->slots->pdata[i];

		if (slot->boot_name)
			g_ptr_array_add(boot->slots, slot);
	}
	return boot;
}

void boot_free(Boot *boot)
{
	if (!boot)
		return;
	g_ptr_array_unref(boot->slots);
	g_free(boot);
}

const Slot *boot_get_primary(Boot *boot, GError **error)
{
	if (!boot->ops->get_primary)
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "Obtaining primary entry from bootloader '%s' not supported yet",
		                 boot->ops->name);

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->get_primary(boot, error);
}

bool boot_set_primary(Boot *boot, const Slot *slot, GError **error)
{
	g_assert(slot->boot_name);

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->set_primary(boot, slot, error);
}

bool boot_get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_assert(slot->boot_name);
	if (!boot->ops->get_state)
		return fail(error, FAILURE_UNSUPPORTED,
		            "Obtaining state from bootloader '%s' not supported yet",
		            boot->ops->name);

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->get_state(boot, slot, good, error);
}

bool boot_set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	g_assert(slot->boot_name);

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->set_state(boot, slot, good, error);
}

char *boot_get_current(Boot *boot, GError **error)
{
	if (!boot->ops->get_current)
		return NULL;

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->get_current(boot, error);
}

bool boot_check(Boot *boot, GError **error)
{
	if (!boot->ops->check)
		return true;

	g_autofree char *who = g_strconcat(boot->ops->name, " backend", NULL);
	ERROR_WHILE(error, who);
	return boot->ops->check(boot, error);
}

const Slot *boot_find(const Boot *boot, const char *boot_name)
{
	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];

		if (g_str_equal(slot->boot_name, boot_name))
			return slot;
	}
	return NULL;
}
