/* SPDX-License-Identifier: MIT */

/*
 *   1. the image into the boot partition that does not boot, flush, read back, hooks
 *   2. one register write: now it boots; read back
 */

#include "writer/emmc.h"

#include <fcntl.h>
#include <linux/major.h>
#include <linux/mmc/ioctl.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "base/fd.h"
#include "writer/region.h"
#include "writer/rows.h"

#define BOOT_WP_STATUS   174  /* byte of EXT_CSD: two bits for each boot partition */
#define PARTITION_CONFIG 179  /* another */
#define BOOT_ACK         0x40 /* of it */
#define USER_AREA        7

/* Of the kernel's MMC core, which does not export them. */
#define CMD_SWITCH       6
#define CMD_SEND_EXT_CSD 8
#define FLAGS_R1_READ    (1 << 0 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 7)
#define FLAGS_R1B        (1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 10)

typedef struct {
	char *disk; /* without links */
	char *partition;
	unsigned inactive;
	uint8_t config;     /* PARTITION_CONFIG */
	uint8_t protection; /* BOOT_WP_STATUS */
} Emmc;

static void emmc_clear(Emmc *emmc)
{
	g_free(emmc->disk);
	g_free(emmc->partition);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Emmc, emmc_clear)

static bool emmc_load(Emmc *emmc, const EmmcOps *ops, void *user, const Slot *slot, GError **error)
{
	uint8_t csd[EMMC_EXT_CSD_SIZE];
	char *real = realpath(slot->device, NULL);

	if (!real)
		return fail_errno(error, "cannot find %s", slot->device);
	emmc->disk = g_strdup(real);
	free(real);
	if (!ops->read_ext_csd(user, emmc->disk, csd, error))
		return false;
	emmc->config = csd[PARTITION_CONFIG];
	emmc->protection = csd[BOOT_WP_STATUS];
	unsigned enabled = emmc->config >> 3 & 7;
	if (enabled == USER_AREA)
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s boots from its user area, not from a boot partition", emmc->disk);
	if (enabled > 2)
		return fail(error, FAILURE_FORMAT, "%s has no boot partition %u enabled",
		            emmc->disk, enabled);
	emmc->inactive = enabled == 1 ? 1 : 0;
	emmc->partition = g_strdup_printf("%sboot%u", emmc->disk, emmc->inactive);
	if (enabled == 0)
		g_message("eMMC device was not enabled for booting, yet. Ignoring.");
	else
		g_message("Found active eMMC boot partition %sboot%u", emmc->disk,
		          1 - emmc->inactive);
	return true;
}

/* What is to be written: all of it, or what size-limit leaves for the boot loader. */
static bool find_window(const Emmc *emmc, uint64_t limit, Window *window, GError **error)
{
	g_auto(Disk) disk = { 0 };

	if (!disk_open(&disk, emmc->partition, O_RDONLY, error))
		return false;
	if (limit > disk.size)
		g_message("The size-limit (%" G_GUINT64_FORMAT
		          " bytes) exceeds actual device size (%" G_GUINT64_FORMAT " bytes).",
		          limit, disk.size);
	*window = (Window){ .at = 0, .size = limit ? MIN(limit, disk.size) : disk.size };
	return true;
}

/* By the chip itself, and not by force_ro. */
static bool check_protection(const Emmc *emmc, GError **error)
{
	unsigned status = emmc->protection >> 2 * emmc->inactive & 3;

	if (status == 1)
		return fail(error, FAILURE_IO,
		            "%s is write-protected in the chip until it is switched off and on: "
		            "whoever set that at boot must leave out the partition that does not "
		            "boot",
		            emmc->partition);
	return status != 2 ||
	       fail(error, FAILURE_IO, "%s is permanently write-protected in the chip",
	            emmc->partition);
}

static bool check_window(const Emmc *emmc, const WriterJob *job, Window *window, GError **error)
{
	uint64_t limit = job->slot->size_limit;

	if (limit && job->bytes && job->bytes->size > limit)
		return fail(error, FAILURE_TOO_LARGE,
		            "Image size (%" G_GUINT64_FORMAT
		            " bytes) is larger than size-limit (%" G_GUINT64_FORMAT " bytes).",
		            job->bytes->size, limit);
	if (!check_protection(emmc, error) || !find_window(emmc, limit, window, error))
		return false;
	if (job->bytes && job->bytes->size > window->size)
		return fail(error, FAILURE_TOO_LARGE,
		            "Slot (%" G_GUINT64_FORMAT
		            " bytes) is too small for image (%" G_GUINT64_FORMAT " bytes).",
		            window->size, job->bytes->size);
	return region_check_image(job, window->size, error);
}

bool emmc_check(const EmmcOps *ops, void *user, const WriterJob *job, GError **error)
{
	g_auto(Emmc) emmc = { 0 };
	Window window;

	return emmc_load(&emmc, ops, user, job->slot, error) &&
	       check_window(&emmc, job, &window, error);
}

