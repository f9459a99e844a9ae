/* SPDX-License-Identifier: MIT */

#include "writer/flash.h"

#include <linux/major.h>
#include <mtd/mtd-user.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/file.h"

#define MAX_VALUE 4096

void flash_clear(Flash *flash)
{
	g_clear_pointer(&flash->path, g_free);
	g_clear_pointer(&flash->name, g_free);
	g_clear_pointer(&flash->title, g_free);
}

/* A value of sysfs without its newline, NULL: there is none. */
static char *read_value(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	char *text = file_read(path, MAX_VALUE, NULL, NULL);

	return text ? g_strchomp(text) : NULL;
}

static bool read_number(const char *folder, const char *name, uint64_t most, uint64_t *number,
                        GError **error)
{
	g_autofree char *text = read_value(folder, name);
	char *end = NULL;

	if (!text)
		return fail(error, FAILURE_IO, "%s has no %s", folder, name);
	*number = g_ascii_strtoull(text, &end, 0);
	return (end != text && !*end && *number <= most) ||
	       fail(error, FAILURE_FORMAT, "%s/%s is '%s', which is no sensible number", folder,
	            name, text);
}

static bool read_volume(Flash *flash, const char *folder, GError **error)
{
	uint64_t n_blocks, block;

	flash->kind = FLASH_UBI_VOLUME;
	flash->title = read_value(folder, "name");
	/* data_bytes is no help: of a static volume it is what is in there now. */
	if (!read_number(folder, "reserved_ebs", G_MAXUINT32, &n_blocks, error) ||
	    !read_number(folder, "usable_eb_size", G_MAXINT32, &block, error))
		return false;
	flash->size = n_blocks * block;
	return true;
}

static bool read_mtd(Flash *flash, const char *folder, GError **error)
{
	uint64_t erase_size, write_size, flags, n_regions;

	flash->title = read_value(folder, "type");
	if (!flash->title || sscanf(flash->name, "mtd%u", &flash->number) != 1)
		return fail(error, FAILURE_FORMAT, "%s does not describe an MTD", folder);
	flash->kind = g_str_equal(flash->title, "nand") || g_str_equal(flash->title, "mlc-nand")
	                      ? FLASH_NAND
	                      : FLASH_NOR;
	if (!read_number(folder, "size", G_MAXINT64, &flash->size, error) ||
	    !read_number(folder, "erasesize", G_MAXINT32, &erase_size, error) ||
	    !read_number(folder, "writesize", G_MAXINT32, &write_size, error) ||
	    !read_number(folder, "flags", G_MAXUINT64, &flags, error) ||
	    !read_number(folder, "numeraseregions", G_MAXUINT32, &n_regions, error))
		return false;
	flash->erase_size = (uint32_t)erase_size;
	flash->write_size = (uint32_t)write_size;
	flash->has_regions = n_regions > 1;
	flash->is_born_locked = flags & MTD_POWERUP_LOCK;
	return (write_size > 0 && erase_size > 0 && erase_size % write_size == 0 &&
	        flash->size >= erase_size) ||
	       fail(error, FAILURE_UNSUPPORTED,
	            "%s has erase blocks of %" G_GUINT64_FORMAT " and pages of %" G_GUINT64_FORMAT
	            " bytes, which is not to be handled",
	            flash->path, erase_size, write_size);
}

static bool has_value(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}

bool flash_find(Flash *flash, const char *sysfs, const char *path, GError **error)
{
	struct stat st;

	*flash = (Flash){ .path = g_strdup(path) };
	if (stat(path, &st) < 0)
		return fail_errno(error, "cannot find %s", path);
	g_autofree char *link =
		g_strdup_printf("%s/dev/char/%u:%u", sysfs, major(st.st_rdev), minor(st.st_rdev));
	char *folder = S_ISCHR(st.st_mode) ? realpath(link, NULL) : NULL;
	bool is_volume = folder && has_value(folder, "reserved_ebs");
	bool is_mtd = folder && has_value(folder, "erasesize");

	flash->name = folder ? g_path_get_basename(folder) : NULL;
	bool ok = is_volume ? read_volume(flash, folder, error)
	          : is_mtd  ? read_mtd(flash, folder, error)
	                    : fail(error, FAILURE_UNSUPPORTED,
	                           "%s is not flash: it is neither the character device of an "
	                            "MTD (/dev/mtd0) nor of a UBI volume (/dev/ubi0_0)",
	                           path);
	free(folder);
	return ok;
}

bool flash_is_at(const char *path)
{
	g_auto(Flash) flash = { 0 };

	return flash_find(&flash, FLASH_SYSFS, path, NULL);
}

/* Two paths of one device. */
static bool is_same_device(const char *path, const char *other)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat(other, &b) == 0 &&
	       (a.st_mode & S_IFMT) == (b.st_mode & S_IFMT) && a.st_rdev == b.st_rdev;
}

