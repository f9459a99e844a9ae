/* SPDX-License-Identifier: MIT */

/* boot/boot.c: which backend, which slots, what a failure says. */

#include "device.h"

static const struct {
	Bootloader bootloader;
	const char *name, *complaint;
	int why;
} backends[] = {
	{ BOOTLOADER_GRUB, "grub", NULL, 0 },
	{ BOOTLOADER_NOOP, "noop", NULL, 0 },
	{ BOOTLOADER_CUSTOM, NULL,
	  "bootloader=custom needs bootloader-custom-backend= in [handlers]", FAILURE_CONFIG },
#ifdef HAVE_UBOOT
	{ BOOTLOADER_UBOOT, "uboot", NULL, 0 },
#else
	{ BOOTLOADER_UBOOT, NULL, "the bootloader backend 'uboot' is not built into this program",
	  FAILURE_UNSUPPORTED },
#endif
	{ BOOTLOADER_BAREBOX, "barebox", NULL, 0 },
	{ BOOTLOADER_RASPBERRYPI, "raspberrypi", NULL, 0 },
	{ BOOTLOADER_EFI, "efi", NULL, 0 },
	{ BOOTLOADER_SYSTEMD_BOOT, "systemd-boot", NULL, 0 },
	{ BOOTLOADER_NONE, NULL, "no bootloader is configured: set bootloader= in [system]",
	  FAILURE_CONFIG },
};

static void test_backends(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(backends); i++) {
		Config config = { .bootloader = backends[i].bootloader };
		g_autoptr(GError) error = NULL;
		g_autoptr(Boot) boot = boot_open(&config, &error);

		g_assert_cmpstr(boot ? boot->ops->name : NULL, ==, backends[i].name);
		if (boot)
			continue;
		g_assert_error(error, FAILURE, backends[i].why);
		g_assert_cmpstr(error->message, ==, backends[i].complaint);
	}
}

static void test_slots(void)
{
	Device *device = device_new(BOOTLOADER_NOOP);

	g_assert_cmpint(device->boot->slots->len, ==, 2);
	g_assert_true(boot_find(device->boot, "A") == device_slot(device, 'A'));
	g_assert_true(boot_find(device->boot, "B") == device_slot(device, 'B'));
	g_assert_null(boot_find(device->boot, "rootfs.0"));
	g_assert_null(boot_find(device->boot, ""));
	device_free(device);
}

static void test_prefix(void)
{
	Device *device = device_new(BOOTLOADER_GRUB);
	g_autoptr(GError) error = NULL;

	g_assert_null(boot_get_primary(device->boot, &error));
	g_assert_cmpstr(error->message, ==,
	                "grub backend: Variable ORDER not set in grub environment");
	g_assert_null(boot_get_current(device->boot, NULL));
	device_free(device);
}

static bool complain(Boot *boot G_GNUC_UNUSED, GError **error)
{
	return fail(error, FAILURE_FORMAT, "it lies in two places");
}

/* Who has nothing to add says nothing; who has says who it is. */
static void test_check(void)
{
	static const BootOps silent = { .name = "silent" },
			     loud = { .name = "loud", .check = complain };
	Boot boot = { .ops = &silent };
	g_autoptr(GError) error = NULL;

	g_assert_true(boot_check(&boot, &error));
	boot.ops = &loud;
	g_assert_false(boot_check(&boot, &error));
	g_assert_cmpstr(error->message, ==, "loud backend: it lies in two places");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/boot/backends", test_backends);
	g_test_add_func("/boot/boot/slots", test_slots);
	g_test_add_func("/boot/boot/prefix", test_prefix);
	g_test_add_func("/boot/boot/check", test_check);
	return g_test_run();
}
