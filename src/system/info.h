/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the system-info handler says of this device (chapter 7.7).
 */

#include <glib.h>
#include <stdbool.h>

typedef struct SystemInfo SystemInfo;

/* `handler` NULL: nothing is known. A handler that is missing, fails or does not end is an error. */
SystemInfo *info_load(const char *handler, unsigned seconds, GError **error);
void info_free(SystemInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SystemInfo, info_free)

/* "KEY=value", keys beginning with RAUC_, in the order they were said; NULL-terminated. */
const char *const *info_variables(const SystemInfo *info);
/* The last value said for a key, or NULL. */
const char *info_get(const SystemInfo *info, const char *key);