static bool has_volume_name(const Flash *flash, const char *name)
{
	const char *end = strchr(flash->name, '_');
	g_autofree char *device = g_strndup(flash->name, end ? (gsize)(end - flash->name) : 0);
	g_autofree char *block = g_strdup_printf("ubiblock%s", flash->name + strlen("ubi"));

	if (g_str_equal(name, flash->name) || g_str_equal(name, block))
		return true;
	/* "ubi0:rootfs" or "ubi0!rootfs"; UBIFS takes the first device where none is named. */
	const char *colon = strpbrk(name, ":!");
	if (!colon || g_strcmp0(colon + 1, flash->title) != 0)
		return false;
	g_autofree char *before = g_strndup(name, (gsize)(colon - name));
	return g_str_equal(before, device) ||
	       (g_str_equal(before, "ubi") && g_str_equal(device, "ubi0"));
}

bool flash_has_name(const Flash *flash, const char *name)
{
	const char *last = g_str_has_prefix(name, "/dev/") ? name + 5 : name;

	if (*name == '/' && is_same_device(name, flash->path))
		return true;
	if (flash->kind == FLASH_UBI_VOLUME)
		return has_volume_name(flash, last);
	g_autofree char *character = g_strdup_printf("mtd%u", flash->number);
	g_autofree char *block = g_strdup_printf("mtdblock%u", flash->number);
	return g_str_equal(last, character) || g_str_equal(last, block);
}

/* mountinfo: "36 35 31:3 / /mount/point rw shared:1 - jffs2 mtd3 rw", with blanks and the like
 * as octal escapes. Its device number tells an MTD by any name. */
static bool shows_flash(const Flash *flash, const char *device, const char *rest)
{
	g_autofree char *number = g_strdup_printf("%u:%u", MTD_BLOCK_MAJOR, flash->number);
	const char *end = strstr(rest, " - ");

	if (flash->kind != FLASH_UBI_VOLUME && g_str_equal(device, number))
		return true;
	if (!end)
		return false;
	g_auto(GStrv) words = g_strsplit(end + 3, " ", 3);
	if (g_strv_length(words) < 2)
		return false;
	g_autofree char *source = g_strcompress(words[1]);
	return flash_has_name(flash, source);
}

char *flash_mount_point(const Flash *flash, const char *mountinfo)
{
	g_auto(GStrv) lines = g_strsplit(mountinfo, "\n", -1);

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", 6);

		if (g_strv_length(fields) == 6 && shows_flash(flash, fields[2], fields[5]))
			return g_strcompress(fields[4]);
	}
	return NULL;
}

/* "ubi0" where it is attached to that, or NULL. */
static char *attached_to(const Flash *flash, const char *sysfs)
{
	g_autofree char *folder = g_build_filename(sysfs, "class", "ubi", NULL);
	g_autofree char *number = g_strdup_printf("%u", flash->number);
	g_autoptr(GDir) devices = g_dir_open(folder, 0, NULL);

	for (const char *name; devices && (name = g_dir_read_name(devices));) {
		g_autofree char *device = g_build_filename(folder, name, NULL);
		g_autofree char *below = read_value(device, "mtd_num");

		if (g_strcmp0(below, number) == 0)
			return g_strdup(name);
	}
	return NULL;
}

bool flash_check_unused(const Flash *flash, const char *sysfs, const char *mountinfo,
                        GError **error)
{
	g_autofree char *mount = flash_mount_point(flash, mountinfo);

	if (mount)
		return fail(error, FAILURE_BUSY, "cannot write %s: it is mounted on %s",
		            flash->path, mount);
	if (flash->kind == FLASH_UBI_VOLUME)
		return true;
	g_autofree char *ubi = attached_to(flash, sysfs);
	return !ubi ||
	       fail(error, FAILURE_BUSY,
	            "cannot write %s: it is attached to UBI as %s; name a volume of that in "
	            "system.conf, or detach it (ubidetach -p %s)",
	            flash->path, ubi, flash->path);
}

bool flash_find_unused(Flash *flash, const char *path, GError **error)
{
	if (!flash_find(flash, FLASH_SYSFS, path, error))
		return false;
	g_autofree char *mountinfo = file_read("/proc/self/mountinfo", 16 << 20, NULL, error);
	return mountinfo && flash_check_unused(flash, FLASH_SYSFS, mountinfo, error);
}

bool flash_check_room(uint64_t room, uint64_t size, GError **error)
{
	return room >= size || fail(error, FAILURE_TOO_LARGE,
	                            "Slot (%" G_GUINT64_FORMAT
	                            " bytes) is too small for image (%" G_GUINT64_FORMAT " bytes).",
	                            room, size);
}
