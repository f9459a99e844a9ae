/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The shell form of show_status().
 */

#include "cli/show_status.h"

void show_status_shell(GString *to, const ShowStatus *status);
