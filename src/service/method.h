/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The methods that answer a question or change boot state, without the bus:
 * parameters in, the tuple of the answer out. On the thread of the jobs.
 */

#include <glib.h>

#include "system/system.h"

typedef GVariant *(*Method)(System *system, GVariant *parameters, GError **error);

/* By its name in the interface; NULL: none of them. */
Method method_find(const char *name);
