/* SPDX-License-Identifier: MIT */

#include "writer/format.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "writer/mtd.h"
#include "writer/ubi.h"

#define MOST_EXT4_LABEL 16
#define MOST_VFAT_LABEL 11

static void add_extra(GStrvBuilder *argv, const Slot *slot)
{
	if (slot->extra_mkfs_opts)
		g_strv_builder_addv(argv, (const char **)slot->extra_mkfs_opts);
}

static void add_ext4(GStrvBuilder *argv, const Slot *slot)
{
	g_strv_builder_add_many(argv, "mkfs.ext4", "-F", NULL);
	if (strlen(slot->name) <= MOST_EXT4_LABEL)
		g_strv_builder_add_many(argv, "-L", slot->name, NULL);
	g_strv_builder_add(argv, "-I256");
	add_extra(argv, slot);
}

static void add_vfat(GStrvBuilder *argv, const Slot *slot)
{
	g_autofree char *cut = g_strndup(slot->name, MOST_VFAT_LABEL);
	g_autofree char *label = g_ascii_strup(cut, -1);

	g_strdelimit(label, "*?.,;:/\\|+=<>[]\"", '_');
	g_strv_builder_add_many(argv, "mkfs.vfat", "-n", label, NULL);
	add_extra(argv, slot);
}

GStrv format_command(const Slot *slot)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

	switch (slot->type) {
	case SLOT_EXT4:
		add_ext4(argv, slot);
		break;
	case SLOT_VFAT:
		add_vfat(argv, slot);
		break;
	case SLOT_UBIFS:
		g_strv_builder_add_many(argv, "mkfs.ubifs", "-y", NULL);
		add_extra(argv, slot);
		break;
	default:
		return NULL;
	}
	g_strv_builder_add(argv, slot->device);
	return g_strv_builder_end(argv);
}

/* An erased MTD is an empty jffs2. */
static bool is_made_by_erasing(const Slot *slot)
{
	return slot->type == SLOT_JFFS2;
}

bool format_check(const Slot *slot, GError **error)
{
	g_auto(GStrv) argv = format_command(slot);

	if (is_made_by_erasing(slot))
		return mtd_check(slot->device, 0, error);
	if (!argv)
		return fail(error, FAILURE_UNSUPPORTED, "a slot of type %s has no file system",
		            slot_type_name(slot->type));
	g_autofree char *tool = g_find_program_in_path(argv[0]);
	return tool || fail(error, FAILURE_TOOL,
	                    "there is no %s on this system, which makes the file system", argv[0]);
}

bool format_run(const Slot *slot, GError **error)
{
	ERROR_WHILE(error, "making the file system");
	g_auto(GStrv) argv = format_command(slot);

	if (is_made_by_erasing(slot))
		return mtd_erase(slot->device, error);
	/* mkfs.ubifs leaves UBI's mark of an update that was cut short, and then nothing mounts. */
	if (slot->type == SLOT_UBIFS && !ubi_clear(slot->device, error))
		return false;
	return process_run_argv(argv, error);
}
