/* SPDX-License-Identifier: MIT */

/*
 * Raspberry Pi 4 and 5 without a boot loader of their own: the firmware's tryboot.
 *
 * Each slot boots from a FAT partition, and autoboot.txt on the first FAT names
 * one by its number: the committed slot in [all], which boots always, and the
 * one on trial in [tryboot], which boots when the restart carries a flag. The
 * firmware clears the flag before it starts anything, so a trial that fails is
 * over with any reset.
 *
 * set_primary writes the trial and leaves the flag where systemd takes it along
 * at the next restart. That place is volatile: it is empty after each boot, so
 * when the committed slot marks itself good while a trial is pending and the
 * flag is not set, an attempt is over (or power was lost before it began). It
 * is counted, and the flag is set again while attempts are left. mark-good of the
 * slot on trial makes it the one of [all]: one write of one sector decides.
 *
 * autoboot.txt has one sector on FAT; it is overwritten in place and read
 * back. Whatever stands in it, the next change makes it right again.
 */

#include "boot/backends.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "boot/autoboot.h"

#define ATTEMPTS  3
#define DIRECT    4096
#define FLAG      "0 tryboot\n"
#define FLAG_FILE "/run/systemd/reboot-param"
#define FIRMWARE  "/proc/device-tree/chosen/bootloader"
#define CAN_A_B   (1u << 2) /* of `capabilities`: TRYBOOT_A_B */

static const char *path_of(const Boot *boot)
{
	return boot->config->raspberrypi_autoboot;
}

static const char *instead(const char *variable, const char *path)
{
	const char *other = g_getenv(variable);

	return other ? other : path;
}

/* --- What the firmware says ---------------------------------------------- */

/* A 32-bit property of the device tree. */
static bool read_property(const char *name, guint32 *value)
{
	g_autofree char *path =
		g_build_filename(instead("RAUC_TEST_FIRMWARE", FIRMWARE), name, NULL);
	size_t size = 0;
	g_autofree char *bytes = file_read(path, 4, &size, NULL);

	if (!bytes || size != sizeof *value)
		return false;
	memcpy(value, bytes, sizeof *value);
	*value = GUINT32_FROM_BE(*value);
	return true;
}

static void check_firmware(void)
{
	guint32 capabilities;

	if (read_property("capabilities", &capabilities) && !(capabilities & CAN_A_B))
		g_warning("the boot loader in the EEPROM is too old for tryboot_a_b, so a new slot "
		          "will not be tried: update it with rpi-eeprom-update");
}

/* --- Partitions of slots -------------------------------------------------- */

static unsigned number_of_device(const char *device)
{
	g_autofree char *real = path_real(device);
	g_autofree char *base = g_path_get_basename(real);
	g_autofree char *path = g_build_filename(instead("RAUC_TEST_SYS_BLOCK", "/sys/class/block"),
	                                         base, "partition", NULL);
	g_autofree char *text = file_read(path, 64, NULL, NULL);

	return text ? (unsigned)g_ascii_strtoull(text, NULL, 10) : 0;
}

/* boot-partition= of the slot, or where its FAT child lies. */
static bool partition_of(const Boot *boot, const Slot *slot, unsigned *number, GError **error)
{
	*number = (unsigned)slot->boot_partition;
	for (unsigned i = 0; !*number && i < boot->config->slots->len; i++) {
		const Slot *child = boot->config->slots->pdata[i];

		if (child->parent == slot && child->type == SLOT_VFAT)
			*number = number_of_device(child->device);
	}
	return (*number >= 1 && *number <= 63) ||
	       fail(error, FAILURE_CONFIG,
	            "the number of the partition that slot %s boots from is not known: set "
	            "boot-partition= in [slot.%s], or give it a child slot of type vfat on a "
	            "partition that is there",
	            slot->name, slot->name);
}

static const Slot *slot_at(const Boot *boot, unsigned number)
{
	for (unsigned i = 0; number && i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		unsigned its;

		if (partition_of(boot, slot, &its, NULL) && its == number)
			return slot;
	}
	return NULL;
}

/* --- The file -------------------------------------------------------------- */

/* `*bytes` is what is there now, NULL where it cannot be read. */
static Autoboot *load(const Boot *boot, char **bytes, GError **error)
{
	g_autoptr(GError) reason = NULL;
	size_t size = 0;
	Autoboot *autoboot;
	struct stat status;

	*bytes = NULL;
	if (stat(path_of(boot), &status) < 0 && errno != ENOENT && errno != EIO)
		return fail_errno_null(error, "cannot look at %s", path_of(boot));
	*bytes = file_read(path_of(boot), 1 << 16, &size, &reason);
	autoboot = autoboot_parse(*bytes ? *bytes : "", size);
	if (!*bytes)
		g_warning("%s; the firmware boots the first partition it can", reason->message);
	else if (!slot_at(boot, autoboot->all))
		g_warning("%s names no slot to boot; the firmware boots the first partition it can",
		          path_of(boot));
	if (size != AUTOBOOT_SIZE)
		g_clear_pointer(bytes, g_free);

	const Slot *committed = slot_at(boot, autoboot->all);
	if (committed && !autoboot->has_state) /* written by hand: it boots, so it is good */
		autoboot_slot(autoboot, committed->boot_name)->state = AUTOBOOT_GOOD;
	return autoboot;
}

