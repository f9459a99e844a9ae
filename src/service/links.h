/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where scripts find the running system: <runtime>/slots/active/<class> -> device,
 * <runtime>/artifacts/<repo> -> folder (chapter 5.5).
 */

#include "system/system.h"

/* A link that cannot be made is a warning. */
void links_write(System *system);
