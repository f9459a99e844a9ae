// SPDX-License-Identifier: MIT
/*
 * An eMMC of memory behind a host controller of nothing, for tests: what the kernel
 * makes of it is a real /dev/mmcblk0 with boot0, boot1 and their force_ro.
 *
 * It has the commands that the kernel's MMC core and block driver send, an EXT_CSD that
 * CMD6 writes, a volatile cache that CMD6 flushes, and ways to misbehave (parameters
 * below). What it holds outlives its power, but not the module. No erase, no RPMB.
 */

#include <linux/mmc/core.h>
#include <linux/mmc/host.h>
#include <linux/mmc/mmc.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#define SECTOR         512
#define USER           (1 << 20) /* bytes of the user area */
#define BOOT_MIN       (128 << 10)
#define N_BOOT         2
#define ACCESS         7    /* bits of PARTITION_CONFIG: which area is read and written */
#define ENABLE         0x38 /* and which one boots */
#define ONE_ONLY       0x80 /* bit of BOOT_WP: of the boot partitions, and the next bit says which */
#define SECOND         0x02
#define BOOT_WP_STATUS 174 /* two bits for each: 1 is until power is off */
#define READY          (R1_READY_FOR_DATA | R1_STATE_TRAN << 9)

static uint boot_mult = 1;
module_param(boot_mult, uint, 0444);
MODULE_PARM_DESC(boot_mult, "size of each boot partition, in 128 KiB");

static uint most_sectors = 32;
module_param(most_sectors, uint, 0444);
MODULE_PARM_DESC(most_sectors, "of one command");

static bool ignores_boot_switch;
module_param(ignores_boot_switch, bool, 0644);
MODULE_PARM_DESC(ignores_boot_switch,
                 "says yes when another partition shall boot, and keeps the old one");

static bool cache_survives;
module_param(cache_survives, bool, 0644);
MODULE_PARM_DESC(cache_survives, "what was not flushed is there all the same after a cut");

static uint n_changes;
module_param(n_changes, uint, 0644);
MODULE_PARM_DESC(n_changes, "writes and switches that were done");

static int changes_left = -1;
module_param(changes_left, int, 0644);
MODULE_PARM_DESC(changes_left, "writes and switches before power fails; -1: it does not");

static struct platform_device *parent;
static struct mmc_host *host; /* NULL: switched off */
static u8 *now, *kept;        /* the user area and the boot partitions: as read, as on the medium */
static u8 csd[512];
static bool is_off; /* no answer to anything */

static size_t boot_size(void)
{
	return (size_t)boot_mult * BOOT_MIN;
}

static size_t all_size(void)
{
	return USER + N_BOOT * boot_size();
}

/* The kernel cycles the card's power when it wants to reset it: so what was not flushed is gone then,
 * but not the write protection until power is off, which would not protect against much. */
static void forget(void)
{
	memcpy(cache_survives ? kept : now, cache_survives ? now : kept, all_size());
	csd[EXT_CSD_PART_CONFIG] &= ~ACCESS;
	csd[EXT_CSD_CACHE_CTRL] = 0;
	csd[EXT_CSD_HS_TIMING] = 0;
	csd[EXT_CSD_BUS_WIDTH] = 0;
	csd[EXT_CSD_ERASE_GROUP_DEF] = 0;
}

static void fill_csd(void)
{
	csd[EXT_CSD_STRUCTURE] = 2;
	csd[EXT_CSD_REV] = 6;
	csd[EXT_CSD_CARD_TYPE] = EXT_CSD_CARD_TYPE_HS_26;
	csd[EXT_CSD_SEC_CNT + 1] = USER / SECTOR >> 8;
	csd[EXT_CSD_BOOT_MULT] = boot_mult;
	csd[EXT_CSD_HC_ERASE_GRP_SIZE] = 1;
	csd[EXT_CSD_HC_WP_GRP_SIZE] = 1;
	csd[EXT_CSD_PART_SWITCH_TIME] = 1;
	csd[EXT_CSD_GENERIC_CMD6_TIME] = 1;
	csd[EXT_CSD_CACHE_SIZE] = 64;
}

/* `n` bits of a 128-bit register from bit `at` on; none of ours crosses a word. */
static void put(u32 *reg, uint at, u32 value)
{
	reg[3 - at / 32] |= value << at % 32;
}

static void say_cid(u32 *cid)
{
	put(cid, 120, 0xfe);
	put(cid, 96, 'M');
	put(cid, 88, 'E');
	put(cid, 80, 'M');
	put(cid, 72, 'C');
	put(cid, 64, '0');
	put(cid, 16, 1);
}

