/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Messages for people, on stderr.
 *
 * Any floor uses g_debug(), g_info(), g_message() and g_warning(); this module
 * only decides how they look. Debug and info are shown after
 * log_init(true) or with G_MESSAGES_DEBUG set.
 */

#include <stdbool.h>

/* First thing in main(), before threads. */
void log_init(bool is_debug);
