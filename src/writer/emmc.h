/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * boot-emmc: an eMMC has two boot partitions, and a register says which one boots.
 */

#include "writer/writer.h"

#define EMMC_EXT_CSD_SIZE 512

/* The hardware, so that a test can be one. */
typedef struct {
	bool (*read_ext_csd)(void *user, const char *disk, uint8_t csd[EMMC_EXT_CSD_SIZE],
	                     GError **error);
	/* PARTITION_CONFIG becomes `value`; sent to the boot partition's device. */
	bool (*set_partition_config)(void *user, const char *partition, uint8_t value,
	                             GError **error);
	bool (*set_read_only)(void *user, const char *partition, bool yes, GError **error);
} EmmcOps;

bool emmc_check(const EmmcOps *ops, void *user, const WriterJob *job, GError **error);
GStrv emmc_variables(const EmmcOps *ops, void *user, const WriterJob *job, GError **error);
bool emmc_write(const EmmcOps *ops, void *user, WriterJob *job, GError **error);