static void say_csd(u32 *reg)
{
	put(reg, 126, 2);
	put(reg, 122, CSD_SPEC_VER_4);
	put(reg, 96, 0x32); /* 25 MHz */
	put(reg, 84, CCC_BASIC | CCC_BLOCK_READ | CCC_BLOCK_WRITE);
	put(reg, 80, 9);
	put(reg, 47, 7);
	put(reg, 22, 9);
}

/* Where the addressed sectors are, or NULL. */
static u8 *find(u8 *memory, u32 sector, u32 n)
{
	uint access = csd[EXT_CSD_PART_CONFIG] & ACCESS;
	u64 size = access ? boot_size() : USER;
	u64 at = access ? USER + (access - 1) * boot_size() : 0;

	if (access > N_BOOT || ((u64)sector + n) * SECTOR > size)
		return NULL;
	return memory + at + (u64)sector * SECTOR;
}

static void give(struct mmc_data *data, const void *from, size_t n)
{
	sg_copy_from_buffer(data->sg, data->sg_len, from, n);
	data->bytes_xfered = n;
}

static void read_sectors(struct mmc_command *cmd, struct mmc_data *data)
{
	const u8 *from = find(now, cmd->arg, data->blocks);

	if (from)
		give(data, from, (size_t)data->blocks * SECTOR);
	else
		cmd->resp[0] |= R1_OUT_OF_RANGE;
}

static bool is_protected(void)
{
	uint access = csd[EXT_CSD_PART_CONFIG] & ACCESS;

	return access && csd[BOOT_WP_STATUS] >> 2 * (access - 1) & 3;
}

static void write_sectors(struct mmc_command *cmd, struct mmc_data *data, uint n)
{
	u8 *to = find(now, cmd->arg, data->blocks);

	if (!to || is_protected()) {
		cmd->resp[0] |= to ? R1_WP_VIOLATION : R1_OUT_OF_RANGE;
		return;
	}
	sg_copy_to_buffer(data->sg, data->sg_len, to, (size_t)n * SECTOR);
	data->bytes_xfered = n * SECTOR;
	if (!(csd[EXT_CSD_CACHE_CTRL] & 1))
		memcpy(find(kept, cmd->arg, n), to, (size_t)n * SECTOR);
}

static void switch_byte(struct mmc_command *cmd)
{
	u8 mode = cmd->arg >> 24 & 3, index = cmd->arg >> 16, value = cmd->arg >> 8;

	if (mode != MMC_SWITCH_MODE_WRITE_BYTE || index > 191) {
		cmd->resp[0] |= R1_SWITCH_ERROR;
		return;
	}
	if (index == EXT_CSD_BOOT_WP && value & EXT_CSD_BOOT_WP_B_PWR_WP_EN)
		csd[BOOT_WP_STATUS] |= !(value & ONE_ONLY) ? 5 : value & SECOND ? 4 : 1;
	if (index == EXT_CSD_FLUSH_CACHE || index == EXT_CSD_CACHE_CTRL)
		memcpy(kept, now, all_size());
	if (index == EXT_CSD_PART_CONFIG && ignores_boot_switch)
		value = (value & ~ENABLE) | (csd[index] & ENABLE);
	if (index != EXT_CSD_FLUSH_CACHE)
		csd[index] = value;
}

static bool is_write(const struct mmc_command *cmd)
{
	return cmd->opcode == MMC_WRITE_BLOCK || cmd->opcode == MMC_WRITE_MULTIPLE_BLOCK;
}

static void obey(struct mmc_command *cmd, struct mmc_data *data)
{
	cmd->resp[0] = READY;
	switch (cmd->opcode) {
	case MMC_SEND_OP_COND:
		cmd->resp[0] = MMC_CARD_BUSY | 1 << 30 | host->ocr_avail;
		break;
	case MMC_ALL_SEND_CID:
	case MMC_SEND_CID:
		memset(cmd->resp, 0, sizeof(cmd->resp));
		say_cid(cmd->resp);
		break;
	case MMC_SEND_CSD:
		memset(cmd->resp, 0, sizeof(cmd->resp));
		say_csd(cmd->resp);
		break;
	case MMC_SEND_EXT_CSD:
		give(data, csd, sizeof(csd));
		break;
	case MMC_SWITCH:
		switch_byte(cmd);
		break;
	case MMC_READ_SINGLE_BLOCK:
	case MMC_READ_MULTIPLE_BLOCK:
		read_sectors(cmd, data);
		break;
	case MMC_WRITE_BLOCK:
	case MMC_WRITE_MULTIPLE_BLOCK:
		write_sectors(cmd, data, data->blocks);
		break;
	case MMC_GO_IDLE_STATE:
	case MMC_SET_RELATIVE_ADDR:
	case MMC_SELECT_CARD:
	case MMC_STOP_TRANSMISSION:
	case MMC_SEND_STATUS:
	case MMC_SET_BLOCKLEN:
	case MMC_SET_BLOCK_COUNT:
		break;
	default: /* not known: no answer */
		cmd->error = -ETIMEDOUT;
	}
}