GStrv emmc_variables(const EmmcOps *ops, void *user, const WriterJob *job, GError **error)
{
	g_auto(Emmc) emmc = { 0 };

	if (!emmc_load(&emmc, ops, user, job->slot, error))
		return NULL;
	GStrv variables = g_new0(char *, 3);
	variables[0] = g_strdup_printf("RAUC_BOOT_PARTITION_ACTIVATING=%u", emmc.inactive);
	variables[1] =
		g_strdup_printf("RAUC_BOOT_SIZE_LIMIT=%" G_GUINT64_FORMAT, job->slot->size_limit);
	return variables;
}

static bool fill(const Emmc *emmc, WriterJob *job, GError **error)
{
	Slot partition = *job->slot;
	WriterJob inner = *job;
	Window window;

	if (!check_window(emmc, job, &window, error))
		return false;
	partition.device = emmc->partition;
	inner.slot = &partition;
	bool ok = region_fill(&inner, &window, NULL, error);
	job->n_written = inner.n_written;
	job->n_punched = inner.n_punched;
	if (ok && job->slot->size_limit)
		g_message("Cleared first %" G_GUINT64_FORMAT " bytes on %s", window.size,
		          emmc->partition);
	return ok;
}

static bool activate(const Emmc *emmc, const EmmcOps *ops, void *user, const Slot *slot,
                     GError **error)
{
	uint8_t value = (uint8_t)((emmc->config & BOOT_ACK) | (emmc->inactive + 1) << 3);
	g_auto(Emmc) now = { 0 };

	ERROR_WHILE(error, "switching the boot partition");
	if (!ops->set_partition_config(user, emmc->partition, value, error) ||
	    !emmc_load(&now, ops, user, slot, error))
		return false;
	if ((now.config >> 3 & 7) != emmc->inactive + 1)
		return fail(
			error, FAILURE_IO,
			"%s took the command, but still boots from the other partition: a bug of "
			"the kernel's MMC driver?",
			emmc->disk);
	g_message("Boot partition %s is now active", emmc->partition);
	return true;
}

bool emmc_write(const EmmcOps *ops, void *user, WriterJob *job, GError **error)
{
	g_auto(Emmc) emmc = { 0 };
	g_autoptr(GError) stuck = NULL;

	if (!emmc_load(&emmc, ops, user, job->slot, error) ||
	    !ops->set_read_only(user, emmc.partition, false, error))
		return false;
	bool ok = writer_moment(job, job->before_write, error) && fill(&emmc, job, error) &&
	          writer_moment(job, job->before_switch, error);
	if (!ops->set_read_only(user, emmc.partition, true, &stuck)) {
		if (ok)
			g_propagate_error(error, g_steal_pointer(&stuck));
		return false;
	}
	return ok && activate(&emmc, ops, user, job->slot, error);
}

static bool command(const char *path, int flags, struct mmc_ioc_cmd *cmd, const char *what,
                    GError **error)
{
	fd_auto int fd = fd_open(path, flags, 0, error);

	return fd >= 0 && (ioctl(fd, MMC_IOC_CMD, cmd) == 0 ||
	                   fail_errno(error, "cannot %s of %s", what, path));
}

static bool read_ext_csd(void *user G_GNUC_UNUSED, const char *disk, uint8_t csd[EMMC_EXT_CSD_SIZE],
                         GError **error)
{
	struct mmc_ioc_cmd cmd = { .opcode = CMD_SEND_EXT_CSD,
		                   .flags = FLAGS_R1_READ,
		                   .blksz = EMMC_EXT_CSD_SIZE,
		                   .blocks = 1 };

	mmc_ioc_cmd_set_data(cmd, csd);
	return command(disk, O_RDONLY, &cmd, "read EXT_CSD", error);
}

static bool set_partition_config(void *user G_GNUC_UNUSED, const char *partition, uint8_t value,
                                 GError **error)
{
	struct mmc_ioc_cmd cmd = { .opcode = CMD_SWITCH,
		                   .write_flag = 1,
		                   .arg = 3u << 24 | PARTITION_CONFIG << 16 | (unsigned)value << 8 |
		                          1,
		                   .flags = FLAGS_R1B };

	return command(partition, O_RDWR, &cmd, "set PARTITION_CONFIG", error);
}

static bool set_read_only(void *user G_GNUC_UNUSED, const char *partition, bool yes, GError **error)
{
	g_autofree char *name = g_path_get_basename(partition);
	g_autofree char *path = g_strdup_printf("/sys/block/%s/force_ro", name);
	fd_auto int fd = fd_open(path, O_WRONLY, 0, error);

	return fd >= 0 && fd_write(fd, yes ? "1" : "0", 1, path, error);
}

static const EmmcOps hardware = { read_ext_csd, set_partition_config, set_read_only };

static bool check(const WriterJob *job, GError **error)
{
	return emmc_check(&hardware, NULL, job, error);
}

static GStrv variables(const WriterJob *job, GError **error)
{
	return emmc_variables(&hardware, NULL, job, error);
}

static bool write_emmc(WriterJob *job, GError **error)
{
	return emmc_write(&hardware, NULL, job, error);
}

const Writer writer_emmc = { .name = "boot-emmc",
	                     .pre_hook = WRITER_ASKS,
	                     .post_hook = WRITER_ASKS,
	                     .check = check,
	                     .variables = variables,
	                     .write = write_emmc };
