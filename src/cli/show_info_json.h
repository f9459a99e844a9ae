/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The JSON forms of show_info(): the old one (json, json-pretty) and the
 * complete one, which follows the InspectBundle dictionary (json-2).
 */

#include "cli/show_info.h"

void show_info_json(GString *to, const ShowInfo *info, bool is_pretty);
void show_info_json_2(GString *to, const ShowInfo *info);
