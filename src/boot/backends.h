/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The backends that are built in, for boot.c.
 */

#include "boot/boot.h"

extern const BootOps boot_barebox;
extern const BootOps boot_grub;
extern const BootOps boot_custom;
extern const BootOps boot_efi;
extern const BootOps boot_noop;
extern const BootOps boot_raspberrypi;
#ifdef HAVE_UBOOT
extern const BootOps boot_uboot;
#endif
extern const BootOps boot_systemd_boot;