/* The first command after the last change finds no power; half of a write gets in before that. */
static void fail(struct mmc_command *cmd, struct mmc_data *data)
{
	if (!is_off && is_write(cmd) && data)
		write_sectors(cmd, data, data->blocks / 2);
	is_off = true;
	cmd->error = -ETIMEDOUT;
}

static void answer(struct mmc_command *cmd, struct mmc_data *data)
{
	bool needs_data = is_write(cmd) || cmd->opcode == MMC_SEND_EXT_CSD ||
	                  cmd->opcode == MMC_READ_SINGLE_BLOCK ||
	                  cmd->opcode == MMC_READ_MULTIPLE_BLOCK;

	cmd->error = 0;
	if (is_off || changes_left == 0) {
		fail(cmd, data);
	} else if (needs_data && !data) {
		cmd->error = -ETIMEDOUT;
	} else {
		obey(cmd, data);
		if (!is_write(cmd) && cmd->opcode != MMC_SWITCH)
			return;
		n_changes++;
		if (changes_left > 0)
			changes_left--;
	}
}

static void on_request(struct mmc_host *mmc, struct mmc_request *mrq)
{
	if (mrq->sbc)
		answer(mrq->sbc, NULL);
	if (!mrq->sbc || !mrq->sbc->error)
		answer(mrq->cmd, mrq->data);
	if (mrq->stop && !mrq->sbc)
		answer(mrq->stop, NULL);
	mmc_request_done(mmc, mrq);
}

static void on_set_ios(struct mmc_host *mmc, struct mmc_ios *ios)
{
	if (ios->power_mode == MMC_POWER_OFF)
		forget();
}

static int yes(struct mmc_host *mmc)
{
	return 1;
}

static int no(struct mmc_host *mmc)
{
	return 0;
}

static const struct mmc_host_ops ops = {
	.request = on_request, .set_ios = on_set_ios, .get_cd = yes, .get_ro = no, .card_busy = no
};

static int plug(void)
{
	host = mmc_alloc_host(0, &parent->dev);
	if (!host)
		return -ENOMEM;
	host->ops = &ops;
	host->f_min = 400000;
	host->f_max = 25000000;
	host->ocr_avail = MMC_VDD_32_33 | MMC_VDD_33_34;
	host->caps = MMC_CAP_NONREMOVABLE | MMC_CAP_CMD23 | MMC_CAP_WAIT_WHILE_BUSY;
	host->caps2 = MMC_CAP2_NO_SD | MMC_CAP2_NO_SDIO;
	host->max_blk_size = SECTOR;
	host->max_blk_count = most_sectors;
	host->max_req_size = host->max_seg_size = most_sectors * SECTOR;
	host->max_segs = 128;
	changes_left = -1;
	is_off = false;

	int error = mmc_add_host(host);
	if (error) {
		mmc_free_host(host);
		host = NULL;
	}
	return error;
}

static void unplug(void)
{
	if (!host)
		return;
	mmc_remove_host(host);
	mmc_free_host(host);
	host = NULL;
}

/* 0 is a power cut, 1 plugs it in. */
static int set_power(const char *text, const struct kernel_param *param)
{
	bool on;
	int error = kstrtobool(text, &on);

	if (error || !parent || on == !!host)
		return error;
	if (on)
		return plug();
	is_off = true;
	unplug();
	csd[EXT_CSD_BOOT_WP] = csd[BOOT_WP_STATUS] = 0;
	return 0;
}

static int get_power(char *text, const struct kernel_param *param)
{
	return sprintf(text, "%d\n", host && !is_off);
}

static const struct kernel_param_ops power_ops = { .set = set_power, .get = get_power };
module_param_cb(power, &power_ops, NULL, 0644);
MODULE_PARM_DESC(power, "0: cut, 1: on");

static void card_exit(void)
{
	unplug();
	if (!IS_ERR_OR_NULL(parent))
		platform_device_unregister(parent);
	vfree(now);
	vfree(kept);
}

static int __init card_init(void)
{
	if (boot_mult < 1 || boot_mult > 255 || most_sectors < 2)
		return -EINVAL;
	now = vzalloc(all_size());
	kept = vzalloc(all_size());
	parent = platform_device_register_simple("emmc_card", PLATFORM_DEVID_NONE, NULL, 0);

	int error = !now || !kept ? -ENOMEM : PTR_ERR_OR_ZERO(parent);
	if (!error) {
		fill_csd();
		error = plug();
	}
	if (error)
		card_exit();
	return error;
}

module_init(card_init);
module_exit(card_exit);
MODULE_DESCRIPTION("an eMMC of memory, for tests");
MODULE_LICENSE("Dual MIT/GPL");
