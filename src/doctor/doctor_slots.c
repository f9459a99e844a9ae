/* SPDX-License-Identifier: MIT */

/* The slots: their devices, their names, which one runs, what is in them. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "boot/cmdline.h"
#include "doctor/doctor_families.h"
#include "system/detect.h"
#include "writer/flash.h"

static const Slot *slot_at(const Doctor *doctor, unsigned i)
{
	return doctor->config->slots->pdata[i];
}

/* Types of which several slots share one device. */
static bool shares_device(const Slot *slot)
{
	return slot->type == SLOT_BOOT_EMMC || slot->type == SLOT_BOOT_MBR_SWITCH ||
	       slot->type == SLOT_BOOT_GPT_SWITCH || slot->type == SLOT_BOOT_RAW_FALLBACK;
}

/* Does a disk's number in this name depend on what else is plugged in? */
static bool is_numbered(const char *device)
{
	return g_regex_match_simple(
		"^/dev/((s|h|v|xv)d[a-z]+[0-9]*|nvme[0-9]+n[0-9]+(p[0-9]+)?|loop[0-9]+(p[0-9]+)?)$",
		device, 0, 0);
}

static uint64_t size_of(const Slot *slot)
{
	g_auto(Flash) flash = { 0 };
	fd_auto int fd = -1;
	uint64_t size = 0;

	if (flash_is_at(slot->device))
		return flash_find(&flash, FLASH_SYSFS, slot->device, NULL) ? flash.size : 0;
	fd = open(slot->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 && fd_size(fd, slot->device, &size, NULL) ? size : 0;
}

static void check_device(Doctor *doctor, const Slot *slot)
{
	struct stat st;

	if (is_numbered(doctor_name(doctor, slot->device)) && !shares_device(slot))
		doctor_find(doctor, "slots.numbered-device", slot->device,
		            "slot %s goes by a name that another disk may get", slot->name);
	if (!doctor->is_live)
		return;
	if (stat(slot->device, &st) < 0) {
		doctor_find(doctor, "slots.missing-device", slot->device,
		            "the device of slot %s is not there: %s", slot->name,
		            g_strerror(errno));
		return;
	}
	if (!S_ISBLK(st.st_mode) && !S_ISCHR(st.st_mode) && !S_ISREG(st.st_mode)) {
		doctor_find(doctor, "slots.no-device", slot->device,
		            "slot %s is neither a device nor a file", slot->name);
		return;
	}

	g_autoptr(SlotStatus) status = doctor_status(doctor, slot);
	uint64_t size = size_of(slot);
	if (status && size && status->size > size)
		doctor_find(doctor, "slots.too-small", slot->device,
		            "slot %s has %" G_GUINT64_FORMAT
		            " bytes, the image that was last written to it %" G_GUINT64_FORMAT,
		            slot->name, size, status->size);
}

static bool is_same_device(const Slot *a, const Slot *b)
{
	g_autofree char *one = path_real(a->device), *other = path_real(b->device);
	struct stat sa, sb;

	if (stat(one, &sa) == 0 && stat(other, &sb) == 0 && S_ISBLK(sa.st_mode) &&
	    S_ISBLK(sb.st_mode))
		return sa.st_rdev == sb.st_rdev;
	return g_str_equal(one, other);
}

static void check_pair(Doctor *doctor, const Slot *a, const Slot *b)
{
	uint64_t one, other;

	if (is_same_device(a, b)) {
		if (!shares_device(a))
			doctor_find(doctor, "slots.same-device", a->device,
			            "slots %s and %s are the same device", a->name, b->name);
		return;
	}
	if (!doctor->is_live || !g_str_equal(a->class, b->class))
		return;
	one = size_of(a);
	other = size_of(b);
	if (one && other && one != other)
		doctor_find(doctor, "slots.sizes", b->device,
		            "slot %s has %" G_GUINT64_FORMAT " bytes, slot %s %" G_GUINT64_FORMAT,
		            a->name, one, b->name, other);
}

/* A class that boots, or goes with one that does, needs two of each; and a boot name each. */
static void check_class(Doctor *doctor, const Slot *first)
{
	const GPtrArray *slots = doctor->config->slots;
	const Slot *named = NULL, *nameless = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slot_at(doctor, i);

		if (!g_str_equal(slot->class, first->class))
			continue;
		if (slot->index < first->index)
			return; /* was looked at */
		n++;
		if (slot->boot_name)
			named = slot;
		else
			nameless = slot;
	}
	if (n == 1 && (first->boot_name || first->parent))
		doctor_find(doctor, "slots.single", first->name, "%s is the only slot of class %s",
		            first->name, first->class);
	if (named && nameless)
		doctor_find(doctor, "slots.bootname-missing", nameless->name,
		            "slot %s has a bootname, slot %s of the same class has none",
		            named->name, nameless->name);
}

