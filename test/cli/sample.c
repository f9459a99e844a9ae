/* SPDX-License-Identifier: MIT */

#include "sample.h"

const OutputLook sample_plain = { .has_colour = false, .has_utf8 = true };
const OutputLook sample_colour = { .has_colour = true, .has_utf8 = true };

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char small[] =
	"[update]\ncompatible=Test Config\n\n"
	"[bundle]\nformat=verity\nverity-hash=" HEX "\nverity-salt=" HEX "\nverity-size=4096\n\n"
	"[image.rootfs]\nfilename=root.img\nsha256=" HEX "\nsize=5\n";

static const char full[] =
	"[update]\ncompatible=It's\nversion=1.0\ndescription=all\nbuild=20\n\n"
	"[bundle]\nformat=verity\nverity-hash=" HEX "\nverity-salt=" HEX "\nverity-size=8192\n\n"
	"[handler]\nfilename=handler.sh\nargs=-v\n\n"
	"[hooks]\nfilename=hook.sh\nhooks=install-check;\n\n"
	"[image.rootfs.big]\nfilename=root.img\ntype=ext4\nsha256=" HEX "\nsize=8192\n"
	"adaptive=block-hash-index;\nhooks=pre-install;post-install;\n\n"
	"[image.trees/app]\nfilename=app.tar\nsha256=" HEX "\nsize=5\n"
	"convert=tar-extract;keep;\nconverted=app.tar.extracted;app.tar;\n\n"
	"[image.data]\nhooks=install;\n\n"
	"[meta.foo-bar]\na-key=val ue\n";

Manifest *sample_manifest(bool is_full)
{
	const char *text = is_full ? full : small;
	g_autoptr(GError) error = NULL;
	Manifest *manifest = manifest_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	return manifest;
}

static const Slot root_0 = { .name = "rootfs.0",
	                     .class = "rootfs",
	                     .device = "/dev/sda2",
	                     .type = SLOT_EXT4,
	                     .boot_name = "A" };
static const Slot root_1 = { .name = "rootfs.1",
	                     .class = "rootfs",
	                     .device = "/dev/sda3",
	                     .type = SLOT_EXT4,
	                     .boot_name = "B",
	                     .description = "the other" };
static const Slot rescue = {
	.name = "rescue.0", .class = "rescue", .device = "/dev/sda1", .type = SLOT_RAW
};
static const Slot app_0 = { .name = "appfs.0",
	                    .class = "appfs",
	                    .device = "/dev/sda4",
	                    .type = SLOT_RAW,
	                    .parent = &root_0 };
static const Slot app_1 = { .name = "appfs.1",
	                    .class = "appfs",
	                    .device = "/dev/sda5",
	                    .type = SLOT_RAW,
	                    .parent = &root_1 };

static const SlotState booted = { SLOT_BOOTED, SLOT_BOOT_GOOD, "/" };
static const SlotState active = { SLOT_ACTIVE, SLOT_BOOT_UNKNOWN, NULL };
static const SlotState other = { SLOT_INACTIVE, SLOT_BOOT_BAD, NULL };

static const SlotStatus installed = {
	.bundle_compatible = "Test Config",
	.bundle_version = "1.0",
	.status = "ok",
	.sha256 = HEX,
	.size = 8192,
	.installed_transaction = "tx",
	.installed_timestamp = "2026-01-01T00:00:00Z",
	.installed_count = 2,
	.activated_timestamp = "2026-01-01T00:00:01Z",
	.activated_count = 3,
};

static const ShowSlot slots[] = {
	{ &root_0, &booted, &installed }, { &app_0, &active, NULL }, { &rescue, &other, NULL },
	{ &root_1, &other, NULL },        { &app_1, &other, NULL },
};

ShowStatus sample_status(bool is_detailed)
{
	return (ShowStatus){
		.compatible = "Test Config",
		.boot_slot = "A",
		.booted = &root_0,
		.primary = &root_0,
		.slots = slots,
		.n_slots = G_N_ELEMENTS(slots),
		.is_detailed = is_detailed,
	};
}
