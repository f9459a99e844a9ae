/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The JSON form of show_status().
 */

#include "cli/show_status.h"

void show_status_json(GString *to, const ShowStatus *status, bool is_pretty);
