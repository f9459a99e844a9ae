/* SPDX-License-Identifier: MIT */

/* In the place of all of service/ in a build without it. */

#include "service/service.h"

int service_run(System *system G_GNUC_UNUSED, const char *handler_args G_GNUC_UNUSED)
{
	g_message("rauc: 'service' is not part of this build");
	return 1;
}