static bool read_directly(const char *path, char *bytes)
{
	fd_auto int fd = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	return fd >= 0 && pread(fd, bytes, DIRECT, 0) >= AUTOBOOT_SIZE;
}

static bool check_written(const char *path, const char *text, GError **error)
{
	g_autofree char *buffer = g_malloc0(2 * DIRECT);
	char *bytes = (char *)(((uintptr_t)buffer + DIRECT - 1) / DIRECT * DIRECT);

	if (!read_directly(path, bytes)) {
		fd_auto int fd = fd_open(path, O_RDONLY, 0, error);

		if (fd < 0)
			return false;
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (!fd_read_at(fd, bytes, AUTOBOOT_SIZE, 0, path, error))
			return false;
	}
	return memcmp(bytes, text, AUTOBOOT_SIZE) == 0 ||
	       fail(error, FAILURE_INTEGRITY,
	            "%s does not keep what is written to it; check the boot medium", path);
}

static bool store(const char *path, const char *text, GError **error)
{
	bool is_new = access(path, F_OK) < 0;
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT | O_NOCTTY, 0644, error);
	uint64_t size;

	if (fd < 0 || !fd_size(fd, path, &size, error) ||
	    !fd_write_at(fd, text, AUTOBOOT_SIZE, 0, path, error) || !fd_sync(fd, path, error))
		return false;
	/* Another's file: the firmware takes no more than one sector. */
	if (size > AUTOBOOT_SIZE && (ftruncate(fd, AUTOBOOT_SIZE) < 0 || fsync(fd) < 0))
		return fail_errno(error, "cannot shorten %s", path);
	return fd_close(&fd, path, error) && (!is_new || fd_sync_folder_of(path, error)) &&
	       check_written(path, text, error);
}

/* --- States ---------------------------------------------------------------- */

/* How much a slot is to be preferred as the one that always boots. */
static int worth(Autoboot *autoboot, const Slot *slot)
{
	static const int worths[] = {
		[AUTOBOOT_BAD] = 0,     [AUTOBOOT_USED] = 1, [AUTOBOOT_TRIAL] = 2,
		[AUTOBOOT_UNKNOWN] = 3, [AUTOBOOT_GOOD] = 4,
	};

	return worths[autoboot_slot(autoboot, slot->boot_name)->state];
}

static const Slot *find_trial(const Boot *boot, Autoboot *autoboot)
{
	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];

		if (autoboot_slot(autoboot, slot->boot_name)->state == AUTOBOOT_TRIAL)
			return slot;
	}
	return NULL;
}

/* Both numbers from the states. The slot of [all] stays while it is not bad. */
static bool choose(const Boot *boot, Autoboot *autoboot, GError **error)
{
	const Slot *all = slot_at(boot, autoboot->all);
	const Slot *trial = find_trial(boot, autoboot);
	bool is_settled = all && worth(autoboot, all) > 0;

	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];

		if (!is_settled && (!all || worth(autoboot, slot) > worth(autoboot, all)))
			all = slot;
	}
	return partition_of(boot, all, &autoboot->all, error) &&
	       partition_of(boot, trial ? trial : all, &autoboot->tryboot, error);
}

/* Keep slots in the order of system.conf and forget those it does not have. */
static void tidy(const Boot *boot, Autoboot *autoboot)
{
	g_autoptr(Autoboot) before = autoboot_parse("", 0);
	GArray *slots = autoboot->slots;

	autoboot->slots = before->slots;
	before->slots = slots;
	for (unsigned i = 0; i < boot->slots->len; i++) {
		const Slot *slot = boot->slots->pdata[i];
		AutobootSlot *old = autoboot_slot(before, slot->boot_name);
		AutobootSlot *new = autoboot_slot(autoboot, slot->boot_name);

		new->state = old->state;
		new->left = old->left;
	}
}

static bool save(const Boot *boot, Autoboot *autoboot, const char *before, GError **error)
{
	tidy(boot, autoboot);
	if (!choose(boot, autoboot, error))
		return false;

	g_autofree char *text = autoboot_format(autoboot);
	if (!text)
		return fail(error, FAILURE_CONFIG,
		            "the boot names of all slots do not fit into the %d bytes of %s",
		            AUTOBOOT_SIZE, path_of(boot));
	return (before && memcmp(before, text, AUTOBOOT_SIZE) == 0) ||
	       store(path_of(boot), text, error);
}

/* --- The flag -------------------------------------------------------------- */

static bool is_armed(void)
{
	g_autofree char *text =
		file_read(instead("RAUC_TEST_REBOOT_PARAM", FLAG_FILE), 256, NULL, NULL);

	return text && g_str_equal(g_strchomp(text), "0 tryboot");
}