static void check_boot_names(Doctor *doctor)
{
	const GPtrArray *slots = doctor->config->slots;

	for (unsigned i = 0; i < slots->len; i++) {
		if (slot_at(doctor, i)->boot_name)
			return;
	}
	if (slots->len && doctor->config->bootloader != BOOTLOADER_NOOP)
		doctor_find(doctor, "slots.bootname-missing", doctor->conf,
		            "no slot has a bootname");
}

/* Where the boot name is that of a boot slot, the root file system is a slot beside it. */
static const Slot *group_of(const Slot *slot)
{
	return slot->parent ? slot->parent : slot;
}

/* The link in /dev/disk that root= means, below our root. */
static const Slot *slot_of_root(const Doctor *doctor)
{
	g_autofree char *root = doctor->cmdline ? cmdline_find_root(doctor->cmdline) : NULL;
	g_autofree char *below =
		root && *root == '/' ? g_strconcat(doctor->root, root, NULL) : g_strdup(root);
	g_autofree char *device = below ? path_real(below) : NULL;

	return device ? detect_find_slot(doctor->config->slots, device) : NULL;
}

static const Slot *find_booted(Doctor *doctor)
{
	const GPtrArray *slots = doctor->config->slots;
	g_autofree char *said = doctor->options->override_boot_slot
	                                ? g_strdup(doctor->options->override_boot_slot)
	                                : cmdline_find_slot(doctor->cmdline);
	const Slot *by_root = slot_of_root(doctor);
	g_autofree char *current =
		!said && doctor->boot ? boot_get_current(doctor->boot, NULL) : NULL;
	const char *name = said ? said : current;
	const Slot *by_name = name ? detect_find_slot(slots, name) : NULL;

	if (g_strcmp0(said, CMDLINE_EXTERNAL) == 0) {
		doctor->is_external = true;
		doctor_find(doctor, "slots.external", "/proc/cmdline",
		            "this system was started from outside of its slots");
		return NULL;
	}
	if (name && !by_name)
		doctor_find(doctor, "slots.booted-unknown", "/proc/cmdline",
		            "the boot loader has started '%s', which no slot is called", name);
	else if (!name && !by_root)
		doctor_find(doctor, "slots.booted-unknown", "/proc/cmdline",
		            "neither rauc.slot= nor root= on the kernel command line means a slot");
	else if (by_name && by_root && group_of(by_name) != group_of(by_root))
		doctor_find(doctor, "slots.witnesses", "/proc/cmdline",
		            "rauc.slot= means slot %s, root= slot %s", by_name->name,
		            by_root->name);
	return by_name ? by_name : by_root;
}

/* Fields of mountinfo: 2 is major:minor, 4 the mount point, 5 its options. */
static bool is_mounted_writable(const Doctor *doctor, const char *point)
{
	g_auto(GStrv) lines = g_strsplit(doctor->mountinfo, "\n", -1);
	bool is_writable = false;

	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", 7);
		g_autofree char *at = g_strv_length(fields) == 7 ? g_strcompress(fields[4]) : NULL;

		if (g_strcmp0(at, point) == 0)
			is_writable = g_str_has_prefix(fields[5], "rw");
	}
	return is_writable;
}

