/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is wrong with a U-Boot environment, looked at without libubootenv, which
 * says only that it cannot use it.
 *
 * `config` is a fw_env.config: a line for each copy, with device, offset and
 * size. Nothing is changed. The first thing found is the error, worst first: no
 * or wrong lines, a device that is missing, write-protected or too small, bytes
 * that are no environment (with the size or form they fit, if there is one),
 * and at last an environment that is kept only once.
 */

#include <glib.h>
#include <stdbool.h>

bool uboot_check(const char *config, GError **error);

/* Can the lock of libubootenv be had? It waits for it without end, this does not. */
bool uboot_check_lock(const char *path, GError **error);
