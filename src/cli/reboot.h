/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A restart of this device as systemd does it: everything is stopped in order, and who has a reason to
 * hold it back (systemd-inhibit) is asked. Nothing here is forced.
 */

#include <glib.h>
#include <stdbool.h>

/* Ask logind; where there is none, systemd itself. FAILURE_BUSY: somebody holds it back, and who. */
bool reboot_request(GError **error);
