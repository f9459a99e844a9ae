/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static const Slot *find(const Config *config, const char *name)
{
	const Slot *slot = slot_find(config->slots, name);

	g_assert_nonnull(slot);
	return slot;
}

static void test_keys(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");
	const Slot *rootfs = find(config, "rootfs.0"), *other = find(config, "rootfs.1"),
		   *rescue = find(config, "rescue.0");

	g_assert_cmpstr(rootfs->class, ==, "rootfs");
	g_assert_cmpstr(rootfs->device, ==, "/dev/mmcblk0p2");
	g_assert_cmpint(rootfs->type, ==, SLOT_EXT4);
	g_assert_cmpstr(rootfs->description, ==, "Root A");
	g_assert_cmpstr(rootfs->boot_name, ==, "A");
	g_assert_true(rootfs->resize);
	g_assert_true(rootfs->install_same);
	g_assert_false(rootfs->is_readonly);
	g_assert_cmpstr(rootfs->extra_mount_opts, ==, "noatime,data=journal");
	assert_list(rootfs->extra_mkfs_opts, "-L|root fs|-O|^metadata_csum");
	g_assert_false(other->install_same);
	g_assert_true(other->allow_mounted);
	g_assert_true(rescue->is_readonly);
}

static void test_order(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");
	static const char *const names[] = { "rescue.0", "rootfs.0", "rootfs.1", "appfs.0",
		                             "appfs.1",  "data.0",   "old.0",    "bootloader.0" };

	g_assert_cmpuint(config->slots->len, ==, G_N_ELEMENTS(names));
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		const Slot *slot = config->slots->pdata[i];

		g_assert_cmpstr(slot->name, ==, names[i]);
		g_assert_cmpuint(slot->index, ==, i);
	}
}

/* Both former names of install-same. */
static void test_former_keys(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");

	g_assert_false(find(config, "data.0")->install_same);
	g_assert_false(find(config, "old.0")->install_same);
}

static void test_parents(void)
{
	g_autoptr(Config) config = load_config("uboot.conf");
	g_autoptr(Config) chain = load_config("parents.conf");
	const Slot *data = find(config, "data.0"), *root = find(chain, "d.0");

	g_assert_cmpstr(data->parent_name, ==, "appfs.0");
	g_assert_true(data->parent == find(config, "rootfs.0"));
	g_assert_true(find(config, "appfs.1")->parent == find(config, "rootfs.1"));
	g_assert_null(find(config, "rootfs.0")->parent);
	g_assert_true(find(chain, "a.0")->parent == root);
	g_assert_true(find(chain, "b.0")->parent == root);
	g_assert_true(find(chain, "c.0")->parent == root);
	g_assert_null(root->parent);
}

static void test_boot_types(void)
{
	g_autoptr(Config) config = load_config("noop-flash.conf");
	g_autoptr(Config) emmc = load_config("uboot.conf");
	const Slot *mbr = find(config, "mbr.0"), *raw = find(config, "raw.0");

	g_assert_cmpint(mbr->type, ==, SLOT_BOOT_MBR_SWITCH);
	g_assert_cmpuint(mbr->region_start, ==, 1 << 20);
	g_assert_cmpuint(mbr->region_size, ==, 32 << 20);
	g_assert_cmpuint(raw->region_start, ==, 32 << 10);
	g_assert_cmpuint(raw->region_size, ==, 4 << 20);
	g_assert_cmpuint(find(emmc, "bootloader.0")->size_limit, ==, 4 << 20);
	g_assert_cmpint(find(config, "data.0")->type, ==, SLOT_JFFS2);
}

static void test_efi(void)
{
	g_autoptr(Config) config = load_config("efi.conf");

	g_assert_cmpstr(find(config, "efi.0")->efi_loader, ==, "\\EFI\\linux.efi");
	g_assert_cmpstr(find(config, "efi.0")->efi_cmdline, ==, "root=/dev/sda2 quiet");
	g_assert_null(find(config, "efi.1")->efi_loader);
}

static void test_defaults(void)
{
	g_autoptr(Config) config = load_config("empty-values.conf");
	g_autoptr(Config) relative = load_config("relative.conf");
	const Slot *slot = find(config, "rootfs.0");

	g_assert_cmpint(slot->type, ==, SLOT_RAW);
	g_assert_null(slot->boot_name);
	g_assert_null(slot->parent_name);
	g_assert_null(slot->extra_mkfs_opts);
	g_assert_cmpstr(find(relative, "rootfs.0")->device, ==, "/etc/rauc/images/rootfs-0");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_slot/keys", test_keys);
	g_test_add_func("/model/config_slot/order", test_order);
	g_test_add_func("/model/config_slot/former-keys", test_former_keys);
	g_test_add_func("/model/config_slot/parents", test_parents);
	g_test_add_func("/model/config_slot/boot-types", test_boot_types);
	g_test_add_func("/model/config_slot/efi", test_efi);
	g_test_add_func("/model/config_slot/defaults", test_defaults);
	return g_test_run();
}