static void check_mounts(Doctor *doctor)
{
	const Slot *booted = doctor->booted;

	for (unsigned i = 0; i < doctor->config->slots->len; i++) {
		const Slot *slot = slot_at(doctor, i);
		g_autofree char *at = detect_mount_point(slot, doctor->mountinfo);

		if (!at)
			continue;
		if (g_str_equal(at, "/") && booted && group_of(slot) != group_of(booted))
			doctor_find(doctor, "slots.root-elsewhere", slot->device,
			            "slot %s is the root file system, slot %s is said to be booted",
			            slot->name, booted->name);
		else if (slot == booted && !g_str_equal(at, "/") && is_mounted_writable(doctor, at))
			doctor_find(doctor, "slots.booted-mounted", at,
			            "the booted slot %s is mounted writable at %s", slot->name, at);
		else if (booted && slot != booted && slot->parent != booted && !slot->allow_mounted)
			doctor_find(doctor, "slots.target-mounted", at,
			            "slot %s, which the next update is for, is mounted at %s",
			            slot->name, at);
	}
}

static bool has_label(const char *uevent, const char *label)
{
	g_auto(GStrv) lines = g_strsplit(uevent, "\n", -1);
	g_autofree char *wanted = g_strconcat("PARTNAME=", label, NULL);

	return g_strv_contains((const char *const *)lines, wanted);
}

static void check_label(Doctor *doctor, const Slot *slot)
{
	static const char prefix[] = "/dev/disk/by-partlabel/";
	const char *name = doctor_name(doctor, slot->device);
	g_autofree char *class = g_strconcat(doctor->root, "/sys/class/block", NULL);
	g_autoptr(GDir) disks = g_dir_open(class, 0, NULL);
	g_autoptr(GString) found = g_string_new(NULL);
	unsigned n = 0;

	if (!disks || !g_str_has_prefix(name, prefix))
		return;
	for (const char *disk; (disk = g_dir_read_name(disks));) {
		g_autofree char *path = g_build_filename("/sys/class/block", disk, "uevent", NULL);
		g_autofree char *uevent = doctor_read(doctor, path);

		if (!uevent || !has_label(uevent, name + strlen(prefix)))
			continue;
		g_string_append_printf(found, "%s%s", n++ ? ", " : "", disk);
	}
	if (n > 1)
		doctor_find(doctor, "slots.label-twice", slot->device,
		            "%u partitions have the label of slot %s: %s", n, slot->name,
		            found->str);
}

static void check_status(Doctor *doctor, const Slot *slot)
{
	g_autoptr(SlotStatus) status = doctor_status(doctor, slot);
	bool is_half = status && (g_strcmp0(status->status, "pending") == 0 ||
	                          g_strcmp0(status->status, "failed") == 0);

	if (is_half)
		doctor_find(doctor, "slots.half-written", slot->device,
		            "the last update of slot %s did not end well (status %s)", slot->name,
		            status->status);
}

void doctor_slots(Doctor *doctor)
{
	const Config *config = doctor->config;

	if (!config)
		return;
	if (!config->slots->len)
		doctor_find(doctor, "slots.none", doctor->conf, "no slot is configured");
	/* The others speak of state that is not that of the folder. */
	if (config->bootloader == BOOTLOADER_GRUB || config->bootloader == BOOTLOADER_NOOP ||
	    !*doctor->root)
		doctor->boot = boot_open(config, NULL);
	for (unsigned i = 0; i < config->slots->len; i++) {
		const Slot *slot = slot_at(doctor, i);

		check_device(doctor, slot);
		check_class(doctor, slot);
		check_status(doctor, slot);
		for (unsigned k = i + 1; k < config->slots->len; k++)
			check_pair(doctor, slot, slot_at(doctor, k));
		if (doctor->is_live)
			check_label(doctor, slot);
	}
	check_boot_names(doctor);
	if (!doctor->is_live || !config->slots->len)
		return;
	doctor->booted = find_booted(doctor);
	check_mounts(doctor);
}