/* Not being able to is no failure: the trial is on the medium, and whoever restarts can say it. */
static void arm(const Slot *slot)
{
	const char *path = instead("RAUC_TEST_REBOOT_PARAM", FLAG_FILE);
	g_autoptr(GError) reason = NULL;

	check_firmware();
	if (!file_replace(path, FLAG, strlen(FLAG), 0644, &reason))
		g_warning("%s: slot %s is tried only by: reboot \"0 tryboot\"", reason->message,
		          slot->name);
}

static void disarm(void)
{
	const char *path = instead("RAUC_TEST_REBOOT_PARAM", FLAG_FILE);

	if (is_armed() && unlink(path) < 0)
		g_warning("cannot remove %s: %s", path, g_strerror(errno));
}

/* --- The backend ----------------------------------------------------------- */

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autofree char *bytes = NULL;
	g_autoptr(Autoboot) autoboot = load(boot, &bytes, error);

	if (!autoboot)
		return NULL;

	const Slot *trial = find_trial(boot, autoboot);
	const Slot *slot = trial ? trial : slot_at(boot, autoboot->all);
	return slot ? slot
	            : fail_null(error, FAILURE_NOT_FOUND, "%s names no slot to boot",
	                        path_of(boot));
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	int attempts = boot->config->boot_attempts_primary;
	g_autofree char *bytes = NULL;
	g_autoptr(Autoboot) autoboot = load(boot, &bytes, error);

	if (!autoboot)
		return false;
	bool is_committed = slot_at(boot, autoboot->all) == slot &&
	                    autoboot_slot(autoboot, slot->boot_name)->state == AUTOBOOT_GOOD;
	for (unsigned i = 0; i < boot->slots->len; i++) { /* one trial at a time */
		const Slot *other = boot->slots->pdata[i];
		AutobootSlot *its = autoboot_slot(autoboot, other->boot_name);

		if (its->state == AUTOBOOT_TRIAL && other != slot)
			its->state = AUTOBOOT_USED;
	}
	if (!is_committed) {
		AutobootSlot *its = autoboot_slot(autoboot, slot->boot_name);

		its->state = AUTOBOOT_TRIAL;
		its->left = (unsigned)MIN(attempts > 0 ? attempts : ATTEMPTS, AUTOBOOT_MOST);
	}
	if (!save(boot, autoboot, bytes, error))
		return false;
	if (slot_at(boot, autoboot->all) == slot)
		disarm();
	else
		arm(slot);
	return true;
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autofree char *bytes = NULL;
	g_autoptr(Autoboot) autoboot = load(boot, &bytes, error);

	if (!autoboot)
		return false;
	AutobootState state = autoboot_slot(autoboot, slot->boot_name)->state;
	*good = state == AUTOBOOT_GOOD || state == AUTOBOOT_TRIAL;
	return true;
}

/* The committed slot runs while a trial is pending, and nothing is armed: an attempt is over. */
static const Slot *count_trial(const Boot *boot, Autoboot *autoboot)
{
	const Slot *trial = find_trial(boot, autoboot);

	if (!trial || is_armed())
		return NULL;
	AutobootSlot *its = autoboot_slot(autoboot, trial->boot_name);
	if (its->left > 1) {
		its->left--;
		return trial;
	}
	its->state = AUTOBOOT_USED;
	g_warning("slot %s did not mark itself good in its trial: it will not be tried again",
	          trial->name);
	return NULL;
}

static bool set_good(Boot *boot, const Slot *slot, Autoboot *autoboot, const char *bytes,
                     GError **error)
{
	AutobootSlot *its = autoboot_slot(autoboot, slot->boot_name);
	const Slot *all = slot_at(boot, autoboot->all), *again = NULL;
	bool is_trial = its->state == AUTOBOOT_TRIAL;

	its->state = AUTOBOOT_GOOD;
	if (is_trial || !all || worth(autoboot, all) < 4) {
		if (!partition_of(boot, slot, &autoboot->all, error))
			return false;
	} else if (all == slot) {
		again = count_trial(boot, autoboot);
	}
	if (!save(boot, autoboot, bytes, error))
		return false;
	if (again)
		arm(again);
	else if (is_trial)
		disarm();
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	g_autofree char *bytes = NULL;
	g_autoptr(Autoboot) autoboot = load(boot, &bytes, error);

	if (!autoboot)
		return false;
	if (good)
		return set_good(boot, slot, autoboot, bytes, error);
	AutobootSlot *its = autoboot_slot(autoboot, slot->boot_name);
	bool is_trial = its->state == AUTOBOOT_TRIAL;
	its->state = AUTOBOOT_BAD;
	if (!save(boot, autoboot, bytes, error))
		return false;
	if (is_trial)
		disarm();
	return true;
}

static char *get_current(Boot *boot, GError **error G_GNUC_UNUSED)
{
	guint32 partition;
	const Slot *slot = read_property("partition", &partition) ? slot_at(boot, partition) : NULL;

	return slot ? g_strdup(slot->boot_name) : NULL;
}

const BootOps boot_raspberrypi = {
	.name = "raspberrypi",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.get_current = get_current,
};
